"""The weights of a network as TensorRT wants them: which parameters each is made of, and its bytes.

A weight is an input of the network where the library keeps that fused (one plan then serves every layer, and new weights are
other bytes in the same buffers), and a constant where it does not: INT4 and NVFP4.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from engines.api.errors import ContractError, UnsupportedError
from engines.weights import DType, Tensor, to_float32

ElementType = Literal["bf16", "fp16", "fp32", "int8", "int4", "fp8", "fp4"]
Form = Literal["plain", "codes", "codes_t", "nibbles", "row", "vector", "groups", "offset", "scalar"]
Load = Callable[[str], Tensor]

_BITS: dict[str, int] = {"bf16": 16, "fp16": 16, "fp32": 32, "int8": 8, "int4": 4, "fp8": 8, "fp4": 4}


@dataclass(frozen=True, slots=True)
class Weight:
    """`name` in the network. `params`: tensors of the model, joined along their rows. `form`: what is made of them:

    plain     rounded to the 16-bit type `dtype`, same shape but vectors [n] as [1, n]
    codes     8-bit codes [N, K] or E4M3 scales, as stored; codes_t: transposed, [K, N]
    nibbles   4-bit codes [N, K / 2 bytes], low nibble first: INT4 in two's complement (stored as code + 8), E2M1 as stored
    row       fp32 [1, N], a scale per output column; one per tensor is repeated. vector: the same, [N]
    groups    scales in `dtype` [N, K / block], repeated where the model's groups are larger
    offset    what a zero point adds to a block: scale * (code that stands for 0), in the shape of the scales
    scalar    fp32 [1, 1], equal in all parameters
    """

    name: str
    params: tuple[str, ...]
    form: Form
    dtype: ElementType
    shape: tuple[int, ...]

    @property
    def nbytes(self) -> int:
        return prod(self.shape) * _BITS[self.dtype] // 8

    def prepare(self, load: Load, rows: tuple[int, ...] = ()) -> NDArray[np.generic]:
        """The bytes: an array that is C-contiguous, of the shape's elements (4-bit types: half as many bytes in the last
        dimension). `rows`: outputs of each parameter, for scales that one parameter shares."""
        make = _FORMS[self.form]
        made = np.ascontiguousarray(make(self, [load(name) for name in self.params], rows))
        if made.nbytes != self.nbytes:
            raise ContractError(f"Weight {self.name} of {self.params} takes {self.nbytes} bytes, not {made.nbytes}.")
        return made


def round_bf16(x: NDArray[np.float32]) -> NDArray[np.uint16]:
    """float32 -> bf16 bits, to nearest even. Finite values only."""
    bits = np.ascontiguousarray(x, np.float32).view(np.uint32)
    rounded = (bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))) >> np.uint32(16)
    return rounded.astype(np.uint16)


def to_type(values: NDArray[np.float32], dtype: ElementType) -> NDArray[np.generic]:
    """float32 -> bits of bf16, fp16, or as they are."""
    if dtype == "bf16":
        return round_bf16(values)
    return values.astype(np.float16) if dtype == "fp16" else values


def _plain(weight: Weight, tensors: list[Tensor], rows: tuple[int, ...]) -> Any:
    wanted = DType.FP16 if weight.dtype == "fp16" else DType.BF16
    parts = [t.data if t.dtype is wanted else to_type(to_float32(t), weight.dtype) for t in tensors]
    return _join(parts).reshape(weight.shape)


def _codes(weight: Weight, tensors: list[Tensor], rows: tuple[int, ...]) -> Any:
    return _join([t.data for t in tensors]).reshape(weight.shape)


def _codes_t(weight: Weight, tensors: list[Tensor], rows: tuple[int, ...]) -> Any:
    return _join([t.data for t in tensors]).T


def _nibbles(weight: Weight, tensors: list[Tensor], rows: tuple[int, ...]) -> Any:
    packed = _join([t.data for t in tensors])
    # q + 8 in four bits, with its highest bit turned over, is q in two's complement.
    return packed ^ np.uint8(0x88) if weight.dtype == "int4" else packed


def _row(weight: Weight, tensors: list[Tensor], rows: tuple[int, ...]) -> NDArray[np.generic]:
    return _per_row([to_float32(t) for t in tensors], rows).reshape(weight.shape)


def _groups(weight: Weight, tensors: list[Tensor], rows: tuple[int, ...]) -> NDArray[np.generic]:
    values = _join([to_float32(t) for t in tensors])
    return to_type(_repeat(values.reshape(len(values), -1), weight.shape), weight.dtype)


def _offset(weight: Weight, tensors: list[Tensor], rows: tuple[int, ...]) -> NDArray[np.generic]:
    """`params`: the scales, then the zeros, of each. INT4 codes are 0 .. 15 about 8, INT8 ones 0 .. 255 about 128."""
    half = len(tensors) // 2
    middle = 128.0 if weight.dtype == "fp32" else 8.0
    scales = _join([to_float32(t) for t in tensors[:half]])
    zeros = _join([t.data for t in tensors[half:]]).astype(np.float32)
    values = (np.float32(middle) - zeros) * scales
    return to_type(_repeat(values.reshape(len(values), -1), weight.shape), weight.dtype)


def _scalar(weight: Weight, tensors: list[Tensor], rows: tuple[int, ...]) -> NDArray[np.generic]:
    values = [float(to_float32(t).reshape(-1)[0]) for t in tensors]
    if len(set(values)) != 1:
        raise UnsupportedError(
            f"{', '.join(weight.params)} are {', '.join(f'{v:g}' for v in values)}, and linears that are computed as one share "
            f"one such scale in TensorRT; quantize the model with Deskside, or take --backend reference."
        )
    return np.full(weight.shape, values[0], np.float32)


_FORMS: dict[str, Callable[[Weight, list[Tensor], tuple[int, ...]], Any]] = {
    "plain": _plain,
    "codes": _codes,
    "codes_t": _codes_t,
    "nibbles": _nibbles,
    "row": _row,
    "vector": _row,
    "groups": _groups,
    "offset": _offset,
    "scalar": _scalar,
}


def _join(parts: list[Any]) -> Any:
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _per_row(parts: list[NDArray[np.float32]], rows: tuple[int, ...]) -> NDArray[np.float32]:
    if all(part.ndim for part in parts):
        return np.concatenate(parts)
    return np.concatenate(
        [np.full(count, part.reshape(-1)[0], np.float32) for part, count in zip(parts, rows, strict=True)]
    )


def _repeat(values: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Groups [N, G] as the smaller blocks of `shape`."""
    return values if values.shape == shape else np.repeat(values, shape[-1] // values.shape[1], axis=1)
