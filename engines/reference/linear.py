"""Linear layers whose result for a token never depends on the other tokens: y = x @ w.T + b.

A weight [out, in] is cut into blocks of rows [n, in]; every token meets every block in one matrix-vector product of that
shape. Tokens are the inner loop, so a block is read from memory once and then lies in the cache. The price against one
matrix product over all tokens is about half of its speed on long prompts; a single token runs at memory bandwidth, where a
product padded to 8 tokens takes three to four times as long, because BLAS first copies the whole weight into its own layout.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engines.reference.workers import Workers

Float32 = NDArray[np.float32]

# Elements of a block: 192 KiB, less than an L2 cache, and below the size from which OpenBLAS starts threads of its own.
_BLOCK = 49152
# Tokens per pass over the weight: their inputs have to stay in the cache beside the block.
_TOKENS = 64
# Multiply-adds below which waking another thread costs more than it saves. (Many tokens are shared out before they come here.)
_SHARE = 2_000_000


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

    def __call__(self, x: Float32) -> Float32:
        """x [T, in], C-contiguous -> [T, out], fresh."""
        count, width = x.shape
        out = len(self.weight)
        y = np.empty((count, out), np.float32)
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

        if count * width * out < _SHARE:
            part(0, self._full)
        else:
            self._workers.split(part, self._full)
        if done < out:
            np.matmul(self._tail, columns, out=y[None, :, done:, None], order="C")
        if self.bias is not None:
            y += self.bias
        return y
