"""The worker's heartbeat: what it does, since when, and by when it must be done, told from a thread of its own.

Whether a worker hangs is decided in the service, by deadlines that the worker itself gives: a long prefill has a late one.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from core.protocol import Deadlines, Heartbeat, Phase

# A step may take this many times as long per token as the slowest of late did.
_PATIENCE = 20.0
_DECAY = 0.98


class StepLimit:
    """How long a step of so many planned tokens may take, in seconds: `step_s` and time for its tokens. That is `token_s`
    each until a step was measured; then 20 times the worst time per token of late."""

    def __init__(self, deadlines: Deadlines) -> None:
        self._base = deadlines.step_s
        self._token = deadlines.token_s
        self._worst = 0.0

    def seconds(self, tokens: int) -> float:
        return self._base + tokens * (_PATIENCE * self._worst or self._token)

    def observe(self, tokens: int, seconds: float) -> None:
        self._worst = max(seconds / max(1, tokens), _DECAY * self._worst)


class Pulse:
    """Sends a Heartbeat every `interval` seconds until `stop`."""

    def __init__(
        self, send: Callable[[Heartbeat], object], interval: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._send = send
        self._clock = clock
        self._interval = interval
        self._stop = threading.Event()
        # One tuple, replaced as a whole: read by the thread without a lock.
        self._state: tuple[Phase, int, float, float | None] = (Phase.IDLE, 0, clock(), None)
        self._thread = threading.Thread(target=self._run, name="pulse", daemon=True)
        self._thread.start()

    @property
    def phase(self) -> Phase:
        return self._state[0]

    def enter(self, phase: Phase, limit: float | None = None, step: int = 0, *, tell: bool = False) -> None:
        """A phase begins, which may take `limit` seconds. `tell`: say so at once, because what follows may leave this
        process no time for its heartbeat."""
        now = self._clock()
        self._state = (phase, step, now, None if limit is None else now + limit)
        if tell:
            self._beat()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def _beat(self) -> None:
        phase, step, started, deadline = self._state
        self._send(Heartbeat(phase, step, self._clock(), started, deadline))

    def _run(self) -> None:
        while not self._stop.wait(self._interval):
            self._beat()
