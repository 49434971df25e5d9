"""A few threads that share one step's work: NumPy gives up the GIL inside a product, so they run at once.

What is shared out (blocks of a weight, tiles of attention) is computed the same way by whichever thread takes it, so the
number of threads never changes a result.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from queue import SimpleQueue

import numpy as np

Part = Callable[[int, int], None]


def default_threads() -> int:
    """The cores this process may use, at most 16: beyond that memory bandwidth is what counts."""
    affinity = getattr(os, "sched_getaffinity", None)
    return min(16, len(affinity(0)) if affinity else os.cpu_count() or 1)


class Workers:
    """`threads` - 1 helpers beside the calling thread. Started at the first call that needs them, ended by `close`."""

    def __init__(self, threads: int | None = None) -> None:
        self.threads = default_threads() if threads is None else max(1, threads)
        self._work: list[SimpleQueue[tuple[Part, int, int] | None]] = []
        self._done: SimpleQueue[BaseException | None] = SimpleQueue()
        self._helpers: list[threading.Thread] = []

    def split(self, part: Part, count: int) -> None:
        """Call `part(first, end)` on contiguous ranges that cover range(count), one per thread; return when all are done."""
        shares = min(self.threads, count)
        if shares <= 1:
            part(0, count)
            return
        if not self._helpers:
            self._start()
        bounds = [count * i // shares for i in range(shares + 1)]
        for i in range(1, shares):
            self._work[i - 1].put((part, bounds[i], bounds[i + 1]))
        failure: BaseException | None = None
        try:
            part(0, bounds[1])
        except BaseException as error:  # the helpers must be waited for, whatever happened here
            failure = error
        for _ in range(1, shares):
            failure = self._done.get() or failure
        if failure is not None:
            raise failure

    def close(self) -> None:
        """End the helpers. Idempotent."""
        for work in self._work:
            work.put(None)
        for helper in self._helpers:
            helper.join()
        self._work, self._helpers = [], []

    def _start(self) -> None:
        for i in range(self.threads - 1):
            work: SimpleQueue[tuple[Part, int, int] | None] = SimpleQueue()
            helper = threading.Thread(target=self._serve, args=(work,), name=f"reference-{i + 1}", daemon=True)
            self._work.append(work)
            self._helpers.append(helper)
            helper.start()

    def _serve(self, work: SimpleQueue[tuple[Part, int, int] | None]) -> None:
        with np.errstate(all="ignore"):
            while (task := work.get()) is not None:
                part, first, end = task
                try:
                    part(first, end)
                except BaseException as error:
                    self._done.put(error)
                else:
                    self._done.put(None)
                del part, task
