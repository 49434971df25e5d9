"""A program made runnable on the device: one launch (or two) per node, on fixed buffers, with grids that know padded sizes only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from engines.api.errors import UnsupportedError
from engines.cuda.attention import PLAIN, AttentionLaunches, Launch, Run, Scales
from engines.cuda.codes import plan_codes, takes_codes
from engines.cuda.custom import CUSTOM_BLOCK, custom_source
from engines.cuda.driver import Driver
from engines.cuda.fuse import AddLayerNorm, fuse_layer_norms
from engines.cuda.gemm import Gemm, Shape, logits_stride
from engines.cuda.launch import Kernel, Modules
from engines.cuda.memory import DeviceTensor, Memory, StagingRing, align
from engines.cuda.packed import Packing
from engines.cuda.state import StepState
from engines.cuda.values import Split, plan_buffers, split
from engines.cuda.weights import Parameters
from engines.network import ops
from engines.network.graph import Node, Program

ACTIVATIONS: Final = {"silu": 0, "gelu": 1, "gelu_tanh": 2, "relu": 3}
# Of kernels/elementwise.cu.
ROW_THREADS: Final = 512
_ACT, _SCALE, _SOFT_CAP = 0, 1, 2


@dataclass(frozen=True, slots=True)
class _Linear:
    """A linear as launched: `n`, `k`, addresses of weight and bias (0: none), input and output. `fp8`, `int8`: a product of codes;
    `packed`: a weight of fewer bits than its input."""

    n: int
    k: int
    w: int
    bias: int
    x: int
    y: int
    out_float: bool
    fp8: bool = False
    int8: bool = False
    packed: Packing | None = None


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
        *,
        deterministic: bool = False,
    ) -> None:
        self._memory, self._modules, self._gemm, self._params = memory, modules, gemm, params
        self._state = state
        self._network = program.network
        self._attention = AttentionLaunches(
            memory, staging, modules, params, state, driver, deterministic=deterministic
        )
        parts = split(program)
        crossing = frozenset(name for node in parts.head for name in node.inputs)
        parts = Split(fuse_layer_norms(parts.body, crossing), parts.head)
        widths = program.network.widths
        sizes = {name: width * 2 * state.limits.padded_tokens for name, width in widths.items()}
        for node in parts.head:
            for name in node.outputs:
                sizes[name] = widths[name] * 2 * state.limits.padded_logits
        self._codes = plan_codes((*parts.body, *parts.head), program.network.output)
        for name in self._codes.codes:
            sizes[name] //= 2
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
        self._row_scales = self._take_scales(nodes)
        widest = [
            widths[node.inputs[0]] for node in nodes if takes_codes(node.op) and node.inputs[0] not in self._codes.codes
        ]
        self._scratch = memory.take(max(widest) * state.limits.padded_tokens) if widest else 0
        self._scales: dict[str, Scales] = {}
        self.nodes = nodes
        self._body = [self._build(node, False) for node in parts.body]
        self._head = [self._build(node, True) for node in parts.head]
        made = [linear for _, linear in self._linears]
        gemm.reserve([(x.packed, x.n, x.k) for x in made if x.packed is not None], [(x.n, x.k) for x in made if x.int8])

    def prepare(self, rows: int, head: bool) -> None:
        """Choose how every product of a padded size is computed. Not while capturing."""
        kinds: dict[Shape, list[_Linear]] = {}
        for in_head, linear in self._linears:
            if in_head == head:
                shape = Shape(
                    linear.n, linear.k, rows, linear.out_float, linear.bias != 0, linear.fp8, linear.int8, linear.packed
                )
                kinds.setdefault(shape, []).append(linear)
        for shape, linears in kinds.items():
            samples = [(linear.w, linear.bias) for linear in linears[:8]]
            self._gemm.prepare(shape, samples, linears[0].x, linears[0].y)

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
        if isinstance(op, AddLayerNorm):
            return self._add_layer_norm(node, op, x, y, width)
        group = self._codes.codes.get(node.outputs[-1])
        scales = next((self._scales[name] for name in node.inputs if name in self._scales), PLAIN)
        if group is not None or (scales.columns and not isinstance(op, ops.Attention)):
            return self._coded(node, x, y, width, group, scales)
        match op:
            case ops.Embedding(weight=name):
                table, embed = self._params.get(name).ptr, kernel("elementwise", "embedding")
                return lambda s: embed((s.rows, 1, 1), 128, x[0], table, y[0], width // 8)
            case ops.Linear():
                if takes_codes(op):
                    return self._linear_of_codes(node, op, x[0], y[0], width, head)
                return self._linear(op, x[0], y[0], width, node.outputs[0] in self._floats, head)
            case ops.RMSNorm(weight=name, eps=eps):
                weight, (norm, block) = self._params.get(name).ptr, self._row_kernel("rms_norm", width)
                return lambda s: norm((s.rows, 1, 1), block, x[0], weight, y[0], width // 8, float(eps))
            case ops.AddRMSNorm(weight=name, eps=eps):
                weight, (norm, block) = self._params.get(name).ptr, self._row_kernel("add_rms_norm", width)
                return lambda s: norm((s.rows, 1, 1), block, x[0], x[1], weight, y[0], y[1], width // 8, float(eps))
            case ops.LayerNorm(weight=name, bias=bias_name, eps=eps):
                weight, (norm, block) = self._params.get(name).ptr, self._row_kernel("layer_norm", width)
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
                return self._attention.build(op, x, y[0], scales)
            case ops.Custom():
                params = [self._params.get(name).ptr for name in op.params]
                source = custom_source(op, [self._network.widths[name] for name in node.inputs])
                custom = self._modules.custom(op.name, source, len(x) + len(params) + len(y))
                return lambda s: custom((s.rows, 1, 1), CUSTOM_BLOCK, *x, *params, *y)
        raise UnsupportedError(f"The CUDA backend has no operation {type(op).__name__}; use --backend reference.")

    def _linear(self, op: ops.Linear, x: int, y: int, n: int, out_float: bool, head: bool) -> Run:
        w = self._params.get(*op.weights)
        bias = self._params.get(*op.biases).ptr if op.biases else 0
        run = self._gemm.run
        packing = Packing.of(op.scheme)
        if packing is not None:
            return self._packed_linear(packing, w, bias, x, y, head, out_float)
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

    def _packed_linear(
        self, packing: Packing, w: DeviceTensor, bias: int, x: int, y: int, head: bool, out_float: bool
    ) -> Run:
        if out_float:
            raise UnsupportedError(
                "The CUDA backend takes no weights of 4 or 8 bits that make the logits yet; use --backend reference."
            )
        n, k = w.shape
        if k % 8:
            raise UnsupportedError(
                f"The CUDA backend needs widths that are multiples of 8, not {k}; use --backend reference."
            )
        linear = _Linear(n, k, w.ptr, bias, x, y, False, packed=packing)
        self._linears.append((head, linear))
        run = self._gemm.run
        return lambda s: run(Shape(n, k, s.rows, bias=bias != 0, packed=packing), linear.w, bias, x, y, n)

    def _row_kernel(self, name: str, width: int, int8: bool = False) -> tuple[Kernel, int]:
        """A kernel of elementwise.cu that keeps a row in registers, and its block. `int8`: the codes it makes, else E4M3."""
        threads, vectors = row_shape(width)
        defines = {"NORM_VECTORS": vectors, "CODE_INT8": 1} if int8 else {"NORM_VECTORS": vectors}
        return self._modules.kernel("elementwise", name, defines), threads

    # --- codes -----------------------------------------------------------------------------------------------------------

    def _take_scales(self, nodes: tuple[Node, ...]) -> dict[str, int]:
        """A vector of scales, one a token, for each value that a linear takes as codes: it outlives the value."""
        names = list(dict.fromkeys(node.inputs[0] for node in nodes if takes_codes(node.op)))
        size = align(4 * max(self._state.limits.padded_tokens, self._state.limits.padded_logits))
        base = self._memory.take(size * len(names)) if names else 0
        return {name: base + i * size for i, name in enumerate(names)}

    def _linear_of_codes(self, node: Node, op: ops.Linear, x: int, y: int, n: int, head: bool) -> Run:
        name, output = node.inputs[0], node.outputs[0]
        if output in self._floats:
            raise UnsupportedError(
                "The CUDA backend takes no FP8 or INT8 products that make the logits yet; use --backend reference."
            )
        w, columns, fixed = (
            self._params.get(*op.weights),
            self._params.columns(op.weights),
            self._params.fixed(op.weights),
        )
        k, code_scales = w.shape[1], self._row_scales[name]
        rows = 0 if fixed else code_scales
        codes = x if name in self._codes.codes else self._scratch
        int8 = op.scheme is not None and op.scheme.activations == "int8"
        linear = _Linear(n, k, w.ptr, 0, codes, y, False, fp8=not int8, int8=int8)
        self._linears.append((head, linear))
        multiply, kernel = self._gemm.run, self._modules.kernel
        quantize, block = self._row_kernel("quantize_fp8", k, int8)
        rescale, bias = kernel("elementwise", "rescale"), self._params.get(*op.biases).ptr if op.biases else 0
        raw, made = output in self._codes.raw, codes == x
        if raw:
            self._scales[output] = Scales(rows, columns, bias)

        def run(s: Launch) -> None:
            if not made:
                quantize((s.rows, 1, 1), block, x, codes, code_scales, fixed, k // 8)
            multiply(Shape(n, k, s.rows, fp8=not int8, int8=int8), w.ptr, 0, codes, y, n)
            if not raw:
                rescale(_flat(s.rows * n), 256, y, rows, columns, bias, s.rows * n // 8, n // 8)

        return run

    def _coded(
        self, node: Node, x: list[int], y: list[int], width: int, group: tuple[str, ...] | None, scales: Scales
    ) -> Run:
        """An operation that makes codes (for the linear of `group`), or reads a product of codes, or both."""
        op, made = node.op, node.outputs[-1]
        codes, out = (y[-1], 0) if group is not None else (0, y[-1])
        fixed = self._params.fixed(group) if group is not None else 0.0
        to = self._row_scales[made] if group is not None else 0
        int8 = group is not None and self._params.get(*group).dtype == "int8"
        match op:
            case ops.RMSNorm(weight=name, eps=eps):
                weight, (norm, block) = self._params.get(name).ptr, self._row_kernel("rms_norm_fp8", width, int8)
                return lambda s: norm((s.rows, 1, 1), block, x[0], weight, codes, to, fixed, width // 8, float(eps))
            case ops.AddRMSNorm(weight=name, eps=eps):
                weight, (norm, block) = self._params.get(name).ptr, self._row_kernel("add_rms_norm_fp8", width, int8)
                return lambda s: norm(
                    (s.rows, 1, 1), block, x[0], scales.rows, scales.columns, x[1], weight, y[0], out, codes, to, fixed, width // 8,
                    float(eps),
                )  # fmt: skip
            case ops.LayerNorm(weight=name, bias=bias_name, eps=eps):
                weight, (norm, block) = self._params.get(name).ptr, self._row_kernel("layer_norm_fp8", width, int8)
                bias = 0 if bias_name is None else self._params.get(bias_name).ptr
                return lambda s: norm(
                    (s.rows, 1, 1), block, x[0], weight, bias, codes, to, fixed, width // 8, float(eps)
                )
            case ops.GatedActivation(kind=kind):
                (gated, block), code = self._row_kernel("gated_activation_fp8", width, int8), ACTIVATIONS[kind]
                return lambda s: gated(
                    (s.rows, 1, 1), block, x[0], scales.rows, scales.columns, out, codes, to, fixed, width // 8, code
                )
            case ops.Activation(kind=kind):
                (act, block), code = self._row_kernel("activation_fp8", width, int8), ACTIVATIONS[kind]
                return lambda s: act(
                    (s.rows, 1, 1),
                    block,
                    x[0],
                    scales.rows,
                    scales.columns,
                    scales.bias,
                    out,
                    codes,
                    to,
                    fixed,
                    width // 8,
                    code,
                )
        raise UnsupportedError(f"The CUDA backend has no {type(op).__name__} on codes; use --backend reference.")

    def _add_layer_norm(self, node: Node, op: AddLayerNorm, x: list[int], y: list[int], width: int) -> Run:
        """Each summand a value or a product of codes; the norm as elements, or as codes if linears take it so."""
        group = self._codes.codes.get(node.outputs[-1])
        int8 = group is not None and self._params.get(*group).dtype == "int8"
        weight, (norm, block) = self._params.get(op.weight).ptr, self._row_kernel("add_layer_norm", width, int8)
        bias = 0 if op.bias is None else self._params.get(op.bias).ptr
        first, second = (self._scales.get(name, PLAIN) for name in (*node.inputs, "")[1:3])
        b = x[2] if len(x) == 3 else 0
        made = node.outputs[-1]
        codes, out = (y[-1], 0) if group is not None else (0, y[-1])
        fixed, to = (self._params.fixed(group), self._row_scales[made]) if group is not None else (0.0, 0)
        return lambda s: norm(
            (s.rows, 1, 1), block, x[0], x[1], first.rows, first.columns, first.bias, b, second.rows, second.columns, second.bias,
            weight, bias, y[0], out, codes, to, fixed, width // 8, float(op.eps),
        )  # fmt: skip

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


def row_shape(width: int) -> tuple[int, int]:
    """Threads, and 16-byte vectors a thread, of a kernel that keeps a row of `width` columns in registers: few enough threads that
    several rows are in a multiprocessor at once."""
    vectors = -(-width // 8)
    for each in (1, 2, 4, 8):
        threads = -(-vectors // each // 32) * 32
        if threads <= ROW_THREADS:
            return threads, each
    raise UnsupportedError(f"The CUDA backend has norms over at most {ROW_THREADS * 64} columns, not {width}.")
