"""Text is selected across messages, as on a page of paper. What is selected is kept as two points of messages, not of widgets:
these come and go while the transcript is scrolled, and show their part each time."""

from __future__ import annotations

from collections.abc import Callable, Generator
from time import thread_time
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QPoint, Qt, QTimer, Slot
from PySide6.QtGui import (
    QClipboard,
    QContextMenuEvent,
    QGuiApplication,
    QKeyEvent,
    QKeySequence,
    QMouseEvent,
    QTextCursor,
)
from PySide6.QtWidgets import QMenu, QWidget

from app.chat.code_view import CodeView
from app.chat.copying import END, Point, Span, copied
from app.chat.hand import Editor, Hand, Mouse
from app.chat.rows import Row
from app.chat.views import TextView

if TYPE_CHECKING:
    from app.chat.transcript import Transcript

BUDGET = 0.006  # seconds of processor time for copying at once
EDGE = 16  # pixels from the edge at which a drag scrolls
SCROLL_MS = 30
MOST_STEP = 150  # pixels, of one step of it
LEFT, SHIFT = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ShiftModifier
COPY, ALL = QKeySequence.StandardKey.Copy, QKeySequence.StandardKey.SelectAll


def editor_of(widget: QWidget | None) -> Editor | None:
    if isinstance(widget, TextView):
        return widget
    return widget.editor if isinstance(widget, CodeView) else None


class Selector(QObject, Hand):
    """The hand of a transcript's texts. Inside of one text Qt selects, by words and lines too; beyond it, this does."""

    def __init__(self, transcript: Transcript) -> None:
        super().__init__(transcript)
        self._transcript = transcript
        self._anchor: Point | None = None
        self._focus: Point | None = None
        self._base: tuple[Point, Point] | None = None  # what a drag began with: nothing, a word, a line
        self._dragged: Editor | None = None  # in which a drag began, where Qt knows of it
        self._pointer = QPoint()  # on the viewport, of a drag
        self._scrolling = QTimer(self)
        self._scrolling.setInterval(SCROLL_MS)
        self._scrolling.timeout.connect(self._scroll)
        self._copying: Generator[None, None, str] | None = None
        self._mode = QClipboard.Mode.Clipboard
        self._turns = QTimer(self)
        self._turns.setInterval(0)
        self._turns.timeout.connect(self._copy_on)

    # What is selected

    def span(self) -> Span | None:
        """None if nothing is, or where it was is no longer shown."""
        order = self._transcript.order
        if self._anchor is None or self._focus is None or self._anchor == self._focus:
            return None
        if self._anchor.message not in order or self._focus.message not in order:
            return None
        low, high = self._anchor, self._focus
        return Span(high, low, order) if self._backward else Span(low, high, order)

    def text(self) -> str:
        """What a copy would give, at once."""
        return _run(self._copied())

    def clear(self) -> bool:
        """Whether anything was selected."""
        had = self.span() is not None
        self._anchor = self._focus = self._base = None
        self._show()
        return had

    @Slot()
    def select_all(self) -> None:
        """The whole conversation; what follows belongs to it."""
        entries = self._transcript.entries
        if entries:
            self._anchor = Point(entries[0].message.id, False, 0, 0)
            self._focus = Point(entries[-1].message.id, True, END, END)
            self._show()

    def take(self, editor: Editor) -> None:
        """What is selected in this text is what is selected."""
        row = self._row(editor)
        if row is not None:
            self.take_row(row)

    def take_row(self, row: Row) -> None:
        """The same, for a row with a text."""
        editor = editor_of(row.widget)
        if editor is not None:
            cursor = editor.textCursor()
            self._anchor, self._focus = _point(row, cursor.anchor()), _point(row, cursor.position())
            self._show()

    def owns(self, widget: QWidget) -> bool:
        """Whether it is one of the texts."""
        return any(editor_of(row.widget) is widget for row in self._transcript.shown)

    def entries_changed(self) -> None:
        """Of what is not shown any more nothing can be selected."""
        order = self._transcript.order
        if any(point is not None and point.message not in order for point in (self._anchor, self._focus)):
            self.clear()
            self._stop()

    def show_row(self, row: Row) -> None:
        """The row has a widget with its text."""
        editor, span = editor_of(row.widget), self.span()
        if editor is not None and span is not None:
            self._mark(editor, span.part(row))

    @Slot()
    def copy(self) -> None:
        """To the clipboard, in turns if it is much."""
        self._copy_to(QClipboard.Mode.Clipboard)

    # Keys and menus

    def key(self, editor: Editor, event: QKeyEvent, usual: Callable[[QKeyEvent], None]) -> None:
        if self.pressed(event):
            return
        before = editor.textCursor()
        usual(event)
        after = editor.textCursor()
        if (before.anchor(), before.position()) != (after.anchor(), after.position()):
            self.take(editor)

    def pressed(self, event: QKeyEvent) -> bool:
        """The keys that are meant for the whole transcript."""
        if event.matches(COPY) and self.span() is not None:
            self.copy()
        elif event.matches(ALL):
            self.select_all()
        else:
            return False
        event.accept()
        return True

    def menu(self, editor: Editor, event: QContextMenuEvent, usual: Callable[[QContextMenuEvent], None]) -> None:
        self.show_menu(editor.createStandardContextMenu(event.pos()), event)

    def show_menu(self, menu: QMenu, event: QContextMenuEvent) -> None:
        """Qt's own, in the language of the window, for all that is selected."""
        for action in menu.actions():
            if action.objectName() == "edit-copy":
                action.triggered.disconnect()
                action.triggered.connect(self.copy)
                action.setEnabled(self.span() is not None)
            elif action.objectName() == "select-all":
                action.triggered.disconnect()
                action.triggered.connect(self.select_all)
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(event.globalPos())

    # The mouse

    def press(self, editor: Editor, event: QMouseEvent, usual: Mouse) -> None:
        if event.button() != LEFT:
            usual(event)
            return
        row = self._row(editor)
        shift = bool(event.modifiers() & SHIFT)
        if shift and self._anchor is not None and row is not None and not self._is_in(self._anchor, row):
            self._extend_from_anchor(self._place(editor, event))
            event.accept()
            return
        if not shift and self._reaches_beyond(row):
            self.clear()  # or Qt would drag a part of it away
        usual(event)
        self._begin(editor)

    def double_click(self, editor: Editor, event: QMouseEvent, usual: Mouse) -> None:
        usual(event)
        if event.button() == LEFT:
            self._begin(editor)

    def move(self, editor: Editor, event: QMouseEvent, usual: Mouse) -> None:
        if self._base is None or not event.buttons() & LEFT:
            if not event.buttons() & LEFT:  # else what it began in is gone
                usual(event)
            return
        self._pointer = self._place(editor, event)
        if editor is self._dragged and 0 <= event.position().y() < editor.viewport().height():
            usual(event)
            self.take(editor)
        else:
            self._extend(self._pointer)
        self._scroll_or_not()

    def release(self, editor: Editor, event: QMouseEvent, usual: Mouse) -> None:
        if editor is self._dragged or self._base is None:
            usual(event)
            if event.button() == LEFT and not self._reaches_beyond(self._row(editor)):
                self.take(editor)
        self.released()

    def press_beside(self, event: QMouseEvent) -> None:
        """Beside every text of the transcript."""
        place = event.position().toPoint()
        if event.modifiers() & SHIFT and self._anchor is not None:
            self._extend_from_anchor(place)
            return
        self.clear()
        point = self._point_at(place)
        if point is not None:
            self._anchor = self._focus = point
            self._base, self._dragged, self._pointer = (point, point), None, place

    def move_beside(self, event: QMouseEvent) -> None:
        if self._base is not None and event.buttons() & LEFT:
            self._pointer = event.position().toPoint()
            self._extend(self._pointer)
            self._scroll_or_not()

    def released(self) -> None:
        """The end of a drag."""
        if self._base is not None and self._copying is None and QGuiApplication.clipboard().supportsSelection():
            self._copy_to(QClipboard.Mode.Selection)  # which a middle click pastes
        self._stop()

    def scrolled(self) -> None:
        """By the wheel, in a drag: the text below the pointer is another."""
        if self._base is not None and not self._pointer.isNull() and not self._scrolling.isActive():
            self._extend(self._pointer)

    def _begin(self, editor: Editor) -> None:
        self.take(editor)
        row, cursor = self._row(editor), editor.textCursor()
        if row is not None:
            self._base = _point(row, cursor.selectionStart()), _point(row, cursor.selectionEnd())
            self._dragged, self._pointer = editor, QPoint()

    def _extend_from_anchor(self, place: QPoint) -> None:
        assert self._anchor is not None
        self._base, self._dragged, self._pointer = (self._anchor, self._anchor), None, place
        self._extend(place)

    def _extend(self, place: QPoint) -> None:
        point, order = self._point_at(place), self._transcript.order
        if point is None or self._base is None or any(each.message not in order for each in self._base):
            return
        low, high = self._base
        if _key(point, order) < _key(low, order):
            self._anchor, self._focus = high, point
        else:
            self._anchor, self._focus = low, max(point, high, key=lambda each: _key(each, order))
        self._show()

    def _stop(self) -> None:
        self._base = self._dragged = None
        self._scrolling.stop()

    def _scroll_or_not(self) -> None:
        if self._step():
            if not self._scrolling.isActive():
                self._scrolling.start()
        else:
            self._scrolling.stop()

    def _step(self) -> int:
        """How far to scroll: the faster, the farther the pointer is beyond the edge."""
        y, height = self._pointer.y(), self._transcript.viewport().height()
        beyond = y - EDGE if y < EDGE else max(0, y - (height - 1 - EDGE))
        return max(-MOST_STEP, min(MOST_STEP, beyond))

    @Slot()
    def _scroll(self) -> None:
        bar = self._transcript.verticalScrollBar()
        bar.setValue(bar.value() + self._step())
        self._extend(self._pointer)

    # Places

    @property
    def _backward(self) -> bool:
        order = self._transcript.order
        assert self._anchor is not None
        assert self._focus is not None
        return _key(self._focus, order) < _key(self._anchor, order)

    def _row(self, editor: Editor) -> Row | None:
        return next((row for row in self._transcript.shown if editor_of(row.widget) is editor), None)

    def _place(self, editor: Editor, event: QMouseEvent) -> QPoint:
        return editor.viewport().mapTo(self._transcript.viewport(), event.position().toPoint())

    def _point_at(self, place: QPoint) -> Point | None:
        """The place in a text that is nearest to a place on the viewport."""
        viewport = self._transcript.viewport()
        y = max(0, min(viewport.height() - 1, place.y())) + self._transcript.verticalScrollBar().value()
        found: tuple[Row, Editor] | None = None
        for row in sorted(self._transcript.shown, key=lambda each: each.top):
            editor = editor_of(row.widget)
            if editor is not None and (row.top <= y or found is None):
                found = row, editor
        if found is None:
            return None
        row, editor = found
        if y < row.top:
            return _point(row, 0)
        if y >= row.bottom:
            return _point(row, editor.document().characterCount() - 1)
        inside = QPoint(place.x(), y - self._transcript.verticalScrollBar().value())
        return _point(row, editor.cursorForPosition(editor.viewport().mapFrom(viewport, inside)).position())

    @staticmethod
    def _is_in(point: Point, row: Row) -> bool:
        return _point(row, point.position) == point

    def _reaches_beyond(self, row: Row | None) -> bool:
        """Whether something outside of this row is selected."""
        span = self.span()
        return span is not None and not (row is not None and self._is_in(span.low, row) and self._is_in(span.high, row))

    # Showing and copying

    def _show(self) -> None:
        span = self.span()
        for row in self._transcript.shown:
            editor = editor_of(row.widget)
            if editor is not None and row.filled:
                self._mark(editor, span.part(row) if span is not None else None)

    def _mark(self, editor: Editor, part: tuple[int, int] | None) -> None:
        cursor = editor.textCursor()
        if part is None:
            if not cursor.hasSelection():
                return
            cursor.clearSelection()
        else:
            last = editor.document().characterCount() - 1
            start, end = (min(each, last) for each in part)
            if self._backward:
                start, end = end, start
            if (cursor.anchor(), cursor.position()) == (start, end):
                return
            cursor.setPosition(start)
            cursor.setPosition(end, QTextCursor.MoveMode.KeepAnchor)
        bar = editor.horizontalScrollBar()
        value = bar.value()
        editor.setTextCursor(cursor)
        bar.setValue(value)  # of code, which follows its cursor

    def _copied(self) -> Generator[None, None, str]:
        span = self.span()
        if span is None:
            return copied([], Span(Point("", False, 0, 0), Point("", False, 0, 0), {}))
        low, high = span.order[span.low.message], span.order[span.high.message]
        entries = [each for each in self._transcript.entries if low <= span.order[each.message.id] <= high]
        return copied(entries, Span(span.low, span.high, dict(span.order)))

    def _copy_to(self, mode: QClipboard.Mode) -> None:
        if self.span() is not None:
            self._copying, self._mode = self._copied(), mode
            self._copy_on()

    @Slot()
    def _copy_on(self) -> None:
        until = thread_time() + BUDGET
        while self._copying is not None:
            try:
                next(self._copying)
            except StopIteration as done:
                self._copying = None
                QGuiApplication.clipboard().setText(done.value, self._mode)
                break
            if thread_time() > until:
                self._turns.start()
                return
        self._turns.stop()


def _point(row: Row, position: int) -> Point:
    assert row.segment is not None
    return Point(row.entry.message.id, row.kind != "thought", row.segment.start, position)


def _key(point: Point, order: dict[str, int]) -> tuple[int, bool, int, int]:
    return order[point.message], point.body, point.start, point.position


def _run(work: Generator[None, None, str]) -> str:
    while True:
        try:
            next(work)
        except StopIteration as done:
            return str(done.value)
