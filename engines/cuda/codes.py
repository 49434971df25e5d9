"""Which values of a program exist as codes, and which products of codes are scaled by whoever reads them.

A linear with rounded inputs multiplies codes by codes. Its input is made as codes by the operation before, where that can (norms
and activations; else a pass of its own), and its output is left as the product comes out where its reader can apply the scales
(rope, residual and norm, activations; else a pass of its own).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from engines.cuda.fuse import AddLayerNorm
from engines.network import ops
from engines.network.graph import Node

# What can write its output as codes, and what can add the bias of a product that it reads.
_MAKERS = (ops.RMSNorm, ops.AddRMSNorm, ops.LayerNorm, AddLayerNorm, ops.GatedActivation, ops.Activation)
_ADD_BIAS = (AddLayerNorm, ops.Activation)


@dataclass(frozen=True, slots=True)
class CodePlan:
    """`codes`: values that are stored as codes alone, with the weights of a linear that reads them. `raw`: values that are
    products of codes, with those of the linear that makes them."""

    codes: dict[str, tuple[str, ...]]
    raw: dict[str, tuple[str, ...]]


def takes_codes(op: ops.Op) -> bool:
    """Whether the operation is a linear whose input is rounded to E4M3 or INT8."""
    return isinstance(op, ops.Linear) and op.scheme is not None and op.scheme.activations in ("fp8", "int8")


def plan_codes(nodes: Sequence[Node], output: str) -> CodePlan:
    """`output`: the value that leaves the program."""
    readers: dict[str, list[tuple[Node, int]]] = {}
    for node in nodes:
        for position, name in enumerate(node.inputs):
            readers.setdefault(name, []).append((node, position))
    codes: dict[str, tuple[str, ...]] = {}
    raw: dict[str, tuple[str, ...]] = {}
    for node in nodes:
        name = node.outputs[-1]
        found = readers.get(name, [])
        if name == output or not found:
            continue
        if isinstance(node.op, _MAKERS) and read_alike([reader for reader, _ in found]):
            (first, _) = found[0]
            assert isinstance(first.op, ops.Linear)
            codes[name] = first.op.weights
        if len(found) == 1 and isinstance(node.op, ops.Linear) and takes_codes(node.op):
            reader, position = found[0]
            if scales_input(reader, position) and (not node.op.biases or isinstance(reader.op, _ADD_BIAS)):
                raw[name] = node.op.weights
    return CodePlan(codes, raw)


def read_alike(readers: Sequence[Node]) -> bool:
    """Whether all readers of a value take it as the same codes: a static scale is one linear's own."""
    return all(takes_codes(node.op) for node in readers) and (
        len(readers) == 1
        or all(
            isinstance(node.op, ops.Linear)
            and node.op.scheme is not None
            and node.op.scheme.activations == _rounding(readers[0].op)
            and node.op.scheme.activation_scale == "dynamic_token"
            and not node.op.scheme.pre_scale
            for node in readers
        )
    )


def scales_input(node: Node, position: int) -> bool:
    """Whether the operation can apply the scales of the value that it reads at `position`."""
    match node.op:
        case ops.Attention():
            return len(node.inputs) == 1
        case ops.AddRMSNorm():
            return position == 0
        case AddLayerNorm():
            return position > 0
        case ops.GatedActivation() | ops.Activation():
            return True
    return False


def _rounding(op: ops.Op) -> str | None:
    """The type that a linear rounds its input to."""
    return op.scheme.activations if isinstance(op, ops.Linear) and op.scheme is not None else None
