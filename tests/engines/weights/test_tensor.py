"""Widening and the finite check, bit by bit."""

from __future__ import annotations

import numpy as np
import pytest

from engines.api.errors import WeightError
from engines.weights import DType, Tensor, check_finite, to_float32

VALUES = np.array([[0.0, -1.0, 1.5], [3.140625, -65280.0, 2.0**-126]], np.float32)


def bf16(values):
    return (np.asarray(values, np.float32).view(np.uint32) >> 16).astype(np.uint16)


def test_bf16_widens_exactly():
    np.testing.assert_array_equal(to_float32(Tensor("w", DType.BF16, bf16(VALUES))), VALUES)


@pytest.mark.parametrize(("dtype", "kind"), [(DType.FP16, np.float16), (DType.FP32, np.float32)])
def test_floats_widen_into_fresh_arrays(dtype, kind):
    stored = VALUES.astype(kind)
    wide = to_float32(Tensor("w", dtype, stored))
    np.testing.assert_array_equal(wide, stored.astype(np.float32))
    assert wide.dtype == np.float32
    assert not np.shares_memory(wide, stored)


def test_integers_do_not_widen():
    with pytest.raises(WeightError, match="w is int8"):
        to_float32(Tensor("w", DType.INT8, np.zeros(2, np.int8)))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [DType.FP32, DType.FP16, DType.BF16])
def test_not_finite_is_found_and_named(dtype, bad):
    values = np.ones((3, 100_001), np.float32)  # more than one chunk of the check
    values[2, 99_999] = bad
    data = {DType.FP32: values, DType.FP16: values.astype(np.float16), DType.BF16: bf16(values)}[dtype]
    for array, index in ((data, "[2, 99999]"), (data.T, "[99999, 2]")):
        with pytest.raises(WeightError) as caught:
            check_finite(Tensor("w.weight", dtype, array), "m.safetensors")
        assert "w.weight in m.safetensors" in str(caught.value)
        assert index in str(caught.value)


def test_the_largest_finite_values_pass():
    check_finite(Tensor("w", DType.FP16, np.array([65504.0, -65504.0], np.float16)), "f")
    check_finite(Tensor("w", DType.BF16, np.array([0x7F7F, 0xFF7F], np.uint16)), "f")
    check_finite(Tensor("w", DType.FP32, np.array([3.4e38, -3.4e38], np.float32)), "f")
    check_finite(Tensor("w", DType.FP32, np.zeros((0, 4), np.float32)), "f")
    check_finite(Tensor("w", DType.INT32, np.array([0x7FC00000], np.int32)), "f")
