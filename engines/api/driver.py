"""The driver's version, as manifests, messages and `doctor` name it."""

from __future__ import annotations

import importlib
from contextlib import suppress
from typing import Any


def driver_version() -> str | None:
    """The NVIDIA driver's own version, such as 580.65.06, asked of NVML; None without a driver or nvidia-ml-py."""
    with suppress(Exception):  # no package, no driver, or one that refuses
        nvml: Any = importlib.import_module("pynvml")
        nvml.nvmlInit()
        try:
            version = nvml.nvmlSystemGetDriverVersion()
        finally:
            nvml.nvmlShutdown()
        return version.decode() if isinstance(version, bytes) else str(version)
    return None
