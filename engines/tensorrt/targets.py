"""GPUs that plans are built for, and what runs on which: refused beforehand, by name, with what does work."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from engines.api.errors import UnsupportedError
from engines.tensorrt.weights import ElementType


@dataclass(frozen=True, slots=True)
class Target:
    """`arch`: compute capability as 10 * major + minor. `cards`: which GPUs that is, for messages."""

    name: str
    arch: int
    cards: str

    @property
    def compute(self) -> ElementType:
        """The 16-bit type used where the model does not decide: Turing has no bf16."""
        return "fp16" if self.arch < 80 else "bf16"

    @property
    def kinds(self) -> tuple[str, ...]:
        """Precisions that were built for it."""
        return ("fp16",) if self.arch < 80 else ("fp16", "bf16")

    def __str__(self) -> str:
        return f"{self.name} ({self.cards})"


TARGETS: Final[dict[str, Target]] = {
    target.name: target
    for target in (
        Target("sm75", 75, "GeForce RTX 20"),
        Target("sm80", 80, "A100, A30"),
        Target("sm86", 86, "GeForce RTX 30, RTX A6000"),
        Target("sm89", 89, "GeForce RTX 40, RTX 6000 Ada, L40S"),
        Target("sm120", 120, "GeForce RTX 50, RTX PRO 6000 Blackwell"),
        Target("sm121", 121, "GB10"),
    )
}


def parse_targets(text: str) -> tuple[Target, ...]:
    """ "sm89", "89", "8.9" or several with commas. Raises UnsupportedError for one that TensorRT for RTX does not build for."""
    found: dict[str, Target] = {}
    for word in text.split(","):
        name = "sm" + re.sub(r"[^0-9]", "", word)
        if name not in TARGETS or not re.fullmatch(r"\s*(sm_?)?\d+(\.\d)?\s*", word, re.IGNORECASE):
            raise UnsupportedError(
                f"TensorRT for RTX builds for {', '.join(TARGETS)}, not for {word.strip()!r}; choose one of these, or take "
                f"--backend cuda."
            )
        found[name] = TARGETS[name]
    return tuple(found.values())


def target_of(arch: int) -> Target:
    """The target of a GPU that is here. Raises UnsupportedError."""
    return parse_targets(f"sm{arch}")[0]


def check_targets(compute: ElementType, targets: Iterable[Target]) -> None:
    """Raises UnsupportedError, naming precision and GPU and what does work there, before anything is built."""
    for target in targets:
        if compute not in target.kinds:
            others = ", ".join(other.name for other in TARGETS.values() if compute in other.kinds)
            raise UnsupportedError(
                f"The precision {compute} does not run on {target} with TensorRT; what does there: "
                f"{', '.join(target.kinds)}; or build for {others}."
            )
