"""Texts of the settings: network calls, choices."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication

from app.texts import QT_TRANSLATE_NOOP

CONTEXT = "Settings"

# Network call -> when it is made, what it sends.
_CALLS = {
    "service": (
        QT_TRANSLATE_NOOP("Settings", "This computer only"),
        QT_TRANSLATE_NOOP(
            "Settings",
            "The window speaks to its own background service, at all times. It never leaves this computer.",
        ),
    ),
    "hub": (
        QT_TRANSLATE_NOOP("Settings", "Internet: huggingface.co"),
        QT_TRANSLATE_NOOP(
            "Settings",
            "Only when you search for a model, look at one, or download it. Sends the search words or the model's "
            "name, and your access token if you gave one. Never prompts, documents or answers.",
        ),
    ),
    "packs": (
        QT_TRANSLATE_NOOP("Settings", "Internet: pypi.org"),
        QT_TRANSLATE_NOOP(
            "Settings",
            "Only when you install the RTX pack (NVIDIA TensorRT for RTX), after its licence was shown. Sends the names of "
            "its files, nothing else.",
        ),
    ),
    "lan": (
        QT_TRANSLATE_NOOP("Settings", "Local network: other computers, port 8421"),
        QT_TRANSLATE_NOOP(
            "Settings", "Only while the switch above is on: programs on other computers that have the token can ask."
        ),
    ),
}
_BACKENDS = {
    "auto": QT_TRANSLATE_NOOP("Settings", "Automatic: the fastest that works here"),
    "cuda": QT_TRANSLATE_NOOP("Settings", "CUDA: NVIDIA GPU"),
    "tensorrt": QT_TRANSLATE_NOOP("Settings", "TensorRT: NVIDIA GPU"),
    "reference": QT_TRANSLATE_NOOP("Settings", "Reference: the processor"),
}


_LOG_LEVELS = {
    "debug": QT_TRANSLATE_NOOP("Settings", "Everything, to find a fault"),
    "info": QT_TRANSLATE_NOOP("Settings", "What happens"),
    "warning": QT_TRANSLATE_NOOP("Settings", "Warnings and errors"),
    "error": QT_TRANSLATE_NOOP("Settings", "Errors only"),
}


def log_level_text(level: str) -> str:
    return QCoreApplication.translate(CONTEXT, _LOG_LEVELS[level]) if level in _LOG_LEVELS else level


def call_texts(call: str) -> tuple[str, str]:
    """(whom, when and what) of a network call."""
    whom, when = _CALLS[call]
    return QCoreApplication.translate(CONTEXT, whom), QCoreApplication.translate(CONTEXT, when)


def backend_text(backend: str) -> str:
    return QCoreApplication.translate(CONTEXT, _BACKENDS[backend]) if backend in _BACKENDS else backend
