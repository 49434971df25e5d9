"""The whole engine on a device: against the reference engine on the same weights, against itself, and under the scheduler."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.protocol import Cancel, Done, Outcome, Submit, Tokens
from core.sampling import SamplingParams
from core.worker.loop import EngineLoop
from engines.api.errors import ContractError, WeightError
from engines.cuda.engine import CudaEngine
from engines.models import open_model
from engines.reference.engine import ReferenceEngine
from tests.engines.cuda.compare import relative_error

pytestmark = pytest.mark.gpu

DEMO = Path(__file__).parents[3] / "assets" / "demo_model"
SHAPES: dict[str, dict[str, Any]] = {
    "small": {},
    "mha": {"heads": 4, "kv_heads": 4, "head_dim": 64, "hidden": 256},
    "gqa": {"heads": 8, "kv_heads": 2, "head_dim": 128, "hidden": 512, "ffn": 1024},
    "mqa": {"heads": 8, "kv_heads": 1, "head_dim": 64, "hidden": 256},
    "bias": {"bias": True, "tied": True},
    "window": {"window": 40},
    "qk_norm": {"qk_norm": True, "head_dim": 64},
}


@pytest.fixture
def make(kernel_cache: Path, request: pytest.FixtureRequest) -> Any:
    def build(model: Any, **options: Any) -> CudaEngine:
        engine = CudaEngine(
            model, **{"num_pages": 400, "num_slots": 64, "max_tokens": 1536, "cache": kernel_cache, **options}
        )
        request.addfinalizer(engine.close)
        return engine

    return build


@pytest.mark.parametrize("shape", SHAPES)
def test_logits_are_the_references(shape: str, make: Any, make_model: Any, feeder: Any) -> None:
    """Prompts in ragged chunks, then decodes mixed with prefills; logits of every step."""
    model = make_model(**SHAPES[shape])
    oracle = ReferenceEngine(model, num_pages=400, num_slots=64, max_tokens=1536, threads=2)
    ours, theirs = feeder(make(model)), feeder(oracle)
    rng = np.random.default_rng(0)
    for slot in range(6):
        ours.start(slot)
        theirs.start(slot)
    text = lambda n: rng.integers(0, 1003, n).tolist()  # noqa: E731
    schedule = [
        {0: text(1)},
        {0: text(1), 1: text(19)},
        {1: text(99), 2: text(989)},
        {0: text(1), 1: text(1), 2: text(33), 3: text(15)},
    ]
    schedule += [{slot: text(1) for slot in range(4)} for _ in range(3)]
    schedule += [{**{slot: text(1) for slot in range(4)}, 4: text(16), 5: text(17)}]
    schedule += [{slot: text(1) for slot in range(6)} for _ in range(3)]
    for pieces in schedule:
        found, wanted = ours.feed(pieces), theirs.feed(pieces)
        for slot in pieces:
            assert relative_error(found[slot], wanted[slot]) < 2.5e-2, (slot, pieces.keys())


def test_graphs_change_nothing(make: Any, make_model: Any, feeder: Any) -> None:
    model = make_model(**SHAPES["gqa"])
    engines = [feeder(make(model, graphs=mode, num_slots=8)) for mode in ("ahead", "lazy", "off")]
    rng = np.random.default_rng(0)
    prompt = [rng.integers(0, 1003, 60).tolist() for _ in range(5)]
    results = []
    for one in engines:
        out = []
        for slot in range(5):
            one.start(slot, prompt[slot], temperature=0)
        out.append(one.sample({slot: prompt[slot] for slot in range(5)}))
        out += [one.sample(dict.fromkeys(range(count))) for count in (5, 4, 5, 3, 2, 1, 1, 5)]
        results.append(out)
    assert results[0] == results[1] == results[2]


def test_prefill_is_decode(make: Any, make_model: Any, feeder: Any) -> None:
    """Prompt and answer read at once give the logits that were made token by token."""
    one = feeder(make(make_model(**SHAPES["gqa"])))
    rng = np.random.default_rng(2)
    ids = rng.integers(0, 1003, 120).tolist()
    one.start(0)
    one.feed({0: ids[:40]})
    for token in ids[40:]:
        last = one.feed({0: [token]})[0]
    one.start(1)
    assert relative_error(one.feed({1: ids})[1], last) < 2e-2


def test_stale_pages_and_padding_leave_no_trace(make: Any, make_model: Any, feeder: Any) -> None:
    """A page's former owner, even one whose cache is NaN, does not reach the next."""
    engine = make(make_model(), num_pages=12)
    one = feeder(engine)
    rng = np.random.default_rng(3)
    ids = rng.integers(0, 1003, 40).tolist()
    one.start(0)
    clean = one.feed({0: ids})[0]
    more = one.feed({0: [5]})[0]
    one.stop(0)
    engine._driver.call("cuMemsetD8", engine._state.pool, 255, engine._state.pool_bytes)
    one.start(0)
    np.testing.assert_array_equal(one.feed({0: ids})[0], clean)
    np.testing.assert_array_equal(one.feed({0: [5]})[0], more)


def test_malformed_calls_are_refused(make: Any, make_model: Any, feeder: Any) -> None:
    engine = make(make_model(), max_tokens=64)
    one = feeder(engine)
    one.start(0)
    step = engine.forward(one.plan({0: [1, 2]}))
    with pytest.raises(ContractError, match="collected once"):
        engine.collect(step)
    engine.sample(step)
    with pytest.raises(ContractError, match="sampled once"):
        engine.sample(step)
    engine.collect(step)
    with pytest.raises(ContractError, match="takes 64"):
        engine.forward(one.plan({0: [1] * 65}))
    one.done[7], one.pages[7] = 0, []
    step = engine.forward(one.plan({7: [1]}))
    with pytest.raises(ContractError, match="before init_slot"):
        engine.sample(step)
    with pytest.raises(WeightError, match="no tensor"):
        engine.update_weights({"nothing": np.zeros(1, np.float32)})
    engine.close()
    engine.close()
    with pytest.raises(ContractError, match="closed"):
        engine.forward(one.plan({0: [1]}))


def test_new_weights(make: Any, make_model: Any, feeder: Any) -> None:
    first, second = make_model(seed=1), make_model(seed=2)
    one, other = feeder(make(first)), feeder(make(second))
    ids = list(range(50))
    one.start(0)
    other.start(0)
    before, wanted = one.feed({0: ids})[0], other.feed({0: ids})[0]
    assert one.engine.update_weights(second.arrays) == 1
    one.start(1)
    after = one.feed({1: ids})[1]
    np.testing.assert_array_equal(after, wanted)
    assert relative_error(before, wanted) > 0.1


def drive(
    loop: EngineLoop, submits: list[Submit], cancels: dict[int, int]
) -> tuple[dict[int, list[int]], dict[int, Done]]:
    """Run all; `cancels`: request -> step at which it is cancelled. Four arrive at each step."""
    tokens: dict[int, list[int]] = {s.request: [] for s in submits}
    done: dict[int, Done] = {}
    waiting, steps = list(submits), 0
    while waiting or loop.busy:
        for submit in waiting[:4]:
            loop.submit(submit)
        del waiting[:4]
        events = [event for request, at in cancels.items() if at == steps for event in loop.cancel(Cancel(request))]
        for event in events + loop.step():
            if isinstance(event, Tokens):
                tokens[event.request] += event.ids
            elif isinstance(event, Done):
                assert event.request not in done
                done[event.request] = event
        steps += 1
    loop.check_idle()
    return tokens, done


def requests(count: int, vocab: int, seed: int = 0) -> list[Submit]:
    rng = np.random.default_rng(seed)
    found = []
    for i in range(count):
        params = SamplingParams(
            temperature=[0.0, 0.8, 1.0][i % 3], top_p=[1.0, 0.9][i % 2], top_k=[0, 20][i % 2], min_p=0.0,
            repetition_penalty=[1.0, 1.2][i % 5 == 0], seed=i, max_tokens=int(rng.integers(1, 60)),
            logprobs=2 if i % 7 == 0 else None,
        )  # fmt: skip
        prompt = rng.integers(0, vocab, int(rng.integers(1, 200))).tolist()
        found.append(Submit(i, prompt, params.check(vocab).resolve({}), stop_ids=(3, 4)))
    return found


def test_mixed_requests_under_the_scheduler(make: Any, make_model: Any) -> None:
    """96 requests at lookahead 1 in a pool too small for all of them: each ends once, every page comes back, and nearly every
    token is the one the request gets alone (products of other padded sizes round otherwise)."""
    engine = make(make_model(**SHAPES["gqa"]), num_pages=150, num_slots=32, max_tokens=256)
    submits = requests(96, 1003)
    cancels = {5: 3, 20: 9, 33: 12, 60: 20, 95: 30}
    tokens, done = drive(EngineLoop(engine), submits, cancels)
    assert len(done) == 96
    for submit in submits:
        if submit.request not in cancels:
            assert done[submit.request].outcome is Outcome.COMPLETED
            assert len(tokens[submit.request]) == done[submit.request].output_tokens <= (submit.params.max_tokens or 0)
    same = total = 0
    for submit in submits[:24]:
        if submit.request in cancels:
            continue
        alone, _ = drive(EngineLoop(engine), [submit], {})
        a, b = alone[submit.request], tokens[submit.request]
        first = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
        same, total = same + first, total + max(len(a), len(b))
    print(f"\ntokens up to the first that differs: {same} of {total}")
    assert same > 0.6 * total  # random weights: logits lie close together


@pytest.mark.skipif(not DEMO.is_dir(), reason="the demo model is not there")
def test_demo_model(make: Any, feeder: Any) -> None:
    """Greedy text of the demo model, teacher-forced on the reference's tokens: the same choice nearly everywhere."""
    rng = np.random.default_rng(4)
    with open_model(DEMO) as model:
        ours = feeder(make(model, num_pages=300, max_tokens=512))
        oracle = ReferenceEngine(model, num_pages=300, num_slots=64, max_tokens=512, threads=2)
    theirs = feeder(oracle)
    same = total = 0
    worst = 0.0
    for slot in range(4):
        ids = rng.integers(6, 4096, 30).tolist()
        ours.start(slot)
        theirs.start(slot)
        found, wanted = ours.feed({slot: ids})[slot], theirs.feed({slot: ids})[slot]
        for _ in range(40):
            worst = max(worst, relative_error(found, wanted))
            same, total = same + int(found.argmax() == wanted.argmax()), total + 1
            token = [int(wanted.argmax())]
            found, wanted = ours.feed({slot: token})[slot], theirs.feed({slot: token})[slot]
    print(f"\ntop-1 agreement {same} of {total}, greatest relative error of logits {worst:.4f}")
    assert same >= 0.97 * total
    assert worst < 5e-2
