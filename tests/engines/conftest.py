"""Builders of small checkpoints, so that a test can break exactly one thing in them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

Arrays = Mapping[str, np.ndarray]
_NAMES = {"float32": "F32", "float16": "F16", "uint16": "BF16", "int8": "I8", "int64": "I64", "uint8": "U8"}


def encode(arrays: Arrays) -> tuple[dict[str, object], bytes]:
    """Header entries and data of a safetensors file; uint16 stands for bf16."""
    header: dict[str, object] = {}
    data = b""
    for name, array in arrays.items():
        raw = np.ascontiguousarray(array).tobytes()
        offsets = [len(data), len(data) + len(raw)]
        header[name] = {"dtype": _NAMES[array.dtype.name], "shape": list(array.shape), "data_offsets": offsets}
        data += raw
    return header, data


def pack(header: object, data: bytes) -> bytes:
    """The bytes of a safetensors file; `header` is JSON-encoded unless it is bytes already."""
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(raw).to_bytes(8, "little") + raw + data


def write(path: Path, arrays: Arrays) -> None:
    path.write_bytes(pack(*encode(arrays)))


@pytest.fixture
def write_safetensors() -> Callable[[Path, Arrays], None]:
    return write


@pytest.fixture
def encode_safetensors() -> Callable[[Arrays], tuple[dict[str, object], bytes]]:
    return encode


@pytest.fixture
def pack_safetensors() -> Callable[[object, bytes], bytes]:
    return pack
