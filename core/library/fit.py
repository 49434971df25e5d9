"""Will a model fit? Weights, KV pool, workspace, runtime and what others use, each shown, for every precision.

    weights    linear layers in the precision, with their scales; embeddings, lm_head and norms in 16 bits
    KV pool    2 x layers x KV heads x head size x 2 bytes per token, for K chats of N tokens, in pages of 16 tokens
    workspace  activations of one step of at most 512 tokens, logits of the rows sampled, scratch of the matrix library
    runtime    the CUDA context, its modules and graphs
    others     what the driver says is in use now, or for a GPU elsewhere an assumption

Workspace and runtime are estimates; the prediction is kept with an engine and shown beside what it really took.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from core.errors import InvalidRequest
from core.library.gpus import Gpu
from core.library.shape import ModelShape

PAGE = 16
_STEP_TOKENS = 512
_MIB = 1 << 20
_SCRATCH = 64 * _MIB  # cuBLASLt asks for 32 MiB on Hopper and Blackwell, 4 MiB before; and sampling's sort
_RUNTIME = 512 * _MIB
_RESERVE = 0.02  # of the GPU's memory: fragmentation, and what a display takes for a moment


@dataclass(frozen=True, slots=True)
class Precision:
    """`bits` per weight of a linear layer; `scale_bytes` per `group` columns of a row (None: per row). `capability`: the least
    compute capability whose tensor cores or kernels take it (TensorRT for RTX, support matrix)."""

    name: str
    bits: int
    capability: tuple[int, int]
    scale_bytes: int = 0
    group: int | None = None


# From the most faithful to the least, as the recommendation goes.
PRECISIONS = (
    Precision("bf16", 16, (8, 0)),
    Precision("fp16", 16, (7, 5)),
    Precision("fp8", 8, (8, 9), scale_bytes=4),
    Precision("int8", 8, (8, 0), scale_bytes=2),
    Precision("nvfp4", 4, (10, 0), scale_bytes=1, group=16),
    Precision("int4", 4, (8, 0), scale_bytes=2, group=128),
)


@dataclass(frozen=True, slots=True)
class Fit:
    """One precision, in bytes. `reason`: why it cannot be used, "" if it can; `lacks`: the compute capability it takes, where that
    is why. `max_context`: tokens per chat that would fit.
    `tokens_per_s`: no more than this for one chat, as each token reads all weights once; None: bandwidth unknown."""

    precision: str
    weights: int
    kv: int
    workspace: int
    runtime: int
    others: int
    available: int
    reason: str
    max_context: int
    tokens_per_s: float | None
    lacks: tuple[int, int] | None = None

    @property
    def needed(self) -> int:
        """Without what others use."""
        return self.weights + self.kv + self.workspace + self.runtime


@dataclass(frozen=True, slots=True)
class Advice:
    """`precision` None: none fits. `sentence`: why."""

    precision: str | None
    sentence: str


def precision_named(name: str, shape: ModelShape) -> Precision:
    """The row for a precision that engines are built in (`int4-awq`, `w8a8`, ...), or for a checkpoint that is quantized already.
    Raises InvalidRequest."""
    if shape.quantized or name == "stored":
        return Precision("as stored", 0, (7, 5))
    plain = {"w8a8": "int8"}.get(name, name.partition("-")[0])
    for precision in PRECISIONS:
        if precision.name == plain:
            return precision
    known = ", ".join(precision.name for precision in PRECISIONS)
    raise InvalidRequest(f"There is no precision '{name}'; there are {known}, and their variants.", "precision")


def fit_one(shape: ModelShape, gpu: Gpu, context: int, chats: int, precision: str) -> Fit:
    """For one precision by its name. Raises InvalidRequest."""
    return _fit(shape, gpu, context, chats, precision_named(precision, shape))


def host_bytes(shape: ModelShape, tokens: int) -> int:
    """What the reference backend takes of the machine's memory: weights and a KV cache of `tokens` tokens in 32 bits, beside some
    60 MiB for Python and its libraries."""
    return 4 * shape.parameters + 2 * tokens * _kv_per_token(shape) + 60 * _MIB


def fit(shape: ModelShape, gpu: Gpu, context: int, chats: int) -> list[Fit]:
    """For every precision, or for the checkpoint's own alone where it is quantized already. Raises InvalidRequest."""
    if context < 1 or chats < 1:
        raise InvalidRequest("A context of at least one token and at least one chat are needed.")
    if context > shape.context:
        raise InvalidRequest(f"The model's context has {shape.context:,} tokens, {context:,} are asked for.", "context")
    precisions = (Precision("as stored", 0, (7, 5)),) if shape.quantized else PRECISIONS
    return [_fit(shape, gpu, context, chats, precision) for precision in precisions]


def recommend(fits: list[Fit], shape: ModelShape, gpu: Gpu, context: int, chats: int) -> Advice:
    """The most faithful precision that fits; the checkpoint's own 16-bit type before the other."""
    wanted = f"{context:,} tokens" + (f" x {chats} chats" if chats > 1 else "")
    order = sorted(fits, key=lambda item: item.precision != ("fp16" if shape.dtype == "F16" else "bf16"))
    usable = [item for item in order if not item.reason]
    if not usable:
        closest = min(fits, key=lambda item: item.needed)
        shorter = max(item.max_context for item in fits)
        hint = f"at most {shorter:,} tokens per chat would fit" if shorter else "a smaller model is needed"
        return Advice(
            None, f"No precision fits on {gpu.name} with {wanted}: {closest.precision} {closest.reason}; {hint}."
        )
    best = usable[0]
    better = order[: order.index(best)]
    why = f"{best.precision} is the most faithful that fits with {wanted}"
    if better:
        why += f"; {better[0].precision} {better[0].reason}"
    quick = min(usable, key=lambda item: item.weights)
    if quick.weights < best.weights and best.tokens_per_s and quick.tokens_per_s:
        ratio = quick.tokens_per_s / best.tokens_per_s
        why += f". {quick.precision} could be up to {ratio:.1f} times as fast, at some loss of quality"
    return Advice(best.precision, why + ".")


def weight_bytes(shape: ModelShape, precision: Precision) -> int:
    """Of the whole model in that precision."""
    if not precision.bits:
        return shape.stored
    total = shape.kept * 2
    for rows, columns in shape.linear:
        groups = 1 if precision.group is None else math.ceil(columns / precision.group)
        total += rows * (math.ceil(columns * precision.bits / 8) + groups * precision.scale_bytes)
    return total


def kv_bytes(shape: ModelShape, context: int, chats: int) -> int:
    """Of a 16-bit KV pool."""
    return chats * math.ceil(context / PAGE) * PAGE * _kv_per_token(shape)


def _fit(shape: ModelShape, gpu: Gpu, context: int, chats: int, precision: Precision) -> Fit:
    weights, kv = weight_bytes(shape, precision), kv_bytes(shape, context, chats)
    qkv = (shape.heads + 2 * shape.kv_heads) * shape.head_dim
    per_token = 2 * (4 * shape.hidden + 3 * shape.intermediate + qkv)
    workspace = _STEP_TOKENS * per_token + max(chats, 1) * shape.vocab * 4 * 2 + _SCRATCH
    available = max(0, int(gpu.memory * (1 - _RESERVE)) - gpu.others)
    spare = available - weights - workspace - _RUNTIME
    pages = max(0, spare) // (chats * PAGE * _kv_per_token(shape))
    reason = ""
    if gpu.capability < precision.capability:
        reason = f"needs compute capability {_dotted(precision.capability)}, this GPU has {_dotted(gpu.capability)}"
    elif spare < kv:
        reason = f"would need {_gb(kv - spare + available)} of the {_gb(available)} that are free"
    usable = gpu.capability >= precision.capability
    read = weights + kv_bytes(shape, context, 1) // 2  # halfway through the context
    return Fit(
        precision.name,
        weights,
        kv,
        workspace,
        _RUNTIME,
        gpu.others,
        available,
        reason,
        min(shape.context, pages * PAGE) if usable else 0,
        gpu.bandwidth / read if gpu.bandwidth else None,
        None if usable else precision.capability,
    )


def _kv_per_token(shape: ModelShape) -> int:
    return 2 * shape.layers * shape.kv_heads * shape.head_dim * 2


def _dotted(capability: tuple[int, int]) -> str:
    return f"{capability[0]}.{capability[1]}"


def _gb(size: int) -> str:
    return f"{size / (1 << 30):.1f} GiB"
