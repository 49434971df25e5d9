"""Two 4-bit codes to a byte, along the last axis, the low nibble first: column 2 i in bits 0-3 of byte i, column 2 i + 1 in 4-7."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

UInt8 = NDArray[np.uint8]


def pack_nibbles(codes: UInt8) -> UInt8:
    """Codes 0 .. 15 [..., n], n even -> uint8 [..., n / 2], fresh."""
    packed: UInt8 = codes[..., 1::2] << np.uint8(4)
    packed |= codes[..., ::2]
    return packed


def unpack_nibbles(packed: UInt8) -> UInt8:
    """uint8 [..., n / 2] -> codes 0 .. 15 [..., n], fresh. The reverse of `pack_nibbles`."""
    codes = np.empty((*packed.shape[:-1], 2 * packed.shape[-1]), np.uint8)
    np.bitwise_and(packed, np.uint8(15), out=codes[..., ::2])
    np.right_shift(packed, np.uint8(4), out=codes[..., 1::2])
    return codes
