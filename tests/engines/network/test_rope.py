"""Frequencies against values worked out by hand from the papers' formulas (parity with transformers: test_golden.py)."""

from __future__ import annotations

import math

import numpy as np
import pytest

from engines.network import Rope, RopeScaling
from engines.network.rope import attention_factor, cos_sin, inv_freq, yarn_attention_factor


def test_plain():
    np.testing.assert_allclose(inv_freq(Rope(8, 10000.0)), [1, 0.1, 0.01, 0.001], rtol=1e-6)
    assert attention_factor(Rope(8, 10000.0)) == 1.0


def test_linear_divides():
    rope = Rope(8, 10000.0, scaling=RopeScaling("linear", 4.0))
    np.testing.assert_allclose(inv_freq(rope), np.array([1, 0.1, 0.01, 0.001]) / 4, rtol=1e-6)


def test_llama3_keeps_short_wavelengths_and_divides_long_ones():
    rope = Rope(64, 500000.0, scaling=RopeScaling("llama3", 8.0, 8192, 1.0, 4.0))
    plain, scaled = inv_freq(Rope(64, 500000.0)).astype(float), inv_freq(rope).astype(float)
    wavelength = 2 * math.pi / plain
    short, long = wavelength < 8192 / 4, wavelength > 8192
    assert short.any()
    assert long.any()
    assert (~short & ~long).any()
    np.testing.assert_allclose(scaled[short], plain[short], rtol=1e-6)
    np.testing.assert_allclose(scaled[long], plain[long] / 8, rtol=1e-6)
    smooth = (8192 / wavelength - 1) / 3
    blended = (1 - smooth) * plain / 8 + smooth * plain
    between = ~short & ~long
    np.testing.assert_allclose(scaled[between], blended[between], rtol=1e-4)


@pytest.mark.parametrize("truncate", [True, False])
def test_yarn_ramps_from_kept_to_divided(truncate):
    factor = yarn_attention_factor(4.0)
    rope = Rope(64, 10000.0, scaling=RopeScaling("yarn", 4.0, 2048, truncate=truncate, attention_factor=factor))
    ratio = inv_freq(rope) / inv_freq(Rope(64, 10000.0))
    assert ratio[0] == pytest.approx(1.0)
    assert ratio[-1] == pytest.approx(0.25)
    assert (np.diff(ratio) <= 1e-6).all()
    # The pair that turns 32 times in 2048 positions begins the ramp: 64 ln(2048 / 64 pi) / (2 ln 10000) = 8.06.
    assert ratio[8] == pytest.approx(1.0)
    assert ratio[9] < 1.0
    assert attention_factor(rope) == pytest.approx(0.1 * math.log(4) + 1)


def test_yarn_attention_factor_of_deepseek():
    assert yarn_attention_factor(40.0, 1.0, 1.0) == pytest.approx(1.0)
    assert yarn_attention_factor(0.5) == 1.0


def test_yarn_without_a_ramp_is_finite():
    rope = Rope(4, 10000.0, scaling=RopeScaling("yarn", 4.0, 8, beta_fast=1.0, beta_slow=1.0, truncate=False))
    assert np.isfinite(inv_freq(rope)).all()


def test_cos_sin():
    rope = Rope(4, 100.0, scaling=RopeScaling("yarn", 2.0, 4096, attention_factor=2.0))
    positions = np.array([0, 7, 7, 3], np.int32)
    cos, sin = cos_sin(rope, positions)
    assert cos.dtype == np.float32
    assert cos.shape == sin.shape == (4, 2)
    angle = positions[:, None] * inv_freq(rope)[None]
    np.testing.assert_allclose(cos, 2 * np.cos(angle), atol=1e-5)
    np.testing.assert_allclose(sin, 2 * np.sin(angle), atol=1e-5)
