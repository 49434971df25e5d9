"""What the transcript shows, as plain objects: each message becomes rows when it comes near the screen, each row a widget when it
comes into view. No widgets in here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from app.markdown.segments import Segment, Segmenter
from app.store.records import Message, State

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget

Kind = Literal["closed", "files", "reasoning", "thought", "plain", "text", "code", "waiting", "note", "footer"]
LINE = 22  # estimated height of a line and width of a character, in pixels, until a row is measured
CHARACTER = 7.4
GAP = {
    "files": 6,
    "reasoning": 6,
    "thought": 8,
    "plain": 0,
    "text": 2,
    "code": 10,
    "waiting": 4,
    "note": 8,
    "footer": 22,
    "closed": 22,
}
BUBBLE = 14  # padding of the user's messages
PLAIN_SIZE = 4000
THOUGHT_SIZE = 2000


@dataclass(eq=False, slots=True)
class Row:
    """One widget to be. `top` is in the whole transcript's pixels, `height` estimated until `width` it was measured for."""

    kind: Kind
    entry: Entry
    segment: Segment | None = None
    top: int = 0
    height: int = LINE
    width: int = 0  # of the column when it was measured; 0: never
    guessed: int = 0  # of the column when it was estimated
    widget: QWidget | None = None
    filled: bool = False  # the widget has its text
    place: tuple[int, int, int, int] | None = None  # of the widget on the screen, once it is there

    @property
    def bottom(self) -> int:
        return self.top + self.height

    @property
    def text(self) -> str:
        return self.segment.source if self.segment is not None else ""


@dataclass(eq=False, slots=True)
class Entry:
    """A message in the transcript. `version` of `versions` (1-based). `bubble`: width of the user's bubble, once known.
    `folded`: the reasoning is. `live`: an answer under way; `progress`: of its prompt, 0 to 1, None once it writes."""

    message: Message
    version: int = 1
    versions: int = 1
    last: bool = False
    rows: list[Row] = field(default_factory=list)
    opened: bool = False
    segmenter: Segmenter | None = None
    bubble: int = 0
    folded: bool = True
    live: bool = False
    progress: float | None = None

    def __post_init__(self) -> None:
        if not self.rows:
            self.rows = [Row("closed", self)]

    @property
    def is_user(self) -> bool:
        return self.message.role == "user"

    def open(self) -> None:
        """Make the real rows."""
        if self.opened:
            return
        self.opened = True
        message = self.message
        rows: list[Row] = []
        if message.attachments:
            rows.append(Row("files", self))
        if self.is_user:
            text = message.content
            rows += [
                Row("plain", self, Segment("text", text[start : start + PLAIN_SIZE], start))
                for start in range(0, max(1, len(text)), PLAIN_SIZE)
            ]
        else:
            if message.reasoning:
                rows += [Row("reasoning", self), *(Row("thought", self, each) for each in self._thoughts())]
            self.segmenter = Segmenter()
            if message.content:
                self.segmenter.feed(message.content)
            rows += [Row(segment.kind, self, segment) for segment in self.segmenter.segments]
        self.rows = rows + self.tail_rows()

    def tail_rows(self) -> list[Row]:
        """What stands below the text."""
        rows = []
        if self.live and not self.message.content:
            rows.append(Row("waiting", self))
        if not self.live and (self.message.error or self.message.state in _NOTED):
            rows.append(Row("note", self))
        if not self.live:
            rows.append(Row("footer", self))
        return rows

    def grow(self, content: str, reasoning: str) -> tuple[int, list[Row]]:
        """More of an answer under way, which the message has already: the index of the first row that changed, and the rows
        that are gone."""
        if not self.opened or self.segmenter is None:
            return 0, []
        had_text = bool(self.segmenter.text)
        had_reasoning = any(row.kind == "reasoning" for row in self.rows)
        if (reasoning and not had_reasoning) or (content and not had_text):
            gone = self.rows
            self.opened = False
            self.open()
            kept = iter([row for row in gone if row.kind in _THINKING])
            for at, row in enumerate(self.rows):
                old = next(kept, None) if row.kind in _THINKING else None
                if old is not None:
                    old.segment, self.rows[at] = row.segment, old
            return 0, [row for row in gone if row not in self.rows]
        thought = self._grow_thoughts() if reasoning else len(self.rows)
        if not content:
            return thought, []
        head = next((i for i, row in enumerate(self.rows) if row.kind in _BODY), len(self.rows))
        first = self.segmenter.feed(content)
        segments = self.segmenter.segments
        before = self.rows[head + first :]
        new: list[Row] = []
        for index, segment in enumerate(segments[first:]):
            kept_row = before[index] if index < len(before) and before[index].kind == segment.kind else None
            if kept_row is not None:
                kept_row.segment = segment
                new.append(kept_row)
            else:
                new.append(Row(segment.kind, self, segment))
        gone = [row for row in before if row not in new]
        self.rows[head + first :] = new
        return min(thought, head + first), gone

    def fold(self, folded: bool) -> list[Row]:
        """Hide or show the reasoning: returns the rows that are gone."""
        self.folded = folded
        gone = [row for row in self.rows if row.kind == "thought"]
        rows = [row for row in self.rows if row.kind != "thought"]
        at = next((i + 1 for i, row in enumerate(rows) if row.kind == "reasoning"), 0)
        rows[at:at] = [Row("thought", self, each) for each in self._thoughts()]
        self.rows = rows
        return gone

    def _thoughts(self) -> list[Segment]:
        return [] if self.folded else thoughts(self.message.reasoning)

    def _grow_thoughts(self) -> int:
        """The first row that changed."""
        at = next(i + 1 for i, row in enumerate(self.rows) if row.kind == "reasoning")
        old = [row for row in self.rows if row.kind == "thought"]
        new = [Row("thought", self, each) for each in self._thoughts()]
        for kept, row in zip(old, new, strict=False):
            kept.segment = row.segment
        self.rows[at : at + len(old)] = [*old, *new[len(old) :]]
        return at + max(0, len(old) - 1)

    def settle(self) -> list[Row]:
        """The answer ended, or how it ended changed: new rows below the text; returns those that are gone."""
        if not self.opened:
            return []
        gone = [row for row in self.rows if row.kind in ("waiting", "note", "footer")]
        self.rows = [row for row in self.rows if row not in gone] + self.tail_rows()
        return gone


_THINKING = frozenset({"reasoning", "thought"})
_BODY = frozenset({"text", "code"})
_NOTED = frozenset({State.FAILED, State.INTERRUPTED, State.LENGTH})


def thoughts(text: str) -> list[Segment]:
    """Reasoning in pieces that are quick to show, cut between paragraphs, else lines, else words. More of it changes only the
    last one."""
    found: list[Segment] = []
    at = 0
    while at < len(text):
        end = at + THOUGHT_SIZE
        if end < len(text):
            cuts = (text.rfind(mark, at + 1, end) for mark in ("\n\n", "\n", " "))
            end = next((cut for cut in cuts if cut > at), end)
        piece = text[at:end].strip()
        if piece:
            found.append(Segment("text", piece, at))
        at = end
    return found


def estimate(row: Row, width: int) -> int:
    """A height to go on with until the row is seen."""
    if row.kind == "footer":
        return 34
    if row.kind in ("files", "reasoning", "waiting", "note"):
        return 40
    message = row.entry.message
    text = row.text if row.kind != "closed" else message.content
    if row.kind == "code":
        return text.count("\n") * (LINE - 4) + 60
    per_line = max(10.0, (width if not row.entry.is_user else width * 0.8) / CHARACTER)
    lines = text.count("\n") * 0.8 + len(text) / per_line + 1
    return int(lines * LINE) + (60 if row.kind == "closed" else 8)
