"""What quantization cost: the quantized model beside the original on the same text, both by the reference backend."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engines.api.errors import Cancelled, ContractError
from engines.api.plan import PlanRow, StepPlan
from engines.models.model import Model
from engines.passes import compile_program
from engines.reference.kv import KVPool
from engines.reference.program import Runner
from engines.reference.step import RopeTables, Step
from engines.reference.weights import Parameters
from engines.reference.workers import Workers

Float32 = NDArray[np.float32]
Int32 = NDArray[np.int32]

_PAGE = 16


@dataclass(frozen=True, slots=True)
class Quality:
    """Over `tokens` predictions of a next token. `perplexity` = exp(mean loss) of the model and of the `original`; `top1`: share
    of positions where both prefer the same token; `kl`: mean of KL(original || model) of the next-token distribution, nats."""

    tokens: int
    perplexity: float
    original_perplexity: float
    top1: float
    kl: float


def every_logit(
    model: Model, texts: Sequence[Int32], threads: int | None = None, kv_dtype: str = "fp32"
) -> Iterator[Float32]:
    """Logits [n, vocab] of every position of each text, whole, by the reference backend. Texts are cut at the context."""
    program = compile_program(model.network, model.schemes)
    layers = sorted(program.network.attention_layers(), key=lambda op: op.layer)
    longest = min(model.config.max_context, max((len(text) for text in texts), default=1))
    count = 1 + -(-longest // _PAGE)
    workers = Workers(threads)
    try:
        pool = KVPool(layers, count, _PAGE, kv_dtype, model.kv_scales)
        runner = Runner(program, Parameters(model), pool, workers)
        ropes = RopeTables(longest)
        for text in texts:
            tokens = np.ascontiguousarray(text, np.int32)[:longest]
            pages = np.arange(1, 1 + -(-len(tokens) // _PAGE), dtype=np.int32)
            plan = StepPlan.build(0, [PlanRow(0, 0, tokens, pages, True, False)])
            plan.logit_token = np.arange(len(tokens), dtype=np.int32)
            with np.errstate(all="ignore"):
                step = Step(plan, plan.tokens, pool.claim(plan), _PAGE, ropes, workers.threads)
                yield runner(step)
    finally:
        workers.close()


def compare(
    original: Model,
    model: Model,
    texts: Sequence[Int32],
    *,
    threads: int | None = None,
    kv_dtype: str = "fp32",
    on_progress: Callable[[int, int], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Quality:
    """`model` beside `original`, of the same vocabulary, on `texts` of two tokens or more, with a cache of `kv_dtype` ("fp32" or
    "fp8") for `model`. `on_progress(done, total)` counts
    texts. Raises ContractError where there is nothing to compare, Cancelled when `cancelled()` says so."""
    texts = [text for text in texts if len(text) > 1]
    if not texts or original.config.vocab_size != model.config.vocab_size:
        raise ContractError("Two models of one vocabulary and a text of two tokens are needed to compare.")
    tokens, same = 0, 0
    losses, kl = np.zeros(2), 0.0
    pairs = zip(texts, every_logit(original, texts, threads), every_logit(model, texts, threads, kv_dtype), strict=True)
    for i, (text, first, second) in enumerate(pairs):
        if cancelled is not None and cancelled():
            raise Cancelled("The comparison was stopped.")
        said = np.asarray(text, np.int64)[1 : len(first)]
        rows = np.arange(len(said))
        a, b = _log_softmax(first[: len(said)]), _log_softmax(second[: len(said)])
        losses -= (a[rows, said].sum(), b[rows, said].sum())
        kl += float((np.exp(a) * (a - b)).sum())
        same += int((a.argmax(axis=1) == b.argmax(axis=1)).sum())
        tokens += len(said)
        if on_progress is not None:
            on_progress(i + 1, len(texts))
    mean = losses / tokens
    return Quality(tokens, math.exp(mean[1]), math.exp(mean[0]), same / tokens, kl / tokens)


def _log_softmax(logits: Float32) -> NDArray[np.float64]:
    wide = logits.astype(np.float64)
    wide -= wide.max(axis=1, keepdims=True)
    wide -= np.log(np.exp(wide).sum(axis=1, keepdims=True))
    return wide
