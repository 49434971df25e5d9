"""Linear layers whose result for a token never depends on the other tokens: y = x @ w.T + b.

A weight [out, in] is cut into blocks of rows [n, in]; every token meets every block in one matrix-vector product of that
shape. Tokens are the inner loop, so a block is read from memory once and then lies in the cache. The price against one
matrix product over all tokens is about half of its speed on long prompts; a single token runs at memory bandwidth, where a
product padded to 8 tokens takes three to four times as long, because BLAS first copies the whole weight into its own layout.

A large weight has larger blocks, whose products BLAS shares among threads of its own: they wait for the next one spinning, so
that sharing costs a microsecond and not a tenth of a millisecond. BLAS takes rows by fours, and what is left over in another
order of adding; so its threads get multiples of four, and every layer is tried once, when it is made: unless the shared
products have the very bits of the small blocks, the small blocks are what is used.
"""

from __future__ import annotations

import itertools
import os

import numpy as np
from numpy.typing import NDArray

from engines.reference.workers import Workers, default_threads

Float32 = NDArray[np.float32]

# Elements of a block: 192 KiB, less than an L2 cache, and below the size from which OpenBLAS starts threads of its own.
_BLOCK = 49152
# Tokens per pass over the weight: their inputs have to stay in the cache beside the block.
_TOKENS = 64
# out * in * (_READ + tokens) below which one thread does it all: waking another costs more than it saves. (Many tokens are shared
# out before they come here.) Reading an element from memory takes as long as some 8 multiply-adds with it.
_SHARE = 10_000_000
_READ = 8
# Elements of a product from which OpenBLAS shares it, and those of a large block for each thread: 2 MiB.
_BLAS_SHARES = 460_800
_LARGE_BLOCK = 1 << 19


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
        step = 4 * threads
        large = max(1, _LARGE_BLOCK * threads // (step * width)) * step
        starts = [*range(0, out // step * step, large), out // step * step, out]
        self._large = [slice(first, end) for first, end in itertools.pairwise(starts) if first < end]
        self._by_blas = threads > 1 and weight.size >= _BLAS_SHARES and self._agrees()

    def __call__(self, x: Float32) -> Float32:
        """x [T, in], C-contiguous -> [T, out], fresh."""
        y = np.empty((len(x), len(self.weight)), np.float32)
        if self.weight.size * (_READ + len(x)) < _SHARE or self._workers.sharing:
            self._small_blocks(x, y, 0, self._full)
        elif self._by_blas:
            self._large_blocks(x, y)
        else:
            self._by_workers(x, y)
        if self.bias is not None:
            y += self.bias
        return y

    def _agrees(self) -> bool:
        """Whether large blocks have the bits of small ones."""
        x = np.random.default_rng(0).standard_normal((1, self.weight.shape[1]), np.float32)
        small, large = np.empty((2, 1, len(self.weight)), np.float32)
        self._by_workers(x, small)
        self._large_blocks(x, large)
        return small.tobytes() == large.tobytes()

    def _by_workers(self, x: Float32, y: Float32) -> None:
        self._workers.split(lambda first, end: self._small_blocks(x, y, first, end), self._full)

    def _large_blocks(self, x: Float32, y: Float32) -> None:
        for rows in self._large:
            for t in range(0, len(x), _TOKENS):
                self._workers.check()
                tokens = slice(t, t + _TOKENS)
                np.matmul(self.weight[rows], x[tokens, :, None], out=y[tokens, rows, None])

    def _small_blocks(self, x: Float32, y: Float32, first: int, end: int) -> None:
        """Blocks `first` to `end`; with the last the rows that are left over."""
        done = self._full * self._rows
        columns = x[None, :, :, None]
        blocked = y[:, :done].reshape(len(x), self._full, self._rows).transpose(1, 0, 2)[..., None]
        # order="C": tokens inside, blocks outside; left alone, NumPy would follow the strides of y and turn them round.
        for t in range(0, len(x), _TOKENS):
            self._workers.check()
            tokens = slice(t, t + _TOKENS)
            np.matmul(self._blocks[first:end], columns[:, tokens], out=blocked[first:end, tokens], order="C")
        if end == self._full and done < len(self.weight):
            np.matmul(self._tail, columns, out=y[None, :, done:, None], order="C")
