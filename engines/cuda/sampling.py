"""Sampling on the device and the way of its results to the host."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from engines.api.errors import ContractError
from engines.api.sampling import Sampled, TokenMasks
from engines.cuda.driver import Driver
from engines.cuda.launch import Modules
from engines.cuda.memory import Memory, StagingRing
from engines.cuda.slots import Slots

# Parts of a row that share its argmax at batch 1; fewer as rows fill the device.
_PARTS: Final = 32


@dataclass(slots=True)
class Pending:
    """Results on their way: `rows` of them, in buffer `index` of the ring; `top` columns of most likely tokens, -1: tokens only."""

    rows: int
    index: int
    top: int
    buffer: NDArray[np.uint8]


def argmax_parts(rows: int, multiprocessors: int) -> int:
    """Blocks per row: about two per multiprocessor in all, at most 32 per row."""
    return max(1, min(_PARTS, 2 * multiprocessors // rows))


class Sampler:
    """Samples the logits [L, stride] of a step; `results` in flight at most as many as `ring` holds."""

    def __init__(
        self,
        driver: Driver,
        memory: Memory,
        staging: StagingRing,
        modules: Modules,
        stream: Any,
        slots: Slots,
        *,
        plan: int,
        logits: int,
        stride: int,
        vocab: int,
        max_rows: int,
        max_top: int,
    ) -> None:
        self._driver, self._memory, self._staging, self._stream = driver, memory, staging, stream
        self._slots, self._plan, self._logits = slots, plan, logits
        self._stride, self._vocab, self._max_rows = stride, vocab, max_rows
        self._argmax = modules.kernel("sample", "argmax_rows")
        self._rows = modules.kernel("sample", "sample_rows")
        size = 4 * max_rows * (2 + 2 * max_top)
        self._results = memory.take(size)
        self._best = memory.take(12 * max_rows)
        driver.call("cuMemsetD8Async", self._best, 0, 12 * max_rows, stream)
        self._words = -(-vocab // 32)
        self._adjusted = self._mask_index = self._mask_bits = 0
        self._ring = StagingRing(driver, memory, stream, 4, size)

    def enqueue(self, slots: NDArray[np.int32], positions: NDArray[np.int32], masks: TokenMasks | None) -> Pending:
        """Sample rows whose slots are `slots` [L], for tokens at `positions` [L]; start the copy to the host."""
        count = len(slots)
        state = self._slots
        plain = masks is None and bool((positions >= state.plain_from[slots]).all())
        if plain:
            parts = argmax_parts(count, self._driver.info.multiprocessors)
            self._argmax(
                (parts, count, 1), 512, self._logits, self._plan, state.params, state.last_token, self._results, self._best,
                self._best + 8 * self._max_rows, self._vocab, self._stride,
            )  # fmt: skip
            return self._fetch(count, -1)
        top = max(0, int(state.logprobs[slots].max()))
        index = bits = 0
        if masks is not None:
            index, bits = self._upload(masks, count)
        if not self._adjusted:
            self._adjusted = self._memory.take(self._max_rows * self._stride * 4)
        logprobs = self._results + 4 * count
        ids = logprobs + 4 * count
        self._rows(
            (count, 1, 1), 1024, self._logits, self._adjusted, self._plan, state.params, state.last_token, index, bits,
            self._results, logprobs, ids, ids + 4 * count * top, self._vocab, self._stride, self._words, top,
        )  # fmt: skip
        return self._fetch(count, top)

    def collect(self, pending: Pending) -> Sampled:
        """Wait for the copy; the results in fresh arrays."""
        self._ring.wait(pending.index)
        count, top = pending.rows, pending.top
        words = pending.buffer.view(np.int32)
        tokens = words[:count].copy()
        if top < 0:
            return Sampled(tokens, np.full(count, np.nan, np.float32))
        floats = pending.buffer.view(np.float32)
        ids = words[2 * count : (2 + top) * count].reshape(count, top).copy()
        values = floats[(2 + top) * count : (2 + 2 * top) * count].reshape(count, top).copy()
        return Sampled(tokens, floats[count : 2 * count].copy(), ids, values)

    def close(self) -> None:
        self._ring.close()

    def _fetch(self, count: int, top: int) -> Pending:
        nbytes = 4 * count * (1 if top < 0 else 2 + 2 * top)
        index, buffer = self._ring.take(nbytes)
        self._driver.call("cuMemcpyDtoHAsync", buffer.ctypes.data, self._results, nbytes, self._stream)
        self._ring.record(index)
        return Pending(count, index, top, buffer)

    def _upload(self, masks: TokenMasks, count: int) -> tuple[int, int]:
        check_masks(masks, count, self._words)
        if not self._mask_bits:
            self._mask_index = self._memory.take(4 * self._max_rows)
            self._mask_bits = self._memory.take(4 * self._max_rows * self._words)
        index = np.full(count, -1, np.int32)
        index[masks.rows] = np.arange(len(masks.rows), dtype=np.int32)
        self._staging.upload(index, self._mask_index)
        if len(masks.rows):
            self._staging.upload(masks.bits, self._mask_bits)
        return self._mask_index, self._mask_bits


def check_masks(masks: TokenMasks, count: int, words: int) -> None:
    """Raises ContractError for masks of another shape, for other rows, or that allow nothing."""
    if masks.bits.dtype != np.uint32 or masks.bits.shape != (len(masks.rows), words):
        raise ContractError(f"Grammar masks are uint32 [{len(masks.rows)}, {words}], not {masks.bits.shape}.")
    rows = masks.rows.tolist()
    if len(set(rows)) != len(rows) or any(not 0 <= row < count for row in rows):
        raise ContractError(f"Grammar masks name logit rows {rows}; the step has {count}.")
    if len(rows) and not masks.bits.any(axis=1).all():
        raise ContractError("A grammar mask allows no token at all.")
