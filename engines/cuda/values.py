"""Where the values of a program lie: buffers planned once for the largest step, reused after a value's last reader."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from engines.api.errors import UnsupportedError
from engines.cuda.memory import align
from engines.network import ops
from engines.network.graph import Node, Program, Segment


@dataclass(frozen=True, slots=True)
class Split:
    """A program's nodes in order: those on all tokens, and those after the rows that need logits were gathered."""

    body: tuple[Node, ...]
    head: tuple[Node, ...]


def split(program: Program) -> Split:
    """Cut at the first GatherLogits. Raises UnsupportedError for a network that has none, or goes back to all tokens after."""
    nodes = [node for stage in program.stages for node in (stage.nodes if isinstance(stage, Segment) else (stage,))]
    cut = next((i for i, node in enumerate(nodes) if isinstance(node.op, ops.GatherLogits)), None)
    if cut is None:
        raise UnsupportedError("The CUDA backend needs a network that gathers the rows whose logits are wanted.")
    made: set[str] = set()
    for node in nodes[cut:]:
        if not isinstance(node.op, ops.GatherLogits) and not made.issuperset(node.inputs):
            raise UnsupportedError(
                "The CUDA backend takes no network that goes back to all tokens after gathering logits."
            )
        made.update(node.outputs)
    return Split(tuple(nodes[:cut]), tuple(nodes[cut:]))


@dataclass(frozen=True, slots=True)
class BufferPlan:
    """`offsets`: value name -> byte offset in a workspace of `size` bytes."""

    offsets: dict[str, int]
    size: int


def plan_buffers(nodes: Sequence[Node], sizes: dict[str, int], keep: frozenset[str] = frozenset()) -> BufferPlan:
    """First fit over live ranges: values made by `nodes` with `sizes` in bytes; those in `keep` live to the end. An output never
    shares memory with an input of the same node."""
    last: dict[str, int] = {}
    for i, node in enumerate(nodes):
        for name in (*node.inputs, *node.outputs):
            last[name] = i
    live: list[tuple[int, int, str]] = []  # (offset, end, name), by offset
    offsets: dict[str, int] = {}
    top = 0
    for i, node in enumerate(nodes):
        for name in node.outputs:
            size = align(sizes[name])
            at = 0
            for index, (start, end, _) in enumerate(live):
                if start - at >= size:
                    live.insert(index, (at, at + size, name))
                    break
                at = end
            else:
                live.append((at, at + size, name))
            live.sort()
            offsets[name] = at
            top = max(top, at + size)
        live = [item for item in live if item[2] in keep or last[item[2]] > i]
    return BufferPlan(offsets, top)
