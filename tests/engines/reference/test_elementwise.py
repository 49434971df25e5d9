"""Norms and activations against their formulas in float64, at awkward sizes and at the ends of float32."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import get_args

import numpy as np
import pytest

from engines.network.ops import ActivationKind
from engines.reference import elementwise

Formulas = dict[str, Callable[..., np.ndarray]]
SIZES = [1, 19, 99, 989]


def data(rows: int, width: int) -> np.ndarray:
    return np.random.default_rng(rows + width).standard_normal((rows, width), dtype=np.float32) * 3


@pytest.mark.parametrize("width", SIZES)
def test_rms_norm(width: int, oracle_of: Formulas) -> None:
    x, weight = data(7, width), data(1, width)[0]
    expected = oracle_of["rms_norm"](x.astype(np.float64), weight, 1e-5)
    np.testing.assert_allclose(elementwise.rms_norm(x, weight, 1e-5), expected, rtol=2e-6, atol=1e-6)
    heads = data(12, width).reshape(3, 4, width)
    expected = oracle_of["rms_norm"](heads.astype(np.float64), weight, 1e-6)
    np.testing.assert_allclose(elementwise.rms_norm(heads, weight, 1e-6), expected, rtol=2e-6, atol=1e-6)


@pytest.mark.parametrize("width", SIZES)
@pytest.mark.parametrize("bias", [False, True])
def test_layer_norm(width: int, bias: bool) -> None:
    x, weight, shift = data(7, width) + 5, data(1, width)[0], data(2, width)[1]
    wide = x.astype(np.float64)
    expected = (wide - wide.mean(-1, keepdims=True)) / np.sqrt(wide.var(-1, keepdims=True) + 1e-5) * weight
    result = elementwise.layer_norm(x, weight, shift if bias else None, 1e-5)
    np.testing.assert_allclose(result, expected + (shift if bias else 0), rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("kind", get_args(ActivationKind))
@pytest.mark.parametrize("width", SIZES)
def test_activation(kind: ActivationKind, width: int, oracle_of: Formulas) -> None:
    x = data(5, width)
    expected = oracle_of["activation"](x.astype(np.float64), kind)
    result = elementwise.ACTIVATIONS[kind](x, np.empty_like(x))
    np.testing.assert_allclose(result, expected, rtol=1e-5, atol=2e-6)


@pytest.mark.parametrize("kind", get_args(ActivationKind))
def test_activation_far_out_warns_of_nothing(kind: ActivationKind) -> None:
    x = np.array([[-1e4, -200, -88.8, -0.0, 0.0, 88.8, 200, 1e4]], np.float32)
    result = elementwise.ACTIVATIONS[kind](x, np.empty_like(x))
    np.testing.assert_allclose(result, np.maximum(x, 0), atol=1e-30)


def test_erf_is_within_its_stated_error() -> None:
    x = np.linspace(-6, 6, 20001, dtype=np.float32)
    assert np.abs(elementwise.erf(x) - [math.erf(v) for v in x.tolist()]).max() < 5e-7


def test_soft_cap() -> None:
    x = data(5, 99) * 100
    expected = 30 * np.tanh(x.astype(np.float64) / 30)
    np.testing.assert_allclose(elementwise.soft_cap(x, 30.0, np.empty_like(x)), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("width", [1, 7, 19, 40, 99, 989])
def test_a_row_has_the_same_bits_in_any_company(width: int) -> None:
    """SIMD loops treat the ends of an array apart: that must not show in a row's result."""
    x, weight, even = data(99, width), data(1, width)[0], data(99, 2 * width)

    def every(rows: slice) -> list[np.ndarray]:
        part = x[rows].copy()
        acts = [act(part, np.empty_like(part)) for act in elementwise.ACTIVATIONS.values()]
        # As GatedActivation reads it: the first half of wider rows.
        gate = even[rows].copy()[:, :width]
        gates = [act(gate, np.empty(gate.shape, np.float32)) for act in elementwise.ACTIVATIONS.values()]
        norms = [elementwise.rms_norm(part, weight, 1e-5), elementwise.layer_norm(part, weight, weight, 1e-5)]
        return [*acts, *gates, *norms, elementwise.soft_cap(part, 5.0, np.empty_like(part))]

    whole = every(slice(None))
    for rows in (slice(0, 1), slice(98, 99), slice(3, 22), slice(1, 99)):
        for alone, together in zip(every(rows), whole, strict=True):
            np.testing.assert_array_equal(alone, together[rows])
