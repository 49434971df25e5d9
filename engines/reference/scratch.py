"""Memory that one operation fills and reads before the next one needs it: kept, so that it stays in the cache and is not
asked of the system again in every layer of every step."""

from __future__ import annotations

import math
import threading

import numpy as np
from numpy.typing import NDArray

# Elements of the largest block that is kept; a rare larger one is given back after its use.
_KEEP = 1 << 23


class Scratch(threading.local):
    """Arrays by name, one set for each thread."""

    def __init__(self) -> None:
        self._blocks: dict[str, NDArray[np.float32]] = {}

    def array(self, name: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
        """Uninitialised float32 of `shape`, C-contiguous: valid until this thread asks for `name` again."""
        size = math.prod(shape)
        if size > _KEEP:
            return np.empty(shape, np.float32)
        block = self._blocks.get(name)
        if block is None or len(block) < size:
            block = self._blocks[name] = np.empty(size, np.float32)
        return block[:size].reshape(shape)
