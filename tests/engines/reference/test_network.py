"""Whole networks against the float64 oracle: every option of attention, pages in random order, pieces of any size."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from engines.network import ops
from engines.network.builder import Builder
from engines.network.custom import custom_op

LLAMA3 = ops.RopeScaling("llama3", 8.0, original_max_position=64)
YARN = ops.RopeScaling("yarn", 4.0, original_max_position=64, attention_factor=1.14)
OPTIONS: dict[str, dict[str, Any]] = {
    "mha": {"num_kv_heads": 4, "rope": ops.Rope(8, 1e4)},
    "gqa": {"num_kv_heads": 2, "rope": ops.Rope(8, 1e4)},
    "mqa": {"num_kv_heads": 1, "rope": ops.Rope(8, 1e4)},
    "one head": {"num_heads": 1, "num_kv_heads": 1, "head_dim": 20, "rope": ops.Rope(20, 1e4)},
    "head_dim 80": {"head_dim": 80, "hidden": 33, "rope": ops.Rope(80, 1e4)},
    "biases": {"bias": True, "rope": ops.Rope(8, 1e4)},
    "qk-norm": {"qk_norm": True, "norm_eps": 1e-6, "rope": ops.Rope(8, 1e6)},
    "partial interleaved rope": {"rope": ops.Rope(4, 1e4, interleaved=True)},
    "partial rope": {"rope": ops.Rope(6, 1e4)},
    "linear rope": {"rope": ops.Rope(8, 1e4, scaling=ops.RopeScaling("linear", 4.0))},
    "llama3 rope": {"rope": ops.Rope(8, 5e5, scaling=LLAMA3)},
    "yarn rope": {"rope": ops.Rope(8, 1e4, scaling=YARN)},
    "windows": {"windows": [17, None], "rope": ops.Rope(8, 1e4)},
    "window of one": {"windows": [1, 200], "rope": ops.Rope(8, 1e4)},
    "soft cap": {"soft_cap": 2.0, "rope": ops.Rope(8, 1e4)},
    "alibi": {"alibi": True},
    "sinks": {"sinks": True, "windows": [17, None], "rope": ops.Rope(8, 1e4)},
    "scale": {"scale": 0.11, "rope": ops.Rope(8, 1e4)},
    "learned positions, layer norm": {"positions": 512, "norm": "layer", "act": "gelu_tanh", "gated": False, "bias": True},
    "gelu": {"act": "gelu", "rope": ops.Rope(8, 1e4)},
    "relu": {"act": "relu", "gated": False, "rope": ops.Rope(8, 1e4)},
}  # fmt: skip


@pytest.mark.parametrize("name", OPTIONS)
def test_matches_the_oracle(name: str, make_model: Any, make_driver: Any, logits_oracle: Any) -> None:
    model = make_model(**OPTIONS[name])
    tokens = np.random.default_rng(1).integers(0, 97, 300).tolist()
    expected = logits_oracle(model, tokens)
    driver = make_driver(model)
    driver.start(3)
    at = 0
    for piece in (19, 1, 1, 99, 1, 150, 1, 1, 27):
        at += piece
        logits = driver.feed({3: tokens[at - piece : at]})[3]
        assert np.abs(logits - expected[at - 1]).max() < 2e-4 * max(1, np.abs(expected).max())


def test_long_context(make_model: Any, make_driver: Any, logits_oracle: Any) -> None:
    """Many chunks: 989 tokens at head_dim 128 are 16 chunks of 64."""
    model = make_model(head_dim=128, num_heads=2, num_kv_heads=1, layers=1, rope=ops.Rope(128, 1e4))
    tokens = np.random.default_rng(1).integers(0, 97, 989).tolist()
    driver = make_driver(model)
    driver.start(0)
    expected = logits_oracle(model, tokens)
    np.testing.assert_allclose(driver.feed({0: tokens[:-1]})[0], expected[-2], atol=2e-4 * np.abs(expected).max())
    np.testing.assert_allclose(driver.feed({0: tokens[-1:]})[0], expected[-1], atol=2e-4 * np.abs(expected).max())


def test_custom_scaled_and_capped(wrap_network: Any, make_driver: Any, logits_oracle: Any) -> None:
    """Values read several times, separate q, k, v (a norm between), a custom operation that returns its own argument."""
    mix = custom_op("mix", lambda a, b, gain: (a,), lambda a, b, w, gain: a * gain + b * w)
    same = custom_op("same", lambda a: (a,), lambda a: a)
    b = Builder()
    x = b.embedding(b.tokens, "embed", 50, 16)
    y = same(x)
    z = mix(y, x + y, params=[b.param("w", 16)], gain=0.5)
    q = b.rms_norm(b.linear(z, "q", 16), "qn", 1e-6)
    a = b.attention(q, b.linear(z, "k", 16), b.linear(z, "v", 16), layer=0, num_heads=2, num_kv_heads=2, head_dim=8)
    x = a * y + z * 0.25 + x * x + y
    logits = b.soft_cap(b.linear(b.gather_logits(x + x), "head", 50, tied="embed.weight"), 5.0)
    model = wrap_network(b.build(logits))
    tokens = np.random.default_rng(2).integers(0, 50, 40).tolist()
    driver = make_driver(model)
    driver.start(0)
    expected = logits_oracle(model, tokens)
    np.testing.assert_allclose(driver.feed({0: tokens[:30]})[0], expected[29], atol=1e-4)
    np.testing.assert_allclose(driver.feed({0: tokens[30:]})[0], expected[39], atol=1e-4)


@pytest.mark.parametrize("windows", [None, [5, 40]])
def test_what_others_left_in_pages_is_never_read(windows: list[int] | None, make_model: Any, make_driver: Any) -> None:
    """NaN in every page that is not the row's, and in the row's own pages beyond its end, changes no bit."""
    model = make_model(rope=ops.Rope(8, 1e4), windows=windows)
    tokens = np.random.default_rng(1).integers(0, 97, 60).tolist()
    pieces = (1, 18, 1, 20, 3, 1, 16)
    clean, dirty = make_driver(model), make_driver(model)
    pool = dirty.engine._pool
    for layer in pool.layers:
        layer.keys[:, 1:] = np.nan
        layer.values[:, 1:] = np.nan
    pool._filled[1:] = pool.page_size
    clean.start(0), dirty.start(0)
    at = 0
    for piece in pieces:
        expected = clean.feed({0: tokens[at : at + piece]})[0]
        np.testing.assert_array_equal(dirty.feed({0: tokens[at : at + piece]})[0], expected)
        at += piece
    assert np.isfinite(expected).all()
    assert np.isnan(pool.layers[0].values).any()


def test_alibi_slopes_of_other_head_counts() -> None:
    from engines.network.alibi import alibi_slopes

    np.testing.assert_allclose(alibi_slopes(8), [2.0**-i for i in range(1, 9)])
    # Press et al.: the slopes of the power of two below, then every other one of the power above.
    np.testing.assert_allclose(alibi_slopes(6), [2**-2, 2**-4, 2**-6, 2**-8, 2**-1, 2**-3])


def test_the_oracle_itself_can_fail(make_model: Callable[..., Any], make_driver: Any, logits_oracle: Any) -> None:
    model = make_model(rope=ops.Rope(8, 1e4))
    driver = make_driver(model)
    driver.start(0)
    wrong = logits_oracle(make_model(rope=ops.Rope(8, 1e4, interleaved=True)), [1, 2, 3, 4])[-1]
    assert np.abs(driver.feed({0: [1, 2, 3, 4]})[0] - wrong).max() > 1e-2
