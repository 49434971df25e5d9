"""Rounding of a linear's input, each token alone: a token's codes never depend on the other tokens of the step."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engines.network.schemes import FP4_MAX, FP8_MAX, INT8_MAX, NVFP4_BLOCK
from engines.quantization.floats import block_peaks, round_e2m1, round_e4m3

Float32 = NDArray[np.float32]

_TINY = np.float32(1e-12)


def token_fp8(x: Float32) -> tuple[Float32, Float32]:
    """x [T, n] -> E4M3 values [T, n] and scales [T, 1], scale = max |x| / 448 of the token."""
    scale = np.maximum(np.abs(x).max(axis=1, keepdims=True) / np.float32(FP8_MAX), _TINY)
    return round_e4m3(x / scale), scale


def token_int8(x: Float32) -> tuple[Float32, Float32]:
    """x [T, n] -> whole numbers -127 .. 127 as float32 [T, n] and scales [T, 1], scale = max |x| / 127 of the token."""
    scale = np.maximum(np.abs(x).max(axis=1, keepdims=True) / np.float32(INT8_MAX), _TINY)
    return np.rint(x / scale), scale


def static_fp8(x: Float32, scale: np.float32) -> Float32:
    """E4M3 values of x / scale, saturated."""
    return round_e4m3(x / scale)


def static_int8(x: Float32, scale: np.float32) -> Float32:
    """Whole numbers -127 .. 127 of x / scale, saturated, as float32."""
    rounded: Float32 = np.clip(np.rint(x / scale), np.float32(-INT8_MAX), np.float32(INT8_MAX))
    return rounded


def static_nvfp4(x: Float32, scale: np.float32) -> Float32:
    """x [T, n] as NVFP4 would hold it, back in float32: blocks of 16 columns with the E4M3 scale nearest to
    max |x| / 6 / `scale`, E2M1 values under it."""
    blocks = x.reshape(len(x), -1, NVFP4_BLOCK)
    block = round_e4m3(block_peaks(x)[..., None] / np.float32(FP4_MAX) / scale) * scale
    safe: Float32 = np.where(block == 0, np.float32(1), block)
    rounded: Float32 = round_e2m1(blocks / safe) * block
    return rounded.reshape(x.shape)
