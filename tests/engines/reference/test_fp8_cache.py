"""The cache in FP8: what it holds, what it costs, and that it keeps the reference's exactness."""

from __future__ import annotations

import numpy as np
import pytest

from engines.api.errors import UnsupportedError
from engines.network import ops
from engines.quantization.floats import E4M3_VALUES, round_e4m3
from engines.reference.kv import KVPool, bytes_per_page

TOKENS = [5, 17, 3, 96, 41, 8, 12]
LAYER = ops.Attention(layer=0, num_heads=4, num_kv_heads=2, head_dim=8, scale=1.0)


def test_it_holds_e4m3_of_the_scaled_values():
    pool = KVPool([LAYER], 3, 4, "fp8", [(0.5, 0.01)])
    cache = pool.layers[0]
    kv = np.random.default_rng(0).standard_normal((5, 4, 8)).astype(np.float32) * 3
    kv[0, 3, 0] = 100  # saturates: 448 * 0.01 is the greatest value
    cache.write(np.arange(4, 9), kv)
    out = np.empty((4, 2, 4, 8), np.float32)
    got = cache.gather(np.array([1, 2]), out).reshape(4, 8, 8)[:, :5].transpose(1, 0, 2)
    scale = np.array([0.5, 0.5, 0.01, 0.01], np.float32)[:, None]
    np.testing.assert_array_equal(got, round_e4m3(kv / scale) * scale)
    assert got[0, 3, 0] == np.float32(4.48)
    assert cache.pages.dtype == np.uint8
    assert cache.pages.nbytes == 3 * bytes_per_page([LAYER], 4, "fp8") == 3 * bytes_per_page([LAYER], 4) // 4


def test_a_nan_stays_one():
    cache = KVPool([LAYER], 2, 4, "fp8").layers[0]
    kv = np.full((1, 4, 8), np.nan, np.float32)
    cache.write(np.array([4]), kv)
    assert np.isnan(E4M3_VALUES[cache.pages[:, 1, 0]]).all()


@pytest.fixture
def model(make_model):
    return make_model(rope=ops.Rope(8, 10000.0))


def test_logits_are_near_those_of_a_float_cache(model, make_driver):
    drivers = [make_driver(model, kv_dtype=kind) for kind in ("auto", "fp8")]
    for driver in drivers:
        driver.start(0)
    want, got = (driver.feed({0: TOKENS})[0] for driver in drivers)
    error = np.linalg.norm(got - want) / np.linalg.norm(want)
    assert 1e-4 < error < 0.1
    assert [d.engine.spec.kv.kv_dtype for d in drivers] == ["fp32", "fp8"]
    assert drivers[0].engine.spec.kv.bytes_per_page == 4 * drivers[1].engine.spec.kv.bytes_per_page


def test_measured_scales_are_used(model, make_driver):
    driver = make_driver(model, kv_dtype="fp8")
    driver.start(0)
    plain = driver.feed({0: TOKENS})[0]
    model.kv_scales = [(1e-6, 1e-6)] * 2  # everything saturates
    driver = make_driver(model, kv_dtype="fp8")
    driver.start(0)
    assert np.abs(driver.feed({0: TOKENS})[0] - plain).max() > 0.1


def test_chunks_and_other_sequences_do_not_matter(model, make_driver):
    alone, together = make_driver(model, kv_dtype="fp8"), make_driver(model, seed=1, kv_dtype="fp8")
    alone.start(0)
    for slot in range(3):
        together.start(slot)
    want = alone.feed({0: TOKENS})[0]
    together.feed({0: TOKENS[:3], 1: [96, 95, 2]})
    got = together.feed({2: [96] * 5, 0: TOKENS[3:], 1: [94]})[0]
    np.testing.assert_array_equal(got, want)


def test_a_page_used_again_leaves_no_trace(model, make_driver):
    driver = make_driver(model, num_pages=3, kv_dtype="fp8")
    driver.start(0)
    want = driver.feed({0: TOKENS})[0]
    driver.stop(0)
    driver.start(0)
    driver.feed({0: [96] * 30})
    driver.stop(0)
    driver.start(0)
    np.testing.assert_array_equal(driver.feed({0: TOKENS})[0], want)


def test_another_type_is_refused(model, make_driver):
    with pytest.raises(UnsupportedError, match="fp32 or fp8, not 'int8'"):
        make_driver(model, kv_dtype="int8")
