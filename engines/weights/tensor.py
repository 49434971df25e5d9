"""One weight in host memory, its bits as stored, and the two things everybody does with it: widen it, check it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engines.api.errors import WeightError
from engines.weights.dtype import DType

# Elements checked at once: small enough to stay in the L2 cache, so that the check costs one pass over the file.
_CHUNK = 1 << 18


@dataclass(frozen=True, slots=True)
class Tensor:
    """A named array. `data` holds the stored bits (bf16 as uint16, fp8 as uint8) and may be a read-only view of a mapped
    file: copy it before the store is closed if it must outlive it."""

    name: str
    dtype: DType
    data: NDArray[np.generic]

    @property
    def shape(self) -> tuple[int, ...]:
        return self.data.shape


def to_float32(tensor: Tensor) -> NDArray[np.float32]:
    """The values as float32, same shape. bf16, fp16 and fp32 widen exactly; always a fresh array, never a view of a file."""
    if tensor.dtype is DType.BF16:
        bits = tensor.data.astype(np.uint32)
        bits <<= 16
        return bits.view(np.float32)
    if tensor.dtype.is_float:
        return tensor.data.astype(np.float32)
    raise WeightError(f"Tensor {tensor.name} is {tensor.dtype.value}, which cannot be widened to fp32.")


def round_bf16(x: NDArray[np.float32]) -> NDArray[np.uint16]:
    """float32 -> bf16 bits, to nearest even. Finite values only."""
    bits = np.ascontiguousarray(x, np.float32).view(np.uint32)
    rounded = (bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))) >> np.uint32(16)
    return rounded.astype(np.uint16)


def from_float32(name: str, x: NDArray[np.float32], dtype: DType) -> Tensor:
    """The reverse of `to_float32`, rounding to nearest even; fp16 saturates."""
    if dtype is DType.BF16:
        return Tensor(name, dtype, round_bf16(x))
    if dtype is DType.FP16:
        return Tensor(name, dtype, np.clip(x, np.float32(-65504), np.float32(65504)).astype(np.float16))
    if dtype is DType.FP32:
        return Tensor(name, dtype, np.array(x, np.float32))
    raise WeightError(f"Tensor {name} cannot be stored as {dtype.value} from fp32.")


def check_finite(tensor: Tensor, file: str) -> None:
    """Raise WeightError, naming tensor and file, if a float tensor holds a NaN or an infinity. Streams over the bits:
    a value is not finite exactly when all of its exponent bits are set."""
    if tensor.dtype is DType.FP32:
        view, exponent = np.uint32, np.uint32(0x7F800000)
    elif tensor.dtype is DType.FP16:
        view, exponent = np.uint16, np.uint16(0x7C00)  # type: ignore[assignment]
    elif tensor.dtype is DType.BF16:
        view, exponent = np.uint16, np.uint16(0x7F80)  # type: ignore[assignment]
    else:
        return
    rows = tensor.data.reshape(-1) if tensor.data.flags.c_contiguous else np.ascontiguousarray(tensor.data).reshape(-1)
    bits = rows.view(view)
    for start in range(0, len(bits), _CHUNK):
        chunk = bits[start : start + _CHUNK] & exponent
        if len(chunk) and chunk.max() == exponent:
            at = start + int(np.argmax(chunk == exponent))
            index = tuple(int(i) for i in np.unravel_index(at, tensor.data.shape)) if tensor.data.shape else ()
            raise WeightError(
                f"Tensor {tensor.name} in {file} holds a NaN or an infinity at {list(index)}: the file is damaged or its "
                f"training diverged; download it again or use another checkpoint."
            )
