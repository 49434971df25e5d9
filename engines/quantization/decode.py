"""From the tensors of a quantized weight back to numbers: what every backend must agree with."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from engines.api.errors import WeightError
from engines.network.schemes import NVFP4_BLOCK, Scheme
from engines.quantization.floats import decode_e2m1, decode_e4m3
from engines.quantization.pack import unpack_nibbles
from engines.weights import DType, Tensor

Float32 = NDArray[np.float32]
Tensors = Mapping[str, Tensor]


def check_tensors(name: str, scheme: Scheme, tensors: Tensors, out: int, width: int) -> None:
    """Raise WeightError unless `tensors` (suffix -> tensor) are those of a weight [out, width] in types, shapes and values:
    scales finite and positive (zero only where the codes are), no NaN among FP8 codes."""
    expected = scheme.tensors(out, width)
    if tensors.keys() != expected.keys():
        raise WeightError(f"{name} ({scheme.label}) has the tensors {sorted(tensors)}, not {sorted(expected)}.")
    for suffix, (dtype, shape) in expected.items():
        tensor = tensors[suffix]
        if tensor.dtype is not dtype or tensor.shape != shape:
            raise WeightError(
                f"{name}.{suffix} is {tensor.dtype.value} {list(tensor.shape)} where {scheme.label} has {dtype.value} "
                f"{list(shape)}."
            )
        check_values(tensor, suffix)


def check_values(tensor: Tensor, suffix: str) -> None:
    """Raise WeightError for a scale that is negative or not finite, or an FP8 code that is NaN. `suffix`: "" for codes."""
    data = tensor.data
    if tensor.dtype is DType.FP8_E4M3:
        bad = bool(((data.view(np.uint8) & np.uint8(0x7F)) == np.uint8(0x7F)).any())
        if bad or (suffix and bool((data.view(np.uint8) & np.uint8(0x80)).any())):
            raise WeightError(
                f"Tensor {tensor.name} holds a NaN or a negative scale: the file is damaged; download it again."
            )
    elif suffix and tensor.dtype.is_float:
        wide = data.astype(np.float32)
        if not np.isfinite(wide).all() or (wide < 0).any():
            raise WeightError(
                f"Tensor {tensor.name} holds a scale that is negative, infinite or NaN: the file is damaged; download it again."
            )


def codes(scheme: Scheme, tensors: Tensors) -> Float32:
    """The codes as numbers before any scale, float32 [out, in]: whole numbers less their zero point, E4M3 or E2M1 values."""
    data = tensors[""].data
    if scheme.weights == "fp8":
        return decode_e4m3(data.view(np.uint8))
    if scheme.weights == "nvfp4":
        return decode_e2m1(unpack_nibbles(data.view(np.uint8)))
    if scheme.weights == "int8":
        wide, middle = data.astype(np.float32), 128
    else:
        wide, middle = unpack_nibbles(data.view(np.uint8)).astype(np.float32), 8
        wide -= np.float32(8)
    if scheme.zero_points:
        offset = tensors["zero"].data.astype(np.float32) - np.float32(middle)
        _by_group(wide, scheme)[...] -= offset[..., None] if offset.ndim else offset
    return wide


def dequantize(scheme: Scheme, tensors: Tensors) -> Float32:
    """The weight, float32 [out, in], fresh. `pre_scale` and `input_scale` concern the input and are left out."""
    wide = codes(scheme, tensors)
    scale = tensors["scale"].data
    if scheme.weights == "nvfp4":
        block = decode_e4m3(scale.view(np.uint8)) * tensors["scale2"].data.astype(np.float32)
        wide.reshape(len(wide), -1, NVFP4_BLOCK)[...] *= block[..., None]
        return wide
    factor = scale.astype(np.float32)
    _by_group(wide, scheme)[...] *= factor[..., None] if factor.ndim else factor
    return wide


def row_scales(scheme: Scheme, tensors: Tensors, out: int) -> Float32:
    """float32 [out], for a scheme with one scale per tensor or per channel: value = code * scale of its row."""
    return np.broadcast_to(tensors["scale"].data.astype(np.float32), (out,)).copy()


def _by_group(wide: Float32, scheme: Scheme) -> Float32:
    """`wide` [out, in] viewed so that a scale [out, groups] or [out], with a last axis of 1 added, meets its columns."""
    return wide if scheme.group is None else wide.reshape(len(wide), -1, scheme.group)
