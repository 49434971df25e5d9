"""How large a model a GPU takes, as a rule of thumb: the models page says it exactly for each model. No Qt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from core.schemas import GpuStatus

GIB = 1 << 30
# Beside the weights: context and working space of the engine, and chats of some thousand tokens.
BESIDE = int(1.7 * GIB)
RESERVE = 0.02
# Bytes per parameter with scales; embeddings stay in 16 bits, which the factor for 4 bits has in it.
BYTES = {16: 2.0, 8: 1.05, 4: 0.62}
LEAST = (7, 5)  # compute capability of Turing


@dataclass(frozen=True, slots=True)
class Machine:
    """`gpu`: the one with the most free memory. `state`: what the first run says."""

    state: Literal["waiting", "gpu", "old", "none"]
    gpu: GpuStatus | None = None
    reason: str = ""
    others: int = 0


def machine(gpus: list[GpuStatus], reason: str) -> Machine:
    """`reason`: why there is none, as core.schemas.Status has it."""
    if not gpus:
        return Machine("none", reason=reason)
    usable = [gpu for gpu in gpus if gpu.capability is None or gpu.capability >= LEAST]
    best = max(usable or gpus, key=lambda gpu: gpu.memory - gpu.used)
    return Machine("gpu" if usable else "old", best, others=len(gpus) - 1)


def largest(gpu: GpuStatus) -> dict[int, float]:
    """Bits -> billions of parameters that fit beside what is in use now, rounded down to half billions below ten; only where
    any do."""
    free = int(gpu.memory * (1 - RESERVE)) - gpu.used - BESIDE
    sizes = {bits: free / per / 1e9 for bits, per in BYTES.items()}
    rounded = {bits: int(size) if size >= 10 else int(size * 2) / 2 for bits, size in sizes.items()}
    return {bits: size for bits, size in rounded.items() if size > 0}
