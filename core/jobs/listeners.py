"""One stream of jobs for any number of listeners, slow ones included."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from core.jobs.job import Job

MAX_PENDING = 1024  # jobs that changed since a listener last looked


class _Listener:
    def __init__(self) -> None:
        self.pending: dict[str, Job] = {}
        self.arrived = asyncio.Event()
        self.closed = False


class Listeners:
    """Used from one event loop. A listener that lags sees the latest snapshot of each job, not every one between, so it never
    misses an end and never holds more than one per job."""

    def __init__(self) -> None:
        self._all: list[_Listener] = []

    def tell(self, job: Job) -> None:
        for listener in self._all:
            listener.pending.pop(job.id, None)  # to the end: in the order of the last change
            listener.pending[job.id] = job
            if len(listener.pending) > MAX_PENDING:
                del listener.pending[next(iter(listener.pending))]
            listener.arrived.set()

    def close(self) -> None:
        """All streams end, after what they have not taken yet."""
        for listener in self._all:
            listener.closed = True
            listener.arrived.set()

    def listen(self) -> AsyncIterator[Job]:
        """From this call on, until closed."""
        listener = _Listener()
        self._all.append(listener)
        return self._stream(listener)

    async def _stream(self, listener: _Listener) -> AsyncIterator[Job]:
        try:
            while True:
                await listener.arrived.wait()
                listener.arrived.clear()
                while listener.pending:
                    yield listener.pending.pop(next(iter(listener.pending)))
                if listener.closed:
                    return
        finally:
            self._all.remove(listener)
