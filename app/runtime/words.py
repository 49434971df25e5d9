"""The service's stable words, in the user's language."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication

from app.texts import QT_TRANSLATE_NOOP

_STATES = {
    "loading": QT_TRANSLATE_NOOP("Runtime", "loading"),
    "ready": QT_TRANSLATE_NOOP("Runtime", "ready"),
    "restarting": QT_TRANSLATE_NOOP("Runtime", "restarting"),
    "failed": QT_TRANSLATE_NOOP("Runtime", "failed"),
    "stopping": QT_TRANSLATE_NOOP("Runtime", "stopping"),
    "stopped": QT_TRANSLATE_NOOP("Runtime", "stopped"),
    "safe_mode": QT_TRANSLATE_NOOP("Runtime", "safe mode"),
}
_NO_GPU = {
    "no_package": QT_TRANSLATE_NOOP(
        "Runtime", "GPUs cannot be asked: the package nvidia-ml-py is not installed (it comes with the extra “gpu”)."
    ),
    "no_driver": QT_TRANSLATE_NOOP(
        "Runtime", "No NVIDIA driver was found. Models run on the processor; with an NVIDIA GPU, install its driver."
    ),
    "no_device": QT_TRANSLATE_NOOP(
        "Runtime", "The NVIDIA driver finds no GPU. Models run on the processor. After a driver update, restart."
    ),
    "driver_fault": QT_TRANSLATE_NOOP(
        "Runtime", "The NVIDIA driver does not answer. Models run on the processor until it does: restart the machine."
    ),
}


def state_text(state: str) -> str:
    """Of a model; a word that this version does not know is shown as it is."""
    return QCoreApplication.translate("Runtime", _STATES[state]) if state in _STATES else state


def no_gpu_text(reason: str) -> str:
    """A sentence; `reason` as in core.schemas.Status."""
    return QCoreApplication.translate("Runtime", _NO_GPU.get(reason, _NO_GPU["no_device"]))
