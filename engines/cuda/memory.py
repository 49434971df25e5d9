"""Device memory: owned blocks, tensors in them, and pinned staging that is never rewritten while a copy reads it."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.api.errors import ContractError
from engines.cuda.driver import Driver

ALIGNMENT = 256


def align(size: int) -> int:
    """`size` rounded up to what every kernel and cublasLt may assume of an address."""
    return -(-size // ALIGNMENT) * ALIGNMENT


@dataclass(frozen=True, slots=True)
class DeviceTensor:
    """An array on the device, row-major and contiguous. `ptr`: its address; it owns nothing. `itemsize` in bytes."""

    ptr: int
    shape: tuple[int, ...]
    dtype: str
    itemsize: int

    @property
    def nbytes(self) -> int:
        size = self.itemsize
        for n in self.shape:
            size *= n
        return size

    def rows(self, start: int, stop: int) -> DeviceTensor:
        """Rows start .. stop - 1 of the first dimension."""
        row = self.nbytes // self.shape[0]
        return DeviceTensor(self.ptr + start * row, (stop - start, *self.shape[1:]), self.dtype, self.itemsize)


class Memory:
    """Every allocation of an engine, freed together."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._blocks: dict[int, int] = {}
        self._pinned: list[int] = []

    @property
    def allocated(self) -> int:
        """Bytes held on the device."""
        return sum(self._blocks.values())

    def take(self, nbytes: int) -> int:
        """A fresh block; its address. Raises OutOfMemory with the numbers."""
        size = align(max(nbytes, 1))
        ptr = int(self._driver.call("cuMemAlloc", size))
        self._blocks[ptr] = size
        return ptr

    def give(self, ptr: int) -> None:
        """Free one block now."""
        del self._blocks[ptr]
        self._driver.call("cuMemFree", ptr)

    def pinned(self, nbytes: int) -> NDArray[np.uint8]:
        """Page-locked host memory, uint8 [nbytes]."""
        address = int(self._driver.call("cuMemAllocHost", nbytes))
        self._pinned.append(address)
        return np.ctypeslib.as_array((ctypes.c_uint8 * nbytes).from_address(address))

    def close(self) -> None:
        """Free everything. Idempotent."""
        for ptr in self._blocks:
            self._driver.call("cuMemFree", ptr)
        for address in self._pinned:
            self._driver.call("cuMemFreeHost", address)
        self._blocks.clear()
        self._pinned.clear()


class Arena:
    """One block, handed out from its start: weights, workspaces. `size` from a plan made beforehand."""

    def __init__(self, memory: Memory, size: int) -> None:
        self.base = memory.take(size)
        self.size = size
        self.used = 0

    def take(self, nbytes: int) -> int:
        start = self.used
        self.used += align(nbytes)
        if self.used > self.size:
            raise ContractError(f"An arena of {self.size} bytes was asked for {self.used}.")
        return self.base + start


class StagingRing:
    """Pinned buffers for copies to or from the device, taken in turn. A buffer is handed out again only when the event recorded
    behind its last copy has passed: what is in flight is never rewritten."""

    def __init__(self, driver: Driver, memory: Memory, stream: Any, count: int, nbytes: int) -> None:
        self._driver = driver
        self._memory = memory
        self._stream = stream
        self._buffers = [memory.pinned(nbytes) for _ in range(count)]
        flag = int(driver.api.CUevent_flags.CU_EVENT_DISABLE_TIMING)
        self._events = [driver.call("cuEventCreate", flag) for _ in range(count)]
        self._used = [False] * count
        self._next = 0

    def take(self, nbytes: int) -> tuple[int, NDArray[np.uint8]]:
        """The number of a buffer that nothing reads any more, and the buffer, at least `nbytes` long."""
        index = self._next
        self._next = (index + 1) % len(self._buffers)
        self.wait(index)
        if len(self._buffers[index]) < nbytes:
            self._buffers[index] = self._memory.pinned(align(nbytes))
        return index, self._buffers[index]

    def upload(self, data: NDArray[Any], target: int) -> None:
        """Copy `data` to the device address `target`, in order with the stream; `data` may be reused at once."""
        flat = np.ascontiguousarray(data).reshape(-1).view(np.uint8)
        index, buffer = self.take(len(flat))
        buffer[: len(flat)] = flat
        self._driver.call("cuMemcpyHtoDAsync", target, buffer.ctypes.data, len(flat), self._stream)
        self.record(index)

    def record(self, index: int) -> None:
        """Mark the buffer as in flight until everything enqueued so far is done."""
        self._driver.call("cuEventRecord", self._events[index], self._stream)
        self._used[index] = True

    def wait(self, index: int) -> None:
        """Until the buffer's last copy is done."""
        if self._used[index]:
            self._driver.call("cuEventSynchronize", self._events[index])
            self._used[index] = False

    def close(self) -> None:
        for event in self._events:
            self._driver.call("cuEventDestroy", event)
        self._events.clear()
