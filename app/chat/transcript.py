"""The messages of a chat. Only what is near the screen has widgets; heights of the rest are estimated, and corrected without a
jump when they are measured. New text keeps the end in view, unless the reader has scrolled away.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Sequence
from math import inf
from time import monotonic, thread_time

from PySide6.QtCore import QEvent, QPoint, QRectF, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QAbstractScrollArea, QApplication, QFrame, QWidget

from app.chat.code_view import CodeView
from app.chat.measure import across, measure
from app.chat.pieces import Reasoning, Waiting
from app.chat.places import Places
from app.chat.row_widgets import RowWidgets
from app.chat.rows import BUBBLE, Entry, Row
from app.chat.selecting import Selector
from app.chat.views import TextView
from app.store.records import Message
from app.theme import READING_WIDTH, XL, L, Theme
from app.threads import SerialThread

NEAR = 400  # pixels above and below the screen in which widgets are kept
# Seconds of processor time for making widgets at once; the rest follows in the next turn of the event loop. It is looked at after
# each step, and the last may take some milliseconds more.
BUDGET = 0.003
JUMP = 0.06  # seconds for which a screen that was jumped to may wait


class Transcript(QAbstractScrollArea):
    """`acted(message id, action)`: a button below a message. `link_clicked(url)`; `file_wanted(attachment)`: a look at it."""

    acted = Signal(str, str)
    link_clicked = Signal(str)
    file_wanted = Signal(object)

    def __init__(self, colours: SerialThread | None = None, parent: QWidget | None = None) -> None:
        """`colours`: where code is taken apart; without it code stays in one colour."""
        super().__init__(parent)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAccessibleName(self.tr("Conversation"))
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.verticalScrollBar().setSingleStep(48)
        # Opaque: what scrolls is moved as pixels, not painted again.
        self.viewport().setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.viewport().setAutoFillBackground(False)
        self.selection = Selector(self)
        self._makers = RowWidgets(self.viewport(), colours, self.selection)
        self._makers.acted.connect(self.acted)
        self._makers.link_clicked.connect(self.link_clicked)
        self._makers.file_wanted.connect(self.file_wanted)
        self._makers.fold_wanted.connect(self._fold)
        self.entries: list[Entry] = []
        self._by_id: dict[str, Entry] = {}
        self._places = Places()
        self._shown: dict[Row, None] = {}  # rows with a widget
        self._follow = True
        self._busy = False
        self._opened_at = 0.0
        self._opening = False  # until the screen of a chat is full for the first time
        self._painted_at = -1
        self._goal: tuple[Row, int, str] | None = None  # where the screen is to go: `scroll_to`
        self._new: set[Row] = set()  # rows with a widget that is not in the tab order yet
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(0)
        self._later.timeout.connect(self._realise)
        application = QApplication.instance()
        assert isinstance(application, QApplication)
        application.focusChanged.connect(self._focus_changed)
        Theme.current().changed.connect(self._theme_changed)

    # What is shown

    def show_entries(self, entries: Sequence[Entry], keep: str | None = None) -> None:
        """Show these messages, from the end; or with the message `keep` where it is on the screen ("": what is before the
        first). What follows a message that ends above the screen begins at its top."""
        value = self.verticalScrollBar().value()
        kept = self._by_id.get(keep or "")
        end = max(0, kept.rows[-1].bottom - value) if kept is not None else 0
        for row in self._places.rows:
            self._drop(row)
        self.entries = list(entries)
        self._by_id = {entry.message.id: entry for entry in self.entries}
        for index, entry in enumerate(self.entries):
            entry.last = index == len(self.entries) - 1
        self._follow, self._goal = keep is None, None
        self._open_again()
        self._places.collect(self.entries)
        self._place()
        self.selection.entries_changed()
        if keep is not None:
            found = self._by_id.get(keep)
            self._set_value(found.rows[-1].bottom - end if found is not None else 0)

    def entry(self, message: str) -> Entry | None:
        return self._by_id.get(message)

    def grow(self, message: str, content: str, reasoning: str) -> None:
        """More of an answer under way."""
        entry = self._by_id.get(message)
        if entry is None:
            return
        first, gone = entry.grow(content, reasoning)
        for row in gone:
            self._drop(row)
        for row in entry.rows[first:]:
            if row.widget is not None:
                self._makers.fill(row)
                self.selection.show_row(row)
            row.width = 0
        self._changed(entry)

    def progress(self, message: str) -> None:
        """The prompt of an answer is further read."""
        entry = self._by_id.get(message)
        for row in entry.rows if entry is not None else ():
            if isinstance(row.widget, Waiting):
                row.widget.refresh()

    def settle(self, message: str) -> None:
        """An answer began or ended."""
        entry = self._by_id.get(message)
        if entry is None:
            return
        for row in entry.settle():
            self._drop(row)
        for row in entry.rows:
            if isinstance(row.widget, (Reasoning, CodeView)):
                self._makers.fill(row)
                self.selection.show_row(row)
        self._changed(entry)

    def scroll_to(self, message: str, offset: int = 0, select: str = "") -> None:
        """Bring the character `offset` of a message into view, and select the text `select` there."""
        entry = self._by_id.get(message)
        if entry is None:
            return
        self._open(entry)
        segments = [row for row in entry.rows if row.segment is not None and row.kind != "thought"]
        row = next((r for r in reversed(segments) if r.segment is not None and r.segment.start <= offset), None)
        row = row or entry.rows[0]
        self._follow, self._goal = False, (row, offset, select)
        value = row.top - self.viewport().height() // 3
        self._set_value(value)
        if self._jumped(value):
            self._open_again()
        else:
            self._realise()

    def _arrive(self) -> None:
        """The screen is where `scroll_to` wants it."""
        assert self._goal is not None
        (row, offset, select), self._goal = self._goal, None
        self.selection.clear()
        if select and isinstance(row.widget, (TextView, CodeView)) and row.segment is not None:
            before = row.entry.message.content[row.segment.start : offset].casefold().count(select.casefold())
            row.widget.mark(select, before)
            self.selection.take_row(row)

    def scroll_to_end(self) -> None:
        self._follow = True
        self._place()
        if self._jumped(self.verticalScrollBar().value()):
            self._open_again()
        else:
            self._realise()

    @property
    def shown(self) -> Collection[Row]:
        """The rows with a widget."""
        return self._shown

    @property
    def order(self) -> dict[str, int]:
        """Of the messages: numbers that grow in the order of reading."""
        return self._places.starts

    @property
    def has_focus(self) -> bool:
        """It, or something in it."""
        return self.hasFocus() or self.isAncestorOf(self._focus() or self)

    @property
    def at_end(self) -> bool:
        return self._follow

    @property
    def settled(self) -> bool:
        """Whether everything on the screen is there."""
        return bool(self._places.rows) and self._screen_is_filled() and not self._later.isActive()

    @property
    def column_width(self) -> int:
        return max(200, min(READING_WIDTH, self.viewport().width() - 2 * XL))

    @property
    def widgets(self) -> list[QWidget]:
        """Those that exist now, top to bottom."""
        rows = sorted(self._shown, key=lambda row: row.top)
        return [row.widget for row in rows if row.widget is not None]

    # Rows and their places

    def _changed(self, entry: Entry) -> None:
        """Rows of one entry are others now; those of the last one, usually."""
        start = 0
        if entry is self.entries[-1]:
            start = self._places.end_with(entry)
        else:
            self._places.collect(self.entries)
        self._place(start)
        self._realise()

    def _open(self, entry: Entry) -> None:
        if not entry.opened:
            for row in entry.rows:
                self._drop(row)
            entry.open()
            self._places.collect(self.entries)
            self._place(self._places.starts[entry.message.id])

    def _place(self, first: int = 0) -> None:
        """Tops of the rows from `first` on, from the heights of all."""
        self._places.place(first, self.column_width)
        bar = self.verticalScrollBar()
        self._busy = True
        bar.setRange(0, max(0, self._places.height - self.viewport().height()))
        bar.setPageStep(self.viewport().height())
        if self._follow:
            bar.setValue(bar.maximum())
        self._busy = False

    @Slot()
    def _realise(self, hurry: bool = False) -> None:
        """Make and place what is near the screen, and let go of what is far. Within BUDGET; what the screen needs is made at
        once, but for a chat that is opened: what was painted stays until the screen is full. In a hurry: what the screen needs."""
        until = thread_time() + BUDGET
        if not self._places.rows:
            self._opening = False
            self.viewport().setUpdatesEnabled(True)
            self.viewport().update()
            return
        if not hurry and not self._opening and not self.viewport().updatesEnabled():
            self._show(late=True)  # the screen is full
            return
        if self._opening and not hurry and not self._makers.ready(until):
            self._later.start()
            return
        late = False
        for _ in range(60):
            bar = self.verticalScrollBar()
            anchor = self._anchor()
            near = 0 if hurry else NEAR
            low, high = bar.value() - near, bar.value() + self.viewport().height() + near
            waits = not hurry and (self._opening or self._screen_is_filled())
            changed = self._realise_one(low, high, until if waits else inf)
            if changed < 0:
                break
            self._place(changed)
            if not self._follow and anchor is not None:
                row, offset = anchor
                if row in self._places.rows:
                    self._set_value(row.top - offset)
            if not hurry and thread_time() > until and (self._opening or self._screen_is_filled()):
                late = True
                break
        if self._opening and not hurry:
            self._opening = not self._screen_is_filled()
            self._later.start()
        else:
            self._show(late or hurry)

    def _show(self, late: bool) -> None:
        """What was made, all of it together; `late`: there is more to make."""
        self._arrange()
        if self._goal is not None:
            self._arrive()
        self._opening = False
        self.viewport().setUpdatesEnabled(True)
        if late:
            self._later.start()

    def _anchor(self) -> tuple[Row, int] | None:
        """The row at the top of the screen, or where it is to go, and how far below the top of the screen it begins."""
        value = self.verticalScrollBar().value()
        row = self._goal[0] if self._goal is not None else self._places.at(value)
        return (row, row.top - value) if row is not None else None

    def _screen_is_filled(self) -> bool:
        value = self.verticalScrollBar().value()
        rows = (self._places.rows[number] for number in self._places.between(value, value + self.viewport().height()))
        return all(row.widget is not None and row.width for row in rows)

    def _realise_one(self, low: int, high: int, until: float) -> int:
        """Make or measure rows between, until one turns out to have another height, or the thread has worked until then: its
        number, -1 if all of them are there."""
        width = self.column_width
        numbers = self._places.between(low, high)
        for number in reversed(numbers) if self._follow else numbers:
            row = self._places.rows[number]
            if row.kind == "closed":
                self._open(row.entry)
                return self._places.starts[row.entry.message.id]
            if row.widget is None:
                row.widget, row.place, row.width = self._makers.make(row), None, 0
                row.filled = False
                self._shown[row] = None
                self._new.add(row)
                if thread_time() > until:
                    return number
            if not row.filled:
                row.filled = True
                self._makers.fill(row)
                self.selection.show_row(row)
                if thread_time() > until:
                    return number
            if row.width != width:
                before = row.height
                row.height = measure(row, width)
                row.width = width
                if row.height != before or thread_time() > until:
                    return number
        return -1

    def _arrange(self) -> None:
        """Move widgets where they belong; drop those far away, but never the one with the focus."""
        value = self.verticalScrollBar().value()
        height = self.viewport().height()
        column = self.column_width
        left = (self.viewport().width() - column) // 2
        moved = False
        step = self._painted_at - value
        if step and self._painted_at >= 0 and abs(step) < height:
            self.viewport().scroll(0, step)  # and with it every widget
            self._painted_at = value
        else:
            step = 0
        for row in list(self._shown):
            widget = row.widget
            if widget is None:
                continue
            far = row.bottom < value - 3 * NEAR or row.top > value + height + 3 * NEAR
            if far and not widget.hasFocus() and not widget.isAncestorOf(self._focus() or self):
                self._drop(row)
                continue
            x, width = across(row, column)
            place = (left + x, row.top - value, width, row.height)
            at = row.place
            if at is None:
                widget.setGeometry(*place)
                widget.show()
                moved = True
            elif (at[0], at[1] + step, at[2], at[3]) != place:
                moved = moved or at[0] != place[0] or at[1] + step != place[1]
                widget.setGeometry(*place)
            row.place = place
        if self._new:
            self._order()
        if moved or value != self._painted_at:
            self._painted_at = value
            self.viewport().update()

    def _focus(self) -> QWidget | None:
        window = self.window()
        return window.focusWidget() if window is not None else None

    # Widgets

    def _order(self) -> None:
        """The tab order is the reading order: new rows follow the one above them."""
        rows = sorted(self._shown, key=lambda row: row.top)
        new = set(rows) if rows[0] in self._new else self._new
        for above, row in zip([None, *rows], rows, strict=False):
            if row in new and row.widget is not None:
                before = _stops(above.widget)[-1:] if above is not None and above.widget is not None else []
                for one, other in itertools.pairwise([*before, *_stops(row.widget)]):
                    QWidget.setTabOrder(one, other)
        self._new.clear()

    def _drop(self, row: Row) -> None:
        if row.widget is not None:
            self._makers.let_go(row)
            row.place = None
            self._shown.pop(row, None)
            self._new.discard(row)

    @Slot(object)
    def _fold(self, row: Row) -> None:
        """The reasoning above an answer appears below its button, or goes."""
        for gone in row.entry.fold(not row.entry.folded):
            self._drop(gone)
        self._makers.fill(row)
        self._follow = False
        self._changed(row.entry)

    def _set_value(self, value: int) -> None:
        self._busy = True
        self.verticalScrollBar().setValue(value)
        self._busy = False

    # Events

    def scrollContentsBy(self, dx: int, dy: int) -> None:
        if self._busy:
            return
        bar = self.verticalScrollBar()
        self._follow = bar.value() >= bar.maximum() - 4
        late = not self.viewport().updatesEnabled() and monotonic() - self._opened_at > JUMP
        if self._jumped(bar.value()) and not late:
            self._open_again()  # another screen is as another chat; but something is seen while the bar is dragged
        else:
            self._realise(hurry=late)
        self.selection.scrolled()

    def _jumped(self, value: int) -> bool:
        """Whether nothing of the screen is there."""
        rows = self._places.between(value, value + self.viewport().height())
        return all(self._places.rows[number].widget is None for number in rows)

    def resizeEvent(self, event: QResizeEvent) -> None:
        anchor = self._anchor()
        self._place()
        if anchor is not None and not self._follow:  # the reader stays where they are, and most of the widgets
            self._set_value(anchor[0].top - anchor[1])
        if self._opening:
            self._later.start()
        else:
            self._realise()

    def changeEvent(self, event: QEvent) -> None:
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.PaletteChange, QEvent.Type.StyleChange):
            for row in getattr(self, "_shown", ()):
                row.width = 0
            if hasattr(self, "_later"):
                self._later.start()
        super().changeEvent(event)

    @Slot()
    def _theme_changed(self) -> None:
        """The screen is to change at once, with everything else."""
        if self.isVisible():
            self._realise(hurry=True)

    def _open_again(self) -> None:
        """Everything is made or measured in short turns; until the screen is full, what was painted stays."""
        if self.viewport().updatesEnabled():
            self._opened_at = monotonic()
        self._opening = True
        self.viewport().setUpdatesEnabled(False)
        self._later.start()

    @Slot(QWidget, QWidget)
    def _focus_changed(self, old: QWidget | None, new: QWidget | None) -> None:
        """Focus that came by the keyboard is brought into view; what was clicked is there."""
        clicked = bool(QApplication.mouseButtons())
        if clicked and new is not None and new is not self and not self.selection.owns(new):
            self.selection.clear()
        if new is None or new.parentWidget() is not self.viewport():
            return
        if not clicked:
            self._ensure_visible(new)

    def focusNextPrevChild(self, forward: bool) -> bool:
        done = super().focusNextPrevChild(forward)
        focus = self._focus()
        if focus is not None and self.viewport().isAncestorOf(focus):
            self._ensure_visible(focus)
        return done

    def _ensure_visible(self, widget: QWidget) -> None:
        top = widget.mapTo(self.viewport(), QPoint(0, 0)).y()
        bar = self.verticalScrollBar()
        if top < 0:
            bar.setValue(bar.value() + top - L)
        elif top + min(widget.height(), 60) > self.viewport().height():
            bar.setValue(bar.value() + top + min(widget.height(), 60) - self.viewport().height() + L)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        bar = self.verticalScrollBar()
        if event.key() == Qt.Key.Key_Home:
            bar.setValue(0)
        elif event.key() == Qt.Key.Key_End:
            bar.setValue(bar.maximum())
        elif not self.selection.pressed(event):
            super().keyPressEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self.selection.press_beside(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self.selection.move_beside(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self.selection.released()

    def paintEvent(self, event: QPaintEvent) -> None:
        """The user's bubbles, behind their rows."""
        painter = QPainter(self.viewport())
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.fillRect(event.rect(), QColor(Theme.current().colors.window))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(Theme.current().colors.raised))
        value = self.verticalScrollBar().value()
        column = self.column_width
        left = (self.viewport().width() - column) // 2
        seen: set[int] = set()
        for number in self._places.between(value - NEAR, value + self.viewport().height() + NEAR):
            entry = self._places.rows[number].entry
            if not entry.is_user or id(entry) in seen or not entry.opened:
                continue
            seen.add(id(entry))
            body = [each for each in entry.rows if each.kind != "footer"]
            x, width = across(body[0], column)
            top, bottom = body[0].top - value - BUBBLE + 3, body[-1].bottom - value + BUBBLE - 3
            painter.drawRoundedRect(QRectF(left + x - BUBBLE, top, width + 2 * BUBBLE, bottom - top), 14, 14)
        painter.end()

    def message_at(self, index: int) -> Message:
        return self.entries[index].message


def _stops(widget: QWidget) -> list[QWidget]:
    """Where Tab stops in a row, in the order of its layout."""
    return [each for each in (widget, *widget.findChildren(QWidget)) if each.focusPolicy() & Qt.FocusPolicy.TabFocus]
