"""The engine's side of the contract: order of calls, slots, refusals, weight updates, threads."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

from engines.api import DUMMY_PAGE, PlanRow, SamplerParams, SlotInit, StepPlan
from engines.api.errors import ContractError, OutOfMemory, WeightError
from engines.network import ops
from engines.reference.engine import ReferenceEngine

ROPE = ops.Rope(8, 1e4)
PAGES = np.arange(1, 3, dtype=np.int32)


def ids(*tokens: int) -> np.ndarray:
    return np.array(tokens, np.int32)


@pytest.fixture
def driver(make_model: Any, make_driver: Any) -> Any:
    driver = make_driver(make_model(rope=ROPE), num_pages=20, num_slots=4, max_tokens=32)
    driver.start(0, temperature=0)
    return driver


def test_sampled_tokens_need_no_host(driver: Any) -> None:
    """FROM_SLOT feeds back what was sampled: the same text as feeding it by hand."""
    engine = driver.engine
    step = engine.forward(driver.plan({0: [4, 5, 6]}))
    engine.sample(step)
    tokens = [int(engine.collect(step).token_ids[0])]
    for _ in range(20):
        step = engine.forward(driver.plan({0: None}))
        engine.sample(step)
        tokens.append(int(engine.collect(step).token_ids[0]))
    driver.start(1)
    text = [4, 5, 6]
    logits = driver.feed({1: text})[1]
    for token in tokens:
        assert int(logits.argmax()) == token
        logits = driver.feed({1: [token]})[1]


def test_re_admission_continues_from_the_output_so_far(driver: Any) -> None:
    driver.feed({0: [4, 5, 6]})
    driver.start(1, prompt=[4, 5], output=[6], temperature=0)
    driver.feed({1: [4, 5]})
    step = driver.engine.forward(driver.plan({1: None}))
    driver.start(2)
    np.testing.assert_array_equal(step.logits[0], driver.feed({2: [4, 5, 6]})[2])


def test_only_the_rows_that_want_logits_are_sampled(driver: Any) -> None:
    for slot in (1, 2):
        driver.start(slot, temperature=0)
    rows = [PlanRow(slot, 0, ids(1, 2, 3), ids(slot + 1), slot != 1, False) for slot in range(3)]
    step = driver.engine.forward(StepPlan.build(1, rows))
    assert step.logits.shape == (2, 97)
    driver.engine.sample(step)
    assert len(driver.engine.collect(step).token_ids) == 2
    rows = [PlanRow(1, 0, ids(1, 2, 3), ids(7), False, False)]
    step = driver.engine.forward(StepPlan.build(2, rows))
    driver.engine.sample(step)
    assert driver.engine.collect(step).token_ids.shape == (0,)


def test_calls_out_of_order_are_refused(driver: Any) -> None:
    engine = driver.engine
    step = engine.forward(driver.plan({0: [1]}))
    with pytest.raises(ContractError, match="collected once"):
        engine.collect(step)
    engine.sample(step)
    with pytest.raises(ContractError, match="sampled once"):
        engine.sample(step)
    engine.collect(step)
    with pytest.raises(ContractError, match="collected once"):
        engine.collect(step)
    step = engine.forward(StepPlan.build(9, [PlanRow(3, 0, ids(1), ids(9), True, False)]))
    with pytest.raises(ContractError, match="Slot 3 is used before"):
        engine.sample(step)


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([PlanRow(0, 0, ids(97), ids(1), True, False)], "outside the vocabulary"),
        ([PlanRow(0, 0, ids(1), ids(DUMMY_PAGE), True, False)], "dummy page"),
        ([PlanRow(0, 0, ids(1), ids(20), True, False)], "outside the pool"),
        ([PlanRow(4, 0, ids(1), ids(1), True, False)], "Slots of a step"),
        ([PlanRow(0, 0, ids(1), ids(1, 2), True, False)], "covers its kv_len"),
        ([PlanRow(0, 0, ids(1), ids(1), True, False), PlanRow(1, 0, ids(1), ids(1), True, False)], "same page"),
        ([PlanRow(0, 0, ids(*range(33)), ids(1, 2, 3), True, False)], "takes 32"),
    ],
)
def test_malformed_plans_change_nothing(rows: list[PlanRow], reason: str, driver: Any) -> None:
    driver.feed({0: [1, 2]})
    before = [layer.keys.copy() for layer in driver.engine._pool.layers]
    with pytest.raises(ContractError, match=reason):
        driver.engine.forward(StepPlan.build(1, rows))
    for layer, keys in zip(driver.engine._pool.layers, before, strict=True):
        np.testing.assert_array_equal(layer.keys, keys)


def test_a_row_beyond_the_context_is_refused(make_model: Any, make_driver: Any) -> None:
    driver = make_driver(make_model(rope=ROPE, max_context=16))
    driver.start(0)
    driver.feed({0: list(range(16))})
    with pytest.raises(ContractError, match="context is 16"):
        driver.feed({0: [1]})


@pytest.mark.parametrize(
    ("slot", "params", "prompt"),
    [
        (4, {}, [1]),
        (-1, {}, [1]),
        (0, {}, [97]),
        (0, {"logit_bias": ((97, 1.0),)}, [1]),
        (0, {"stop_ids": (-1,)}, [1]),
    ],
)
def test_slots_that_cannot_be(slot: int, params: dict[str, Any], prompt: list[int], driver: Any) -> None:
    with pytest.raises(ContractError):
        driver.engine.init_slot(SlotInit(slot, SamplerParams(**params), ids(*prompt), ids()))


def test_the_pool_must_hold_a_page(make_model: Any) -> None:
    model = make_model(rope=ROPE)
    with pytest.raises(OutOfMemory, match="at least two pages of 4096 bytes"):
        ReferenceEngine(model, kv_bytes=4096 * 2 - 1)
    engine = ReferenceEngine(model, kv_bytes=4096 * 2)
    assert (engine.spec.kv.num_pages, engine.spec.kv.bytes_per_page) == (2, 4096)
    engine.close()
    with pytest.raises(ContractError, match="either"):
        ReferenceEngine(model)
    with pytest.raises(ContractError, match="at least 1"):
        ReferenceEngine(model, num_pages=9, page_size=0)


def test_dummy_page_stays_zero(driver: Any) -> None:
    driver.start(1)
    driver.feed({0: [1, 2, 3], 1: list(range(20))})
    driver.feed({0: [1], 1: [2]})
    for layer in driver.engine._pool.layers:
        assert not layer.keys[:, DUMMY_PAGE].any()
        assert not layer.values[:, DUMMY_PAGE].any()


def new_weights(model: Any, seed: int = 5) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {name: rng.standard_normal(array.shape, np.float32) for name, array in model.arrays.items()}


def test_updated_weights_are_those_of_a_model_loaded_with_them(make_model: Any, make_driver: Any) -> None:
    model, other = make_model(rope=ROPE, bias=True), make_model(rope=ROPE, bias=True)
    other.arrays = new_weights(model)
    driver, expected = make_driver(model), make_driver(other)
    for d in (driver, expected):
        d.start(0), d.start(1)
    driver.feed({0: [1, 2, 3]})
    assert driver.engine.weight_version == 0
    assert driver.engine.update_weights(other.arrays) == driver.engine.weight_version == 1
    np.testing.assert_array_equal(driver.feed({1: [1, 2, 3]})[1], expected.feed({1: [1, 2, 3]})[1])
    # One of several parameters that the fuse pass joined.
    part = {"l.1.k.weight": other.arrays["l.1.k.weight"] * 2}
    other.arrays |= part
    third = make_driver(other)
    driver.start(2), third.start(2)
    assert driver.engine.update_weights(part) == 2
    np.testing.assert_array_equal(driver.feed({2: [7, 8]})[2], third.feed({2: [7, 8]})[2])


def test_a_parameter_read_by_two_operations_is_updated_in_both(wrap_network: Any, make_driver: Any) -> None:
    """A tied head joined from one tensor, and an embedding of the same tensor."""
    from engines.network.builder import Builder

    b = Builder()
    x = b.embedding(b.tokens, "embed", 16, 16)
    a = b.attention(*(b.linear(x, name, 16, tied="embed.weight") for name in "qkv"),
                    layer=0, num_heads=2, num_kv_heads=2, head_dim=8)  # fmt: skip
    model = wrap_network(b.build(b.linear(b.gather_logits(a + x), "head", 16, tied="embed.weight")))
    driver = make_driver(model)
    new = {"embed.weight": model.arrays["embed.weight"][::-1] * np.float32(0.5)}
    driver.engine.update_weights(new)
    model.arrays = new
    fresh = make_driver(model)
    driver.start(0), fresh.start(0)
    np.testing.assert_array_equal(driver.feed({0: [3, 9, 15]})[0], fresh.feed({0: [3, 9, 15]})[0])


@pytest.mark.parametrize("fault", ["shape", "dtype", "name", "nan", "float64"])
def test_one_bad_tensor_leaves_every_weight_in_force(fault: str, make_model: Any, make_driver: Any) -> None:
    model = make_model(rope=ROPE)
    driver = make_driver(model)
    driver.start(0), driver.start(1)
    before = driver.feed({0: [1, 2, 3]})[0]
    tensors: dict[str, np.ndarray] = new_weights(model)
    last = list(tensors)[-1]
    bad = {
        "shape": tensors[last][:-1],
        "dtype": tensors[last].astype(np.float16),
        "name": tensors[last],
        "nan": np.full_like(tensors[last], np.nan),
        "float64": tensors[last].astype(np.float64),
    }[fault]
    del tensors[last]
    tensors["no such" if fault == "name" else last] = bad
    with pytest.raises(WeightError):
        driver.engine.update_weights(tensors)
    assert driver.engine.weight_version == 0
    np.testing.assert_array_equal(driver.feed({1: [1, 2, 3]})[1], before)


def test_close_ends_threads_and_is_final(make_model: Any) -> None:
    before = threading.active_count()
    # Wide enough that work is shared out.
    engine = ReferenceEngine(make_model(rope=ROPE, hidden=512, ffn=4096), num_pages=4, threads=3, max_tokens=64)
    engine.forward(StepPlan.build(0, [PlanRow(0, 0, ids(*range(32)), PAGES, True, False)]))
    assert threading.active_count() == before + 2
    engine.close()
    engine.close()
    assert threading.active_count() == before
    for call in (
        lambda: engine.init_slot(SlotInit(0, SamplerParams(), ids(1), ids())),
        lambda: engine.update_weights({}),
        lambda: engine.forward(StepPlan.build(0, [PlanRow(0, 0, ids(1), ids(1), True, False)])),
    ):
        with pytest.raises(ContractError, match="closed"):
            call()


def test_diverged_numbers_come_out_as_logits_not_as_warnings(make_model: Any, make_driver: Any) -> None:
    model = make_model(rope=ROPE)
    model.arrays["norm.weight"][:] = 3e38
    model.arrays["l.0.up.weight"][:] = 1e30
    driver = make_driver(model)
    driver.start(0, temperature=0.7, top_p=0.9)
    step = driver.engine.forward(driver.plan({0: [1, 2, 3]}))
    driver.engine.sample(step)
    assert 0 <= driver.engine.collect(step).token_ids[0] < 97
