"""A few threads that share one step's work: NumPy gives up the GIL inside a product, so they run at once.

What is shared out (blocks of a weight, tiles of attention) is computed the same way by whichever thread takes it, so the
number of threads never changes a result. Work is taken piece by piece, by whoever is free: a helper that the system does
not run in time, on a machine that does other things too, costs nothing, because the caller takes its pieces.
"""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Callable
from queue import SimpleQueue

import numpy as np

Part = Callable[[int, int], None]

# Pieces for each thread: more even out better, fewer cost fewer calls.
_PIECES = 3


def default_threads() -> int:
    """The cores this process may use, at most 16: beyond that memory bandwidth is what counts."""
    affinity = getattr(os, "sched_getaffinity", None)
    return min(16, len(affinity(0)) if affinity else os.cpu_count() or 1)


class _Job:
    """One call of `split`: `part` on each of `pieces` ranges of range(count)."""

    def __init__(self, part: Part, count: int, pieces: int) -> None:
        self._part: Part | None = part
        self._count = count
        self._pieces = pieces
        # next() on it is atomic: each piece is taken once.
        self._taken = itertools.count()
        self._left = pieces
        self._lock = threading.Lock()
        self._finished = threading.Event()
        self.failure: BaseException | None = None

    def work(self) -> None:
        """Take pieces until none is left."""
        while (i := next(self._taken)) < self._pieces:
            try:
                assert self._part is not None
                self._part(self._count * i // self._pieces, self._count * (i + 1) // self._pieces)
            except BaseException as error:  # the others must be waited for; `split` raises it
                self.failure = error
            with self._lock:
                self._left -= 1
                if self._left == 0:
                    # A helper may find this job later: it must not keep arrays alive until then.
                    self._part = None
                    self._finished.set()

    def wait(self) -> None:
        """Until every piece is done."""
        self._finished.wait()


class _Here(threading.local):
    """Whether this thread is at work on a part."""

    sharing = False


class Workers:
    """`threads` - 1 helpers beside the calling thread. Started at the first call that needs them, ended by `close`. `check` is
    called by operations between pieces of what may take long, on any thread; what it raises comes out of `split`."""

    def __init__(self, threads: int | None = None, check: Callable[[], None] = lambda: None) -> None:
        self.threads = default_threads() if threads is None else max(1, threads)
        self.check = check
        self._jobs: list[SimpleQueue[_Job | None]] = []
        self._helpers: list[threading.Thread] = []
        self._here = _Here()

    @property
    def sharing(self) -> bool:
        """Whether the calling thread is inside a part: the others are busy then."""
        return self._here.sharing

    def split(self, part: Part, count: int) -> None:
        """Call `part(first, end)` on contiguous ranges that cover range(count), on all threads; return when all are done. Inside
        a part the other threads are busy already: all of range(count) is then done here."""
        if self.threads == 1 or count <= 1 or self._here.sharing:
            part(0, count)
            return
        if not self._helpers:
            self._start()
        job = _Job(part, count, min(count, _PIECES * self.threads))
        for jobs in self._jobs:
            jobs.put(job)
        self._here.sharing = True
        try:
            job.work()
        finally:
            self._here.sharing = False
        job.wait()
        if job.failure is not None:
            raise job.failure

    def close(self) -> None:
        """End the helpers. Idempotent."""
        for jobs in self._jobs:
            jobs.put(None)
        for helper in self._helpers:
            helper.join()
        self._jobs, self._helpers = [], []

    def _start(self) -> None:
        for i in range(self.threads - 1):
            jobs: SimpleQueue[_Job | None] = SimpleQueue()
            helper = threading.Thread(target=self._serve, args=(jobs,), name=f"reference-{i + 1}", daemon=True)
            self._jobs.append(jobs)
            self._helpers.append(helper)
            helper.start()

    def _serve(self, jobs: SimpleQueue[_Job | None]) -> None:
        self._here.sharing = True
        with np.errstate(all="ignore"):
            while (job := jobs.get()) is not None:
                job.work()
                del job
