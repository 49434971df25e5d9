"""The operations of a network: small, typed, frozen. A backend is a table from these classes to code.

Shapes: T = packed tokens of a step (the only symbolic dimension), L = rows whose logits are wanted. Linear weights are
[out, in], as Hugging Face stores them: y = x @ w.T + b. Parameters are named; a name means one tensor of the bound weights.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from engines.api.errors import ContractError
from engines.network.schemes import Scheme

Float32 = NDArray[np.float32]

ActivationKind = Literal["silu", "gelu", "gelu_tanh", "relu"]


@dataclass(frozen=True, slots=True)
class Op:
    """Base of all operations."""


@dataclass(frozen=True, slots=True)
class Embedding(Op):
    """ids [T] int32 -> [T, hidden]: rows of `weight` [vocab, hidden]."""

    weight: str


@dataclass(frozen=True, slots=True)
class Linear(Op):
    """x [T, in] -> [T, out]. `weights`: parameters [out_i, in] concatenated along out (one, or several after the fuse pass);
    `biases`: empty, or as many parameters [out_i]. `scheme`: how the weights are quantized, None as they are: 16 or 32 bits."""

    weights: tuple[str, ...]
    biases: tuple[str, ...] = ()
    scheme: Scheme | None = None


@dataclass(frozen=True, slots=True)
class RMSNorm(Op):
    """x [T, n] -> x / sqrt(mean(x^2) + eps) * weight (Zhang & Sennrich 2019)."""

    weight: str
    eps: float


@dataclass(frozen=True, slots=True)
class LayerNorm(Op):
    """x [T, n] -> (x - mean) / sqrt(var + eps) * weight + bias (Ba et al. 2016)."""

    weight: str
    bias: str | None
    eps: float


@dataclass(frozen=True, slots=True)
class Activation(Op):
    """Elementwise. gelu is exact (erf); gelu_tanh is the tanh approximation (GPT-2's gelu_new)."""

    kind: ActivationKind


@dataclass(frozen=True, slots=True)
class Add(Op):
    """a [T, n] + b [T, n]."""


@dataclass(frozen=True, slots=True)
class Mul(Op):
    """a [T, n] * b [T, n]."""


@dataclass(frozen=True, slots=True)
class Scale(Op):
    """x * factor."""

    factor: float


@dataclass(frozen=True, slots=True)
class SoftCap(Op):
    """cap * tanh(x / cap)."""

    cap: float


@dataclass(frozen=True, slots=True)
class GatherLogits(Op):
    """x [T, n] -> [L, n]: the rows named by the plan's logit_token."""


@dataclass(frozen=True, slots=True)
class AddRMSNorm(Op):
    """Fused residual + norm. (x [T, n], residual [T, n]) -> (sum = x + residual, RMSNorm(sum)). Made by the fuse pass."""

    weight: str
    eps: float


@dataclass(frozen=True, slots=True)
class GatedActivation(Op):
    """Fused gate. gate_up [T, 2 n] -> kind(gate) * up with gate = the first n columns. Made by the fuse pass."""

    kind: ActivationKind


@dataclass(frozen=True, slots=True)
class RopeScaling:
    """Frequency scaling. kind: "linear" (Chen et al. 2023), "llama3" (Llama 3.1), "yarn" (Peng et al. 2023)."""

    kind: Literal["linear", "llama3", "yarn"]
    factor: float
    original_max_position: int = 0
    low_freq_factor: float = 1.0
    high_freq_factor: float = 4.0
    beta_fast: float = 32.0
    beta_slow: float = 1.0
    truncate: bool = True  # yarn: round the corrected range to whole dimensions
    attention_factor: float = 1.0


@dataclass(frozen=True, slots=True)
class Rope:
    """Rotary embedding (Su et al. 2021) of the first `rotary_dim` of each head. interleaved: pairs (2i, 2i + 1), as GPT-J;
    otherwise (i, i + rotary_dim / 2), as Llama."""

    rotary_dim: int
    theta: float
    interleaved: bool = False
    scaling: RopeScaling | None = None


@dataclass(frozen=True, slots=True)
class Attention(Op):
    """Causal attention over the paged cache: qk-norm, RoPE, KV write, attention. Segments are cut here.

    qkv [T, (num_heads + 2 * num_kv_heads) * head_dim], columns q | k | v, heads in order -> [T, num_heads * head_dim].
    `layer`: index of its KV cache. `scale` multiplies q.k. `q_norm`, `k_norm`: RMSNorm weights [head_dim] applied per head
    before RoPE (Qwen3). `sliding_window` w: a token sees itself and the w - 1 before it. `soft_cap`: cap * tanh(s / cap) on
    scores. `alibi`: linear biases (Press et al. 2021). `sinks`: a parameter [num_heads], logits of a key that nobody wrote: each
    adds exp(sink) to its head's softmax denominator and nothing to the sum of values (gpt-oss, OpenAI 2025, arXiv 2508.10925; a
    learned form of the attention sinks of Xiao et al. 2023). As defined the op has three inputs q, k, v; after the fuse pass one,
    qkv, unless q, k and v are not plain linears of the same value (a norm over all heads between, say): then three remain.
    """

    layer: int
    num_heads: int
    num_kv_heads: int
    head_dim: int
    scale: float
    rope: Rope | None = None
    q_norm: str | None = None
    k_norm: str | None = None
    norm_eps: float = 1e-6
    sliding_window: int | None = None
    soft_cap: float | None = None
    alibi: bool = False
    sinks: str | None = None


@dataclass(frozen=True, slots=True)
class Custom(Op):
    """A user's operation (engines.network.custom_op). Cuts a segment.

    `infer_shape(*widths, **attrs)`: widths of the inputs -> widths of the outputs. `reference(*inputs, *params, **attrs)`:
    float32 arrays [T, width] of the inputs, then the parameters as float32 -> one float32 array, or a tuple of them if there
    are several outputs; call it through `run`, which checks. `cuda_source`: CUDA C++ for the GPU backends, or None.
    """

    name: str
    infer_shape: Callable[..., tuple[int, ...]]
    reference: Callable[..., Any]
    params: tuple[str, ...] = ()
    attrs: tuple[tuple[str, Any], ...] = ()
    cuda_source: str | None = None

    def run(self, inputs: Sequence[Float32], params: Sequence[Float32] = ()) -> tuple[Float32, ...]:
        """The reference on checked arrays: as many outputs, and as wide, as `infer_shape` says, float32, all T rows."""
        attrs = dict(self.attrs)
        result = self.reference(*inputs, *params, **attrs)
        outputs = result if isinstance(result, tuple) else (result,)
        widths = tuple(self.infer_shape(*(x.shape[1] for x in inputs), **attrs))
        expected = [(inputs[0].shape[0], width) for width in widths]
        shapes = [getattr(y, "shape", None) for y in outputs]
        if shapes != expected:
            raise ContractError(
                f"Custom operation {self.name} made {shapes} where its infer_shape promises {expected}."
            )
        return tuple(np.ascontiguousarray(y, np.float32) for y in outputs)
