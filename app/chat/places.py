"""Where the transcript's rows stand, one below the other: plain arithmetic. No widgets in here."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from app.chat.rows import BUBBLE, GAP, Entry, Row, estimate
from app.theme import L


class Places:
    """All in pixels of the whole transcript."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.tops: list[int] = []  # of the rows
        self.starts: dict[str, int] = {}  # of each message, the number of its first row
        self.height = 0

    def collect(self, entries: Sequence[Entry]) -> None:
        """The rows of these messages, without their places."""
        self.rows = []
        self.starts = {}
        for entry in entries:
            self.starts[entry.message.id] = len(self.rows)
            self.rows += entry.rows

    def end_with(self, entry: Entry) -> int:
        """The last message has other rows now: returns the number of its first one."""
        start = self.starts[entry.message.id]
        self.rows[start:] = entry.rows
        return start

    def place(self, first: int, width: int) -> None:
        """Tops of the rows from `first` on, from the heights of all; `width`: of the column."""
        top = L
        last: Entry | None = None
        if first > 0:
            before = self.rows[first - 1]
            top, last = before.bottom + GAP[before.kind], before.entry
        for row in self.rows[first:]:
            if row.width == 0 and row.widget is None and row.guessed != width:
                row.height, row.guessed = estimate(row, width), width
            if row.entry is not last:
                last = row.entry
                if last.is_user:
                    top += BUBBLE
            if row.kind == "footer" and row.entry.is_user:
                top += BUBBLE
            row.top = top
            top += row.height + GAP[row.kind]
        self.tops[first:] = [row.top for row in self.rows[first:]]
        self.height = top + L

    def at(self, height: int) -> Row | None:
        """The row that is there, or the last one above."""
        number = bisect_right(self.tops, height) - 1
        return self.rows[number] if number >= 0 else None

    def between(self, low: int, high: int) -> range:
        """Numbers of the rows that are, at least in part, between these heights."""
        first = max(0, bisect_right(self.tops, low) - 1)
        if first < len(self.rows) and self.rows[first].bottom < low:
            first += 1
        return range(first, max(first, bisect_right(self.tops, high)))
