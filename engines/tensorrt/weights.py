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

from engines.api.errors import ContractError, UnsupportedError, WeightError
from engines.weights import DType, Tensor, round_bf16, to_float32

ElementType = Literal["bf16", "fp16", "fp32", "int8", "int4", "fp8", "fp4"]
Form = Literal[
    "plain", "codes", "codes_t", "nibbles", "nibbles_t", "row", "vector", "groups", "groups_t", "offset", "row_offset",
    "first", "greatest", "same",
]  # fmt: skip
Load = Callable[[str], Tensor]

_BITS: dict[str, int] = {"bf16": 16, "fp16": 16, "fp32": 32, "int8": 8, "int4": 4, "fp8": 8, "fp4": 4}


@dataclass(frozen=True, slots=True)
class Weight:
    """`name` in the network. `params`: tensors of the model, joined along their rows. `form`: what is made of them:

    plain     rounded to the 16-bit type `dtype`, same shape but vectors [n] as [1, n]
    codes     8-bit codes [N, K] or E4M3 scales, as stored; codes_t: transposed, [K, N]
    nibbles   4-bit codes [N, K / 2 bytes], low nibble first: INT4 in two's complement (stored as code + 8), E2M1 as stored;
              nibbles_t: INT4 [K, N / 2 bytes], N even
    row       fp32 [1, N], a scale per output column; one per tensor is repeated. vector: the same, [N]
    groups    scales in `dtype` [N, K / block], repeated where the model's groups are larger; groups_t: [K / block, N]
    offset    what a zero point adds to a block of INT4, in the shape of its scales; `params` are the scales, then the zeros.
              row_offset: to a row of INT8, fp32 [1, N]
    first     fp32, of the first parameter: all are equal. same: one number, equal in all. greatest: the greatest of numbers

    `rows`: outputs of each parameter, for scales that a whole parameter shares.
    """

    name: str
    params: tuple[str, ...]
    form: Form
    dtype: ElementType
    shape: tuple[int, ...]
    rows: tuple[int, ...] = ()

    @property
    def nbytes(self) -> int:
        return prod(self.shape) * _BITS[self.dtype] // 8

    def prepare(self, load: Load) -> NDArray[np.generic]:
        """The bytes: a C-contiguous array of the shape's elements, two to a byte for 4-bit types. Raises what `load` raises, and
        UnsupportedError or WeightError for parts that cannot be one linear."""
        made = np.ascontiguousarray(_FORMS[self.form](self, [load(name) for name in self.params]))
        if made.nbytes != self.nbytes:
            raise ContractError(f"Weight {self.name} of {self.params} takes {self.nbytes} bytes, not {made.nbytes}.")
        return made


def to_type(values: NDArray[np.float32], dtype: ElementType) -> NDArray[np.generic]:
    """float32 -> bits of bf16, fp16, or as they are."""
    if dtype == "bf16":
        return round_bf16(values)
    return values.astype(np.float16) if dtype == "fp16" else values


def _plain(weight: Weight, tensors: list[Tensor]) -> Any:
    wanted = DType.FP16 if weight.dtype == "fp16" else DType.BF16
    parts = [t.data if t.dtype is wanted else to_type(to_float32(t), weight.dtype) for t in tensors]
    return _join(parts).reshape(weight.shape)


def _codes(weight: Weight, tensors: list[Tensor]) -> Any:
    return _join([t.data for t in tensors]).reshape(weight.shape)


def _codes_t(weight: Weight, tensors: list[Tensor]) -> Any:
    return _join([t.data for t in tensors]).T


def _nibbles(weight: Weight, tensors: list[Tensor]) -> Any:
    packed = _join([t.data for t in tensors])
    # q + 8 in four bits, with its highest bit turned over, is q in two's complement.
    return packed ^ np.uint8(0x88) if weight.dtype == "int4" else packed


def _nibbles_t(weight: Weight, tensors: list[Tensor]) -> Any:
    packed = _join([t.data for t in tensors]) ^ np.uint8(0x88)
    made = np.empty((weight.shape[0], weight.shape[1] // 2), np.uint8)
    # Two outputs [N / 2, K / 2 bytes] at a time: the low nibbles are columns 0, 2, 4 ..., the high ones 1, 3, 5 ...
    low, high = packed[0::2], packed[1::2]
    made[0::2] = ((low & np.uint8(15)) | (high << np.uint8(4))).T
    made[1::2] = ((low >> np.uint8(4)) | (high & np.uint8(0xF0))).T
    return made


def _row(weight: Weight, tensors: list[Tensor]) -> Any:
    return _per_row([to_float32(t) for t in tensors], weight.rows).reshape(weight.shape)


def _groups(weight: Weight, tensors: list[Tensor]) -> Any:
    values = _join([to_float32(t) for t in tensors])
    return to_type(_repeat(values, weight.shape), weight.dtype)


def _groups_t(weight: Weight, tensors: list[Tensor]) -> Any:
    values = _join([to_float32(t) for t in tensors])
    return to_type(_repeat(values, weight.shape[::-1]), weight.dtype).T


def _offset(weight: Weight, tensors: list[Tensor]) -> Any:
    """Codes are 0 .. 15 about 8: value = (stored - zero) * scale = (stored - 8) * scale + (8 - zero) * scale."""
    half = len(tensors) // 2
    scales = _join([to_float32(t) for t in tensors[:half]])
    zeros = _join([t.data for t in tensors[half:]]).astype(np.float32)
    return to_type(_repeat((np.float32(8) - zeros) * scales, weight.shape), weight.dtype)


def _row_offset(weight: Weight, tensors: list[Tensor]) -> Any:
    """The same of INT8, whose stored codes are about 128."""
    half = len(tensors) // 2
    scales = _per_row([to_float32(t) for t in tensors[:half]], weight.rows)
    zeros = _per_row([t.data.astype(np.float32) for t in tensors[half:]], weight.rows)
    return ((np.float32(128) - zeros) * scales).reshape(weight.shape)


def _first(weight: Weight, tensors: list[Tensor]) -> Any:
    values = [to_float32(t) for t in tensors]
    for name, other in zip(weight.params, values, strict=True):
        if not np.array_equal(other, values[0]):
            raise WeightError(f"{name} differs from {weight.params[0]}, which reads the same input.")
    return values[0].reshape(weight.shape)


def _greatest(weight: Weight, tensors: list[Tensor]) -> Any:
    """Parts that were calibrated apart share one input: the greatest of their scales saturates none."""
    return np.full(weight.shape, max(float(to_float32(t).reshape(-1)[0]) for t in tensors), np.float32)


def _same(weight: Weight, tensors: list[Tensor]) -> Any:
    values = {float(to_float32(t).reshape(-1)[0]) for t in tensors}
    if len(values) != 1:
        raise UnsupportedError(
            f"{', '.join(weight.params)} differ, and linears that are computed as one share one such scale in TensorRT; quantize "
            f"the model with Deskside, or take another --backend."
        )
    return np.full(weight.shape, values.pop(), np.float32)


_FORMS: dict[str, Callable[[Weight, list[Tensor]], Any]] = {
    "plain": _plain,
    "codes": _codes,
    "codes_t": _codes_t,
    "nibbles": _nibbles,
    "nibbles_t": _nibbles_t,
    "row": _row,
    "vector": _row,
    "groups": _groups,
    "groups_t": _groups_t,
    "offset": _offset,
    "row_offset": _row_offset,
    "first": _first,
    "greatest": _greatest,
    "same": _same,
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
    values = values.reshape(len(values), -1)
    return values if values.shape == shape else np.repeat(values, shape[-1] // values.shape[1], axis=1)
