"""How fast a job's stage comes forward, over its last seconds, and what that says about its end."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from core.jobs.job import Job

WINDOW = 10.0
_EVERY = 0.5  # seconds between kept points
_LEAST = 1.0  # seconds below which nothing is said: the first bytes come in bursts


class Rate:
    """Of one running job."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._stage = ""
        self._points: deque[tuple[float, int]] = deque()

    def add(self, job: Job) -> None:
        now = self._clock()
        if job.stage != self._stage:
            self._stage = job.stage
            self._points.clear()
        if not self._points or now - self._points[-1][0] >= _EVERY:
            self._points.append((now, job.done))
        while len(self._points) > 1 and now - self._points[1][0] > WINDOW:
            self._points.popleft()

    def now(self, job: Job) -> tuple[float | None, float | None]:
        """(units a second, seconds left in the stage); None where unknown."""
        if not self._points or job.stage != self._stage:
            return None, None
        since, at = self._points[0]
        seconds = self._clock() - since
        if seconds < _LEAST:
            return None, None
        rate = (job.done - at) / seconds
        left = (job.total - job.done) / rate if rate > 0 and job.total else None
        return rate, left
