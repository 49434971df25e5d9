"""What is done to a built engine in a process of its own, which may crash or hang: compile its kernels, check it against the
reference, measure it. Requests and answers are JSON objects, for they cross a pipe.

Every function here takes a request and returns an answer; who runs it decides where (`engines.build.Isolate`).
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from engines.api.engine import Engine
from engines.api.errors import DeviceError, EngineError
from engines.api.plan import PlanRow, StepPlan
from engines.api.sampling import SamplerParams, SlotInit
from engines.evaluate import log_softmax
from engines.measure import anonymous_bytes, gpu_bytes

Int32 = NDArray[np.int32]
Float32 = NDArray[np.float32]

# A backend agrees with the reference while the mean divergence of its next-token distributions is below this, in nats. 16-bit
# activations are at about 1e-4 (docs/performance.md); a wrong kernel is above 1.
MOST_DIVERGENCE = 0.05
_LIKELY = 32  # of the most likely tokens, whose log-probabilities are compared for the report
_DECODES = 48
_PAGE = 16


def probe(request: Mapping[str, Any]) -> dict[str, Any]:
    """Is there a GPU that the CUDA backend can use? {"device": {...} or None, "reason": why not}."""
    from engines.store.device import device_or_reason

    found = device_or_reason()
    if isinstance(found, str):
        return {"device": None, "reason": found}
    return {"device": msgspec.to_builtins(found), "reason": ""}


def warm(request: Mapping[str, Any]) -> dict[str, Any]:
    """Compile what the backend compiles at its first load, and choose its products, into `cache`."""
    started = time.monotonic()
    _open(request).close()
    return {"seconds": time.monotonic() - started}


def check(request: Mapping[str, Any]) -> dict[str, Any]:
    """Compare with the reference's log-probabilities, float32 [T, vocab] in the file `expected`, of the tokens `ids` [T]; then
    measure. The answer is the `Report`'s fields that are known here. Raises DeviceError if it does not agree."""
    ids = np.array(request["ids"], np.int32)
    expected: Float32 = np.load(request["expected"], mmap_mode="r", allow_pickle=False)
    before = gpu_bytes()
    engine = _open(request)
    try:
        got = _logits(engine, ids)
        divergence, difference = compare(expected, got)
        if not divergence <= MOST_DIVERGENCE:
            raise DeviceError(
                f"The {request['backend']} backend does not agree with the reference on this machine: over {len(ids)} tokens its "
                f"predictions diverge by {divergence:.3g} nats on average, where {MOST_DIVERGENCE} is allowed."
            )
        answer = measure(engine, ids, int(request["prompt_tokens"]))
        on_gpu = engine.spec.backend != "reference"
        actual = gpu_bytes(before=before) if on_gpu else anonymous_bytes()
        return answer | {
            "checked_tokens": len(ids),
            "max_difference": difference,
            "actual_bytes": actual,
            "memory_of": "gpu" if on_gpu else "process",
        }
    finally:
        engine.close()


def compare(expected: Float32, got: Float32) -> tuple[float, float]:
    """(mean divergence KL(expected || got) in nats, greatest difference of a log-probability among the likeliest tokens) of
    log-probabilities `expected` and logits `got`, both [T, vocab]. NaN counts as infinite."""
    total, greatest = 0.0, 0.0
    for want, logits in zip(expected, got, strict=True):
        if not np.isfinite(logits).all():
            return float("inf"), float("inf")
        have = log_softmax(np.asarray(logits, np.float32))
        total += float(np.sum(np.exp(want, dtype=np.float64) * (want - have)))
        likely = np.argpartition(want, -min(_LIKELY, len(want)))[-_LIKELY:]
        greatest = max(greatest, float(np.abs(want[likely] - have[likely]).max()))
    return max(0.0, total / len(expected)), greatest


def measure(engine: Engine, ids: Int32, prompt_tokens: int) -> dict[str, Any]:
    """First-token time of a prompt made of `ids` over and over, and tokens/s of one greedy sequence after it."""
    spec = engine.spec
    room = min(spec.max_context, (spec.kv.num_pages - 1) * spec.kv.page_size)
    decodes = min(_DECODES, max(1, room // 2))
    count = max(1, min(prompt_tokens, room - decodes))
    prompt = np.resize(ids, count).astype(np.int32)
    _run(engine, prompt, 2)  # what happens once only: allocations, graphs
    started = time.perf_counter()
    times = _run(engine, prompt, decodes)
    speed = (len(times) - 1) / (times[-1] - times[0]) if len(times) > 1 and times[-1] > times[0] else None
    return {"first_token_s": times[0] - started, "prompt_tokens": count, "tokens_per_s": speed}


def _open(request: Mapping[str, Any]) -> Engine:
    from engines.factory import open_engine

    return open_engine(
        Path(request["folder"]),
        backend=request["backend"],
        kv_tokens=int(request["kv_tokens"]),
        cache=Path(request["cache"]),
        key_file=None if request.get("key_file") is None else Path(request["key_file"]),
        pack=None if request.get("pack") is None else Path(request["pack"]),
    )


def _pages(engine: Engine, tokens: int) -> Int32:
    return np.arange(1, 1 + -(-tokens // engine.spec.kv.page_size), dtype=np.int32)


def _logits(engine: Engine, ids: Int32) -> Float32:
    """The backend's logits [T, vocab]: prompt steps of half of the tokens, then one decode step for each of the rest, so that
    both kinds of kernels are seen."""
    spec = engine.spec
    engine.init_slot(SlotInit(0, SamplerParams(temperature=0.0), ids, np.zeros(0, np.int32)))
    out = np.empty((len(ids), spec.vocab_size), np.float32)
    prompt, at, number = max(1, len(ids) // 2), 0, 0
    while at < len(ids):
        count = min(prompt - at, spec.num_slots, spec.max_tokens) if at < prompt else 1
        row = PlanRow(0, at, ids[at : at + count], _pages(engine, at + count), True, at >= prompt)
        out[at : at + count] = _forward(engine, StepPlan.build(number, [row], every_logit=True), count)
        at, number = at + count, number + 1
    return out


def _forward(engine: Engine, plan: StepPlan, rows: int) -> Float32:
    step = engine.forward(plan)
    made = getattr(step, "logits", None)  # the reference has them in its step, GPU backends on request
    if made is None:
        made = engine.logits(rows)  # type: ignore[attr-defined]
    return np.asarray(made, np.float32)[:rows]


def _run(engine: Engine, prompt: Int32, count: int) -> list[float]:
    """Times at which each of `count` greedy tokens was on the host. A step is in flight while the one before is collected, where
    the backend can do that."""
    spec = engine.spec
    engine.init_slot(SlotInit(0, SamplerParams(temperature=0.0), prompt, np.zeros(0, np.int32)))
    times: list[float] = []
    flying: list[Any] = []
    number = 0

    def step(row: PlanRow) -> None:
        nonlocal number
        handle = engine.forward(StepPlan.build(number, [row]))
        engine.sample(handle)
        flying.append((handle, row.wants_logits))
        number += 1
        while len(flying) > spec.lookahead:
            _collect(engine, flying, times)

    for at in range(0, len(prompt), spec.max_tokens):
        piece = prompt[at : at + spec.max_tokens]
        last = at + len(piece) == len(prompt)
        step(PlanRow(0, at, piece, _pages(engine, at + len(piece)), last, False))
    for i in range(count - 1):
        at = len(prompt) + i
        step(PlanRow(0, at, None, _pages(engine, at + 1), True, True))
    while flying:
        _collect(engine, flying, times)
    return times


def _collect(engine: Engine, flying: list[Any], times: list[float]) -> None:
    handle, wanted = flying.pop(0)
    engine.collect(handle)
    if wanted:
        times.append(time.perf_counter())


def error_answer(error: EngineError) -> dict[str, Any]:
    """An engine's error as an answer: its class by name and its sentence."""
    return {"error": type(error).__name__, "message": str(error)}
