"""What a chat can be had with: the models that are installed, and the engines that were built of them. No widgets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication

from app import formats
from app.library.words import precision_text
from app.sentences import said

if TYPE_CHECKING:
    from core.schemas import GpuStatus, ModelsReply, ModelStatus

LARGE = 1_000_000_000  # bytes of weights that make a model slow on a processor


@dataclass(frozen=True, slots=True)
class Choice:
    """`name`: as requests take it. `about`: in one line. `size`: bytes of its weights. `problem`: why it cannot be used."""

    name: str
    about: str
    size: int
    context: int = 0
    problem: str = ""


def choices(models: ModelsReply | None) -> Iterator[Choice]:
    """Each model, followed by its engines."""
    if models is None:
        return
    loaded = {each.name: each for each in models.loaded}
    for model in models.installed:
        context = model.context or 0
        problem = said(model.problem, "model_unusable")
        if not model.complete:
            problem = QCoreApplication.translate(
                "PickerPopup", "Its download is not finished; go on with it on the page Models."
            )
        parts = [formats.size(model.size) if model.size else "", _context(context), *_state(loaded.get(model.name))]
        yield Choice(model.name, _line(parts), model.size, context, problem)
        for engine in model.engines:
            state = _state(loaded.get(engine.name), running=False)
            speed = formats.rate(engine.report.tokens_per_s) if engine.report and engine.report.tokens_per_s else ""
            parts = [precision_text(engine.precision), engine.backend, formats.size(engine.size), speed, *state]
            yield Choice(engine.name, _line(parts), engine.size, context, said(engine.problem, "engine_stale"))


def choice(models: ModelsReply | None, name: str) -> Choice | None:
    return next((each for each in choices(models) if each.name == name), None)


def doubt(found: Choice, gpus: list[GpuStatus]) -> str:
    """Why it may not do well on this computer; "" if nothing speaks against it."""
    if not gpus:
        return (
            QCoreApplication.translate("PickerPopup", "Without an NVIDIA GPU it answers slowly.")
            if found.size > LARGE
            else ""
        )
    largest = max(gpu.memory for gpu in gpus)
    if found.size <= largest:
        return ""
    text = QCoreApplication.translate(
        "PickerPopup",
        "Its weights ({size}) do not fit into the memory of the graphics card ({memory}); build an engine of it, on the page "
        "Models.",
    )
    return text.format(size=formats.size(found.size), memory=formats.memory(largest))


def _state(model: ModelStatus | None, running: bool = True) -> list[str]:
    """`running`: with the precision and the backend that it runs in."""
    if model is None:
        return []
    word = {
        "ready": QCoreApplication.translate("PickerPopup", "loaded"),
        "loading": QCoreApplication.translate("PickerPopup", "loading…"),
        "restarting": QCoreApplication.translate("PickerPopup", "restarting…"),
        "safe_mode": QCoreApplication.translate("PickerPopup", "safe mode"),
    }.get(model.state, model.state)
    return [model.precision or "", model.backend or "", word] if running else [word]


def _context(tokens: int) -> str:
    return (
        QCoreApplication.translate("PickerPopup", "{count} tokens").format(count=formats.number(tokens))
        if tokens
        else ""
    )


def _line(parts: list[str]) -> str:
    return " · ".join(part for part in parts if part)
