"""The widgets of the transcript's rows: making one is dear (its style alone takes a millisecond), so texts, code and the buttons
below messages are kept when their row goes far from the screen, and serve the next one."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from time import thread_time

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtWidgets import QWidget

from app.chat.code_view import CodeView
from app.chat.footer import Footer, Note, first_pictures
from app.chat.hand import USUAL, Hand
from app.chat.pieces import Files, Reasoning, Waiting
from app.chat.rows import Row
from app.chat.views import TextView
from app.markdown.highlight import Tokens, tokens_of
from app.threads import SerialThread, silently

MOST_KEPT = 12  # of each kind


class RowWidgets(QObject):
    """`acted(message id, action)`, `link_clicked(url)`; `fold_wanted(row)`: its reasoning is to be shown or hidden;
    `file_wanted(attachment)`: a look at it."""

    acted = Signal(str, str)
    link_clicked = Signal(str)
    fold_wanted = Signal(object)
    file_wanted = Signal(object)

    def __init__(self, place: QWidget, colours: SerialThread | None, hand: Hand = USUAL) -> None:
        """They are children of `place`. `colours`: where code is taken apart; without it code stays in one colour. `hand`: of
        the texts."""
        super().__init__(place)
        self._place, self._colours, self._hand = place, colours, hand
        self._kept: dict[object, list[QWidget]] = {}
        self._first: Iterator[object] | None = first_pictures()

    def ready(self, until: float) -> bool:
        """Whether what the first rows would wait for is there; works on it until the thread has worked so long."""
        while self._first is not None and thread_time() < until:
            if next(self._first, self) is self:
                self._first = None
        return self._first is None

    def make(self, row: Row) -> QWidget:
        """A widget for the row, without its text."""
        kept = self._kept.get(_kind(row))
        if kept:
            widget = kept.pop()
            if isinstance(widget, Footer):
                widget.show_entry(row.entry)
            elif isinstance(widget, TextView):
                widget.forget()  # only now: many are let go at once
        else:
            widget = self._new(row)
            widget.ensurePolished()  # styled before it has a text, which a style that comes late writes again
        if isinstance(widget, TextView):
            widget.ground = "raised" if row.entry.is_user else "window"
            words = self.tr("Thoughts") if row.kind == "thought" else self.tr("Answer")
            widget.setAccessibleName(self.tr("You wrote") if row.entry.is_user else words)
        return widget

    def fill(self, row: Row) -> None:
        """What the row says now."""
        widget, segment = row.widget, row.segment
        if isinstance(widget, CodeView) and segment is not None:
            live_end = row.entry.live and row.entry.rows and row is row.entry.rows[-1]
            widget.show_code(segment.source, segment.language, segment.closed or not live_end)
        elif isinstance(widget, TextView) and segment is not None:
            if row.kind in ("plain", "thought"):
                widget.show_plain(segment.source)
            else:
                widget.show_markdown(segment.source)
        elif isinstance(widget, (Reasoning, Waiting)):
            widget.refresh()

    def let_go(self, row: Row) -> None:
        """The row needs its widget no more."""
        widget, row.widget = row.widget, None
        if widget is None:
            return
        widget.hide()
        kind = widget.made_for if isinstance(widget, Footer) else _kind(row)
        kept = self._kept.setdefault(kind, [])
        if isinstance(widget, (TextView, CodeView, Footer)) and len(kept) < MOST_KEPT:
            if isinstance(widget, CodeView):
                widget.forget()  # and with it the colours that it waits for
            kept.append(widget)
        else:
            widget.deleteLater()

    def _new(self, row: Row) -> QWidget:
        entry, place = row.entry, self._place
        if row.kind in ("plain", "text", "thought"):
            text = TextView(place, "window")
            if row.kind == "thought":
                text.setProperty("kind", "muted")
            text.link_clicked.connect(self.link_clicked)
            text.hand = self._hand
            return text
        if row.kind == "code":
            code = CodeView(place)
            code.colours_wanted.connect(self._colour)
            code.editor.hand = self._hand
            return code
        if row.kind == "reasoning":
            reasoning = Reasoning(entry, place)
            reasoning.toggled.connect(partial(self.fold_wanted.emit, row))
            return reasoning
        if row.kind == "files":
            files = Files(entry, place)
            files.wanted.connect(self.file_wanted)
            return files
        if row.kind == "waiting":
            return Waiting(entry, place)
        if row.kind == "footer":
            footer = Footer(entry, place)
            footer.acted.connect(self._footer_acted)
            return footer
        note = Note(entry, place)
        note.acted.connect(partial(self.acted.emit, entry.message.id))
        return note

    @Slot(str)
    def _footer_acted(self, action: str) -> None:
        footer = self.sender()
        assert isinstance(footer, Footer)
        self.acted.emit(footer.entry.message.id, action)

    @Slot(str, str)
    def _colour(self, source: str, language: str) -> None:
        view = self.sender()
        if self._colours is None or not isinstance(view, CodeView):
            return

        def coloured(lines: Tokens) -> None:
            if view.wants(source, language):  # it may serve another row by now
                view.colour(lines)

        # A lexer that fails costs colours, nothing else; the log has it.
        self._colours.submit(lambda _: tokens_of(source, language), coloured, silently, owner=view)


def _kind(row: Row) -> object:
    """Rows of the same kind can have each other's widgets."""
    if row.kind in ("plain", "text"):
        return "text"
    return Footer.shape(row.entry) if row.kind == "footer" else row.kind
