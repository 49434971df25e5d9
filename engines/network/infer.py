"""Widths: what an operation makes of what it is given. The builder asks while a model is defined, the passes when they check."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from engines.api.errors import ContractError
from engines.network import ops

TOKENS = "tokens"
POSITIONS = "positions"

Params = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Shape:
    """[rows, width]; `rows` is T or, after GatherLogits, L. Width 0 is a vector of ids [rows] int32."""

    rows: Literal["T", "L"]
    width: int

    def __str__(self) -> str:
        return f"[{self.rows}, {self.width}]" if self.width else f"ids [{self.rows}]"


IDS = Shape("T", 0)


def infer(op: ops.Op, inputs: Sequence[Shape], params: Params) -> tuple[Shape, ...]:
    """Shapes of the outputs. Raises ContractError naming the operation and what does not fit."""
    name = type(op).__name__
    if isinstance(op, ops.Embedding):
        _count(name, inputs, 1)
        if inputs[0].width != 0:
            raise ContractError(f"{name} {op.weight} reads token ids or positions, not {inputs[0]}.")
        return (Shape(inputs[0].rows, _param(op.weight, params, 2)[1]),)
    if isinstance(op, ops.Custom):
        return _custom(op, inputs, params)
    for shape in inputs:
        if shape.width == 0:
            raise ContractError(f"{name} computes on numbers, not on {shape}.")
    match op:
        case ops.Linear():
            _count(name, inputs, 1)
            return (Shape(inputs[0].rows, _linear(op, inputs[0].width, params)),)
        case ops.RMSNorm(weight=weight):
            _count(name, inputs, 1)
            _vector(name, weight, inputs[0].width, params)
        case ops.LayerNorm(weight=weight, bias=bias):
            _count(name, inputs, 1)
            _vector(name, weight, inputs[0].width, params)
            if bias is not None:
                _vector(name, bias, inputs[0].width, params)
        case ops.AddRMSNorm(weight=weight):
            _same(name, inputs)
            _vector(name, weight, inputs[0].width, params)
            return (inputs[0], inputs[0])
        case ops.Add() | ops.Mul():
            _same(name, inputs)
        case ops.Activation() | ops.Scale() | ops.SoftCap():
            _count(name, inputs, 1)
        case ops.GatedActivation():
            _count(name, inputs, 1)
            if inputs[0].width % 2:
                raise ContractError(f"{name} halves its input, and {inputs[0]} has an odd width.")
            return (Shape(inputs[0].rows, inputs[0].width // 2),)
        case ops.GatherLogits():
            _count(name, inputs, 1)
            if inputs[0].rows != "T":
                raise ContractError(f"{name} has been applied already to what it is given, {inputs[0]}.")
            return (Shape("L", inputs[0].width),)
        case ops.Attention():
            return (_attention(op, inputs, params),)
        case _:
            raise ContractError(f"{name} is not an operation of a network.")
    return (inputs[0],)


def _count(name: str, inputs: Sequence[Shape], count: int) -> None:
    if len(inputs) != count:
        raise ContractError(f"{name} takes {count} input(s), not {len(inputs)}.")


def _same(name: str, inputs: Sequence[Shape]) -> None:
    _count(name, inputs, 2)
    if inputs[0] != inputs[1]:
        raise ContractError(f"{name} takes two values of one shape, not {inputs[0]} and {inputs[1]}.")


def _param(name: str, params: Params, rank: int) -> tuple[int, ...]:
    if name not in params:
        raise ContractError(f"Parameter {name} is not declared.")
    if len(params[name]) != rank:
        raise ContractError(f"Parameter {name} has shape {params[name]} where {rank} dimension(s) are needed.")
    return params[name]


def _vector(op: str, name: str, width: int, params: Params) -> None:
    if _param(name, params, 1) != (width,):
        raise ContractError(f"{op} parameter {name} has shape {params[name]} where its input is {width} wide.")


def _linear(op: ops.Linear, width: int, params: Params) -> int:
    if not op.weights or len(op.biases) not in (0, len(op.weights)):
        raise ContractError(f"Linear has {len(op.weights)} weights and {len(op.biases)} biases.")
    total = 0
    for i, weight in enumerate(op.weights):
        out, into = _param(weight, params, 2)
        if into != width:
            raise ContractError(f"Linear {weight} has shape {params[weight]} where its input is {width} wide.")
        if op.biases:
            _vector("Linear", op.biases[i], out, params)
        if op.scheme is not None:
            op.scheme.tensors(out, into)  # raises where the scheme cannot cut such a weight
        total += out
    return total


def _attention(op: ops.Attention, inputs: Sequence[Shape], params: Params) -> Shape:
    where = f"Attention of layer {op.layer}"
    if min(op.num_heads, op.num_kv_heads, op.head_dim) < 1 or op.num_heads % op.num_kv_heads:
        raise ContractError(f"{where}: {op.num_heads} heads cannot share {op.num_kv_heads} KV heads of {op.head_dim}.")
    q, kv = op.num_heads * op.head_dim, op.num_kv_heads * op.head_dim
    expected = [q + 2 * kv] if len(inputs) == 1 else [q, kv, kv]
    if [shape.width for shape in inputs] != expected or any(shape.rows != "T" for shape in inputs):
        raise ContractError(
            f"{where} takes q [T, {q}], k [T, {kv}] and v [T, {kv}], not {', '.join(map(str, inputs)) or 'nothing'}."
        )
    if op.rope is not None and (op.rope.rotary_dim % 2 or not 0 < op.rope.rotary_dim <= op.head_dim):
        raise ContractError(f"{where}: rotary_dim {op.rope.rotary_dim} is not even and at most head_dim {op.head_dim}.")
    if op.sliding_window is not None and op.sliding_window < 1:
        raise ContractError(f"{where}: a sliding window of {op.sliding_window} sees nothing.")
    for norm in (op.q_norm, op.k_norm):
        if norm is not None:
            _vector(where, norm, op.head_dim, params)
    return Shape("T", q)


def _custom(op: ops.Custom, inputs: Sequence[Shape], params: Params) -> tuple[Shape, ...]:
    for name in op.params:
        if name not in params:
            raise ContractError(f"Parameter {name} is not declared.")
    rows = {shape.rows for shape in inputs}
    if len(rows) != 1 or any(shape.width == 0 for shape in inputs):
        raise ContractError(f"Custom operation {op.name} takes one value or more, all with the same rows, and no ids.")
    widths = op.infer_shape(*(shape.width for shape in inputs), **dict(op.attrs))
    if not isinstance(widths, tuple) or not widths or not all(isinstance(w, int) and w > 0 for w in widths):
        raise ContractError(f"infer_shape of {op.name} must return a tuple of widths, not {widths!r}.")
    return tuple(Shape(inputs[0].rows, width) for width in widths)
