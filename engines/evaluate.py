"""Logits of a whole text in float32, one layer's weights in memory at a time: what quantized weights are judged by, and what a
backend is checked against, for models larger than the memory.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engines.api.errors import Cancelled, ContractError
from engines.models.model import Model
from engines.network.graph import Segment
from engines.passes import compile_program
from engines.reference.alone import run_alone

Float32 = NDArray[np.float32]
Int32 = NDArray[np.int32]


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

    def check() -> None:
        if cancelled():
            raise Cancelled("The evaluation was stopped.")

    logits = run_alone(
        model,
        nodes,
        [np.ascontiguousarray(ids, np.int32)],
        check=check,
        result=program.network.output,
        on_progress=on_progress,
        threads=threads,
    )
    assert logits is not None
    return logits
