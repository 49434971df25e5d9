"""Memory as the system tells it: of this process where it can, else the difference, else nothing."""

from __future__ import annotations

import mmap
import os
import sys
import time
from types import SimpleNamespace
from typing import Any

import pytest

from engines.measure import PeakMemory, anonymous_bytes, gpu_bytes


def nvml(used: int, processes: list[Any]) -> Any:
    return SimpleNamespace(
        nvmlInit=lambda: None,
        nvmlShutdown=lambda: None,
        nvmlDeviceGetHandleByIndex=lambda index: index,
        nvmlDeviceGetComputeRunningProcesses=lambda handle: processes,
        nvmlDeviceGetMemoryInfo=lambda handle: SimpleNamespace(used=used),
    )


def test_a_gpu_tells_of_this_process_else_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    others = SimpleNamespace(pid=1, usedGpuMemory=99)
    monkeypatch.setitem(sys.modules, "pynvml", nvml(500, [others, SimpleNamespace(pid=os.getpid(), usedGpuMemory=42)]))
    assert gpu_bytes(before=300) == 42
    monkeypatch.setitem(
        sys.modules, "pynvml", nvml(500, [others, SimpleNamespace(pid=os.getpid(), usedGpuMemory=None)])
    )
    assert gpu_bytes() == 500
    assert gpu_bytes(before=300) == 200
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert gpu_bytes() is None


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
def test_the_peak_is_seen_though_it_is_over() -> None:
    assert sys.platform == "linux"  # the types of other systems do not know these flags
    before = anonymous_bytes()
    assert before is not None
    # Fresh pages from the system: what the allocator hands out may be memory that this process has held for long.
    with PeakMemory() as memory, mmap.mmap(-1, 80_000_000, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as block:
        block.write(bytes([1]) * len(block))
        time.sleep(0.2)
    assert memory.peak is not None
    assert memory.peak > before + 70_000_000
