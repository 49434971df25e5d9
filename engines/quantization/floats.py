"""FP8 E4M3FN and FP4 E2M1 in NumPy: rounding, codes, values. All rounding is to nearest, ties to even, saturating.

Sources: Micikevicius et al. 2022, "FP8 Formats for Deep Learning" (E4M3: bias 7, no infinities, NaN is S.1111.111, greatest
448); OCP Microscaling Formats (MX) v1.0, 2023, 5.3.3 (E2M1: bias 1, the values 0, 0.5, 1, 1.5, 2, 3, 4, 6 and their negatives).
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]
UInt8 = NDArray[np.uint8]

FP8_NAN: Final = 0x7F


def _e4m3_table() -> Float32:
    codes = np.arange(256)
    exponent, mantissa = (codes >> 3) & 15, codes & 7
    size = np.where(exponent == 0, mantissa * 2.0**-9, (8 + mantissa) * 2.0 ** (exponent - 10.0))
    size[(codes & 0x7F) == FP8_NAN] = np.nan
    return np.where(codes & 0x80, -size, size).astype(np.float32)


E4M3_VALUES: Final = _e4m3_table()
E2M1_VALUES: Final = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6, -0.0, -0.5, -1, -1.5, -2, -3, -4, -6], np.float32)


def _round_e4m3(x: Float32) -> Float32:
    """The nearest E4M3 value of each finite x, as float32, fresh; beyond +-448 the greatest."""
    y = np.clip(x, np.float32(-448), np.float32(448))
    bits = y.view(np.uint32)
    # Keep 3 of 23 mantissa bits; the carry of the rounding may go into the exponent, as it should.
    odd = (bits >> np.uint32(20)) & np.uint32(1)
    rounded = ((bits + np.uint32(0x7FFFF) + odd) & np.uint32(0xFFF00000)).view(np.float32)
    # Below 2**-6 values are multiples of 2**-9, which is the spacing of float32 at 2**14.
    small = np.abs(y) < np.float32(2.0**-6)
    magic = np.float32(1.5 * 2.0**14)
    return np.where(small, np.copysign((y + magic) - magic, y), rounded)


def _encode_e4m3(x: Float32) -> UInt8:
    rounded = _round_e4m3(np.where(np.isnan(x), np.float32(0), x))
    bits = rounded.view(np.uint32)
    sign = (bits >> np.uint32(24)) & np.uint32(0x80)
    # Exponent of E4M3 = that of float32 - 120; where it would be 0 or less the code is the multiple of 2**-9.
    normal = ((bits & np.uint32(0x7FFFFFFF)) >> np.uint32(20)) - np.uint32(120 << 3)
    size = np.abs(rounded)
    tiny = (size * np.float32(512)).astype(np.uint32)
    codes = (sign | np.where(size < np.float32(2.0**-6), tiny, normal)).astype(np.uint8)
    codes[np.isnan(x)] = FP8_NAN
    return codes


def _encode_e2m1(x: Float32) -> UInt8:
    size = np.minimum(np.abs(np.where(np.isnan(x), np.float32(6), x)), np.float32(6))
    # Spacing 0.5 below 2, 1 below 4, 2 above. np.rint rounds ties to even, and even multiples are even codes.
    step = np.where(size < 2, np.float32(0.5), np.where(size < 4, np.float32(1), np.float32(2)))
    size = np.rint(size / step) * step
    # 0, 0.5, 1, 1.5, 2 -> 0 .. 4;  3 -> 5;  4 -> 6;  6 -> 7
    code = np.where(size <= 2, size * 2, np.where(size < 4, 5, np.where(size < 6, 6, 7)))
    return (code.astype(np.uint8) | (np.signbit(x).astype(np.uint8) << np.uint8(3))).astype(np.uint8)


# Codes by the key of a float32: a lookup is ten times as fast as the arithmetic above.
_KEYS: Final = (np.arange(1 << 16, dtype=np.uint32) << np.uint32(16)).view(np.float32)
_E4M3_CODES: Final = _encode_e4m3(_KEYS)
_E2M1_CODES: Final = _encode_e2m1(_KEYS)


def _keys(x: Float32) -> NDArray[np.uint16]:
    """The upper half of each float32, its last bit set if anything in the lower half is: rounding to 4 bits or fewer comes
    out the same for both, ties included."""
    halves = np.ascontiguousarray(x).view(np.uint16).reshape(*x.shape, 2)
    keys: NDArray[np.uint16] = halves[..., 1] | (halves[..., 0] != 0)
    return keys


def encode_e4m3(x: Float32) -> UInt8:
    """Codes of the nearest E4M3 values of x, same shape; a NaN stays one."""
    return np.take(_E4M3_CODES, _keys(x))


def decode_e4m3(codes: UInt8) -> Float32:
    """Values of E4M3 codes, fresh."""
    return np.take(E4M3_VALUES, codes)


def round_e4m3(x: Float32) -> Float32:
    """The nearest E4M3 value of each x, as float32, fresh; beyond +-448 the greatest."""
    return decode_e4m3(encode_e4m3(x))


def encode_e2m1(x: Float32) -> UInt8:
    """Codes 0 .. 15 of the nearest E2M1 values of finite x, same shape."""
    return np.take(_E2M1_CODES, _keys(x))


def decode_e2m1(codes: UInt8) -> Float32:
    """Values of E2M1 codes 0 .. 15, fresh."""
    return np.take(E2M1_VALUES, codes)


def round_e2m1(x: Float32) -> Float32:
    """The nearest E2M1 value of each finite x, as float32, fresh; beyond +-6 the greatest."""
    return decode_e2m1(encode_e2m1(x))


def block_peaks(x: Float32) -> Float32:
    """max |x| of each 16 consecutive elements of the last axis: [..., n] -> [..., n / 16]. Pairwise: reducing so short an axis
    costs NumPy ten times as much."""
    flat = np.abs(np.ascontiguousarray(x)).reshape(-1)
    for _ in range(4):
        flat = np.maximum(flat[::2], flat[1::2])
    peaks: Float32 = flat.reshape(*x.shape[:-1], -1)
    return peaks
