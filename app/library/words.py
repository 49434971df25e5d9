"""Texts of the models page: stages, states, reasons, lines of a report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication

from app import formats
from app.sentences import said
from app.texts import QT_TRANSLATE_NOOP

if TYPE_CHECKING:
    from app.library.jobs import JobView
    from core.errors import DesksideError
    from core.schemas import FitPrecision, FitReply, HubModel, InstalledStatus, ReportCard

CONTEXT = "Library"

_STAGES = {
    "look up": QT_TRANSLATE_NOOP("Library", "Look up"),
    "check": QT_TRANSLATE_NOOP("Library", "Check"),
    "download": QT_TRANSLATE_NOOP("Library", "Download"),
    "install": QT_TRANSLATE_NOOP("Library", "Install"),
    "calibrate": QT_TRANSLATE_NOOP("Library", "Calibrate"),
    "quantize": QT_TRANSLATE_NOOP("Library", "Quantize"),
    "compile": QT_TRANSLATE_NOOP("Library", "Build"),
    "build": QT_TRANSLATE_NOOP("Library", "Build"),
    "verify": QT_TRANSLATE_NOOP("Library", "Verify"),
    "tune": QT_TRANSLATE_NOOP("Library", "Tune"),
    "measure": QT_TRANSLATE_NOOP("Library", "Measure"),
    "load": QT_TRANSLATE_NOOP("Library", "Load"),
    "copy": QT_TRANSLATE_NOOP("Library", "Copy"),
    "delete": QT_TRANSLATE_NOOP("Library", "Delete the old files"),
}
_STATES = {
    "queued": QT_TRANSLATE_NOOP("Library", "Waiting for its turn"),
    "running": QT_TRANSLATE_NOOP("Library", "Under way"),
    "waiting": QT_TRANSLATE_NOOP("Library", "Waiting for the service"),
    "paused": QT_TRANSLATE_NOOP("Library", "Paused"),
    "done": QT_TRANSLATE_NOOP("Library", "Done"),
    "failed": QT_TRANSLATE_NOOP("Library", "Failed"),
    "cancelled": QT_TRANSLATE_NOOP("Library", "Cancelled"),
}
_ACTIONS = {
    "pause": QT_TRANSLATE_NOOP("Library", "Pause"),
    "resume": QT_TRANSLATE_NOOP("Library", "Continue"),
    "retry": QT_TRANSLATE_NOOP("Library", "Try again"),
    "cancel": QT_TRANSLATE_NOOP("Library", "Cancel"),
    "dismiss": QT_TRANSLATE_NOOP("Library", "Dismiss"),
}
_PRECISIONS = {
    "bf16": QT_TRANSLATE_NOOP("Library", "16 bits, as published"),
    "fp16": QT_TRANSLATE_NOOP("Library", "16 bits"),
    "fp8": QT_TRANSLATE_NOOP("Library", "8 bits, floating point"),
    "int8": QT_TRANSLATE_NOOP("Library", "8 bits"),
    "w8a8": QT_TRANSLATE_NOOP("Library", "8 bits, activations too"),
    "nvfp4": QT_TRANSLATE_NOOP("Library", "4 bits, floating point"),
    "int4": QT_TRANSLATE_NOOP("Library", "4 bits"),
    "int4-awq": QT_TRANSLATE_NOOP("Library", "4 bits, calibrated"),
    "as stored": QT_TRANSLATE_NOOP("Library", "quantized by its authors"),
}


def stage_text(stage: str) -> str:
    return QCoreApplication.translate(CONTEXT, _STAGES[stage]) if stage in _STAGES else stage


def state_text(state: str) -> str:
    return QCoreApplication.translate(CONTEXT, _STATES[state]) if state in _STATES else state


def action_text(action: str) -> str:
    return QCoreApplication.translate(CONTEXT, _ACTIONS[action])


def precision_text(precision: str) -> str:
    """ "int4 (4 bits)"."""
    if precision not in _PRECISIONS:
        return precision
    return f"{precision} ({QCoreApplication.translate(CONTEXT, _PRECISIONS[precision])})"


def progress_text(job: JobView) -> str:
    """ "45 % · 3.1 GB of 6.9 GB · 12.0 MB/s · 5 min left"; what is not known is left out."""
    parts = []
    if job.share is not None:
        parts.append(formats.percent(job.share))
    if job.counts_bytes:
        parts.append(
            QCoreApplication.translate("Library", "{done} of {total}").format(
                done=formats.size(job.done), total=formats.size(job.total)
            )
        )
    if job.rate:
        parts.append(QCoreApplication.translate("Library", "{size}/s").format(size=formats.size(round(job.rate))))
    if job.eta is not None:
        parts.append(QCoreApplication.translate("Library", "{time} left").format(time=formats.duration(job.eta)))
    return " · ".join(parts)


def here_text(model: InstalledStatus) -> str:
    """The second line of an installed model."""
    if not model.complete:
        return QCoreApplication.translate("Library", "Download not finished")
    if model.problem:
        return QCoreApplication.translate("Library", "Cannot be used")
    parts = [formats.size(model.size)]
    if model.engines:
        parts.append(", ".join(engine.precision for engine in model.engines))
    if model.loaded or any(engine.loaded for engine in model.engines):
        parts.append(QCoreApplication.translate("Library", "loaded"))
    return " · ".join(parts)


def problem_text(model: InstalledStatus) -> str:
    """Why it cannot be used, "" if it can."""
    if not model.complete:
        return QCoreApplication.translate("Library", "Only a part of it was downloaded; continue the download.")
    return said(model.problem, "model_unusable")


def wants_token(error: DesksideError) -> bool:
    """Whether it is a gated model, and nobody gave an access token yet."""
    return error.code == "token_needed"


def found_text(model: HubModel) -> str:
    """The second line of a model on the Hub."""
    parts = []
    if model.parameters:
        parts.append(formats.parameters(model.parameters))
    downloads = QCoreApplication.translate("Library", "downloads: {number}")
    parts.append(downloads.format(number=formats.number(model.downloads)))
    if model.licence:
        parts.append(model.licence)
    if model.gated:
        parts.append(QCoreApplication.translate("Library", "asks for an accepted licence"))
    return " · ".join(parts)


def fit_text(fit: FitPrecision) -> str:
    """Whether a precision fits, and why not."""
    if not fit.fits:
        return QCoreApplication.translate("Library", "Does not fit: {reason}").format(reason=_reason(fit))
    sizes = QCoreApplication.translate("Library", "{needed} of {available} free").format(
        needed=formats.memory(fit.needed_bytes), available=formats.memory(fit.available_bytes)
    )
    parts = [
        sizes,
        QCoreApplication.translate("Library", "up to {tokens} tokens per chat").format(
            tokens=formats.number(fit.max_context)
        ),
    ]
    if fit.max_tokens_per_s:
        parts.append(
            QCoreApplication.translate("Library", "at most {rate}").format(rate=formats.rate(fit.max_tokens_per_s))
        )
    return " · ".join(parts)


def _reason(fit: FitPrecision) -> str:
    if fit.lacks_capability is not None:
        number = ".".join(map(str, fit.lacks_capability))
        return QCoreApplication.translate(
            "Library", "this card lacks it (compute capability {number} is needed)"
        ).format(number=number)
    if fit.needed_bytes > fit.available_bytes:
        return QCoreApplication.translate("Library", "it needs {needed}, {available} are free").format(
            needed=formats.memory(fit.needed_bytes), available=formats.memory(fit.available_bytes)
        )
    return fit.reason or ""


def advice_text(reply: FitReply) -> str:
    """What the figures of a fit come to, in one sentence."""
    context = formats.number(reply.context)
    if reply.recommended == "as stored":
        text = QCoreApplication.translate(
            "Library", "It fits as its authors quantized it, with {context} tokens of context."
        )
        return text.format(context=context)
    if reply.recommended:
        text = QCoreApplication.translate(
            "Library", "{precision} is the most faithful that fits on {gpu} with {context} tokens of context."
        )
        return text.format(precision=reply.recommended, gpu=reply.gpu.name, context=context)
    shorter = max((fit.max_context for fit in reply.precisions), default=0)
    if shorter:
        text = QCoreApplication.translate(
            "Library", "Nothing fits on {gpu} with {context} tokens of context; {shorter} tokens would."
        )
        return text.format(gpu=reply.gpu.name, context=context, shorter=formats.number(shorter))
    text = QCoreApplication.translate("Library", "Nothing fits on {gpu}; choose a smaller model.")
    return text.format(gpu=reply.gpu.name)


_WHY = {
    "preferred": QT_TRANSLATE_NOOP(
        "Library", "It runs on the graphics card, and was compared with the processor's results there."
    ),
    "no_device": QT_TRANSLATE_NOOP(
        "Library",
        "It runs on the processor, as no NVIDIA graphics card with a new enough driver was found when it was built.",
    ),
    "fallback": QT_TRANSLATE_NOOP(
        "Library", "It runs on the processor, as it could not be built or checked for the graphics card."
    ),
    "untried": QT_TRANSLATE_NOOP(
        "Library", "It was built for another graphics card than this computer's, and has not run on one yet."
    ),
    "asked": QT_TRANSLATE_NOOP("Library", "Its backend was asked for: {backend}."),
}


def why_text(report: ReportCard, backend: str) -> str:
    """Why the engine has this backend; the service's own words where it is of an earlier version."""
    if report.why in _WHY:
        return QCoreApplication.translate(CONTEXT, _WHY[report.why]).format(backend=backend)
    return report.reason


def report_lines(report: ReportCard) -> list[tuple[str, str]]:
    """What a build measured, as (what, value); what was not measured is left out."""
    translate = QCoreApplication.translate
    lines = [(translate("Library", "Size on disk"), formats.size(report.size_bytes))]
    if report.predicted_bytes is not None and report.actual_bytes is not None:
        text = translate("Library", "{actual} (predicted {predicted})").format(
            actual=formats.memory(report.actual_bytes), predicted=formats.memory(report.predicted_bytes)
        )
        lines.append((translate("Library", "Memory"), text))
    elif report.predicted_bytes is not None:
        lines.append((translate("Library", "Memory, predicted"), formats.memory(report.predicted_bytes)))
    if report.first_token_s is not None:
        text = translate("Library", "{ms} ms for a prompt of {tokens} tokens").format(
            ms=formats.number(1000 * report.first_token_s), tokens=formats.number(report.prompt_tokens)
        )
        lines.append((translate("Library", "First token"), text))
    if report.tokens_per_s is not None:
        lines.append((translate("Library", "Speed"), formats.rate(report.tokens_per_s)))
    if report.quality is not None:
        quality = report.quality
        text = translate("Library", "{now} (unquantized {before})").format(
            now=formats.number(quality.perplexity, 2), before=formats.number(quality.unquantized_perplexity, 2)
        )
        lines.append((translate("Library", "Perplexity"), text))
        lines.append((translate("Library", "Same next token"), formats.percent(quality.top1_agreement)))
    if report.checked_tokens:
        text = translate("Library", "{tokens} tokens compared with the reference").format(
            tokens=formats.number(report.checked_tokens)
        )
        lines.append((translate("Library", "Checked"), text))
    if report.build_s:
        lines.append((translate("Library", "Built in"), formats.duration(report.build_s)))
    return lines
