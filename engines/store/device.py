"""The GPU and driver that an engine belongs to, as its manifest names them."""

from __future__ import annotations

from engines.api.driver import driver_version
from engines.api.errors import EngineError
from engines.api.manifest import DeviceInfo


def find_device(index: int = 0) -> DeviceInfo:
    """The GPU as the CUDA backend sees it. Opens a CUDA context, so call it in a process that may die of it. Raises DeviceError
    or UnsupportedError, saying why there is none that can be used."""
    from engines.cuda.driver import Driver

    driver = Driver(index)
    try:
        info = driver.info
        return DeviceInfo(info.name, f"sm_{info.arch}", info.memory, driver_version() or f"CUDA {info.driver}")
    finally:
        driver.release()


def device_or_reason(index: int = 0) -> DeviceInfo | str:
    """The device, or why there is none, as a sentence."""
    try:
        return find_device(index)
    except EngineError as error:
        return str(error)
