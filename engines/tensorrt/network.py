"""A piece of a program -> a strongly typed TensorRT network, with what is needed to bind, check and interpret it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

from engines.network import ops
from engines.tensorrt.emitter import Constant, Emitter, Tensor
from engines.tensorrt.linear import as_constants
from engines.tensorrt.operations import emit
from engines.tensorrt.pieces import Piece
from engines.tensorrt.weights import ElementType, Load, Weight


@dataclass(frozen=True, slots=True)
class Port:
    """A value that crosses the border: `name` in the network (x0, y1), the program's `value`, its `width` and type."""

    name: str
    value: str
    width: int
    dtype: ElementType


@dataclass(frozen=True, slots=True)
class Emitted:
    """`weights`: the inputs to bind, or with constants what was built in. `constants`: every constant layer's bits, by the name
    of its output; they must outlive the build."""

    network: Any
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    weights: tuple[Weight, ...]
    constants: Mapping[str, Constant]


def emit_piece(
    trt: Any,
    builder: Any,
    piece: Piece,
    widths: Mapping[str, int],
    shapes: Mapping[str, tuple[int, ...]],
    compute: ElementType,
    load: Load | None,
) -> Emitted:
    """The network of `piece`. `widths`: of values; `shapes`: of parameters; `load`: for weights as constants, None for inputs."""
    e = Emitter(trt, builder.create_network(0), compute, load)
    values: dict[str, Tensor] = {}
    inputs = []
    for i, value in enumerate(piece.inputs):
        values[value] = e.input(f"x{i}", widths[value])
        inputs.append(Port(f"x{i}", value, widths[value], compute))
    floats = float_values(piece)
    for node in piece.nodes:
        e.label = node.outputs[0]
        made = emit(e, node, [values[name] for name in node.inputs], shapes, node.outputs[0] in floats)
        values.update(zip(node.outputs, made, strict=True))
    outputs = []
    for i, value in enumerate(piece.outputs):
        tensor = values[value]
        tensor.name = f"y{i}"
        e.network.mark_output(tensor)
        outputs.append(Port(f"y{i}", value, widths[value], "fp32" if value in floats else compute))
    return Emitted(e.network, tuple(inputs), tuple(outputs), tuple(e.weights), e.constants)


def needs_constants(piece: Piece) -> bool:
    """Whether the library keeps some of its weights packed as constants only: then all of them are, one plan per layer."""
    return any(isinstance(node.op, ops.Linear) and as_constants(node.op.scheme) for node in piece.nodes)


def float_values(piece: Piece) -> frozenset[str]:
    """The logits, and what they are made of by scaling or capping alone: float32."""
    found = {piece.logits} if piece.logits is not None else set()
    for node in reversed(piece.nodes):
        if node.outputs[0] in found and isinstance(node.op, ops.Scale | ops.SoftCap):
            found.add(node.inputs[0])
    return frozenset(found)


def signature(piece: Piece, widths: Mapping[str, int], shapes: Mapping[str, tuple[int, ...]]) -> str:
    """Hex digest over everything that shapes a network but the names: pieces with one signature share a plan if their weights
    are inputs."""
    numbers: dict[str, int] = {}

    def value(name: str) -> list[int]:
        return [numbers.setdefault(name, len(numbers)), widths[name]]

    def plain(item: Any) -> Any:
        """An operation's field with parameter names as their shapes."""
        if isinstance(item, str) and item in shapes:
            return list(shapes[item])
        if isinstance(item, tuple):
            return [plain(part) for part in item]
        if is_dataclass(item) and not isinstance(item, type):
            return {field.name: plain(getattr(item, field.name)) for field in fields(item)}
        return item

    described = [
        [type(node.op).__name__, plain(node.op), [value(n) for n in node.inputs], [value(n) for n in node.outputs]]
        for node in piece.nodes
    ]
    whole = [
        described,
        [value(n) for n in piece.inputs],
        [value(n) for n in piece.outputs],
        piece.rows,
        piece.logits is not None,
    ]
    return hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()[:16]
