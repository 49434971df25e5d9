"""Mistakes in a definition are found on the line that makes them."""

from __future__ import annotations

import pytest

from engines.api.errors import ContractError
from engines.network import Builder, Rope, custom_op, ops


@pytest.fixture
def b():
    return Builder()


@pytest.fixture
def x(b):
    return b.embedding(b.tokens, "embed", 11, 8)


def attend(b, x, layer=0, **changes):
    settings = {"num_heads": 2, "num_kv_heads": 2, "head_dim": 4, **changes}
    q = b.linear(x, f"q{layer}", settings["num_heads"] * settings["head_dim"])
    k = b.linear(x, f"k{layer}", settings["num_kv_heads"] * settings["head_dim"])
    v = b.linear(x, f"v{layer}", settings["num_kv_heads"] * settings["head_dim"])
    return b.attention(q, k, v, layer=layer, **settings)


def test_a_network(b, x):
    y = x + attend(b, x)
    y = b.soft_cap(b.layer_norm(b.gather_logits(y), "norm", 1e-5) * 0.5, 30.0)
    network = b.build(b.linear(y, "lm_head", 11, tied="embed.weight"))
    assert [type(node.op).__name__ for node in network.nodes][-5:] == [
        "GatherLogits",
        "LayerNorm",
        "Scale",
        "SoftCap",
        "Linear",
    ]
    assert network.params["q0.weight"] == (8, 8)
    assert network.params["norm.bias"] == (8,)
    assert network.widths[network.output] == 11
    assert network.widths["tokens"] == 0
    assert "lm_head.weight" not in network.params


def test_scale_defaults_to_the_root_of_head_dim(b, x):
    attend(b, x)
    network = b.build(b.linear(b.gather_logits(x), "lm_head", 11))
    assert network.attention_layers()[0].scale == 0.5


@pytest.mark.parametrize(
    ("mistake", "reason"),
    [
        (lambda b, x: x + b.linear(x, "w", 7), "two values of one shape, not [T, 8] and [T, 7]"),
        (lambda b, x: x * b.gather_logits(x), "not [T, 8] and [L, 8]"),
        (lambda b, x: b.embedding(x, "e", 3, 4), "reads token ids or positions, not [T, 8]"),
        (lambda b, x: b.linear(b.tokens, "w", 3), "not on ids [T]: embed them first"),
        (lambda b, x: b.linear(x, "embed", 3), "embed.weight is declared twice"),
        (lambda b, x: b.linear(x, "w", 0), "impossible shape (0, 8)"),
        (lambda b, x: b.linear(x, "w", 11, tied="ghost"), "tied to ghost, which is not declared"),
        (lambda b, x: b.linear(x, "w", 12, tied="embed.weight"), "makes 11 columns"),
        (lambda b, x: b.linear(b.linear(x, "v", 4), "w", 11, tied="embed.weight"), "where its input is 4 wide"),
        (lambda b, x: b.gather_logits(b.gather_logits(x)), "applied already"),
        (lambda b, x: attend(b, x, layer=1), "layer 1 comes where layer 0 is due"),
        (lambda b, x: attend(b, x, num_heads=3), "3 heads cannot share 2"),
        (lambda b, x: attend(b, x, rope=Rope(6, 1e4)), "rotary_dim 6 is not even and at most head_dim 4"),
        (lambda b, x: attend(b, x, rope=Rope(3, 1e4)), "rotary_dim 3"),
        (lambda b, x: attend(b, x, sliding_window=0), "a sliding window of 0"),
        (lambda b, x: attend(b, b.gather_logits(x)), "takes q [T, 8]"),
        (
            lambda b, x: b.attention(x, x, b.linear(x, "v", 4), layer=0, num_heads=2, num_kv_heads=2, head_dim=4),
            "not [T, 8], [T, 8], [T, 4]",
        ),
        (lambda b, x: b.build(b.linear(x, "lm_head", 11)), "call gather_logits"),
        (lambda b, x: b.build(b.linear(b.gather_logits(x), "lm_head", 11)), "without attention"),
        (lambda b, x: x + Builder().embedding(b.tokens, "e", 11, 8), "belongs to another builder"),
    ],
)
def test_mistakes(b, x, mistake, reason):
    with pytest.raises(ContractError) as caught:
        mistake(b, x)
    assert reason in str(caught.value)


def test_custom_operation(b, x):
    split = custom_op("split", lambda w, at: (at, w - at), lambda x, at: (x[:, :at], x[:, at:]))
    left, right = split.outputs(x, at=3)
    assert (left.width, right.width) == (3, 5)
    with pytest.raises(ContractError, match="has 2 outputs"):
        split(x, at=3)


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (lambda x: custom_op("two words", None, None), "cannot name a custom operation"),
        (lambda x: custom_op("f", lambda w: (w,), None)(), "needs an input"),
        (lambda x: custom_op("f", lambda w, a: (w,), None)(x, a=[1]), "Attribute a of f is a list"),
        (lambda x: custom_op("f", lambda w: w, None)(x), "must return a tuple of widths, not 8"),
        (lambda x: custom_op("f", lambda w: (), None)(x), "must return a tuple of widths"),
        (lambda x: custom_op("f", lambda w: (w,), None)(x, params=["ghost"]), "ghost is not declared"),
        (lambda x: custom_op("f", lambda w: (w,), None)(x.builder.tokens), "and no ids"),
    ],
)
def test_custom_mistakes(x, call, reason):
    with pytest.raises(ContractError) as caught:
        call(x)
    assert reason in str(caught.value)


def test_custom_run_checks_what_the_reference_returns():
    import numpy as np

    x = np.ones((2, 4), np.float32)
    good = ops.Custom("half", lambda w: (w // 2,), lambda x: x[:, ::2].astype(np.float64))
    (y,) = good.run([x])
    assert y.dtype == np.float32
    assert y.shape == (2, 2)
    bad = ops.Custom("half", lambda w: (w // 2,), lambda x: x)
    with pytest.raises(ContractError, match=r"half made \[\(2, 4\)\] where its infer_shape promises \[\(2, 2\)\]"):
        bad.run([x])
