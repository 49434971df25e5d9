"""Attention over the paged cache: qk-norm, RoPE, KV write, softmax(q k) v.

Scores of a token, head and chunk are one product [C, d] @ [d], its part of the result one product [C] @ [C, d], with C fixed
(`tiles`). The softmax takes the greatest score of the whole row (a maximum has no rounding), sums each chunk alone and then
the chunks in order. A chunk that a token does not see adds exactly 0 to both sums, so padding leaves no trace.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from engines.network import ops
from engines.network.alibi import alibi_slopes
from engines.reference import elementwise
from engines.reference.kv import LayerCache
from engines.reference.scratch import Scratch
from engines.reference.step import Step
from engines.reference.tiles import Tile, TileShape
from engines.reference.workers import Workers

Float32 = NDArray[np.float32]

_HIDDEN = np.float32(-np.inf)
# Scores in a step below which waking another thread costs more than it saves.
_SHARE = 100_000


class Attention:
    """One layer. Called with qkv [T, (num_heads + 2 num_kv_heads) * head_dim], or with q, k and v apart."""

    def __init__(
        self,
        op: ops.Attention,
        cache: LayerCache,
        page_size: int,
        params: Callable[[str], Float32],
        workers: Workers,
        scratch: Scratch,
    ) -> None:
        self._op = op
        self._cache = cache
        self._workers = workers
        self._scratch = scratch
        self._shape = TileShape(op.num_heads, op.num_kv_heads, op.head_dim, op.sliding_window)
        self._chunk = self._shape.chunk(page_size)
        self._q_norm = None if op.q_norm is None else params(op.q_norm)
        self._k_norm = None if op.k_norm is None else params(op.k_norm)
        group = op.num_heads // op.num_kv_heads
        # [kv_heads, 1, 1, group], to meet the sums of a row's scores [kv_heads, R, n, group].
        self._sinks = None if op.sinks is None else params(op.sinks).reshape(-1, 1, 1, group)
        # [kv_heads, 1, 1, 1, group, 1], to meet scores [kv_heads, R, nc, n, group, C].
        self._slopes = alibi_slopes(op.num_heads).reshape(-1, 1, 1, 1, group, 1) if op.alibi else None

    def __call__(self, step: Step, inputs: Sequence[Float32], free: bool) -> Float32:
        """-> [T, num_heads * head_dim], fresh. Writes the step's keys and values into the cache. `free`: a single input, qkv,
        may be overwritten."""
        op = self._op
        count = len(inputs[0])
        heads, kv_heads, dim = op.num_heads, op.num_kv_heads, op.head_dim
        joined = np.concatenate(inputs, axis=1) if len(inputs) > 1 else inputs[0] if free else inputs[0].copy()
        qkv = joined.reshape(count, heads + 2 * kv_heads, dim)
        q = qkv[:, :heads]
        if self._q_norm is not None:
            elementwise.rms_norm(q, self._q_norm, op.norm_eps, out=q)
        if self._k_norm is not None:
            k = qkv[:, heads : heads + kv_heads]
            elementwise.rms_norm(k, self._k_norm, op.norm_eps, out=k)
        if op.rope is not None:
            cos, sin = step.rope(op.rope)
            _rotate(qkv[:, : heads + kv_heads], cos, sin, op.rope)
        self._cache.write(step.where, qkv[:, heads:])
        q *= np.float32(op.scale)
        q = q.reshape(count, kv_heads, heads // kv_heads, dim)
        result = np.empty((count, kv_heads, heads // kv_heads, dim), np.float32)
        tiles = step.tiles(self._shape)

        def part(first: int, end: int) -> None:
            for tile in tiles[first:end]:
                self._workers.check()
                self._attend(q, tile, result)

        if len(tiles) == 1 or sum(tile.scores for tile in tiles) * heads < _SHARE:
            part(0, len(tiles))
        else:
            self._workers.split(part, len(tiles))
        return result.reshape(count, heads * dim)

    def _attend(self, q: Float32, tile: Tile, result: Float32) -> None:
        """q, result [T, kv_heads, group, d]. Axes below: kv head, row, chunk, token, head of the group, then the product's."""
        kv_heads, group, dim = q.shape[1:]
        rows, n, chunks, chunk = tile.rows, tile.count, tile.chunks, self._chunk
        gathered = self._scratch.array("kv", (2 * kv_heads, len(tile.pages), *self._cache.pages.shape[2:]))
        kv = self._cache.gather(tile.pages, gathered).reshape(2, kv_heads, rows, chunks, 1, 1, chunk, dim)
        queries = q[tile.tokens].reshape(rows, n, kv_heads, group, dim).transpose(2, 0, 1, 3, 4)
        scores = self._scratch.array("scores", (kv_heads, rows, chunks, n, group, chunk))
        np.matmul(kv[0], queries[:, :, None, ..., None], out=scores[..., None], order="C")
        if self._op.soft_cap is not None:
            elementwise.soft_cap(scores, self._op.soft_cap, out=scores)
        if self._slopes is not None:
            scores += self._slopes * tile.distance.astype(np.float32)
        np.copyto(scores[:, :, tile.seen :], _HIDDEN, where=tile.hidden)
        peak = scores.max(axis=-1, keepdims=True)
        top = peak.max(axis=2, keepdims=True) if chunks > 1 else peak
        if self._sinks is not None:
            top = np.maximum(top, self._sinks[:, :, None, :, :, None])
        scores -= top
        np.exp(scores, out=scores)
        total = _in_order(scores.sum(axis=-1))
        if self._sinks is not None:
            total = total + np.exp(self._sinks - top[:, :, 0, ..., 0])
        parts = self._scratch.array("parts", (kv_heads, rows, chunks, n, group, 1, dim))
        np.matmul(scores[..., None, :], kv[1], out=parts, order="C")
        summed = _in_order(parts[..., 0, :])
        summed = (summed / total[..., None]).transpose(1, 2, 0, 3, 4)
        result[tile.tokens] = summed.reshape(rows * n, kv_heads, group, dim)


def _in_order(parts: Float32) -> Float32:
    """The sum over axis 2 (chunks) in turn, so that chunks of zeros at either end change nothing. A view if there is one chunk."""
    total = parts[:, :, 0]
    if parts.shape[2] > 1:
        total = total + parts[:, :, 1]
    for i in range(2, parts.shape[2]):
        total += parts[:, :, i]
    return total


def _rotate(x: Float32, cos: Float32, sin: Float32, rope: ops.Rope) -> None:
    """RoPE of x [T, heads, d] in place, with `RopeTables.at`."""
    half = rope.rotary_dim // 2
    if rope.interleaved:
        a, b = x[..., : rope.rotary_dim : 2], x[..., 1 : rope.rotary_dim : 2]
        turned = a * sin
        a *= cos
        a -= b * sin
        b *= cos
        b += turned
        return
    x = x[..., : rope.rotary_dim]
    turned = np.empty(x.shape, np.float32)
    np.multiply(x[..., half:], sin[..., :half], out=turned[..., :half])
    np.multiply(x[..., :half], sin[..., half:], out=turned[..., half:])
    x *= cos
    x += turned
