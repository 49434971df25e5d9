"""A network: named values, nodes in execution order, parameters with their shapes. Frozen; passes make new ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from engines.network.ops import Attention, Op


@dataclass(frozen=True, slots=True)
class Node:
    """One operation: values it reads and values it makes."""

    op: Op
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Network:
    """`widths`: last dimension of every value (all are [T, width], or [L, width] after GatherLogits; the two graph inputs
    `tokens` and `positions` are [T] int32, width 0). `params`: parameter name -> shape. `output`: the logits value [L, vocab]."""

    nodes: tuple[Node, ...]
    widths: Mapping[str, int]
    params: Mapping[str, tuple[int, ...]]
    output: str

    def attention_layers(self) -> tuple[Attention, ...]:
        return tuple(node.op for node in self.nodes if isinstance(node.op, Attention))


@dataclass(frozen=True, slots=True)
class Segment:
    """A run of nodes that one compiler takes as a whole, with what flows in and out (value names)."""

    nodes: tuple[Node, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Program:
    """What a backend runs, made by `engines.passes`: segments, and between them the nodes that cut (Attention, Custom)."""

    network: Network
    stages: tuple[Segment | Node, ...]
