"""Tiny models in memory, a float64 oracle of any network, and a driver that feeds an engine any schedule of tokens."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from engines.api import PlanRow, SamplerParams, SlotInit, StepPlan
from engines.api.errors import WeightError
from engines.network import ops
from engines.network.builder import Builder
from engines.network.graph import Network
from engines.network.rope import cos_sin
from engines.network.schemes import Scheme
from engines.reference.engine import ReferenceEngine
from engines.weights import DType, Tensor


@dataclass
class MemoryModel:
    """What the engine needs of a model, without files: parameters are the checkpoint's tensors."""

    network: Network
    arrays: dict[str, np.ndarray]
    max_context: int = 2048
    family: str = "memory"
    revision: str = "0"
    dtype: DType = DType.FP32
    schemes: Mapping[str, Scheme] = field(default_factory=dict)
    kv_scales: Sequence[tuple[float, float]] | None = None

    @property
    def config(self) -> Any:
        return SimpleNamespace(vocab_size=self.network.widths[self.network.output], max_context=self.max_context)

    def load(self, param: str) -> Tensor:
        return Tensor(param, DType.FP32, self.arrays[param])

    def convert(self, param: str, stored: Tensor) -> Tensor:
        if stored.shape != self.arrays[param].shape or stored.dtype is not DType.FP32:
            raise WeightError(f"Tensor {param} has another shape or dtype.")
        if not np.isfinite(stored.data).all():
            raise WeightError(f"Tensor {param} holds a NaN.")
        return Tensor(param, DType.FP32, stored.data)

    def params_of(self, tensor: str) -> tuple[str, ...]:
        if tensor not in self.arrays:
            raise WeightError(f"There is no tensor {tensor}.")
        return (tensor,)


def random_params(network: Network, seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {
        name: (rng.standard_normal(shape) * (0.3 if len(shape) > 1 else 0.1) + (len(shape) == 1)).astype(np.float32)
        for name, shape in network.params.items()
    }


def transformer(
    *,
    num_heads: int = 4,
    num_kv_heads: int = 2,
    head_dim: int = 8,
    hidden: int = 24,
    ffn: int = 40,
    layers: int = 2,
    vocab: int = 97,
    seed: int = 0,
    positions: int = 0,
    bias: bool = False,
    norm: str = "rms",
    act: ops.ActivationKind = "silu",
    gated: bool = True,
    windows: Sequence[int | None] | None = None,
    max_context: int = 2048,
    **attention: Any,
) -> MemoryModel:
    """A decoder with any attention option; `positions` > 0 learns position embeddings, `windows` gives each layer its own."""
    b = Builder()
    x = b.embedding(b.tokens, "embed", vocab, hidden)
    if positions:
        x = x + b.embedding(b.positions, "wpe", positions, hidden)
    normed = b.rms_norm if norm == "rms" else b.layer_norm
    qk_norm, sinks = attention.pop("qk_norm", False), attention.pop("sinks", False)
    for i in range(layers):
        h = normed(x, f"l.{i}.norm1", 1e-5)
        q = b.linear(h, f"l.{i}.q", num_heads * head_dim, bias=bias)
        k = b.linear(h, f"l.{i}.k", num_kv_heads * head_dim, bias=bias)
        v = b.linear(h, f"l.{i}.v", num_kv_heads * head_dim, bias=bias)
        a = b.attention(
            q, k, v, layer=i, num_heads=num_heads, num_kv_heads=num_kv_heads, head_dim=head_dim,
            qk_norm=f"l.{i}.qk" if qk_norm else None,
            sinks=f"l.{i}.sinks" if sinks else None, sliding_window=windows[i] if windows else None, **attention,
        )  # fmt: skip
        x = x + b.linear(a, f"l.{i}.o", hidden, bias=bias)
        h = normed(x, f"l.{i}.norm2", 1e-5)
        up = b.linear(h, f"l.{i}.up", ffn, bias=bias)
        mid = b.activation(b.linear(h, f"l.{i}.gate", ffn, bias=bias), act) * up if gated else b.activation(up, act)
        x = x + b.linear(mid, f"l.{i}.down", hidden, bias=bias)
    x = normed(b.gather_logits(x), "norm", 1e-5)
    network = b.build(b.linear(x, "head", vocab))
    return MemoryModel(network, random_params(network, seed), max_context)


# The oracle: plain formulas, float64, one sequence, every position.


def oracle_activation(x: np.ndarray, kind: str) -> np.ndarray:
    if kind == "silu":
        return x / (1 + np.exp(-x))
    if kind == "relu":
        return np.maximum(x, 0)
    if kind == "gelu":
        return x * 0.5 * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))
    return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def oracle_norm(x: np.ndarray, weight: np.ndarray, eps: float) -> np.ndarray:
    return x / np.sqrt((x**2).mean(-1, keepdims=True) + eps) * weight


def oracle_rope(x: np.ndarray, rope: ops.Rope) -> np.ndarray:
    """x [T, heads, d]; one pair at a time."""
    cos, sin = (t.astype(np.float64) for t in cos_sin(rope, np.arange(len(x), dtype=np.int32)))
    y = x.copy()
    half = rope.rotary_dim // 2
    for i in range(half):
        a, b = (2 * i, 2 * i + 1) if rope.interleaved else (i, i + half)
        y[..., a] = x[..., a] * cos[:, None, i] - x[..., b] * sin[:, None, i]
        y[..., b] = x[..., b] * cos[:, None, i] + x[..., a] * sin[:, None, i]
    return y


def oracle_attention(op: ops.Attention, q: np.ndarray, k: np.ndarray, v: np.ndarray, params: Any) -> np.ndarray:
    count = len(q)
    q = q.reshape(count, op.num_heads, op.head_dim)
    k, v = (t.reshape(count, op.num_kv_heads, op.head_dim) for t in (k, v))
    if op.q_norm and op.k_norm:
        q, k = oracle_norm(q, params(op.q_norm), op.norm_eps), oracle_norm(k, params(op.k_norm), op.norm_eps)
    if op.rope:
        q, k = oracle_rope(q, op.rope), oracle_rope(k, op.rope)
    out = np.zeros_like(q)
    for head in range(op.num_heads):
        kv = head // (op.num_heads // op.num_kv_heads)
        for t in range(count):
            first = 0 if op.sliding_window is None else max(0, t + 1 - op.sliding_window)
            scores = k[first : t + 1, kv] @ q[t, head] * op.scale
            if op.soft_cap is not None:
                scores = op.soft_cap * np.tanh(scores / op.soft_cap)
            if op.alibi:
                scores = scores + 2 ** (-8 * (head + 1) / op.num_heads) * (np.arange(first, t + 1) - t)
            weight = np.exp(scores - scores.max())
            sink = np.exp(params(op.sinks)[head] - scores.max()) if op.sinks else 0.0
            out[t, head] = weight / (weight.sum() + sink) @ v[first : t + 1, kv]
    return out.reshape(count, -1)


def oracle(model: MemoryModel, tokens: Sequence[int]) -> np.ndarray:
    """Logits of every position, float64 [T, vocab], of the network as defined (no pass has touched it)."""

    def params(name: str) -> np.ndarray:
        return model.arrays[name].astype(np.float64)

    values: dict[str, np.ndarray] = {"tokens": np.asarray(tokens), "positions": np.arange(len(tokens))}
    for node in model.network.nodes:
        x = [values[name] for name in node.inputs]
        match op := node.op:
            case ops.Embedding():
                y = params(op.weight)[x[0]]
            case ops.Linear():
                y = x[0] @ np.concatenate([params(w) for w in op.weights]).T
                y = y + (np.concatenate([params(b) for b in op.biases]) if op.biases else 0)
            case ops.RMSNorm():
                y = oracle_norm(x[0], params(op.weight), op.eps)
            case ops.LayerNorm():
                y = (x[0] - x[0].mean(-1, keepdims=True)) / np.sqrt(x[0].var(-1, keepdims=True) + op.eps)
                y = y * params(op.weight) + (0 if op.bias is None else params(op.bias))
            case ops.Activation():
                y = oracle_activation(x[0], op.kind)
            case ops.Add():
                y = x[0] + x[1]
            case ops.Mul():
                y = x[0] * x[1]
            case ops.Scale():
                y = x[0] * op.factor
            case ops.SoftCap():
                y = op.cap * np.tanh(x[0] / op.cap)
            case ops.GatherLogits():
                y = x[0]
            case ops.Attention():
                y = oracle_attention(op, *x, params)
            case ops.Custom():
                y = op.reference(*x, *(params(p) for p in op.params), **dict(op.attrs))
            case _:
                raise AssertionError(op)
        values[node.outputs[0]] = y
    return values[model.network.output]


@dataclass
class Driver:
    """Feeds sequences of known tokens to an engine in any pieces; pages come in random order, and are given back dirty."""

    engine: ReferenceEngine
    seed: int = 0
    done: dict[int, int] = field(default_factory=dict)
    pages: dict[int, list[int]] = field(default_factory=dict)
    steps: int = 0

    def __post_init__(self) -> None:
        free = np.arange(1, self.engine.spec.kv.num_pages)
        np.random.default_rng(self.seed).shuffle(free)
        self.free = free.tolist()

    def start(self, slot: int, prompt: Sequence[int] = (), output: Sequence[int] = (), **params: Any) -> None:
        self.done[slot], self.pages[slot] = 0, []
        init = SlotInit(slot, SamplerParams(**params), np.array(prompt, np.int32), np.array(output, np.int32))
        self.engine.init_slot(init)

    def row(self, slot: int, tokens: Sequence[int] | None, count: int = 1) -> PlanRow:
        n = count if tokens is None else len(tokens)
        start = self.done[slot]
        need = -(-(start + n) // self.engine.spec.kv.page_size)
        while len(self.pages[slot]) < need:
            self.pages[slot].append(self.free.pop())
        self.done[slot] = start + n
        ids = None if tokens is None else np.array(tokens, np.int32)
        return PlanRow(slot, start, ids, np.array(self.pages[slot], np.int32), True, n == 1 and start > 0)

    def plan(self, pieces: Mapping[int, Sequence[int] | None], copies: Sequence[tuple[int, int]] = ()) -> StepPlan:
        rows = [self.row(slot, tokens) for slot, tokens in pieces.items()]
        self.order = [row.slot for row in sorted(rows, key=lambda row: not row.is_decode)]
        self.steps += 1
        return StepPlan.build(self.steps, sorted(rows, key=lambda row: not row.is_decode), copies)

    def feed(self, pieces: Mapping[int, Sequence[int] | None]) -> dict[int, np.ndarray]:
        """One step: slot -> logits [vocab] of the last token of its piece."""
        step = self.engine.forward(self.plan(pieces))
        assert step.logits is not None
        return dict(zip(self.order, step.logits, strict=True))

    def stop(self, slot: int) -> None:
        self.free[:0] = self.pages.pop(slot)
        del self.done[slot]


@pytest.fixture
def make_model() -> Callable[..., MemoryModel]:
    return transformer


@pytest.fixture
def logits_oracle() -> Callable[[MemoryModel, Sequence[int]], np.ndarray]:
    return oracle


@pytest.fixture
def wrap_network() -> Callable[[Network], MemoryModel]:
    return lambda network: MemoryModel(network, random_params(network, 3))


@pytest.fixture
def make_driver(request: pytest.FixtureRequest) -> Callable[..., Driver]:
    def make(model: MemoryModel, seed: int = 0, **options: Any) -> Driver:
        options = {"num_pages": 200, "num_slots": 8, "max_tokens": 1024, "threads": 1, **options}
        engine = ReferenceEngine(model, **options)
        request.addfinalizer(engine.close)
        return Driver(engine, seed)

    return make


@pytest.fixture
def oracle_of() -> dict[str, Callable[..., np.ndarray]]:
    return {"activation": oracle_activation, "rms_norm": oracle_norm}
