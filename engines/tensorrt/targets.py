"""GPUs that plans are built for, and what runs on which: refused beforehand, by name, with what does work."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from engines.api.errors import UnsupportedError
from engines.network import ops
from engines.network.schemes import Scheme
from engines.tensorrt.library import Kind
from engines.tensorrt.linear import check_scheme
from engines.tensorrt.pieces import Piece
from engines.tensorrt.weights import ElementType


@dataclass(frozen=True, slots=True)
class Target:
    """`arch`: compute capability as 10 * major + minor. `cards`: which GPUs that is, for messages. `library`: of the two."""

    name: str
    arch: int
    cards: str
    library: Kind = "rtx"

    @property
    def compute(self) -> ElementType:
        """The 16-bit type used where the model does not decide: Turing has no bf16."""
        return "fp16" if self.arch < 80 else "bf16"

    @property
    def kinds(self) -> tuple[str, ...]:
        """Kinds of precision (`kind_of`) that run here, by our own builds and NVIDIA's matrix (docs/tensorrt.md)."""
        found = ["fp16"]
        if self.arch >= 80:
            found += ["bf16", "int8", "w8a8", "int4"]
        if self.arch >= 89:
            found.append("fp8")
        if self.arch >= 100:
            found.append("nvfp4")
        return tuple(found)

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

# TensorRT for RTX does not build for these; the full library does, on that very GPU and for it alone.
DATACENTER: Final[dict[str, Target]] = {
    target.name: target
    for target in (Target("sm90", 90, "H100, H200", "datacenter"), Target("sm100", 100, "B200", "datacenter"))
}


def parse_targets(text: str) -> tuple[Target, ...]:
    """ "sm89", "89", "8.9" or several with commas. Raises UnsupportedError for one that neither library builds for, and for
    several of which one is a data-centre GPU's."""
    found: dict[str, Target] = {}
    for word in text.split(","):
        name = "sm" + re.sub(r"[^0-9]", "", word)
        target = TARGETS.get(name) or DATACENTER.get(name)
        if target is None or not re.fullmatch(r"\s*(sm_?)?\d+(\.\d)?\s*", word, re.IGNORECASE):
            raise UnsupportedError(
                f"TensorRT for RTX builds for {', '.join(TARGETS)}, not for {word.strip()!r}; choose one of these, or take "
                f"--backend cuda."
            )
        found[name] = target
    alone = next((target for target in found.values() if target.library == "datacenter"), None)
    if alone is not None and len(found) > 1:
        raise UnsupportedError(f"Plans for {alone} are for that GPU alone; build for the others apart.")
    return tuple(found.values())


def target_of(arch: int) -> Target:
    """The target of a GPU that is here. Raises UnsupportedError."""
    return parse_targets(f"sm{arch}")[0]


def kind_of(scheme: Scheme) -> str:
    """What decides where a scheme runs: int8 (weight-only), w8a8, int4, fp8 or nvfp4."""
    return "w8a8" if scheme.weights == "int8" and scheme.activations is not None else scheme.weights


def check_targets(
    linears: Iterable[tuple[Scheme | None, int]], compute: ElementType, targets: Iterable[Target]
) -> None:
    """Raises UnsupportedError, naming precision and GPU and what does work there, before anything is built. `linears`: scheme and
    number of columns of each."""
    wanted: dict[str, str] = {compute: compute}
    for scheme, width in linears:
        if scheme is not None:
            check_scheme(scheme, width)
            wanted[kind_of(scheme)] = scheme.label
    for target in targets:
        for kind, label in wanted.items():
            if kind not in target.kinds:
                others = ", ".join(other.name for other in (TARGETS | DATACENTER).values() if kind in other.kinds)
                raise UnsupportedError(
                    f"The precision {label} does not run on {target} with TensorRT; what does there: "
                    f"{', '.join(target.kinds)}; or build for {others}."
                )


def linears_of(pieces: Iterable[Piece], shapes: Mapping[str, tuple[int, ...]]) -> list[tuple[Scheme | None, int]]:
    """What `check_targets` wants to know. `shapes`: of parameters."""
    return [
        (node.op.scheme, shapes[node.op.weights[0]][1])
        for piece in pieces
        for node in piece.nodes
        if isinstance(node.op, ops.Linear)
    ]
