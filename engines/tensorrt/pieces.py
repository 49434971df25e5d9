"""What of a program TensorRT takes. A segment without its embedding lookups and its gather of logits, which stay our own
kernels (a table of a gigabyte as a constant would double its memory while building), falls into pieces."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from engines.network import ops
from engines.network.graph import Node, Program, Segment


@dataclass(frozen=True, slots=True)
class Piece(ops.Op):
    """A run of nodes compiled as one network. `inputs`, `outputs`: value names. `rows`: what the first dimension of every value
    counts. `logits`: the output that is float32, or None."""

    index: int
    nodes: tuple[Node, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    rows: Literal["T", "L"]
    logits: str | None = None

    @property
    def params(self) -> tuple[str, ...]:
        """Every parameter it reads, in order, each once."""
        from engines.passes.validate import param_names

        return tuple(dict.fromkeys(name for node in self.nodes for name in param_names(node.op)))


def cut(program: Program) -> tuple[Node, ...]:
    """The program as nodes of which those with a Piece for their op are TensorRT's, in an order in which all can run."""
    groups: list[list[Node] | Node] = []
    for stage in program.stages:
        if not isinstance(stage, Segment):
            groups.append(stage)
            continue
        # Lookups read ids only: in front of the segment they cut nothing.
        groups.extend(node for node in stage.nodes if isinstance(node.op, ops.Embedding))
        run: list[Node] = []
        for node in stage.nodes:
            if isinstance(node.op, ops.Embedding):
                continue
            if isinstance(node.op, ops.GatherLogits):
                groups.extend([run, node] if run else [node])
                run = []
            else:
                run.append(node)
        if run:
            groups.append(run)
    rows = _rows(program)
    wanted = {program.network.output}
    found: list[Node] = []
    index = sum(isinstance(group, list) for group in groups)
    for group in reversed(groups):
        if isinstance(group, Node):
            found.append(group)
            wanted |= set(group.inputs)
            continue
        index -= 1
        made = [name for node in group for name in node.outputs]
        read = dict.fromkeys(name for node in group for name in node.inputs)
        inputs = tuple(name for name in read if name not in made)
        outputs = tuple(name for name in made if name in wanted)
        output = program.network.output
        piece = Piece(index, tuple(group), inputs, outputs, rows[made[0]], output if output in outputs else None)
        found.append(Node(piece, inputs, outputs))
        wanted |= set(inputs)
    return tuple(reversed(found))


def pieces_of(nodes: tuple[Node, ...]) -> tuple[Piece, ...]:
    """The pieces among what `cut` returns, by index."""
    return tuple(node.op for node in nodes if isinstance(node.op, Piece))


def _rows(program: Program) -> dict[str, Literal["T", "L"]]:
    """Of every value: one row per token, or per logit row."""
    rows: dict[str, Literal["T", "L"]] = {}
    for stage in program.stages:
        for node in stage.nodes if isinstance(stage, Segment) else (stage,):
            gathered = isinstance(node.op, ops.GatherLogits) or any(rows.get(name) == "L" for name in node.inputs)
            rows.update(dict.fromkeys(node.outputs, "L" if gathered else "T"))
    return rows
