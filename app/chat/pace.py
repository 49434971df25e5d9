"""How often answers under way are shown: 30 times a second, or as often as the GUI thread can in one part in SHARE of its time,
painting included. What is slow to show comes in larger pieces; the user's own scrolling and typing come first. No Qt in here.
"""

from __future__ import annotations

FLUSH = 0.033  # seconds between two pieces, at least
SLOWEST = 0.25  # and at most
SHARE = 40
MOST_DEBT = 1.0  # seconds of waiting that a piece can cost those after it
MOST_CREDIT = 0.1
_SETTLING = 4  # pieces over which the usual cost of one is taken


class Pace:
    """What a piece costs is known only when the next is due, as painting comes later: it is foreseen as what pieces cost of
    late, and what it cost more or less is made up for by the waits that follow. One wait, one awakening of the thread."""

    def __init__(self) -> None:
        self._at = self._worked = 0.0
        self._debt = self._usual = 0.0

    def begin(self, now: float, worked: float) -> float:
        """The first answer begins; as `shown`."""
        self._at, self._worked, self._debt, self._usual = now, worked, 0.0, 0.0
        return FLUSH

    def shown(self, now: float, worked: float) -> float:
        """A piece is about to be shown, at `now` on the clock, `worked` on the thread's: seconds to wait until the next."""
        spent, took = worked - self._worked, now - self._at
        self._at, self._worked = now, worked
        self._debt = max(-MOST_CREDIT, min(MOST_DEBT, self._debt + SHARE * spent - took))
        self._usual += (min(spent, SLOWEST / SHARE) - self._usual) / _SETTLING
        return max(FLUSH, min(SLOWEST, SHARE * self._usual + self._debt))
