"""How much the service takes on at once, and who has to wait."""

from __future__ import annotations

import math
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from core.errors import Busy, InvalidRequest


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one service.

    `max_body`: bytes of a request. `body_seconds`: for all of a request's body to arrive. `head_seconds`: for a
    connection's first request to begin. `max_messages`, `max_prompts`: in one request. `max_sequences`: answers (n, times
    prompts) open at once; `client_share`: of those, what one client may hold, so that there is always room for another.
    `request_seconds`: from acceptance to the last token. `blocked_seconds`: how long a reader may leave its stream
    unread before the request is ended and the connection cut; what it generates meanwhile is all that is kept for it.
    """

    max_body: int = 8 << 20
    body_seconds: float = 30.0
    head_seconds: float = 20.0
    max_messages: int = 4096
    max_prompts: int = 128
    max_sequences: int = 1024
    client_share: float = 0.75
    request_seconds: float = 3600.0
    blocked_seconds: float = 30.0


class Admission:
    """Counts open answers, in all and per client. Used from the event loop only."""

    def __init__(self, limits: Limits, clock: Callable[[], float] = time.monotonic) -> None:
        self._limits = limits
        self._clock = clock
        self._open: Counter[str] = Counter()
        self._ended: deque[float] = deque(maxlen=64)
        self.total = 0

    @contextmanager
    def enter(self, client: str, sequences: int) -> Iterator[None]:
        """Room for `sequences` answers while the context lasts. Raises Busy when there is none,
        InvalidRequest for more than there ever is."""
        limit = self._limits.max_sequences
        share = max(1, int(limit * self._limits.client_share))
        if sequences > share:
            raise InvalidRequest(f"{sequences} answers are asked for, and one client may have {share} open.", "n")
        if self.total + sequences > limit:
            raise Busy(
                f"{self.total} answers are being made or wait, and at most {limit} may; try again later.",
                self.retry_after(),
            )
        if self._open[client] + sequences > share:
            raise Busy(
                f"This client has {self._open[client]} answers open, and one client may have {share}; "
                "wait for some to end.",
                self.retry_after(),
            )
        self.total += sequences
        self._open[client] += sequences
        try:
            yield
        finally:
            self.total -= sequences
            self._open[client] -= sequences
            if not self._open[client]:
                del self._open[client]
            self._ended.append(self._clock())

    def open_of(self, client: str) -> int:
        """Answers that this client has open."""
        return self._open.get(client, 0)

    def retry_after(self) -> int:
        """Seconds until some answer will probably have ended, by the pace of the last ones; 1 to 30."""
        if len(self._ended) < 2:
            return 1
        pace = (self._clock() - self._ended[0]) / len(self._ended)
        return min(30, max(1, math.ceil(pace)))
