"""Text through a model in float32, one operation at a time, with weights and cache of its own for as long as it runs: for models
larger than the memory.

Linears in 16 bits are plain matrix products here, their weights widened some rows at a time: unlike in the engine, a token's last
bits may depend on the others. Everything else is the reference backend's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from engines.api.plan import PlanRow, StepPlan
from engines.models.model import Model
from engines.network import ops
from engines.network.graph import Node
from engines.reference.kv import KVPool, LayerCache
from engines.reference.program import Operations
from engines.reference.step import RopeTables, Step
from engines.reference.weights import Parameters
from engines.reference.workers import Workers
from engines.weights import to_float32

Float32 = NDArray[np.float32]
Int32 = NDArray[np.int32]

PAGE = 16
# Of a weight that is widened at a time: elements, and multiply-adds of its product, a fraction of a second's.
_ELEMENTS = 1 << 24
_WORK = 1 << 32


def run_alone(
    model: Model,
    nodes: Sequence[Node],
    texts: Sequence[Int32],
    *,
    check: Callable[[], None],
    result: str | None = None,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
    on_node: Callable[[Node, list[Float32]], None] = lambda node, inputs: None,
    on_cache: Callable[[int, LayerCache], None] = lambda layer, cache: None,
    threads: int | None = None,
) -> Float32 | None:
    """Run `nodes`, in order, on all tokens of `texts` int32 [n] each, packed; return the value `result`, if one is named. Every
    token has a logit row.

    `on_node(node, inputs)` is called before each node, with inputs [T, width] that are not to be kept or changed;
    `on_cache(layer, cache)` after each attention; `on_progress(done, total)` counts nodes. `check` is called several times a
    second, from any of the `threads` (None: the cores this process may use); what it raises ends the run.
    """
    rows, page = [], 1
    for slot, tokens in enumerate(texts):
        pages = np.arange(page, page - (-len(tokens) // PAGE), dtype=np.int32)
        rows.append(PlanRow(slot, 0, tokens, pages, True, False))
        page += len(pages)
    plan = StepPlan.build(0, rows, every_logit=True)
    last = {name: i for i, node in enumerate(nodes) for name in node.inputs}
    if result is not None:
        last[result] = len(nodes)
    values: dict[str, Float32] = {"tokens": plan.tokens, "positions": plan.positions}  # type: ignore[dict-item]
    workers = Workers(threads, check)
    where = KVPool([], page, PAGE).claim(plan)
    step = Step(plan, plan.tokens, where, PAGE, RopeTables(max(map(len, texts))), workers.threads)
    try:
        for i, node in enumerate(nodes):
            check()
            on_progress(i, len(nodes))
            inputs = [values[name] for name in node.inputs]
            on_node(node, inputs)
            made = _run(model, node, inputs, step, page, workers, on_cache)
            values.update(zip(node.outputs, made, strict=True))
            for name in (*node.inputs, *node.outputs):
                if last.get(name, -1) <= i:
                    values.pop(name, None)
        on_progress(len(nodes), len(nodes))
    finally:
        workers.close()
    return None if result is None else values[result]


def _run(
    model: Model,
    node: Node,
    inputs: list[Float32],
    step: Step,
    num_pages: int,
    workers: Workers,
    on_cache: Callable[[int, LayerCache], None],
) -> tuple[Float32, ...]:
    op = node.op
    if isinstance(op, ops.Linear) and op.scheme is None:
        return (_linear(model, op, inputs[0], workers),)
    single = replace(op, layer=0) if isinstance(op, ops.Attention) else op
    pool = KVPool([single] if isinstance(single, ops.Attention) else [], num_pages, PAGE)
    run = Operations(Parameters(model), pool, workers).build(
        Node(single, node.inputs, node.outputs), [False] * len(inputs)
    )
    with np.errstate(all="ignore"):
        made = run(step, inputs)
    if isinstance(op, ops.Attention):
        on_cache(op.layer, pool.layers[0])
    return made


def _linear(model: Model, op: ops.Linear, x: Float32, workers: Workers) -> Float32:
    """x @ w.T + b, the weight widened some rows at a time."""
    y = np.empty((len(x), sum(model.network.params[name][0] for name in op.weights)), np.float32)
    at = 0
    for i, name in enumerate(op.weights):
        weight = model.load(name)
        out, width = weight.shape
        rows = max(1, min(_ELEMENTS, _WORK // len(x)) // width)
        for first in range(0, out, rows):
            workers.check()
            piece = to_float32(replace(weight, data=weight.data[first : first + rows]))
            np.matmul(x, piece.T, out=y[:, at + first : at + first + len(piece)])
        if op.biases:
            y[:, at : at + out] += to_float32(model.load(op.biases[i]))
        at += out
    return y
