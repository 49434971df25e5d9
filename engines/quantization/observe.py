"""Run text through a model in float32, layer by layer, and show what each linear reads.

Only one layer's weights are in memory at a time, so that a model larger than the memory can be calibrated. Linears are plain
matrix products here: unlike in the reference engine, a token's last bits may depend on the others, which calibration does not
mind. Everything else is the reference backend's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from engines.api.errors import Cancelled, ContractError
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
# Bytes of the widest value over all tokens; three or four of them are alive at once.
_VALUE_BYTES = 256 << 20
# Elements of a weight that are widened at a time.
_ROWS = 1 << 24


def usable_ids(ids: Sequence[Int32], vocab_size: int, max_context: int, widest: int) -> list[Int32]:
    """The sequences to run: each cut at the model's context, and as many tokens in all as fit in memory (65,536 at most).
    Raises ContractError for ids outside the vocabulary, or if there are none."""
    left = max(PAGE, min(65536, _VALUE_BYTES // (4 * widest)))
    found = []
    for sequence in ids:
        tokens = np.ascontiguousarray(sequence, np.int32).reshape(-1)[: min(max_context, left)]
        if len(tokens) and not (tokens.min() >= 0 and tokens.max() < vocab_size):
            raise ContractError("A calibration text has token ids outside the model's vocabulary.")
        if len(tokens) > 1:
            found.append(tokens)
            left -= len(tokens)
        if left < 2:
            break
    if not found:
        raise ContractError("There is no calibration text: give at least one sequence of two tokens.")
    return found


def observe(
    model: Model,
    ids: Sequence[Int32],
    *,
    on_input: Callable[[str, Float32], None],
    on_cache: Callable[[int, LayerCache], None],
    until: str,
    on_progress: Callable[[int, int], None],
    cancelled: Callable[[], bool],
) -> None:
    """Call `on_input(value, x)` once for each value that a linear reads, x float32 [T, in] of all tokens, not to be kept or
    changed, and `on_cache(layer, cache)` after each attention. Ends after the linear that has the weight `until`.
    `on_progress(done, total)` counts nodes. Raises Cancelled."""
    network = model.network
    widest = max(network.widths.values())
    ids = usable_ids(ids, model.config.vocab_size, model.config.max_context, widest)
    rows, page = [], 1
    for slot, tokens in enumerate(ids):
        count = -(-len(tokens) // PAGE)
        pages = np.arange(page, page + count, dtype=np.int32)
        rows.append(PlanRow(slot, 0, tokens, pages, False, False))
        page += count
    plan = StepPlan.build(0, rows)
    workers = Workers()
    ropes = RopeTables(max(len(tokens) for tokens in ids))
    end = next(
        i for i, node in enumerate(network.nodes) if isinstance(node.op, ops.Linear) and until in node.op.weights
    )
    nodes = network.nodes[: end + 1]
    last = {name: i for i, node in enumerate(nodes) for name in node.inputs}
    values: dict[str, Float32] = {"tokens": plan.tokens, "positions": plan.positions}  # type: ignore[dict-item]
    seen: set[str] = set()
    step = None
    try:
        for i, node in enumerate(nodes):
            if cancelled():
                raise Cancelled("Calibration was stopped.")
            on_progress(i, len(nodes))
            inputs = [values[name] for name in node.inputs]
            if isinstance(node.op, ops.Linear):
                if node.inputs[0] not in seen:
                    seen.add(node.inputs[0])
                    on_input(node.inputs[0], inputs[0])
                made: tuple[Float32, ...] = (_linear(model, node.op, inputs[0]),)
            else:
                # Attention has a pool of its own here, for as long as it runs.
                op = node.op
                single = replace(op, layer=0) if isinstance(op, ops.Attention) else op
                pool = KVPool([single] if isinstance(single, ops.Attention) else [], page, PAGE)
                if step is None or isinstance(op, ops.Attention):
                    step = Step(plan, plan.tokens, pool.claim(plan), PAGE, ropes, workers.threads)
                run = Operations(Parameters(model), pool, workers).build(
                    Node(single, node.inputs, node.outputs), [False] * len(inputs)
                )
                with np.errstate(all="ignore"):
                    made = run(step, inputs)
                if isinstance(op, ops.Attention):
                    on_cache(op.layer, pool.layers[0])
            values.update(zip(node.outputs, made, strict=True))
            for name in {*node.inputs, *node.outputs}:
                if last.get(name, -1) <= i:
                    values.pop(name, None)
        on_progress(len(nodes), len(nodes))
    finally:
        workers.close()


def _linear(model: Model, op: ops.Linear, x: Float32) -> Float32:
    """x @ w.T + b, the weight widened some rows at a time."""
    y = np.empty((len(x), sum(model.network.params[name][0] for name in op.weights)), np.float32)
    at = 0
    for i, name in enumerate(op.weights):
        weight = model.load(name)
        out, width = weight.shape
        rows = max(1, _ROWS // width)
        for first in range(0, out, rows):
            piece = to_float32(replace(weight, data=weight.data[first : first + rows]))
            np.matmul(x, piece.T, out=y[:, at + first : at + first + len(piece)])
        if op.biases:
            y[:, at : at + out] += to_float32(model.load(op.biases[i]))
        at += out
    return y
