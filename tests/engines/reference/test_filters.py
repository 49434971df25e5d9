"""Top-k, top-p, min-p and typical sampling against straightforward definitions on random rows."""

from __future__ import annotations

import math

import numpy as np
import pytest

from engines.reference import filters

SIZES = [1, 2, 19, 99, 989, 5000]


def row(size: int, seed: int, spread: float = 3.0) -> np.ndarray:
    return (np.random.default_rng(seed).standard_normal(size) * spread).astype(np.float32)


def softmax(x: np.ndarray) -> list[float]:
    most = float(x.max())
    weights = [math.exp(float(v) - most) for v in x]
    total = math.fsum(weights)
    return [w / total for w in weights]


def by_key(keys: list[float]) -> list[int]:
    return sorted(range(len(keys)), key=lambda i: (keys[i], i))


def nucleus(keys: list[float], probs: list[float], p: float) -> list[int]:
    """Take tokens by ascending key until their mass reaches p."""
    kept: list[int] = []
    for i in by_key(keys):
        kept.append(i)
        if math.fsum(probs[j] for j in kept[-1:]) + math.fsum(probs[j] for j in kept[:-1]) >= p:
            break
    return sorted(kept)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("k", [1, 2, 40, 512, 6000])
def test_top_k(size: int, k: int) -> None:
    x = row(size, k)
    assert filters.top_k(x, k).tolist() == sorted(by_key([-float(v) for v in x])[:k])


def test_top_k_of_equals_takes_the_lowest_ids() -> None:
    x = np.array([1, 3, 2, 2, 3, 2, 0], np.float32)
    assert filters.top_k(x, 4).tolist() == [1, 2, 3, 4]
    assert filters.top_k(np.zeros(9, np.float32), 3).tolist() == [0, 1, 2]


@pytest.mark.parametrize("size", SIZES[:-1])
@pytest.mark.parametrize("p", [1e-9, 0.1, 0.5, 0.9, 0.999])
@pytest.mark.parametrize("spread", [0.1, 3.0])
def test_top_p(size: int, p: float, spread: float) -> None:
    x = row(size, int(p * 1000), spread)
    assert filters.top_p(x, p).tolist() == nucleus([-float(v) for v in x], softmax(x), p)


def test_top_p_of_many_even_tokens_looks_beyond_the_head() -> None:
    kept = filters.top_p(np.zeros(5000, np.float32), 0.5)
    assert abs(len(kept) - 2500) <= 1
    assert kept.tolist() == list(range(len(kept)))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("p", [1e-6, 0.05, 0.5, 1.0])
def test_min_p(size: int, p: float) -> None:
    x = row(size, int(p * 100))
    probs = softmax(x)
    most = max(probs)
    assert filters.min_p(x, p).tolist() == [i for i, prob in enumerate(probs) if prob >= p * most]


@pytest.mark.parametrize("size", SIZES[:-1])
@pytest.mark.parametrize("p", [1e-9, 0.2, 0.9])
def test_typical(size: int, p: float) -> None:
    x = row(size, int(p * 1000))
    probs = softmax(x)
    entropy = -math.fsum(q * math.log(q) for q in probs)
    assert filters.typical(x, p).tolist() == nucleus([abs(-math.log(q) - entropy) for q in probs], probs, p)


def test_typical_never_takes_an_impossible_token() -> None:
    x = np.array([0, -2000, 0, -2000], np.float32)
    assert filters.typical(x, 0.9).tolist() == [0, 2]
