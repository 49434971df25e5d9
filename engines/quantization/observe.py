"""Run text through a model in float32, layer by layer, and show what each linear reads."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from engines.api.errors import ContractError
from engines.models.model import Model
from engines.network import ops
from engines.network.graph import Node
from engines.reference.alone import PAGE, run_alone
from engines.reference.kv import LayerCache

Float32 = NDArray[np.float32]
Int32 = NDArray[np.int32]

# Bytes of the widest value over all tokens; three or four of them are alive at once.
_VALUE_BYTES = 256 << 20


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
    check: Callable[[], None],
) -> None:
    """Call `on_input(value, x)` once for each value that a linear reads, x float32 [T, in] of all tokens, not to be kept or
    changed, and `on_cache(layer, cache)` after each attention. Ends after the linear that has the weight `until`.
    `on_progress(done, total)` counts nodes. `check`: see `run_alone`."""
    network = model.network
    ids = usable_ids(ids, model.config.vocab_size, model.config.max_context, max(network.widths.values()))
    end = next(
        i for i, node in enumerate(network.nodes) if isinstance(node.op, ops.Linear) and until in node.op.weights
    )
    seen: set[str] = set()

    def on_node(node: Node, inputs: list[Float32]) -> None:
        if isinstance(node.op, ops.Linear) and node.inputs[0] not in seen:
            seen.add(node.inputs[0])
            on_input(node.inputs[0], inputs[0])

    run_alone(
        model,
        network.nodes[: end + 1],
        ids,
        check=check,
        on_progress=on_progress,
        on_node=on_node,
        on_cache=on_cache,
    )
