"""A strict reader of one safetensors file: the header is checked in full before a single tensor is touched.

The format (https://huggingface.co/docs/safetensors, "Format"): 8 bytes, the header's length N as little-endian uint64;
N bytes of JSON starting with "{", perhaps padded with spaces; then the data. The JSON maps each name to its dtype, shape and
[begin, end) in the data, which the tensors must cover without hole or overlap; `__metadata__` maps strings to strings.

Model files are hostile until proven otherwise: every length is compared with the file's own size first.
"""

from __future__ import annotations

import contextlib
import hashlib
import math
import mmap
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.api.errors import ContractError, WeightError
from engines.weights.dtype import SAFETENSORS_DTYPES, DType
from engines.weights.strict_json import brief, parse_json

# The limit of the reference implementation: beyond it a header is an attack or a damaged length, not a model.
MAX_HEADER_BYTES = 100_000_000
_AGAIN = "download the file again"


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """Where one tensor lies. `begin` and `end` are bytes from the start of the file."""

    dtype: DType
    shape: tuple[int, ...]
    begin: int
    end: int


def parse_header(header: bytes, data_bytes: int, file: str) -> dict[str, TensorInfo]:
    """The tensors of a header `header`, followed by `data_bytes` bytes of data. Raises only WeightError, naming `file`."""
    if not header.startswith(b"{"):
        raise WeightError(f"{file} is not a safetensors file: its header does not start with '{{'; {_AGAIN}.")
    try:
        entries = parse_json(header)
    except ValueError as error:
        raise WeightError(f"The header of {file} is not valid JSON ({error}); {_AGAIN}.") from None
    if not isinstance(entries, dict):
        raise WeightError(f"The header of {file} is not a JSON object; {_AGAIN}.")
    metadata = entries.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise WeightError(f"The __metadata__ of {file} does not map strings to strings; {_AGAIN}.")
    start = 8 + len(header)
    tensors = {name: _parse_entry(name, entry, start, data_bytes, file) for name, entry in entries.items()}
    _check_layout(tensors, start, data_bytes, file)
    return tensors


def _parse_entry(name: str, entry: Any, start: int, data_bytes: int, file: str) -> TensorInfo:
    where = f"tensor {brief(name)!r} in {file}"
    if not isinstance(entry, dict) or entry.keys() != {"dtype", "shape", "data_offsets"}:
        raise WeightError(f"The header entry of {where} is not exactly dtype, shape and data_offsets; {_AGAIN}.")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in SAFETENSORS_DTYPES:
        raise WeightError(
            f"The dtype {str(dtype)[:40]!r} of {where} is unknown; known are {', '.join(SAFETENSORS_DTYPES)}."
        )
    if not _is_sizes(shape) or not _is_sizes(offsets) or len(offsets) != 2:
        raise WeightError(f"Shape or offsets of {where} are not lists of whole numbers; {_AGAIN}.")
    begin, end = offsets
    if begin > end or end > data_bytes:
        raise WeightError(
            f"The data of {where} lies at bytes {begin} to {end} of {data_bytes}: the file is truncated or damaged; {_AGAIN}."
        )
    kind = SAFETENSORS_DTYPES[dtype]
    if len(shape) > 32 or math.prod(shape) * kind.itemsize != end - begin:
        raise WeightError(f"The {end - begin} bytes of {where} do not make a {dtype} of shape {shape[:32]}; {_AGAIN}.")
    return TensorInfo(kind, tuple(shape), start + begin, start + end)


def _is_sizes(value: Any) -> bool:
    # bool is an int in Python; JSON's true is not a size. Sizes beyond 2**63 fit no file.
    return isinstance(value, list) and all(type(item) is int and 0 <= item < 2**63 for item in value)


def _check_layout(tensors: Mapping[str, TensorInfo], start: int, data_bytes: int, file: str) -> None:
    """Tensors in the order of their offsets touch each other and fill the data exactly."""
    at = start
    for name, info in sorted(tensors.items(), key=lambda item: (item[1].begin, item[1].end)):
        if info.begin != at:
            problem = "overlaps the tensor before it" if info.begin < at else "leaves a hole before it"
            raise WeightError(f"Tensor {brief(name)!r} in {file} {problem}; {_AGAIN}.")
        at = info.end
    if at != start + data_bytes:
        raise WeightError(f"{file} has {start + data_bytes - at} bytes that belong to no tensor; {_AGAIN}.")


class SafetensorsFile:
    """One open, mapped and checked file. `tensors`: name -> TensorInfo. `fingerprint`: changes with header, size or time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with path.open("rb") as file:
                status = path.stat()
                if not stat.S_ISREG(status.st_mode):
                    raise WeightError(f"{path} is not a regular file.")
                size = status.st_size
                if size < 8:
                    raise WeightError(f"{path} is {size} bytes: too short for a safetensors file; {_AGAIN}.")
                length = int.from_bytes(file.read(8), "little")
                if length > size - 8 or length > MAX_HEADER_BYTES:
                    raise WeightError(
                        f"The header of {path} claims {length} bytes but the file has {size}: truncated or damaged; {_AGAIN}."
                    )
                header = file.read(length)
                self._map: mmap.mmap | None = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError) as error:
            raise WeightError(f"Cannot read {path}: {_reason(error)}; check that it exists and may be read.") from error
        self.tensors = parse_header(header, size - 8 - length, str(path))
        digest = hashlib.sha256(header)
        digest.update(f"{path.name}\0{size}\0{status.st_mtime_ns}".encode())
        self.fingerprint = digest.hexdigest()

    def read(self, name: str) -> NDArray[np.generic]:
        """A read-only view of the mapped file in the shape of the tensor. It keeps the map alive."""
        info = self.tensors[name]
        if self._map is None:
            raise ContractError(f"{self.path} is closed.")
        count = math.prod(info.shape)
        if count == 0:
            return np.zeros(info.shape, info.dtype.numpy)
        return np.frombuffer(self._map, info.dtype.numpy, count, info.begin).reshape(info.shape)

    def release(self, name: str) -> None:
        """A hint that the pages of a tensor are not needed soon; where the system takes none (Windows), nothing."""
        advise, kind = getattr(self._map, "madvise", None), getattr(mmap, "MADV_DONTNEED", None)
        if advise is None or kind is None:
            return
        info = self.tensors[name]
        begin = info.begin // mmap.PAGESIZE * mmap.PAGESIZE
        if info.end > begin:
            advise(kind, begin, info.end - begin)

    def close(self) -> None:
        """Unmap. With views still alive the map goes with the last of them instead. Idempotent."""
        if self._map is not None:
            with contextlib.suppress(BufferError):  # a view is alive
                self._map.close()
            self._map = None


def _reason(error: Exception) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)
