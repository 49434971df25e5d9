"""Where scales of a linear's input can go without a trace at run time: into the layer that makes the input.

    norm -> linear(s)             the norm's weight (and bias) is divided by s, columns of the linears are multiplied
    attention -> linear           rows of v, whose columns attention only mixes over time
    mul(act(gate), up) -> linear  rows of up

An input that anything else reads, or that another operation makes (gelu(up) of GPT-2), has no such place.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engines.network import Network, Node, ops

Float32 = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Fold:
    """`value`: the input; `readers`: the weights [out, in] that read it. `norm`: parameters whose elements are divided (a norm's
    weight, then its bias); or `rows`: a weight whose rows are divided, and its bias if any.

    `heads`: for attention, (query heads, kv heads, head_dim): s is one per kv head and element of it, repeated for the query
    heads that share it; None where s is free, [in].
    """

    value: str
    readers: tuple[str, ...]
    norm: tuple[str, ...] = ()
    rows: str | None = None
    bias: str | None = None
    heads: tuple[int, int, int] | None = None

    def shared(self, per_column: Float32) -> Float32:
        """A statistic [in] averaged over the columns that must share a scale: [number of free scales]."""
        if self.heads is None:
            return per_column
        heads, kv_heads, dim = self.heads
        mean: Float32 = per_column.reshape(kv_heads, heads // kv_heads, dim).mean(axis=1).reshape(-1)
        return mean

    def columns(self, s: Float32) -> Float32:
        """Free scales -> one per column of the readers, [in]."""
        if self.heads is None:
            return s
        heads, kv_heads, dim = self.heads
        return np.repeat(s.reshape(kv_heads, 1, dim), heads // kv_heads, axis=1).reshape(-1)


def find_folds(network: Network, quantized: Collection[str]) -> list[Fold]:
    """The folds of a network as its family defines it (not fused), among linears in `quantized`, in order of the graph."""
    maker: Mapping[str, Node] = {name: node for node in network.nodes for name in node.outputs}
    readers: dict[str, list[Node]] = {}
    uses: dict[str, int] = {}
    for node in network.nodes:
        for name in node.inputs:
            readers.setdefault(name, []).append(node)
        if isinstance(node.op, ops.RMSNorm | ops.LayerNorm):
            uses[node.op.weight] = uses.get(node.op.weight, 0) + 1

    def private_linear(value: str) -> ops.Linear | None:
        node = maker.get(value)
        if node is None or len(readers[value]) != 1 or not isinstance(node.op, ops.Linear):
            return None
        return node.op if len(node.op.weights) == 1 and node.op.weights[0] in quantized else None

    folds = []
    for value, nodes in readers.items():
        linears = [node.op for node in nodes if isinstance(node.op, ops.Linear)]
        weights = tuple(w for op in linears for w in op.weights)
        if value not in maker or value == network.output or len(linears) != len(nodes):
            continue
        if not set(weights) <= set(quantized):
            continue
        op, inputs = maker[value].op, maker[value].inputs
        if isinstance(op, ops.RMSNorm) and uses[op.weight] == 1:
            folds.append(Fold(value, weights, norm=(op.weight,)))
        elif isinstance(op, ops.LayerNorm) and uses[op.weight] == 1:
            folds.append(Fold(value, weights, norm=(op.weight,) if op.bias is None else (op.weight, op.bias)))
        elif isinstance(op, ops.Attention) and len(inputs) == 3 and (v := private_linear(inputs[2])):
            heads = (op.num_heads, op.num_kv_heads, op.head_dim)
            folds.append(Fold(value, weights, rows=v.weights[0], bias=next(iter(v.biases), None), heads=heads))
        elif isinstance(op, ops.Mul) and (up := next(filter(None, map(private_linear, inputs)), None)):
            folds.append(Fold(value, weights, rows=up.weights[0], bias=next(iter(up.biases), None)))
    return folds
