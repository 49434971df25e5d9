"""Which backend `auto` takes for an engine that was built for TensorRT: measured on this machine when it was built, kept beside the
plans. CUDA unless TensorRT agreed with the reference and was faster."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal

from engines.tensorrt.plans import PLANS

FILE: Final = "choice.json"
# TensorRT must be faster by this much: below it the difference is the measurement's.
MARGIN: Final = 1.02


@dataclass(frozen=True, slots=True)
class Choice:
    """`tensorrt`, `cuda`: tokens per second of one sequence, None where it was not measured. `reason`: a sentence."""

    backend: Literal["cuda", "tensorrt"]
    reason: str
    tensorrt: float | None = None
    cuda: float | None = None


def decide(tensorrt: float | None, cuda: float | str | None) -> Choice:
    """`cuda`: its tokens per second, or why it could not run. Called once TensorRT agreed with the reference."""
    if isinstance(cuda, str):
        return Choice("tensorrt", f"TensorRT runs it, because CUDA does not: {cuda}", tensorrt)
    if tensorrt is None or cuda is None:
        return Choice("cuda", "CUDA runs it, for the speed of both was not measured.", tensorrt, cuda)
    figures = f"{tensorrt:,.0f} tokens per second beside CUDA's {cuda:,.0f}"
    if tensorrt >= MARGIN * cuda:
        return Choice(
            "tensorrt", f"TensorRT runs it: it agrees with the reference here, and made {figures}.", tensorrt, cuda
        )
    return Choice("cuda", f"CUDA runs it: TensorRT agrees with the reference here, but made {figures}.", tensorrt, cuda)


def keep(engine: Path, choice: Choice) -> None:
    """Into the engine's folder."""
    (engine / PLANS / FILE).write_text(json.dumps(asdict(choice), indent=1), encoding="utf-8")


def recall(engine: Path) -> Choice | None:
    """What was kept; None for an engine that was not built, or not tried, for TensorRT here, and for a file that cannot be read."""
    try:
        values: dict[str, Any] = json.loads((engine / PLANS / FILE).read_text(encoding="utf-8"))
        if values["backend"] not in ("cuda", "tensorrt"):
            return None
        return Choice(values["backend"], str(values["reason"]), values.get("tensorrt"), values.get("cuda"))
    except (OSError, ValueError, KeyError, TypeError):
        return None
