"""When a crashed worker is started again, and when no longer. Pure: no clock, no process."""

from __future__ import annotations


class RestartPolicy:
    """After a crash wait `first_s` seconds, twice that after the next, and so on up to `most_s`; at `limit` crashes with no
    completed request between them give up (safe mode): a crash loop helps nobody and can make a machine unusable."""

    def __init__(self, first_s: float = 1.0, most_s: float = 4.0, limit: int = 3) -> None:
        self._first = first_s
        self._most = most_s
        self._limit = limit
        self.crashes = 0

    def crashed(self) -> float | None:
        """Seconds to wait before the restart, or None: give up."""
        self.crashes += 1
        if self.crashes >= self._limit:
            return None
        return float(min(self._most, self._first * 2 ** (self.crashes - 1)))

    def reset(self) -> None:
        """A request was completed, or a person asked for another try."""
        self.crashes = 0
