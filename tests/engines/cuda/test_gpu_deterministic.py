"""The deterministic mode: 1,000 mixed requests give what each gives alone; and how far the usual mode is from that."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.protocol import Cancel, Done, Outcome, Submit, Tokens
from core.sampling import SamplingParams
from core.worker.loop import EngineLoop, scheduler_config
from engines.api.errors import UnsupportedError
from engines.cuda.engine import CudaEngine
from engines.network.schemes import SCHEMES

pytestmark = [pytest.mark.gpu, pytest.mark.timeout(300)]

VOCAB = 1003


@pytest.fixture
def make(kernel_cache: Path, request: pytest.FixtureRequest) -> Any:
    def build(model: Any, **options: Any) -> CudaEngine:
        engine = CudaEngine(model, **{"num_slots": 64, "max_tokens": 320, "cache": kernel_cache, **options})
        request.addfinalizer(engine.close)
        return engine

    return build


def requests(count: int) -> list[Submit]:
    """Greedy and sampled, with and without penalties and log-probabilities; a third begin with one of three long beginnings."""
    rng = np.random.default_rng(7)
    shared = [rng.integers(0, VOCAB, 90).tolist() for _ in range(3)]
    found = []
    for i in range(count):
        params = SamplingParams(
            temperature=[0.0, 0.8, 1.0][i % 3], top_p=[1.0, 0.9][i % 2], top_k=[0, 20][i % 2], min_p=0.0,
            repetition_penalty=[1.0, 1.2][i % 5 == 0], seed=i, max_tokens=int(rng.integers(1, 40)),
            logprobs=2 if i % 7 == 0 else None,
        )  # fmt: skip
        prompt = (shared[i % 9] if i % 9 < 3 else []) + rng.integers(0, VOCAB, int(rng.integers(1, 150))).tolist()
        found.append(Submit(i, prompt, params.check(VOCAB).resolve({}), stop_ids=(3, 4)))
    return found


def drive(
    engine: CudaEngine, submits: list[Submit], cancels: dict[int, int]
) -> tuple[EngineLoop, dict[int, list[int]]]:
    """All through one loop, six arriving at each step; `cancels`: request -> tokens after which it is cancelled."""
    loop = EngineLoop(engine, scheduler_config(engine.spec, max_waiting=2000))
    tokens: dict[int, list[int]] = {submit.request: [] for submit in submits}
    done: dict[int, Done] = {}
    waiting = list(submits)
    while waiting or loop.busy:
        for submit in waiting[:6]:
            loop.submit(submit)
        del waiting[:6]
        events = loop.step()
        for request, limit in cancels.items():
            if request not in done and len(tokens[request]) >= limit:
                events = events + loop.cancel(Cancel(request))
        for event in events:
            if isinstance(event, Tokens):
                tokens[event.request] += event.ids
            elif isinstance(event, Done):
                assert event.request not in done
                done[event.request] = event
    loop.check_idle()
    assert len(done) == len(submits)
    assert {d.outcome for r, d in done.items() if r not in cancels} == {Outcome.COMPLETED}
    return loop, tokens


def alike(together: dict[int, list[int]], alone: dict[int, list[int]], cancels: dict[int, int]) -> tuple[int, int, int]:
    """Requests with the same tokens (a cancelled one: as far as it came), tokens before the first that differs, and all tokens."""
    whole = before = total = 0
    for request, found in together.items():
        wanted = alone[request][: len(found)] if request in cancels else alone[request]
        first = next(
            (i for i, (a, b) in enumerate(zip(found, wanted, strict=False)) if a != b), min(len(found), len(wanted))
        )
        whole += found == wanted
        before, total = before + first, total + max(len(found), len(wanted))
    return whole, before, total


GQA = {"heads": 8, "kv_heads": 2, "head_dim": 128, "hidden": 512, "ffn": 1024}


@pytest.mark.parametrize(("shape", "count"), [(GQA, 1000), ({"window": 40, "bias": True}, 200)])
def test_what_each_gives_alone(shape: dict[str, Any], count: int, make: Any, make_model: Any) -> None:
    """In a pool too small for all that run, so that some are preempted; beginnings are shared; some are cancelled."""
    model = make_model(**shape)
    submits = requests(count)
    cancels = {request: request % 17 for request in range(5, count, 11)}
    engine = make(model, deterministic=True, num_pages=100)
    loop, together = drive(engine, submits, cancels)
    assert loop.scheduler.preemptions > 0
    alone: dict[int, list[int]] = {}
    for submit in submits:
        alone |= drive(engine, [submit], {})[1]
    whole, before, total = alike(together, alone, cancels)
    print(
        f"\ndeterministic: {whole} of {count} requests, {before} of {total} tokens; {loop.scheduler.preemptions} preempted"
    )
    assert (whole, before) == (count, total)
    _, usual = drive(make(model, num_pages=100), submits, cancels)
    whole, before, total = alike(usual, alone, cancels)
    print(f"usual mode: {whole} of {count} requests, {before} of {total} tokens up to the first that differs")
    assert before > 0.5 * total


def test_logits_to_the_bit(make: Any, make_model: Any, feeder: Any) -> None:
    """However a text is cut, and whatever is read beside it."""
    one = feeder(make(make_model(**GQA), deterministic=True, num_pages=400))
    rng = np.random.default_rng(2)
    ids = rng.integers(0, VOCAB, 120).tolist()
    for slot in range(40):
        one.start(slot)
    wanted = one.feed({0: ids})[0]
    one.feed({1: ids[:40]})
    for token in ids[40:]:
        last = one.feed({1: [token]})[1]
    np.testing.assert_array_equal(last, wanted)
    others = {slot: rng.integers(0, VOCAB, int(rng.integers(1, 9))).tolist() for slot in range(3, 40)}
    one.feed({2: ids[:117], **others})
    for token in ids[117:]:
        last = one.feed({2: [token], **{slot: [1] for slot in range(3, 40)}})[2]
    np.testing.assert_array_equal(last, wanted)


def test_usual_mode_agrees_nearly_everywhere(make: Any, make_model: Any, feeder: Any) -> None:
    """Top-1 agreement of the same tokens read alone and among 47 others."""
    one = feeder(make(make_model(**GQA), num_pages=1200))
    rng = np.random.default_rng(3)
    texts = {slot: rng.integers(0, VOCAB, 100).tolist() for slot in range(48)}
    for slot in texts:
        one.start(slot)
    together = [
        one.feed({slot: text[:60] for slot, text in part})
        for part in (list(texts.items())[i : i + 4] for i in range(0, 48, 4))
    ]
    first = {slot: logits for step in together for slot, logits in step.items()}
    steps = [first] + [one.feed({slot: [text[at]] for slot, text in texts.items()}) for at in range(60, 99)]
    same = total = 0
    for slot in range(0, 48, 4):
        one.stop(slot)
        one.start(slot)
        alone = [one.feed({slot: texts[slot][:60]})[slot]] + [one.feed({slot: [t]})[slot] for t in texts[slot][60:99]]
        same += sum(int(a.argmax() == step[slot].argmax()) for a, step in zip(alone, steps, strict=True))
        total += len(alone)
    print(f"\ntop-1 agreement of the usual mode, alone and among others: {same} of {total}")
    assert same > 0.95 * total


def test_only_weights_in_16_bits(make: Any, make_model: Any) -> None:
    model = make_model()
    model.schemes = {"l.0.q.weight": SCHEMES["int8"]}
    with pytest.raises(UnsupportedError, match="deterministic mode takes weights in 16 bits, not int8"):
        make(model, deterministic=True)
