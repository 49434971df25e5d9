"""Fusions that every backend wants: fewer, larger matrix products, and norms that take the residual sum along.

    q, k, v linears of one value -> Attention       one linear qkv -> Attention
    silu(linear gate) * linear up                   one linear gate|up -> GatedActivation
    add -> rms_norm                                 AddRMSNorm

Parameters keep their names: a fused linear lists them, and a backend concatenates when it loads.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from engines.network import ops
from engines.network.graph import Network, Node
from engines.passes.validate import validate


@dataclass(frozen=True, slots=True)
class _Graph:
    """Who makes each value, and how many read it (the output of the network has one reader more)."""

    producer: dict[str, int]
    readers: Counter[str]

    @classmethod
    def of(cls, network: Network) -> _Graph:
        producer = {name: i for i, node in enumerate(network.nodes) for name in node.outputs}
        readers = Counter(name for node in network.nodes for name in node.inputs)
        readers[network.output] += 1
        return cls(producer, readers)

    def private(self, network: Network, name: str, kind: type[ops.Op]) -> int | None:
        """The index of the node that makes `name`, if it is of `kind` and has no other reader."""
        index = self.producer.get(name)
        if index is None or self.readers[name] != 1 or not isinstance(network.nodes[index].op, kind):
            return None
        return index


@dataclass(frozen=True, slots=True)
class _Edit:
    """Nodes to drop (by index), nodes to put in place of others, and the widths of values made new."""

    drop: frozenset[int]
    replace: dict[int, Node]
    widths: dict[str, int]


def fuse(network: Network) -> Network:
    """Every fusion, in the order above. Equal results up to rounding; the parameters stay the same."""
    for find in (_qkv, _gate_up, _add_norm):
        network = validate(_rewrite(network, find))
    return network


def _rewrite(network: Network, find: Callable[[Network, _Graph, int], _Edit | None]) -> Network:
    """Ask `find` at every node; apply its edits, which never touch the same node (each consumes values of one reader)."""
    graph = _Graph.of(network)
    drop: set[int] = set()
    replace: dict[int, Node] = {}
    widths = dict(network.widths)
    for index in range(len(network.nodes)):
        edit = find(network, graph, index)
        if edit is None or edit.drop & drop or edit.replace.keys() & replace.keys():
            continue
        drop |= edit.drop
        replace.update(edit.replace)
        widths.update(edit.widths)
    nodes = tuple(replace.get(i, node) for i, node in enumerate(network.nodes) if i not in drop)
    made = {"tokens", "positions", *(name for node in nodes for name in node.outputs)}
    return Network(nodes, {k: v for k, v in widths.items() if k in made}, network.params, network.output)


def _concat(network: Network, indices: Sequence[int], output: str) -> Node | None:
    """One linear for several of the same input; None if they differ in input, in having biases, or in scheme."""
    nodes = [network.nodes[i] for i in indices]
    linears = [node.op for node in nodes if isinstance(node.op, ops.Linear)]
    if len({node.inputs for node in nodes}) != 1 or len({(bool(op.biases), op.scheme) for op in linears}) != 1:
        return None
    weights = tuple(w for op in linears for w in op.weights)
    biases = tuple(b for op in linears for b in op.biases)
    return Node(ops.Linear(weights, biases, linears[0].scheme), nodes[0].inputs, (output,))


def _qkv(network: Network, graph: _Graph, index: int) -> _Edit | None:
    node = network.nodes[index]
    if not isinstance(node.op, ops.Attention) or len(node.inputs) != 3:
        return None
    found = [graph.private(network, name, ops.Linear) for name in node.inputs]
    indices = [i for i in found if i is not None]
    if len(set(indices)) != 3:
        return None
    name = f"qkv.{node.op.layer}"
    linear = _concat(network, indices, name)
    if linear is None:
        return None
    first = min(indices)
    return _Edit(
        drop=frozenset(indices) - {first},
        replace={first: linear, index: Node(node.op, (name,), node.outputs)},
        widths={name: sum(network.widths[value] for value in node.inputs)},
    )


def _gate_up(network: Network, graph: _Graph, index: int) -> _Edit | None:
    node = network.nodes[index]
    if not isinstance(node.op, ops.Mul):
        return None
    for gated, plain in (node.inputs, node.inputs[::-1]):
        act = graph.private(network, gated, ops.Activation)
        up = graph.private(network, plain, ops.Linear)
        if act is None or up is None:
            continue
        kind = network.nodes[act].op
        gate = graph.private(network, network.nodes[act].inputs[0], ops.Linear)
        if gate is None or not isinstance(kind, ops.Activation):
            continue
        name = f"gate_up.{node.outputs[0]}"
        linear = _concat(network, (gate, up), name)
        if linear is None:
            continue
        first = min(gate, up)
        return _Edit(
            drop=frozenset((gate, up, act)) - {first},
            replace={first: linear, index: Node(ops.GatedActivation(kind.kind), (name,), node.outputs)},
            widths={name: network.widths[gated] + network.widths[plain]},
        )
    return None


def _add_norm(network: Network, graph: _Graph, index: int) -> _Edit | None:
    """The first RMSNorm of a sum moves to where the sum is made. Of the two summands the one made last is `x`, what the block
    adds; the older is the residual stream, whose buffer a backend may overwrite with the sum."""
    node = network.nodes[index]
    if not isinstance(node.op, ops.Add):
        return None
    (total,) = node.outputs
    for later in range(index + 1, len(network.nodes)):
        norm = network.nodes[later]
        if norm.inputs != (total,) or not isinstance(norm.op, ops.RMSNorm):
            continue
        residual, x = sorted(node.inputs, key=lambda name: graph.producer.get(name, -1))
        fused = Node(ops.AddRMSNorm(norm.op.weight, norm.op.eps), (x, residual), (total, *norm.outputs))
        return _Edit(drop=frozenset((later,)), replace={index: fused}, widths={})
    return None
