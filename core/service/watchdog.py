"""Does a worker hang? Decided from its heartbeats alone; times are seconds on the service's clock."""

from __future__ import annotations

from core.protocol import Deadlines, Heartbeat, Phase

# What a heartbeat may be late by, on a machine with more to do than processors.
_MARGIN = 2.0
# After the service itself stood still (suspended, stopped, swapping), the worker's frames of meanwhile are read first.
_STALL = 2.0
_STALL_GRACE = 5.0


class Watchdog:
    """One worker. `heard` takes every frame that arrives, `overdue` is asked a few times a second."""

    def __init__(self, deadlines: Deadlines, now: float) -> None:
        self._deadlines = deadlines
        self._beat: Heartbeat | None = None
        self._heard_at = now
        self._asked_at = now
        self._quiet_until = now

    def heard(self, frame: object, now: float) -> None:
        self._heard_at = now
        if isinstance(frame, Heartbeat):
            self._beat = frame

    def overdue(self, now: float) -> str | None:
        """None: it lives. Else what it did for too long, in words that complete 'the engine ...'."""
        if now - self._asked_at > _STALL:
            self._quiet_until = now + _STALL_GRACE
        self._asked_at = now
        if now < self._quiet_until:
            return None
        beat, limits = self._beat, self._deadlines
        if beat is None:
            late = now - self._heard_at > limits.start_s
            return f"did not start within {limits.start_s:g} s" if late else None
        if beat.deadline is not None:
            # Past its deadline by its own clock; or silent since, and past it by ours. Whatever it said later than its last
            # heartbeat says that it went on.
            margin = 0.0 if beat.now > beat.deadline else _MARGIN
            if beat.now + (now - self._heard_at) > beat.deadline + margin:
                return f"hung: {_doing(beat)} took longer than {beat.deadline - beat.started:.3g} s"
            return None
        if now - self._heard_at > limits.silence_s:
            return f"hung: nothing was heard of it for {limits.silence_s:g} s"
        return None


def _doing(beat: Heartbeat) -> str:
    match beat.phase:
        case Phase.STEP:
            return f"step {beat.step}"
        case Phase.COMPILE:
            return "compiling"
        case Phase.CAPTURE:
            return "capturing its graphs"
        case Phase.UPDATE:
            return "updating the weights"
        case _:
            return "loading"
