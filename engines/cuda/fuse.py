"""Fusions of this backend alone, on a program's nodes: residual sums, of two or three, with the LayerNorm that reads them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from engines.network import ops
from engines.network.graph import Node


@dataclass(frozen=True, slots=True)
class AddLayerNorm(ops.Op):
    """(residual [T, n], a [T, n], or a and b) -> (sum = residual + a + b, LayerNorm(sum))."""

    weight: str
    bias: str | None
    eps: float


def fuse_layer_norms(nodes: Sequence[Node], keep: frozenset[str]) -> tuple[Node, ...]:
    """`nodes` with every sum that a LayerNorm reads, and a sum that only this sum reads, in one. `keep`: values that are read
    elsewhere. Of the summands the one made first is the residual."""
    made = {name: i for i, node in enumerate(nodes) for name in node.outputs}
    readers = Counter(name for node in nodes for name in node.inputs)
    readers.update(keep)
    replaced: dict[int, Node] = {}
    dropped: set[int] = set()
    for index, node in enumerate(nodes):
        norm = node.op
        if not isinstance(norm, ops.LayerNorm):
            continue
        at = made.get(node.inputs[0], -1)
        if at < 0 or at in replaced or not isinstance(nodes[at].op, ops.Add):
            continue
        summands = list(nodes[at].inputs)
        for i, name in enumerate(summands):
            inner = made.get(name, -1)
            if inner >= 0 and inner not in replaced and isinstance(nodes[inner].op, ops.Add) and readers[name] == 1:
                summands[i : i + 1] = nodes[inner].inputs
                dropped.add(inner)
                break
        summands.sort(key=lambda name: made.get(name, -1))
        outputs = (*nodes[at].outputs, *node.outputs)
        replaced[at] = Node(AddLayerNorm(norm.weight, norm.bias, norm.eps), tuple(summands), outputs)
        dropped.add(index)
    return tuple(replaced.get(i, node) for i, node in enumerate(nodes) if i not in dropped)
