"""Element types of stored weights, and how NumPy holds their bits."""

from __future__ import annotations

from enum import StrEnum

import numpy as np


class DType(StrEnum):
    """Element type of a tensor on disk. Values are the words used in messages, manifests and configs.

    NumPy has neither bfloat16 nor 8-bit floats: those are held as unsigned integers with the same bits.
    """

    BF16 = "bf16"
    FP16 = "fp16"
    FP32 = "fp32"
    FP64 = "fp64"
    FP8_E4M3 = "fp8_e4m3"
    FP8_E5M2 = "fp8_e5m2"
    INT8 = "int8"
    INT16 = "int16"
    INT32 = "int32"
    INT64 = "int64"
    UINT8 = "uint8"
    UINT16 = "uint16"
    UINT32 = "uint32"
    UINT64 = "uint64"
    BOOL = "bool"

    @property
    def numpy(self) -> np.dtype[np.generic]:
        """The little-endian NumPy type that holds the bits."""
        return _NUMPY[self]

    @property
    def itemsize(self) -> int:
        """Bytes per element."""
        return _NUMPY[self].itemsize

    @property
    def is_float(self) -> bool:
        """True for the types that model weights may have before quantization."""
        return self in (DType.BF16, DType.FP16, DType.FP32)


_NUMPY: dict[DType, np.dtype[np.generic]] = {
    DType.BF16: np.dtype("<u2"),
    DType.FP16: np.dtype("<f2"),
    DType.FP32: np.dtype("<f4"),
    DType.FP64: np.dtype("<f8"),
    DType.FP8_E4M3: np.dtype("u1"),
    DType.FP8_E5M2: np.dtype("u1"),
    DType.INT8: np.dtype("i1"),
    DType.INT16: np.dtype("<i2"),
    DType.INT32: np.dtype("<i4"),
    DType.INT64: np.dtype("<i8"),
    DType.UINT8: np.dtype("u1"),
    DType.UINT16: np.dtype("<u2"),
    DType.UINT32: np.dtype("<u4"),
    DType.UINT64: np.dtype("<u8"),
    DType.BOOL: np.dtype("?"),
}

# The names the safetensors format gives them (https://huggingface.co/docs/safetensors, "Format").
SAFETENSORS_DTYPES: dict[str, DType] = {
    "BF16": DType.BF16,
    "F16": DType.FP16,
    "F32": DType.FP32,
    "F64": DType.FP64,
    "F8_E4M3": DType.FP8_E4M3,
    "F8_E5M2": DType.FP8_E5M2,
    "I8": DType.INT8,
    "I16": DType.INT16,
    "I32": DType.INT32,
    "I64": DType.INT64,
    "U8": DType.UINT8,
    "U16": DType.UINT16,
    "U32": DType.UINT32,
    "U64": DType.UINT64,
    "BOOL": DType.BOOL,
}
