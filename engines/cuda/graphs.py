"""CUDA graphs: work enqueued once under capture, then replayed by one call."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

from engines.cuda.driver import Driver


class Graphs:
    """Executables by key, captured at first use or ahead of it."""

    def __init__(self, driver: Driver, stream: Any) -> None:
        self._driver = driver
        self._stream = stream
        self._executables: dict[Hashable, Any] = {}

    def __len__(self) -> int:
        return len(self._executables)

    def __contains__(self, key: Hashable) -> bool:
        return key in self._executables

    def capture(self, key: Hashable, work: Callable[[], None]) -> None:
        """Record what `work` enqueues. It must neither allocate nor wait."""
        call = self._driver.call
        mode = self._driver.api.CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL
        call("cuStreamBeginCapture", self._stream, mode)
        try:
            work()
        finally:
            graph = call("cuStreamEndCapture", self._stream)
        self._executables[key] = call("cuGraphInstantiate", graph, 0)
        call("cuGraphUpload", self._executables[key], self._stream)
        call("cuGraphDestroy", graph)

    def replay(self, key: Hashable) -> None:
        self._driver.call("cuGraphLaunch", self._executables[key], self._stream)

    def close(self) -> None:
        for executable in self._executables.values():
            self._driver.call("cuGraphExecDestroy", executable)
        self._executables.clear()
