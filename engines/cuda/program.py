"""A program made runnable on the device: one launch (or two) per node, on fixed buffers, with grids that know padded sizes only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from engines.api.errors import UnsupportedError
from engines.cuda.attention import AttentionLaunches, Launch, Run
from engines.cuda.custom import CUSTOM_BLOCK, custom_source
from engines.cuda.driver import Driver
from engines.cuda.gemm import Gemm, Shape, logits_stride
from engines.cuda.launch import Modules
from engines.cuda.memory import Memory, StagingRing
from engines.cuda.state import StepState
from engines.cuda.values import plan_buffers, split
from engines.cuda.weights import Parameters
from engines.network import ops
from engines.network.graph import Node, Program

ACTIVATIONS: Final = {"silu": 0, "gelu": 1, "gelu_tanh": 2, "relu": 3}
_ACT, _SCALE, _SOFT_CAP = 0, 1, 2


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
        self._modules, self._gemm, self._params = modules, gemm, params
        self._state = state
        self._network = program.network
        self._attention = AttentionLaunches(memory, staging, modules, params, state, driver.info.shared_per_block)
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
        for name in node.outputs:
            if self._network.widths[name] % 8 and name not in self._floats:
                raise UnsupportedError(
                    f"The CUDA backend needs widths that are multiples of 8, and {name} has {self._network.widths[name]}; "
                    f"use --backend reference."
                )
        if node.outputs[0] in self._floats and not isinstance(op, ops.Linear | ops.Scale | ops.SoftCap):
            raise UnsupportedError(
                f"The CUDA backend takes logits from a linear, scaled or capped, not from {type(op).__name__}; "
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
                return self._attention.build(op, x, y[0])
            case ops.Custom():
                params = [self._params.get(name).ptr for name in op.params]
                source = custom_source(op, [self._network.widths[name] for name in node.inputs])
                custom = self._modules.custom(op.name, source)
                return lambda s: custom((s.rows, 1, 1), CUSTOM_BLOCK, *x, *params, *y)
        raise UnsupportedError(f"The CUDA backend has no operation {type(op).__name__}; use --backend reference.")

    def _linear(self, op: ops.Linear, x: int, y: int, n: int, out_float: bool, head: bool) -> Run:
        w = self._params.get(*op.weights)
        bias = self._params.get(*op.biases).ptr if op.biases else 0
        run = self._gemm.run
        if out_float:  # the bias of the logits is an element where they are float32: a launch of its own
            linear = _Linear(n, w.shape[1], w.ptr, 0, x, y, True)
            self._linears.append((head, linear))
            stride = self.logits_stride
            add = self._modules.kernel("elementwise", "bias_float")

            def logits(s: Launch) -> None:
                run(Shape(n, linear.k, s.rows, True, False), linear.w, 0, x, y, stride)
                if bias:
                    add((-(-n // 256), s.rows, 1), 256, y, bias, n, stride)

            return logits
        linear = _Linear(n, w.shape[1], w.ptr, bias, x, y, False)
        self._linears.append((head, linear))
        return lambda s: run(Shape(n, linear.k, s.rows, False, bias != 0), linear.w, bias, x, y, n)

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


def _flat(elements: int) -> tuple[int, int, int]:
    return (-(-elements // 8 // 256), 1, 1)


def _norm_block(width: int) -> int:
    """Threads of a norm over `width` columns: one 16-byte vector each, up to four where there are more than 1024."""
    if width > 1024 * 4 * 8:
        raise UnsupportedError(f"The CUDA backend has norms over at most {1024 * 4 * 8} columns, not {width}.")
    return min(1024, -(-width // 8 // 32) * 32)
