"""Cut a network into segments, each of which one compiler takes whole, at Attention and Custom."""

from __future__ import annotations

from engines.network.graph import Network, Node, Program, Segment
from engines.network.ops import Attention, Custom


def segment(network: Network) -> Program:
    """The program of `network`: segment, cut, segment, cut, ..., segment (no empty segments between two cuts).

    A segment's inputs are what it reads and does not make, its outputs what it makes and somebody later reads: the residual
    stream crosses every cut this way.
    """
    groups: list[list[Node] | Node] = []
    for node in network.nodes:
        if isinstance(node.op, Attention | Custom):
            groups.append(node)
        elif groups and isinstance(groups[-1], list):
            groups[-1].append(node)
        else:
            groups.append([node])
    stages: list[Segment | Node] = []
    wanted = {network.output}
    for group in reversed(groups):
        if isinstance(group, Node):
            stages.append(group)
            wanted |= set(group.inputs)
            continue
        made = [name for node in group for name in node.outputs]
        read = dict.fromkeys(name for node in group for name in node.inputs)
        inputs = tuple(name for name in read if name not in made)
        stages.append(Segment(tuple(group), inputs, tuple(name for name in made if name in wanted)))
        wanted |= set(inputs)
    return Program(network, tuple(reversed(stages)))
