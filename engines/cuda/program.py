"""A program made runnable on the device: one launch (or two) per node, on fixed buffers, with grids that know padded sizes only."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from engines.api.errors import UnsupportedError
from engines.cuda.driver import Driver
from engines.cuda.gemm import Gemm, Shape, logits_stride
from engines.cuda.launch import Modules
from engines.cuda.memory import Memory, StagingRing
from engines.cuda.state import StepState
from engines.cuda.values import plan_buffers, split
from engines.cuda.weights import Parameters
from engines.network import ops
from engines.network.graph import Node, Program
from engines.network.rope import cos_sin

ACTIVATIONS: Final = {"silu": 0, "gelu": 1, "gelu_tanh": 2, "relu": 3}
HEAD_DIMS: Final = (32, 64, 128)
PREFILL_WARPS: Final = 8
TILE_KEYS: Final = 64
LOG2E: Final = math.log2(math.e)
_ACT, _SCALE, _SOFT_CAP = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Launch:
    """How a step runs: rows of the packed buffers, and whether it holds rows that are no decodes."""

    rows: int
    prefill: bool


Run = Callable[[Launch], None]


def tile_tokens(group: int) -> int:
    """Tokens of a prefill tile: query heads that share a kv head are packed beside them."""
    return 16 * PREFILL_WARPS // group


@dataclass(frozen=True, slots=True)
class _Linear:
    """A linear as launched: `n`, `k`, addresses of weight and bias (0: none), input and output."""

    n: int
    k: int
    w: int
    bias: int
    x: int
    y: int
    out_float: bool


class Runner:
    """`body` and `head` enqueue their nodes. `logits`: float32 [max_logits, logits_stride], written by `head`."""

    def __init__(
        self,
        driver: Driver,
        memory: Memory,
        staging: StagingRing,
        modules: Modules,
        gemm: Gemm,
        params: Parameters,
        program: Program,
        state: StepState,
    ) -> None:
        self._driver, self._memory, self._staging = driver, memory, staging
        self._modules, self._gemm, self._params = modules, gemm, params
        self._state = state
        self._network = program.network
        self._tables: dict[ops.Rope, int] = {}
        parts = split(program)
        widths = program.network.widths
        sizes = {name: width * 2 * state.limits.padded_tokens for name, width in widths.items()}
        for node in parts.head:
            for name in node.outputs:
                sizes[name] = widths[name] * 2 * state.limits.padded_logits
        crossing = frozenset(name for node in parts.head for name in node.inputs)
        nodes = (*parts.body, *parts.head)
        plan = plan_buffers(nodes, sizes, crossing)
        self.workspace_bytes = plan.size
        base = memory.take(plan.size)
        self._at = {name: base + offset for name, offset in plan.offsets.items()}
        self._at["tokens"], self._at["positions"] = state.tokens, state.positions
        vocab = widths[program.network.output]
        self.logits_stride = logits_stride(vocab)
        self.logits = memory.take(state.limits.padded_logits * self.logits_stride * 4)
        self._floats = self._float_values(parts.head)
        self._linears: list[tuple[bool, _Linear]] = []
        self.nodes = nodes
        self._body = [self._build(node, False) for node in parts.body]
        self._head = [self._build(node, True) for node in parts.head]

    def prepare(self, rows: int, head: bool) -> None:
        """Choose how every product of a padded size is computed. Not while capturing."""
        kinds: dict[tuple[Any, ...], list[_Linear]] = {}
        for in_head, linear in self._linears:
            if in_head == head:
                kinds.setdefault((linear.n, linear.k, linear.out_float, linear.bias != 0), []).append(linear)
        for (n, k, out_float, bias), linears in kinds.items():
            samples = [(linear.w, linear.bias) for linear in linears[:8]]
            self._gemm.prepare(Shape(n, k, rows, out_float, bias), samples, linears[0].x, linears[0].y)

    def body(self, launch: Launch) -> None:
        for run in self._body:
            run(launch)

    def head(self, launch: Launch) -> None:
        for run in self._head:
            run(launch)

    def launches(self) -> list[tuple[Node, Run]]:
        """Every node and what enqueues it, in order; for measurements."""
        return list(zip(self.nodes, self._body + self._head, strict=True))

    # --- nodes -----------------------------------------------------------------------------------------------------------

    def _float_values(self, head: tuple[Node, ...]) -> set[str]:
        """The logits, and what they are made of by scaling or capping alone: all in one float32 buffer."""
        found = {self._network.output}
        for node in reversed(head):
            if node.outputs[0] in found and isinstance(node.op, ops.Scale | ops.SoftCap):
                found.add(node.inputs[0])
        return found

    def _build(self, node: Node, head: bool) -> Run:
        op = node.op
        x = [self._at[name] for name in node.inputs]
        y = [self.logits if name in self._floats else self._at[name] for name in node.outputs]
        width = self._network.widths[node.outputs[0]]
        if width % 8 and node.outputs[0] not in self._floats:
            raise UnsupportedError(
                f"The CUDA backend needs widths that are multiples of 8, and {node.outputs[0]} has {width}; "
                f"use --backend reference."
            )
        kernel = self._modules.kernel
        match op:
            case ops.Embedding(weight=name):
                table, embed = self._params.get(name).ptr, kernel("elementwise", "embedding")
                return lambda s: embed((s.rows, 1, 1), 128, x[0], table, y[0], width // 8)
            case ops.Linear():
                return self._linear(op, x[0], y[0], width, node.outputs[0] in self._floats, head)
            case ops.RMSNorm(weight=name, eps=eps):
                weight, norm, block = self._params.get(name).ptr, kernel("elementwise", "rms_norm"), _norm_block(width)
                return lambda s: norm((s.rows, 1, 1), block, x[0], weight, y[0], width // 8, float(eps))
            case ops.AddRMSNorm(weight=name, eps=eps):
                weight, norm, block = (
                    self._params.get(name).ptr,
                    kernel("elementwise", "add_rms_norm"),
                    _norm_block(width),
                )
                return lambda s: norm((s.rows, 1, 1), block, x[0], x[1], weight, y[0], y[1], width // 8, float(eps))
            case ops.LayerNorm(weight=name, bias=bias_name, eps=eps):
                weight, norm, block = (
                    self._params.get(name).ptr,
                    kernel("elementwise", "layer_norm"),
                    _norm_block(width),
                )
                bias = 0 if bias_name is None else self._params.get(bias_name).ptr
                return lambda s: norm((s.rows, 1, 1), block, x[0], weight, bias, y[0], width // 8, float(eps))
            case ops.GatedActivation(kind=kind):
                gated, code = kernel("elementwise", "gated_activation"), ACTIVATIONS[kind]
                return lambda s: gated(_flat(s.rows * width), 256, x[0], y[0], s.rows * width // 8, width // 8, code)
            case ops.Scale() | ops.SoftCap() | ops.Activation():
                return self._unary(op, x[0], y[0], width, node.outputs[0] in self._floats)
            case ops.Add() | ops.Mul():
                binary, multiply = kernel("elementwise", "binary"), int(isinstance(op, ops.Mul))
                return lambda s: binary(_flat(s.rows * width), 256, x[0], x[1], y[0], s.rows * width // 8, multiply)
            case ops.GatherLogits():
                gather, plan = kernel("elementwise", "gather_logits"), self._state.plan
                return lambda s: gather((s.rows, 1, 1), 128, plan, x[0], y[0], width // 8)
            case ops.Attention():
                return self._attention(op, x, y[0])
        raise UnsupportedError(f"The CUDA backend has no operation {type(op).__name__} yet; use --backend reference.")

    def _linear(self, op: ops.Linear, x: int, y: int, n: int, out_float: bool, head: bool) -> Run:
        w = self._params.get(*op.weights)
        bias = self._params.get(*op.biases).ptr if op.biases else 0
        if out_float and bias:
            raise UnsupportedError("The CUDA backend takes no bias on the logits yet; use --backend reference.")
        linear = _Linear(n, w.shape[1], w.ptr, bias, x, y, out_float)
        self._linears.append((head, linear))
        stride = self.logits_stride if out_float else n
        run = self._gemm.run
        return lambda s: run(Shape(n, linear.k, s.rows, out_float, bias != 0), linear.w, bias, x, y, stride)

    def _unary(self, op: ops.Op, x: int, y: int, width: int, on_floats: bool) -> Run:
        what, kind, factor = _SCALE, 0, 0.0
        match op:
            case ops.Activation(kind=name):
                what, kind = _ACT, ACTIVATIONS[name]
            case ops.Scale(factor=value):
                factor = float(value)
            case ops.SoftCap(cap=value):
                what, factor = _SOFT_CAP, float(value)
        if on_floats:
            floats, stride = self._modules.kernel("elementwise", "unary_float"), self.logits_stride
            return lambda s: floats((256, 1, 1), 256, self.logits, s.rows * stride, what, factor)
        unary = self._modules.kernel("elementwise", "unary")
        return lambda s: unary(_flat(s.rows * width), 256, x, y, s.rows * width // 8, what, kind, factor)

    # --- attention -------------------------------------------------------------------------------------------------------

    def _attention(self, op: ops.Attention, x: list[int], y: int) -> Run:
        check_attention(op)
        if len(x) != 1:
            raise UnsupportedError("The CUDA backend takes attention whose q, k and v come from one product only.")
        qkv, state = x[0], self._state
        group = op.num_heads // op.num_kv_heads
        size = state.limits.page_size
        macros = {"HEAD_DIM": op.head_dim, "GROUP": group, "PAGE_SIZE": size, "SOFT_CAP": int(op.soft_cap is not None)}
        rope = self._modules.kernel("rope_kv", "rope_kv", {"HEAD_DIM": op.head_dim})
        decode = self._modules.kernel("attention_decode", "attention_decode", macros)
        shared = 4 * TILE_KEYS * op.head_dim * 2
        prefill = self._modules.kernel(
            "attention_prefill", "attention_prefill", {**macros, "WARPS": PREFILL_WARPS}, shared
        )
        table = self._table(op.rope) if op.rope is not None else 0
        rotary, interleaved = (op.rope.rotary_dim, int(op.rope.interleaved)) if op.rope is not None else (0, 0)
        q_norm = 0 if op.q_norm is None else self._params.get(op.q_norm).ptr
        k_norm = 0 if op.k_norm is None else self._params.get(op.k_norm).ptr
        heads = op.num_heads + 2 * op.num_kv_heads
        stride = heads * op.head_dim
        keys, values = state.layer(op.layer)
        cap = float(op.soft_cap or 0.0)
        scale = float(op.scale) * (1.0 if cap else LOG2E)
        window = op.sliding_window or 0

        def run(s: Launch) -> None:
            rope(
                (s.rows, -(-heads // 8), 1), 256, qkv, state.positions, state.kv_index, table, q_norm, k_norm, keys, values,
                op.num_heads, op.num_kv_heads, size, rotary, interleaved, float(op.norm_eps),
            )  # fmt: skip
            decode(
                (state.decode_blocks, 1, 1), 128, qkv, y, keys, values, state.plan, state.work, state.partial, state.partial_stat,
                state.counters, state.limits.num_slots, op.num_kv_heads, stride, scale, window, cap,
            )  # fmt: skip
            if s.prefill:
                prefill(
                    (state.prefill_blocks, 1, 1), 32 * PREFILL_WARPS, qkv, y, keys, values, state.plan, state.work,
                    state.limits.num_slots, state.max_splits, op.num_kv_heads, stride, scale, window, cap,
                )  # fmt: skip

        return run

    def _table(self, rope: ops.Rope) -> int:
        """(cos, sin) pairs float32 [context, rotary / 2, 2], once per kind of rope."""
        if rope not in self._tables:
            cos, sin = cos_sin(rope, np.arange(self._state.limits.context, dtype=np.int32))
            pairs = np.stack([cos, sin], axis=-1)
            self._tables[rope] = self._memory.take(pairs.nbytes)
            self._staging.upload(pairs, self._tables[rope])
        return self._tables[rope]


def check_attention(op: ops.Attention) -> None:
    """Raises UnsupportedError for attention this backend has no kernel for."""
    group = op.num_heads // op.num_kv_heads
    if op.head_dim not in HEAD_DIMS:
        raise UnsupportedError(
            f"The CUDA backend has attention for heads of {', '.join(map(str, HEAD_DIMS))} and the model's have {op.head_dim}; "
            f"use --backend reference."
        )
    if group > 16 * PREFILL_WARPS:
        raise UnsupportedError(
            f"The CUDA backend takes up to {16 * PREFILL_WARPS} query heads per KV head, not {group}."
        )
    if op.alibi:
        raise UnsupportedError("The CUDA backend has no ALiBi attention yet; use --backend reference.")


def _flat(elements: int) -> tuple[int, int, int]:
    return (-(-elements // 8 // 256), 1, 1)


def _norm_block(width: int) -> int:
    """Threads of a norm over `width` columns: one 16-byte vector each, up to four where there are more than 1024."""
    if width > 1024 * 4 * 8:
        raise UnsupportedError(f"The CUDA backend has norms over at most {1024 * 4 * 8} columns, not {width}.")
    return min(1024, -(-width // 8 // 32) * 32)
