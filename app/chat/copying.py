"""What a selection across messages gives as plain text. Of what is on the screen and what is not: a row without a widget is
rendered for it, one at a time, so that a long selection is copied in short turns."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass

from PySide6.QtGui import QTextCursor, QTextDocument

from app.chat.rows import Entry, Row
from app.chat.views import TextView
from app.markdown.parser import parse
from app.markdown.render import Renderer
from app.markdown.safe import plain, visible
from app.markdown.words import cut, words

END = 1 << 60  # behind every character


@dataclass(frozen=True, slots=True)
class Point:
    """Between two characters: `position` in the document of the row whose segment begins at `start` of a message's text, or
    (`body` False) of its reasoning. It holds as long as the message does, whatever becomes of widgets and rows."""

    message: str
    body: bool
    start: int
    position: int


@dataclass(frozen=True, slots=True)
class Span:
    """From one point to another, in the order of reading. `order`: of the messages."""

    low: Point
    high: Point
    order: dict[str, int]

    def part(self, row: Row) -> tuple[int, int] | None:
        """The positions between which a row is selected, END for all of the rest; None: it is not."""
        if row.segment is None or row.entry.message.id not in self.order:
            return None
        key = (self.order[row.entry.message.id], row.kind != "thought", row.segment.start)
        low, high = self._key(self.low), self._key(self.high)
        if not low <= key <= high:
            return None
        return (self.low.position if key == low else 0), (self.high.position if key == high else END)

    def _key(self, point: Point) -> tuple[int, bool, int]:
        return self.order[point.message], point.body, point.start


def copied(entries: Sequence[Entry], span: Span) -> Generator[None, None, str]:
    """The selected text of these messages; a piece with each step. What is folded is left out."""
    found: list[str] = []
    for entry in list(entries):
        before: Row | None = None
        for row in _rows(entry):
            part = span.part(row)
            if part is None:
                continue
            text = yield from _text(row, *part)
            if text:
                if found:
                    found.append(_gap(before, row) if before is not None else "\n\n")
                found.append(text)
                before = row
            yield
    return "".join(found)


def _rows(entry: Entry) -> list[Row]:
    if entry.opened:
        return list(entry.rows)
    apart = Entry(entry.message, folded=entry.folded)  # the transcript makes the rows when they come into view
    apart.open()
    return apart.rows


def _text(row: Row, start: int, end: int) -> Generator[None, None, str]:
    segment = row.segment
    assert segment is not None
    if row.kind != "text":
        shown = visible(segment.source.removesuffix("\n")) if row.kind == "code" else plain(segment.source)
        return cut(shown.replace("\r\n", "\n").replace("\r", "\n"), start, end)
    if isinstance(row.widget, TextView) and row.filled:
        document = row.widget.document()
    else:
        tokens = parse(segment.source)
        yield
        document = QTextDocument()
        document.setUndoRedoEnabled(False)
        Renderer(document).write(tokens)
    last = document.characterCount() - 1
    cursor = QTextCursor(document)
    cursor.setPosition(min(start, last))
    cursor.setPosition(min(end, last), QTextCursor.MoveMode.KeepAnchor)
    return words(cursor)


def _gap(above: Row, row: Row) -> str:
    """Between two rows of a message: a text that was cut inside of a line goes on there, else a line is left free."""
    before, segment = above.segment, row.segment
    assert before is not None
    assert segment is not None
    if row.kind == "plain":
        return ""
    if row.kind == "thought":
        whole = row.entry.message.reasoning[segment.start :]
        return "\n\n" if above.kind != row.kind else whole[: len(whole) - len(whole.lstrip())]
    if above.kind != row.kind or (row.kind == "code" and not segment.part):
        return "\n\n"
    ended = before.source.endswith("\n")
    if row.kind == "text" and before.source.rstrip(" \t").endswith("\n\n"):
        return "\n\n"
    return "\n" if ended else ""
