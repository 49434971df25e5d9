"""Weights to codes and back: what each scheme promises, and that its error is what rounding allows."""

from __future__ import annotations

import numpy as np
import pytest

from engines.api.errors import ContractError, UnsupportedError, WeightError
from engines.network.schemes import SCHEMES, Scheme
from engines.quantization.decode import check_tensors, codes, dequantize
from engines.quantization.encode import encode, greatest, join_rows
from engines.weights import DType, Tensor

# Half a step of the greatest magnitude that shares a scale, relative to it; FP8 and FP4 have 3 and 1 mantissa bits.
STEP = {"int8": 0.5 / 127, "int4": 0.5 / 7, "fp8": 2**-4, "nvfp4": 2**-2 * 1.07}


def tensors(scheme: Scheme, arrays: dict, out: int, width: int) -> dict[str, Tensor]:
    return {s: Tensor(s, dtype, arrays[s]) for s, (dtype, _) in scheme.tensors(out, width).items() if s in arrays}


def weight(out: int = 24, width: int = 256) -> np.ndarray:
    return np.random.default_rng(1).standard_t(4, (out, width)).astype(np.float32) * 0.02


@pytest.mark.parametrize("name", SCHEMES)
def test_error_is_within_half_a_step(name):
    scheme, w = SCHEMES[name], weight()
    held = tensors(scheme, encode(scheme, w), *w.shape)
    weight_only = Scheme(scheme.weights, scheme.per, scheme.group)
    check_tensors("w", weight_only, held, *w.shape)
    blocks = w.reshape(len(w), -1, scheme.group or w.shape[1])
    top = np.abs(blocks).max(axis=2, keepdims=True) if scheme.per != "tensor" else np.abs(w).max()
    error = np.abs(dequantize(scheme, held) - w).reshape(blocks.shape)
    assert (error <= top * STEP[scheme.weights] * 1.01).all()
    assert error.max() > 0


@pytest.mark.parametrize("name", SCHEMES)
def test_what_was_rounded_once_is_exact(name):
    scheme, w = SCHEMES[name], weight()
    once = encode(scheme, w)
    values = dequantize(scheme, tensors(scheme, once, *w.shape))
    again = dequantize(scheme, tensors(scheme, encode(scheme, values), *w.shape))
    np.testing.assert_allclose(again, values, rtol=2e-3 if scheme.group else 1e-6)


@pytest.mark.parametrize("name", SCHEMES)
def test_blocks_of_rows_are_the_whole(name):
    scheme, w = SCHEMES[name], weight(37)
    whole = encode(scheme, w)
    parts = join_rows([encode(scheme, w[i : i + 8], greatest(w)) for i in range(0, 37, 8)])
    for suffix, array in whole.items():
        np.testing.assert_array_equal(parts[suffix], array)


@pytest.mark.parametrize("name", SCHEMES)
@pytest.mark.parametrize("factor", [0.0, 1e-30, 1e30])
def test_extreme_weights_stay_finite(name, factor):
    scheme = SCHEMES[name]
    w = (weight() * np.float32(factor)).astype(np.float32)
    with np.errstate(over="raise", divide="raise", invalid="raise"):
        got = dequantize(scheme, tensors(scheme, encode(scheme, w), *w.shape))
    assert np.isfinite(got).all()
    if factor == 0:
        assert not got.any()


def test_zero_points():
    scheme = Scheme("int4", "group", 8, zero_points=True)
    packed = np.array([[0x10, 0x32, 0x54, 0x76, 0x98, 0xBA, 0xDC, 0xFE]], np.uint8)
    held = {
        "": Tensor("w", DType.UINT8, packed),
        "scale": Tensor("s", DType.FP16, np.array([[0.5, 2]], np.float16)),
        "zero": Tensor("z", DType.UINT8, np.array([[0, 15]], np.uint8)),
    }
    np.testing.assert_array_equal(codes(scheme, held)[0], [*range(8), *range(-7, 1)])
    np.testing.assert_array_equal(dequantize(scheme, held)[0], [*np.arange(8) / 2, *(np.arange(-7, 1) * 2)])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -1.0])
def test_a_bad_scale_is_named(bad):
    scheme, w = SCHEMES["int4"], weight()
    arrays = encode(scheme, w)
    arrays["scale"][3, 1] = bad
    with pytest.raises(WeightError, match="scale that is negative, infinite or NaN"):
        check_tensors("w", scheme, tensors(scheme, arrays, *w.shape), *w.shape)


def test_nan_codes_are_named():
    scheme, w = SCHEMES["fp8-w8a16"], weight()
    arrays = encode(scheme, w)
    arrays[""][5, 5] = 0xFF
    with pytest.raises(WeightError, match="NaN"):
        check_tensors("w", scheme, tensors(scheme, arrays, *w.shape), *w.shape)


@pytest.mark.parametrize(
    "fields",
    [
        {"weights": "int5", "per": "channel"},
        {"weights": "int4", "per": "group"},
        {"weights": "int4", "per": "channel", "group": 64},
        {"weights": "fp8", "per": "channel", "zero_points": True},
        {"weights": "int8", "per": "channel", "activations": "fp8", "activation_scale": "dynamic_token"},
        {"weights": "fp8", "per": "channel", "activations": "fp8"},
        {"weights": "nvfp4", "per": "group", "group": 32},
    ],
)
def test_contradictions_are_refused(fields):
    with pytest.raises(ContractError):
        Scheme(**fields)
    with pytest.raises(UnsupportedError):
        Scheme.from_json(fields, "config.json")


@pytest.mark.parametrize("name", SCHEMES)
def test_json_round_trip(name):
    assert Scheme.from_json(SCHEMES[name].to_json(), "config.json") == SCHEMES[name]


def test_a_width_that_groups_do_not_divide():
    with pytest.raises(UnsupportedError, match="96 columns"):
        SCHEMES["int4"].tensors(8, 96)
