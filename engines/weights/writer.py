"""A safetensors file written front to back: the header first, from shapes alone, then each tensor in pieces."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from engines.api.errors import ContractError
from engines.weights.dtype import SAFETENSORS_DTYPES, DType

_NAMES = {dtype: name for name, dtype in SAFETENSORS_DTYPES.items()}


class SafetensorsWriter:
    """`tensors`: name -> type and shape, in the order in which they will be written. Use as a context manager: leaving it
    without an error checks that everything was written, and that it is on the disk (fsync). The file is not complete before.

    Format: `engines.weights.safetensors`. The header is padded with spaces so that the data begins at a multiple of 64 bytes.
    """

    def __init__(self, path: Path, tensors: Mapping[str, tuple[DType, tuple[int, ...]]]) -> None:
        self.path = path
        header: dict[str, object] = {"__metadata__": {"format": "np"}}
        self._left: list[tuple[str, int]] = []
        at = 0
        for name, (dtype, shape) in tensors.items():
            size = math.prod(shape) * dtype.itemsize
            header[name] = {"dtype": _NAMES[dtype], "shape": list(shape), "data_offsets": [at, at + size]}
            self._left.append((name, size))
            at += size
        raw = json.dumps(header, separators=(",", ":")).encode()
        raw += b" " * (-(8 + len(raw)) % 64)
        self.total_bytes = 8 + len(raw) + at
        self._left.reverse()
        self._file = path.open("wb", buffering=0)
        self._put(len(raw).to_bytes(8, "little") + raw)

    def write(self, name: str, piece: NDArray[np.generic]) -> None:
        """The next piece of `name`, in C order. Raises ContractError out of order, OSError as the system does."""
        while self._left and self._left[-1][1] == 0 and self._left[-1][0] != name:
            self._left.pop()
        if not self._left or self._left[-1][0] != name or self._left[-1][1] < piece.nbytes:
            raise ContractError(f"{name} is not what is to be written next to {self.path.name}, or is too long.")
        self._left[-1] = (name, self._left[-1][1] - piece.nbytes)
        if piece.nbytes:
            self._put(np.ascontiguousarray(piece).reshape(-1).view(np.uint8).data)

    def __enter__(self) -> SafetensorsWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._file:
            if kind is None:
                if any(size for _, size in self._left):
                    raise ContractError(f"{self.path.name} was closed before all of its tensors were written.")
                os.fsync(self._file.fileno())

    def _put(self, data: bytes | memoryview) -> None:
        view = memoryview(data)
        while view:
            view = view[self._file.write(view) :]


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` last, where the system can (not on Windows)."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
