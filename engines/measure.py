"""Memory of this process and of the GPU, as the system tells it; None where it does not."""

from __future__ import annotations

import importlib
import os
import threading
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

_STATUS = Path("/proc/self/status")
_EVERY = 0.05


def anonymous_bytes() -> int | None:
    """What this process has allocated and holds in memory: without mapped files, which the system may drop. Linux."""
    with suppress(OSError, ValueError, IndexError):
        for line in _STATUS.read_text().splitlines():
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) << 10
    return None


def gpu_bytes(index: int = 0, before: int | None = None) -> int | None:
    """What this process holds on a GPU: NVML's figure for it. Where the driver gives none per process (Windows), what is in use by
    all, less what was `before`."""
    with suppress(Exception):  # no package, no driver, no permission
        nvml: Any = importlib.import_module("pynvml")
        nvml.nvmlInit()
        try:
            handle = nvml.nvmlDeviceGetHandleByIndex(index)
            for process in nvml.nvmlDeviceGetComputeRunningProcesses(handle):
                if process.pid == os.getpid() and process.usedGpuMemory:
                    return int(process.usedGpuMemory)
            return max(0, int(nvml.nvmlDeviceGetMemoryInfo(handle).used) - (before or 0))
        finally:
            nvml.nvmlShutdown()
    return None


class PeakMemory:
    """`peak`: the most anonymous memory seen while inside `with`, looked at 20 times a second."""

    def __init__(self) -> None:
        self.peak: int | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="peak-memory", daemon=True)

    def __enter__(self) -> Self:
        self._look()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        self._look()

    def _look(self) -> None:
        now = anonymous_bytes()
        if now is not None:
            self.peak = max(self.peak or 0, now)

    def _watch(self) -> None:
        while not self._stop.wait(_EVERY):
            self._look()
