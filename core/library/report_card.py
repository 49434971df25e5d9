"""The report card of an engine: as lines for people, and as JSON (core.schemas.ReportCard)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from core.library.engines import BuiltEngine
from engines.api.manifest import Manifest, Report

_GIB = 1 << 30


def card_json(manifest: Manifest) -> dict[str, Any] | None:
    report = manifest.report
    if report is None:
        return None
    quality = report.quality
    return {
        "size_bytes": report.size_bytes,
        "predicted_bytes": report.predicted_bytes,
        "actual_bytes": report.actual_bytes,
        "memory_of": report.memory_of,
        "first_token_s": report.first_token_s,
        "prompt_tokens": report.prompt_tokens,
        "tokens_per_s": report.tokens_per_s,
        "checked_tokens": report.checked_tokens,
        "max_difference": report.max_difference,
        "quality": None
        if quality is None
        else {
            "tokens": quality.tokens,
            "perplexity": quality.perplexity,
            "unquantized_perplexity": quality.unquantized_perplexity,
            "top1_agreement": quality.top1_agreement,
        },
        "reason": report.backend_reason,
        "why": report.backend_why,
        "build_s": round(sum(report.stages.values()), 3),
        "peak_bytes": report.peak_bytes,
    }


def engine_json(engine: BuiltEngine) -> dict[str, Any]:
    """As `list --json` prints it and the service answers it (core.schemas.EngineStatus)."""
    manifest = engine.manifest
    return {
        "name": engine.name,
        "model": manifest.model if manifest else "",
        "precision": manifest.precision if manifest else "",
        "backend": manifest.backend if manifest else "",
        "gpu": manifest.device.name if manifest and manifest.device else "",
        "size": manifest.size if manifest else 0,
        "created": manifest.created if manifest else "",
        "folder": str(engine.folder),
        "problem": engine.problem,
        "report": card_json(manifest) if manifest else None,
    }


def card_lines(manifest: Manifest) -> Iterator[str]:
    """A few lines for a terminal."""
    report = manifest.report
    if report is None:
        return
    yield f"size            {_size(report.size_bytes)}, built {manifest.created}, {sum(report.stages.values()):.1f} s"
    yield f"memory          {_memory(report)}"
    if report.first_token_s is not None:
        yield f"first token     {report.first_token_s * 1000:,.0f} ms after a prompt of {report.prompt_tokens} tokens"
    if report.tokens_per_s is not None:
        yield f"speed           {report.tokens_per_s:,.1f} tokens/s for one chat"
    quality = report.quality
    if quality is not None:
        loss = quality.perplexity / quality.unquantized_perplexity - 1
        yield (
            f"quality         perplexity {quality.perplexity:.3f}, unquantized {quality.unquantized_perplexity:.3f} ({loss:+.1%}); "
            f"same next token {quality.top1_agreement:.1%} of {quality.tokens} times"
        )
    if report.checked_tokens:
        within = f"log-probabilities within {report.max_difference:.2g}"
        yield f"checked         {report.checked_tokens} tokens against the reference, {within}"
    if report.backend_reason:
        yield f"backend         {report.backend_reason}"


def _memory(report: Report) -> str:
    where = {"gpu": "on the GPU", "process": "of the process"}.get(report.memory_of, "")
    predicted = _size(report.predicted_bytes) if report.predicted_bytes is not None else "unknown"
    actual = f"{_size(report.actual_bytes)} {where}" if report.actual_bytes is not None else "unknown"
    return f"predicted {predicted}, actual {actual}".rstrip()


def _size(count: int) -> str:
    return f"{count / _GIB:.2f} GiB" if count >= _GIB // 10 else f"{count / (1 << 20):.1f} MiB"
