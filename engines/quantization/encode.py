"""From a weight to its codes and scales, round-to-nearest and symmetric: a scale is the least with which no value saturates.

That is the greatest magnitude over the greatest code; for int4, whose codes are -8 .. 7, the greater of max w / 7 and -min w / 8.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from engines.api.errors import ContractError
from engines.network.schemes import FP4_MAX, FP8_MAX, INT4_MAX, INT8_MAX, NVFP4_BLOCK, Scheme
from engines.quantization.decode import dequantize
from engines.quantization.floats import block_peaks, decode_e4m3, encode_e2m1, encode_e4m3
from engines.quantization.pack import pack_nibbles
from engines.weights import Tensor

Float32 = NDArray[np.float32]
Arrays = dict[str, NDArray[np.generic]]

# The least scale: the least normal fp16 for groups, so that no code is divided by a denormal; weights that small are zeros.
_LEAST_FP16 = np.float32(2.0**-14)
_LEAST = np.float32(2.0**-100)


def greatest(w: Float32) -> np.float32:
    """max |w|: what a scheme with one scale per tensor needs of all parts of a fused linear beforehand."""
    return np.float32(max(float(w.max(initial=0.0)), -float(w.min(initial=0.0))))


def encode(scheme: Scheme, w: Float32, whole: np.float32 | None = None) -> Arrays:
    """Rows w [n, in] -> arrays by suffix ("" for the codes, "scale", "scale2"), as `Scheme.tensors` lays out [n, in].

    Rows are independent, except that a scale per tensor, and NVFP4's second level, are made from `whole`, max |w| over the
    whole weight (or all parts of a fused linear); None takes that of these rows. Does not keep or change `w`.
    """
    if scheme.zero_points:
        raise ContractError("Zero points are read from checkpoints, never made here.")
    if scheme.weights == "nvfp4":
        return _nvfp4(w, greatest(w) if whole is None else whole)
    limit = {"int8": float(INT8_MAX), "int4": float(INT4_MAX), "fp8": FP8_MAX}[scheme.weights]
    if scheme.per == "tensor":
        scale = np.maximum(np.float32((greatest(w) if whole is None else whole) / limit), _LEAST).reshape(())
        return {"": _codes(scheme, w / scale), "scale": scale}
    scales = encode_scales(scheme, w)
    if scheme.group is None:
        return {"": _codes(scheme, w / scales), "scale": scales[:, 0].copy()}
    return encode_groups(scheme, w, scales)


def encode_scales(scheme: Scheme, w: Float32) -> Float32:
    """The scales of rows w [n, in] per channel [n, 1] or group [n, groups], as they are stored (groups: in fp16)."""
    limit = {"int8": float(INT8_MAX), "int4": float(INT4_MAX), "fp8": FP8_MAX}[scheme.weights]
    lowest = limit + 1 if scheme.weights == "int4" else limit
    blocks = w.reshape(len(w), -1, scheme.group or w.shape[1])
    scales = np.maximum(blocks.max(axis=2), blocks.min(axis=2) * np.float32(-limit / lowest)) / np.float32(limit)
    return np.maximum(scales, _LEAST) if scheme.group is None else stored_scales(scales)


def stored_scales(scales: Float32) -> Float32:
    """Scales of groups rounded to fp16, not below its least normal number."""
    return np.clip(scales, _LEAST_FP16, np.float32(65504)).astype(np.float16).astype(np.float32)


def encode_groups(scheme: Scheme, w: Float32, scales: Float32) -> Arrays:
    """`encode` for int4 and int8 in groups, with given scales [n, groups] as `stored_scales` makes them."""
    codes = w.reshape(len(w), scales.shape[1], -1) / scales[..., None]
    return {"": _codes(scheme, codes.reshape(w.shape)), "scale": scales.astype(np.float16)}


def _codes(scheme: Scheme, scaled: Float32) -> NDArray[np.generic]:
    """Codes of w / scale, packed; `scaled` may be overwritten."""
    if scheme.weights == "fp8":
        return encode_e4m3(scaled)
    np.rint(scaled, out=scaled)
    if scheme.weights == "int8":
        np.clip(scaled, np.float32(-INT8_MAX), np.float32(INT8_MAX), out=scaled)
        return scaled.astype(np.int8)
    np.clip(scaled, np.float32(-INT4_MAX - 1), np.float32(INT4_MAX), out=scaled)
    scaled += np.float32(8)
    return pack_nibbles(scaled.astype(np.uint8))


def _nvfp4(w: Float32, whole: np.float32) -> Arrays:
    """Two levels (NVIDIA, "Introducing NVFP4", 2025): scale2 = max |w| / (6 * 448), so that the block with the greatest value
    has the greatest E4M3 scale; the scale of a block of 16 is max |block| / 6 / scale2 in E4M3; codes are E2M1."""
    scale2 = np.maximum(np.float32(whole / (FP4_MAX * FP8_MAX)), _LEAST)
    blocks = w.reshape(len(w), -1, NVFP4_BLOCK)
    scales = encode_e4m3(block_peaks(w) / np.float32(FP4_MAX) / scale2)
    factor = decode_e4m3(scales) * scale2
    # A block so small that its scale rounds to 0 is all zeros.
    inverse = np.divide(np.float32(1), factor, out=np.zeros_like(factor), where=factor > 0)
    codes = encode_e2m1((blocks * inverse[..., None]).reshape(w.shape))
    return {"": pack_nibbles(codes), "scale": scales, "scale2": np.asarray(scale2, np.float32).reshape(())}


def widened(scheme: Scheme, arrays: Arrays, shape: tuple[int, ...]) -> Float32:
    """The values of the arrays that `encode` made of rows of `shape` [n, in], fresh."""
    kinds = scheme.tensors(*shape)
    return dequantize(scheme, {suffix: Tensor(suffix, kinds[suffix][0], array) for suffix, array in arrays.items()})


def nearest(scheme: Scheme, w: Float32) -> Float32:
    """`widened(encode(w))`, fresh; for the integer types without the packing between, several times as fast."""
    if scheme.weights not in ("int8", "int4") or scheme.per == "tensor":
        return widened(scheme, encode(scheme, w), w.shape)
    return nearest_groups(scheme, w, encode_scales(scheme, w))


def nearest_groups(scheme: Scheme, w: Float32, scales: Float32) -> Float32:
    """Rows w [n, in] rounded to multiples of given scales [n, groups], fresh."""
    values = np.divide(w.reshape(len(w), scales.shape[1], -1), scales[..., None])
    low, high = (-INT8_MAX, INT8_MAX) if scheme.weights == "int8" else (-INT4_MAX - 1, INT4_MAX)
    np.rint(values, out=values)
    np.clip(values, np.float32(low), np.float32(high), out=values)
    values *= scales[..., None]
    rounded: Float32 = values.reshape(w.shape)
    return rounded


def join_rows(parts: Sequence[Arrays]) -> Arrays:
    """The arrays of row blocks put together: codes and scales along the rows; what the whole tensor shares from the first."""
    return {
        suffix: parts[0][suffix] if parts[0][suffix].ndim == 0 else np.concatenate([part[suffix] for part in parts])
        for suffix in parts[0]
    }
