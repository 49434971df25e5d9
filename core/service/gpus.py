"""The GPUs of this machine as they are now: memory in use and load, of all of them, and why there are none."""

from __future__ import annotations

import asyncio
import ctypes
import importlib
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from core.schemas import GpuStatus

FRESH_S = 0.5


@dataclass(frozen=True, slots=True)
class Gpus:
    """`reason`: why `found` is empty, as in core.schemas.Status."""

    found: tuple[GpuStatus, ...] = ()
    reason: str = ""


class GpuWatch:
    """Asks the driver (NVML) off the event loop, at most once in FRESH_S seconds for all who want to know."""

    def __init__(self) -> None:
        self._last = Gpus()
        self._read_at = float("-inf")
        self._lock = asyncio.Lock()

    async def read(self) -> Gpus:
        async with self._lock:
            if time.monotonic() - self._read_at >= FRESH_S:
                self._last = await asyncio.to_thread(read_gpus)
                self._read_at = time.monotonic()
            return self._last


def read_gpus() -> Gpus:
    """Blocks for some milliseconds. Never raises: a driver in trouble is a reason."""
    try:
        nvml: Any = importlib.import_module("pynvml")
    except ImportError:
        return Gpus(reason="no_package" if _has_driver() else "no_driver")
    try:
        nvml.nvmlInit()
    except Exception as error:  # its library is not there (no driver), or does not fit the kernel's part
        missing = type(error).__name__ in ("NVMLError_LibraryNotFound", "NVMLError_DriverNotLoaded")
        return Gpus(reason="no_driver" if missing else "driver_fault")
    found = []
    try:
        for index in range(nvml.nvmlDeviceGetCount()):
            with suppress(Exception):  # one that fell off the bus is no reason to ignore the others
                found.append(_status(nvml, index))
    except Exception:
        return Gpus(reason="driver_fault")
    finally:
        with suppress(Exception):
            nvml.nvmlShutdown()
    return Gpus(tuple(found), "" if found else "no_device")


def _has_driver() -> bool:
    """Whether the driver's own library is there."""
    try:
        ctypes.CDLL("nvml.dll" if sys.platform == "win32" else "libnvidia-ml.so.1")
    except OSError:
        return False
    return True


def _status(nvml: Any, index: int) -> GpuStatus:
    handle = nvml.nvmlDeviceGetHandleByIndex(index)
    name = nvml.nvmlDeviceGetName(handle)
    memory = nvml.nvmlDeviceGetMemoryInfo(handle)
    status = GpuStatus(
        index=index,
        name=name.decode() if isinstance(name, bytes) else str(name),
        memory=int(memory.total),
        used=int(memory.used),
    )
    with suppress(Exception):  # not every driver tells (a card that is shared between machines does not)
        status.load = int(nvml.nvmlDeviceGetUtilizationRates(handle).gpu)
    with suppress(Exception):
        major, minor = nvml.nvmlDeviceGetCudaComputeCapability(handle)
        status.capability = (int(major), int(minor))
    return status
