"""The operations of a network: small, typed, frozen. A backend is a table from these classes to code.

Shapes: T = packed tokens of a step (the only symbolic dimension), L = rows whose logits are wanted. Linear weights are
[out, in], as Hugging Face stores them: y = x @ w.T + b. Parameters are named; a name means one tensor of the bound weights.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

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
    `biases`: empty, or as many parameters [out_i]."""

    weights: tuple[str, ...]
    biases: tuple[str, ...] = ()


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
    scores. `alibi`: linear biases (Press et al. 2021). Before the fuse pass the op has three inputs q, k, v; after, one.
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


@dataclass(frozen=True, slots=True)
class Custom(Op):
    """A user's operation (engines.network.custom_op). Cuts a segment. `reference`: NumPy arrays in, NumPy arrays out, float32;
    `infer_shape`: widths of the inputs -> widths of the outputs; `cuda_source`: optional CUDA C++."""

    name: str
    infer_shape: Callable[..., tuple[int, ...]]
    reference: Callable[..., Any]
    params: tuple[str, ...] = ()
    attrs: tuple[tuple[str, Any], ...] = ()
    cuda_source: str | None = None
