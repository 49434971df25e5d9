"""Packing loses nothing: any codes go through each packed form and come back bit for bit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from engines.network.schemes import SCHEMES, Scheme
from engines.quantization import floats
from engines.quantization.decode import codes
from engines.quantization.encode import encode, encode_groups, encode_scales, nearest, stored_scales, widened
from engines.quantization.formats.awq import unpack_outputs
from engines.quantization.formats.gptq import unpack_words
from engines.quantization.search import encode_clipped
from engines.weights import DType, Tensor

FEW = settings(max_examples=40, deadline=None)


def matrix(top: int, rows: int = 5, columns: int = 64) -> st.SearchStrategy[np.ndarray]:
    return hnp.arrays(np.uint8, (rows, columns), elements=st.integers(0, top - 1))


@FEW
@given(matrix(16))
def test_int4_codes_in_groups(stored):
    scheme = Scheme("int4", "group", 32)
    values = stored.astype(np.float32) - 8
    arrays = encode_groups(scheme, values * np.float32(0.25), np.full((5, 2), 0.25, np.float32))
    assert arrays[""].shape == (5, 32)
    held = {s: Tensor(s, kind, arrays[s]) for s, (kind, _) in scheme.tensors(5, 64).items()}
    np.testing.assert_array_equal(codes(scheme, held), values)


@FEW
@given(matrix(255))
def test_int8_codes(stored):
    values = stored.astype(np.float32) - 127
    values[:, 0] = 127  # the scale is made from it
    scheme = SCHEMES["int8"]
    arrays = encode(scheme, values)
    np.testing.assert_array_equal(arrays[""], values.astype(np.int8))
    np.testing.assert_array_equal(widened(scheme, arrays, values.shape), values)


@FEW
@given(matrix(256))
def test_fp8_codes(stored):
    stored[(stored & 0x7F) == 0x7F] = 0
    stored[:, 0] = 0x7E  # 448: the scale is 1
    scheme = SCHEMES["fp8-w8a16"]
    arrays = encode(scheme, floats.decode_e4m3(stored))
    np.testing.assert_array_equal(arrays[""], stored)
    np.testing.assert_array_equal(arrays["scale"], np.ones(5, np.float32))


@FEW
@given(matrix(16))
def test_nvfp4_codes(stored):
    stored[:, ::16] = 7  # 6: the scale of every block is 1
    scheme = SCHEMES["nvfp4-w4a16"]
    values = floats.decode_e2m1(stored)
    arrays = encode(scheme, values, np.float32(6 * 448))
    held = {s: Tensor(s, kind, arrays[s]) for s, (kind, _) in scheme.tensors(5, 64).items()}
    np.testing.assert_array_equal(codes(scheme, held), values)
    assert arrays["scale2"] == 1
    np.testing.assert_array_equal(floats.decode_e4m3(arrays["scale"]), np.ones((5, 4), np.float32))


@FEW
@given(matrix(16))
def test_words_of_awq(stored):
    words = np.zeros((5, 8), np.uint32)
    for column in range(8):
        for i, j in enumerate([0, 2, 4, 6, 1, 3, 5, 7]):
            words[:, column] |= stored[:, 8 * column + j].astype(np.uint32) << np.uint32(4 * i)
    np.testing.assert_array_equal(unpack_outputs(words.view(np.int32)), stored)


@pytest.mark.parametrize("bits", [4, 8])
@FEW
@given(data=st.data())
def test_words_of_gptq(bits, data):
    stored = data.draw(matrix(1 << bits))
    per = 32 // bits
    words = np.zeros((5, 64 // per), np.uint32)
    for i in range(64):
        words[:, i // per] |= stored[:, i].astype(np.uint32) << np.uint32(bits * (i % per))
    np.testing.assert_array_equal(unpack_words(words.view(np.int32), bits).reshape(5, 64), stored)


# Normal numbers of any size by a seed; single elements beyond by hypothesis.
weights = st.builds(
    lambda seed, size, outlier: (
        np.random.default_rng(seed).standard_normal((3, 128), np.float32)
        * np.float32(size)
        * np.where(np.arange(128) == outlier, np.float32(30), np.float32(1))
    ),
    st.integers(0, 1 << 30),
    st.sampled_from([1e-20, 1e-3, 1.0, 1e3]),
    st.integers(0, 200),
)


@pytest.mark.parametrize("name", SCHEMES)
@FEW
@given(w=weights)
def test_the_short_way_is_the_long_way(name, w):
    scheme = SCHEMES[name]
    np.testing.assert_array_equal(nearest(scheme, w), widened(scheme, encode(scheme, w), w.shape))


@FEW
@given(w=weights)
def test_clipping_never_weighs_more_than_not_clipping(w):
    scheme = SCHEMES["int4-g64"]
    moments = np.linspace(0.1, 4, 128, dtype=np.float32)

    def loss(arrays):
        return ((widened(scheme, arrays, w.shape) - w) ** 2 * moments).reshape(3, 2, 64).sum(axis=2, dtype=np.float64)

    clipped, plain = loss(encode_clipped(scheme, w, moments)), loss(encode(scheme, w))
    assert (clipped <= plain * (1 + 1e-5) + 1e-30).all()


def test_stored_scales_are_those_of_the_file():
    scheme = SCHEMES["int4"]
    w = np.random.default_rng(0).standard_normal((4, 256)).astype(np.float32)
    scales = encode_scales(scheme, w)
    np.testing.assert_array_equal(scales, stored_scales(scales))
    np.testing.assert_array_equal(encode(scheme, w)["scale"], scales.astype(np.float16))
    assert scheme.tensors(4, 256)["scale"][0] is DType.FP16
