"""FP8 and FP4 codes against the definition of the formats, and packing that loses nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from engines.quantization import floats
from engines.quantization.pack import pack_nibbles, unpack_nibbles

finite = st.floats(width=32, allow_nan=False, allow_infinity=False)


def nearest(x: float, table: np.ndarray) -> float:
    """The definition: nearest value, ties to the even code, saturating. `table`: magnitudes by code."""
    distance = np.abs(table.astype(np.float64) - min(abs(x), float(table[-1])))
    best = np.flatnonzero(distance == distance.min())
    return float(table[best[0] if len(best) == 1 else next(i for i in best if i % 2 == 0)])


def test_e4m3_table():
    values = floats.E4M3_VALUES
    assert values[0x7E] == 448
    assert values[0x01] == 2**-9
    assert values[0x08] == 2**-6
    assert values[0x38] == 1
    assert np.isnan(values[[0x7F, 0xFF]]).all()
    assert np.isfinite(np.delete(values, [0x7F, 0xFF])).all()
    np.testing.assert_array_equal(values[128:255], -values[:127])


@given(finite)
def test_e4m3_rounds_to_nearest_even(x):
    got = floats.round_e4m3(np.array([x], np.float32))[0]
    assert abs(got) == nearest(x, floats.E4M3_VALUES[:0x7F])
    assert np.signbit(got) == np.signbit(np.float32(x))


@pytest.mark.parametrize("between", range(0x7E))
def test_e4m3_ties(between):
    low, high = floats.E4M3_VALUES[between], floats.E4M3_VALUES[between + 1]
    tie = np.float32((float(low) + float(high)) / 2)
    below, above = np.nextafter(tie, np.float32(0)), np.nextafter(tie, np.float32(1e9))
    even = low if between % 2 == 0 else high
    np.testing.assert_array_equal(floats.round_e4m3(np.array([below, tie, above, -tie])), [low, even, high, -even])


def test_every_e4m3_code_round_trips():
    codes = np.delete(np.arange(256, dtype=np.uint8), [0x7F, 0xFF])
    np.testing.assert_array_equal(floats.encode_e4m3(floats.decode_e4m3(codes)), codes)


@given(finite)
def test_e2m1_rounds_to_nearest_even(x):
    got = floats.round_e2m1(np.array([x], np.float32))[0]
    assert abs(got) == nearest(x, floats.E2M1_VALUES[:8])


@pytest.mark.parametrize("tie", [0.25, 0.75, 1.25, 1.75, 2.5, 3.5, 5.0])
def test_e2m1_ties(tie):
    assert floats.round_e2m1(np.array([tie], np.float32))[0] == nearest(tie, floats.E2M1_VALUES[:8])


def test_every_e2m1_code_round_trips():
    codes = np.arange(16, dtype=np.uint8)
    np.testing.assert_array_equal(floats.encode_e2m1(floats.decode_e2m1(codes)), codes)


@given(hnp.arrays(np.uint8, hnp.array_shapes(max_dims=3, max_side=9), elements=st.integers(0, 255)))
def test_packed_bytes_round_trip(packed):
    codes = unpack_nibbles(packed)
    assert codes.max(initial=0) <= 15
    np.testing.assert_array_equal(pack_nibbles(codes), packed)


def test_low_nibble_first():
    np.testing.assert_array_equal(pack_nibbles(np.array([[1, 2, 3, 15]], np.uint8)), [[0x21, 0xF3]])
