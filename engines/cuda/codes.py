"""Which values of a program exist as codes, and which products of codes are scaled by whoever reads them.

A linear with rounded inputs multiplies codes by codes. Its input is made as codes by the operation before, where that can (norms
and gated activations; else a pass of its own), and its output is left as the product comes out where its reader can apply
the scales (rope, residual and norm, gated activation; else a pass of its own).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from engines.network import ops
from engines.network.graph import Node


@dataclass(frozen=True, slots=True)
class CodePlan:
    """`codes`: values that are stored as codes alone, with the weights of the linear that reads them. `raw`: values that are
    products of codes, with those of the linear that makes them."""

    codes: dict[str, tuple[str, ...]]
    raw: dict[str, tuple[str, ...]]


def takes_codes(op: ops.Op) -> bool:
    """Whether the operation is a linear whose input is rounded to E4M3."""
    return isinstance(op, ops.Linear) and op.scheme is not None and op.scheme.activations == "fp8"


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
        if name == output or len(found) != 1:
            continue
        reader, position = found[0]
        makes = isinstance(node.op, ops.RMSNorm | ops.AddRMSNorm | ops.LayerNorm | ops.GatedActivation)
        if makes and isinstance(reader.op, ops.Linear) and takes_codes(reader.op):
            codes[name] = reader.op.weights
        if (
            isinstance(node.op, ops.Linear)
            and takes_codes(node.op)
            and not node.op.biases
            and scales_input(reader, position)
        ):
            raw[name] = node.op.weights
    return CodePlan(codes, raw)


def scales_input(node: Node, position: int) -> bool:
    """Whether the operation can apply the scales of the value that it reads at `position`."""
    match node.op:
        case ops.Attention():
            return len(node.inputs) == 1
        case ops.AddRMSNorm():
            return position == 0
        case ops.GatedActivation():
            return True
    return False
