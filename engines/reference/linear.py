"""Linear layers whose result for a token never depends on the other tokens: y = x @ w.T + b.

A weight [out, in] is cut into blocks of rows [n, in]; every token meets every block in one matrix-vector product of that
shape. Tokens are the inner loop, so a block is read from memory once and then lies in the cache. The price against one
matrix product over all tokens is about half of its speed on long prompts; a single token runs at memory bandwidth, where a
product padded to 8 tokens takes three to four times as long, because BLAS first copies the whole weight into its own layout.

A single token and a large weight are one product, which BLAS shares among threads of its own: they wait for it spinning, so
that sharing costs a microsecond and not a tenth of a millisecond, and each reads its part of the weight. BLAS takes rows by
fours, and what is left over in another order of adding; so its threads get multiples of four, and every layer is tried once,
when it is made: unless the product has the very bits of the blocks, the blocks are what is used.
"""

from __future__ import annotations

import os

import numpy as np
from numpy.typing import NDArray

from engines.reference.workers import Workers, default_threads

Float32 = NDArray[np.float32]

# Elements of a block: 192 KiB, less than an L2 cache, and below the size from which OpenBLAS starts threads of its own.
_BLOCK = 49152
# Tokens per pass over the weight: their inputs have to stay in the cache beside the block.
_TOKENS = 64
# out * in * (_READ + tokens) below which waking another thread costs more than it saves. (Many tokens are shared out before they
# come here.) Reading an element from memory takes as long as some 8 multiply-adds with it.
_SHARE = 10_000_000
_READ = 8
# Elements from which that pays (OpenBLAS shares a product of 460,800 and more): its threads spin for a while after each.
_BLAS_SHARES = 1_200_000


def blas_threads() -> int:
    """Threads of NumPy's BLAS, as its environment sets them."""
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
        if (value := os.environ.get(name, "")).isdigit() and int(value) > 0:
            return int(value)
    return default_threads()


class Linear:
    """`weight` float32 [out, in], C-contiguous, kept as a view: writing into it changes the layer. `bias` [out] or None."""

    def __init__(self, weight: Float32, bias: Float32 | None, workers: Workers) -> None:
        self.weight = weight
        self.bias = bias
        self._workers = workers
        out, width = weight.shape
        rows = next((n for n in (64, 32, 16, 8) if n * width <= _BLOCK), 4)
        self._rows = min(rows, out)
        self._full = out // self._rows
        self._blocks = weight[: self._full * self._rows].reshape(self._full, 1, self._rows, width)
        self._tail = weight[self._full * self._rows :][None, None]
        threads = min(workers.threads, blas_threads())
        self._shared = out // (4 * threads) * 4 * threads
        self._whole = threads > 1 and weight.size >= _BLAS_SHARES and self._agrees()

    def __call__(self, x: Float32) -> Float32:
        """x [T, in], C-contiguous -> [T, out], fresh."""
        y = np.empty((len(x), len(self.weight)), np.float32)
        if len(x) == 1 and self._whole:
            self._at_once(x, y)
        else:
            self._by_blocks(x, y)
        if self.bias is not None:
            y += self.bias
        return y

    def _agrees(self) -> bool:
        """Whether the whole product has the bits of the blocks."""
        x = np.random.default_rng(0).standard_normal((1, self.weight.shape[1]), np.float32)
        blocks, whole = np.empty((2, 1, len(self.weight)), np.float32)
        self._by_blocks(x, blocks)
        self._at_once(x, whole)
        return blocks.tobytes() == whole.tobytes()

    def _at_once(self, x: Float32, y: Float32) -> None:
        for rows in (slice(self._shared), slice(self._shared, None)):
            np.matmul(self.weight[rows], x[0], out=y[0, rows])

    def _by_blocks(self, x: Float32, y: Float32) -> None:
        count, width = x.shape
        out = len(self.weight)
        done = self._full * self._rows
        columns = x[None, :, :, None]
        blocked = y[:, :done].reshape(count, self._full, self._rows).transpose(1, 0, 2)[..., None]

        def part(first: int, end: int) -> None:
            # order="C": tokens inside, blocks outside; left alone, NumPy would follow the strides of y and turn them round.
            for t in range(0, count, _TOKENS):
                self._workers.check()
                np.matmul(
                    self._blocks[first:end],
                    columns[:, t : t + _TOKENS],
                    out=blocked[first:end, t : t + _TOKENS],
                    order="C",
                )

        if out * width * (_READ + count) < _SHARE:
            part(0, self._full)
        else:
            self._workers.split(part, self._full)
        if done < out:
            np.matmul(self._tail, columns, out=y[None, :, done:, None], order="C")
