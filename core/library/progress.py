"""How far a download is, for people: never backward, with a rate over the last seconds and what it says about the end."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from core.library.hub import RemoteFile

Stage = Literal["look up", "check", "download", "install"]
_WINDOW = 10.0


@dataclass(frozen=True, slots=True)
class Progress:
    """`done` of `total` bytes; `done` never decreases within a run. `rate` in bytes/s, 0.0 unknown; `eta` in seconds. `file`:
    which moved last."""

    stage: Stage
    done: int
    total: int
    rate: float
    eta: float | None
    file: str = ""


class Meter:
    """Takes what threads report, tells at most every `interval` seconds. A file that starts over makes `done` wait, not fall."""

    def __init__(
        self,
        on_progress: Callable[[Progress], None],
        on_note: Callable[[str], None],
        interval: float = 0.1,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._on_progress = on_progress
        self._on_note = on_note
        self._interval = interval
        self._clock = clock
        self._lock = threading.RLock()
        self._stage: Stage = "look up"
        self._total = 0
        self._at: dict[str, int] = {}  # hash -> bytes that are there
        self._sum = 0
        self._shown = 0
        self._arrivals: deque[tuple[float, int]] = deque()
        self._told = float("-inf")
        self._file = ""
        self.arrived = 0  # bytes from the network

    def begin(self, stage: Stage, total: int) -> None:
        """A new stage. `total` in bytes. A download counts from zero: what is there is reported with `at`."""
        with self._lock:
            if stage == "download":
                self._at, self._sum, self._shown = {}, 0, 0
                self._arrivals.clear()
            self._stage, self._total = stage, total
            self._tell("", force=True)

    def at(self, file: RemoteFile, done: int, arrived: int) -> None:
        """`done` bytes of `file` are there, `arrived` of them new from the network."""
        with self._lock:
            self._sum += done - self._at.get(file.hash, 0)
            self._at[file.hash] = done
            if arrived:
                self.arrived += arrived
                self._arrivals.append((self._clock(), arrived))
            self._tell(file.path, force=False)

    def note(self, text: str) -> None:
        """A sentence about something unusual."""
        with self._lock:
            self._on_note(text)

    def tick(self) -> None:
        """Tell how things are although nothing arrived: call it a few times a second, or a stall leaves an old rate."""
        with self._lock:
            self._tell(self._file, force=True)

    def _tell(self, file: str, *, force: bool) -> None:
        now = self._clock()
        if not force and now - self._told < self._interval:
            return
        self._told = now
        self._file = file
        self._shown = max(self._shown, self._sum)
        rate = self._rate(now)
        eta = (self._total - self._sum) / rate if rate > 0 and self._total else None
        self._on_progress(Progress(self._stage, min(self._shown, self._total), self._total, rate, eta, file))

    def _rate(self, now: float) -> float:
        while self._arrivals and now - self._arrivals[0][0] > _WINDOW:
            self._arrivals.popleft()
        if not self._arrivals:
            return 0.0
        return sum(count for _, count in self._arrivals) / max(now - self._arrivals[0][0], 0.5)
