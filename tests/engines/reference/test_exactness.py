"""Bit for bit: what a token gets depends on nothing but its own sequence."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from engines.network import ops

LENGTHS = {0: 1, 1: 19, 2: 99, 3: 16, 4: 17, 5: 260}
MODELS: dict[str, dict[str, Any]] = {
    "mha": {"num_kv_heads": 4, "rope": ops.Rope(8, 1e4)},
    "gqa": {"num_heads": 6, "num_kv_heads": 2, "head_dim": 16, "rope": ops.Rope(16, 1e4), "qk_norm": True},
    "mqa": {"num_kv_heads": 1, "head_dim": 64, "rope": ops.Rope(32, 1e4, interleaved=True), "ffn": 333},
    "windows": {"windows": [9, 130], "sinks": True, "soft_cap": 3.0, "head_dim": 80, "rope": ops.Rope(80, 1e4)},
    "gpt": {"positions": 1200, "norm": "layer", "gated": False, "act": "gelu", "bias": True, "hidden": 129},
    "alibi": {"alibi": True, "num_heads": 8, "num_kv_heads": 8},
}


def texts(seed: int = 0) -> dict[int, list[int]]:
    rng = np.random.default_rng(seed)
    return {slot: rng.integers(0, 97, length + 4).tolist() for slot, length in LENGTHS.items()}


def alone(driver: Any, slot: int, tokens: list[int]) -> list[np.ndarray]:
    """Prefill at once, then four decodes, nobody else in the step; the logits of the five last positions."""
    driver.start(slot)
    got = [driver.feed({slot: tokens[:-4]})[slot]]
    got += [driver.feed({slot: [token]})[slot] for token in tokens[-4:]]
    driver.stop(slot)
    return got


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("seed", range(4))
def test_random_schedules_give_the_bits_of_a_sequence_alone(
    name: str, seed: int, make_model: Any, make_driver: Any
) -> None:
    """Random chunks, random company, random pages, preemption and recompute: same logits at every position reached."""
    model = make_model(**MODELS[name])
    words = texts(seed)
    reference = make_driver(model, seed=99)
    expected = {slot: dict(zip(range(len(t) - 5, len(t)), alone(reference, slot, t), strict=True))
                for slot, t in words.items()}  # fmt: skip
    rng = np.random.default_rng(1000 + seed)
    driver = make_driver(model, seed=seed, threads=1 + seed % 2)
    for slot in words:
        driver.start(slot)
    compared = 0
    while any(driver.done[slot] < len(t) for slot, t in words.items()):
        pieces = {}
        for slot, tokens in words.items():
            left = tokens[driver.done[slot] :]
            if left and rng.random() < 0.7:
                pieces[slot] = left[: int(rng.choice([1, 1, 2, 3, 15, 16, 17, 64, 128]))]
        if not pieces:
            continue
        for slot, logits in driver.feed(pieces).items():
            position = driver.done[slot] - 1
            if position in expected[slot]:
                np.testing.assert_array_equal(logits, expected[slot][position])
                compared += 1
        victim = int(rng.integers(0, 40))
        if victim in words:
            driver.stop(victim)
            driver.start(victim)
    assert compared >= len(words)


def test_decode_and_prefill_write_the_same_cache(make_model: Any, make_driver: Any) -> None:
    model = make_model(**MODELS["gqa"])
    tokens = texts()[2]
    once, by_one = make_driver(model), make_driver(model)
    once.start(0), by_one.start(0)
    once.feed({0: tokens})
    for token in tokens:
        by_one.feed({0: [token]})
    pages = once.pages[0]
    assert pages == by_one.pages[0]
    for a, b in zip(once.engine._pool.layers, by_one.engine._pool.layers, strict=True):
        np.testing.assert_array_equal(a.keys[:, pages], b.keys[:, pages])
        np.testing.assert_array_equal(a.values[:, pages], b.values[:, pages])


def test_a_cached_prefix_gives_the_same_bits(make_model: Any, make_driver: Any) -> None:
    """A second sequence takes over the first one's full pages and computes the rest only."""
    model = make_model(**MODELS["mha"])
    tokens = texts()[2]
    driver = make_driver(model)
    driver.start(0)
    whole = driver.feed({0: tokens})[0]
    driver.start(1)
    driver.pages[1], driver.done[1] = driver.pages[0][:3], 48
    np.testing.assert_array_equal(driver.feed({1: tokens[48:]})[1], whole)


def test_copied_pages_give_the_same_bits(make_model: Any, make_driver: Any) -> None:
    """A fork in the middle of a page: the copy goes its own way, the original is not disturbed."""
    model = make_model(**MODELS["mha"])
    tokens = texts()[2]
    driver = make_driver(model)
    driver.start(0)
    driver.feed({0: tokens[:40]})
    fork = [*driver.pages[0][:2], driver.free.pop()]
    driver.start(1)
    driver.pages[1], driver.done[1] = fork, 40
    plan = driver.plan({0: tokens[40:50], 1: [5, 6, 7]}, copies=[(driver.pages[0][2], fork[2])])
    logits = driver.engine.forward(plan).logits
    driver.start(2)
    np.testing.assert_array_equal(logits[1], driver.feed({2: [*tokens[:40], 5, 6, 7]})[2])
    driver.start(3)
    np.testing.assert_array_equal(logits[0], driver.feed({3: tokens[:50]})[3])


@pytest.mark.parametrize("count", [1, 19, 99, 989])
def test_awkward_prompt_lengths(count: int, make_model: Any, make_driver: Any) -> None:
    model = make_model(**MODELS["gqa"])
    tokens = np.random.default_rng(count).integers(0, 97, count).tolist()
    whole, halves = make_driver(model), make_driver(model, seed=5)
    whole.start(0), halves.start(0)
    expected = whole.feed({0: tokens})[0]
    cut = count // 2
    if cut:
        halves.feed({0: tokens[:cut]})
    np.testing.assert_array_equal(halves.feed({0: tokens[cut:]})[0], expected)
