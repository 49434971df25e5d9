"""Logits of a whole text in float32, one layer's weights in memory at a time: what quantized weights are judged by, and what a
backend is checked against, for models larger than the memory.

The operations are the reference backend's. Only the last product, whose matrix may be the largest of all, is taken in pieces.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from engines.api.errors import Cancelled, ContractError
from engines.api.plan import PlanRow, StepPlan
from engines.models.model import Model
from engines.network import ops
from engines.network.graph import Node, Segment
from engines.passes import compile_program
from engines.reference.kv import KVPool
from engines.reference.program import Operations
from engines.reference.step import RopeTables, Step
from engines.reference.weights import Parameters
from engines.reference.workers import Workers
from engines.weights import to_float32

Float32 = NDArray[np.float32]
Int32 = NDArray[np.int32]

_PAGE = 16
_PIECE = 1 << 24  # elements of a weight that are widened at once


@dataclass(frozen=True, slots=True)
class Scores:
    """Of a text of N + 1 tokens: for each of its last N, `logprobs` [N] of the token that came, and `best` int32 [N], the most
    likely one."""

    logprobs: Float32
    best: Int32

    @property
    def perplexity(self) -> float:
        return float(np.exp(-self.logprobs.astype(np.float64).mean()))


def score(logits: Float32, ids: Int32) -> Scores:
    """`logits` [N + 1 or more, vocab] of `ids` [N + 1]."""
    count = len(ids) - 1
    chosen, best = np.empty(count, np.float32), np.empty(count, np.int32)
    for i in range(count):  # row by row: a copy of all of them could be larger than the model
        row = log_softmax(logits[i])
        chosen[i], best[i] = row[ids[i + 1]], int(row.argmax())
    return Scores(chosen, best)


def log_softmax(row: Float32) -> Float32:
    """Of one row, in float32 with the maximum taken out."""
    shifted: Float32 = row - row.max()
    shifted -= np.float32(np.log(np.exp(shifted).sum(dtype=np.float64)))
    return shifted


def text_logits(
    model: Model,
    ids: Int32,
    *,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
    cancelled: Callable[[], bool] = lambda: False,
    threads: int | None = None,
) -> Float32:
    """float32 [T, vocab] for a text `ids` int32 [T] within the model's context. `on_progress` counts operations. Raises Cancelled,
    ContractError, and what loading the weights raises."""
    if not 0 < len(ids) <= model.config.max_context or ids.min() < 0 or ids.max() >= model.config.vocab_size:
        raise ContractError(
            "A text to be evaluated has tokens outside the vocabulary, or more than the model's context."
        )
    program = compile_program(model.network, model.schemes)
    nodes = [node for stage in program.stages for node in (stage.nodes if isinstance(stage, Segment) else (stage,))]
    pages = np.arange(1, 1 + -(-len(ids) // _PAGE), dtype=np.int32)
    plan = StepPlan.build(0, [PlanRow(0, 0, ids.astype(np.int32), pages, True, False)], every_logit=True)
    last = {name: i for i, node in enumerate(nodes) for name in node.inputs}
    last[program.network.output] = len(nodes)
    values: dict[str, Float32] = {"tokens": plan.tokens, "positions": plan.positions}  # type: ignore[dict-item]
    workers, ropes = Workers(threads), RopeTables(len(ids))
    claimed = KVPool([], len(pages) + 1, _PAGE).claim(plan)
    try:
        for i, node in enumerate(nodes):
            if cancelled():
                raise Cancelled("The evaluation was stopped.")
            on_progress(i, len(nodes))
            inputs = [values[name] for name in node.inputs]
            made = _run(model, node, inputs, plan, claimed, len(pages) + 1, ropes, workers)
            values.update(zip(node.outputs, made, strict=True))
            for name in (*node.inputs, *node.outputs):
                if last.get(name, -1) <= i:
                    values.pop(name, None)
        on_progress(len(nodes), len(nodes))
    finally:
        workers.close()
    return values[program.network.output]


def _run(
    model: Model,
    node: Node,
    inputs: list[Float32],
    plan: StepPlan,
    where: NDArray[np.int64],
    num_pages: int,
    ropes: RopeTables,
    workers: Workers,
) -> tuple[Float32, ...]:
    """One operation, with weights and cache of its own for as long as it runs."""
    op = node.op
    if isinstance(op, ops.Linear) and op.scheme is None:
        return (_linear(model, op, inputs[0]),)
    single = replace(op, layer=0) if isinstance(op, ops.Attention) else op
    pool = KVPool([single] if isinstance(single, ops.Attention) else [], num_pages, _PAGE)
    step = Step(plan, plan.tokens, where, _PAGE, ropes, workers.threads)
    run = Operations(Parameters(model), pool, workers).build(
        Node(single, node.inputs, node.outputs), [False] * len(inputs)
    )
    with np.errstate(all="ignore"):
        return run(step, inputs)


def _linear(model: Model, op: ops.Linear, x: Float32) -> Float32:
    """x @ w.T + b, the weight widened some rows at a time."""
    y = np.empty((len(x), sum(model.network.params[name][0] for name in op.weights)), np.float32)
    at = 0
    for i, name in enumerate(op.weights):
        weight = model.load(name)
        out, width = weight.shape
        rows = max(1, _PIECE // width)
        for first in range(0, out, rows):
            piece = to_float32(replace(weight, data=weight.data[first : first + rows]))
            np.matmul(x, piece.T, out=y[:, at + first : at + first + len(piece)])
        if op.biases:
            y[:, at : at + out] += to_float32(model.load(op.biases[i]))
        at += out
    return y
