"""How a step's attention is cut into pieces of work: which tokens, which pages, which scores are masked.

A tile is R rows by n tokens that see the same pages: one row's prefill tokens (R = 1), or many rows of one token each
(n = 1, the decodes). Its pages cover whole chunks of the sequence, counted from position 0, so that a position falls in the
same chunk whatever the step looks like; where a row has fewer, the table is padded with page 0.

    position   0 ........ C ........ 2C ........ 3C         C = chunk, a multiple of page_size
    row a      |----------|----------|---x                  nc = 3
    row b      |----------|----x     |                      padded to nc = 3, masked
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engines.api.plan import DUMMY_PAGE, StepPlan

Int64 = NDArray[np.int64]

# Keys of one chunk and head: 16 KiB. Smaller means more calls of BLAS, larger more padding of short sequences.
_CHUNK_ELEMENTS = 4096
# Elements of keys and values that a tile of decodes gathers: what stays in the outer caches.
_GATHER = 1 << 20
# Elements below which a share for another thread is not worth a tile of its own.
_SHARE = 1 << 19
# Scores of a tile.
_SCORES = 1 << 19
_MAX_TOKENS = 64


@dataclass(frozen=True, slots=True)
class TileShape:
    """What of an attention layer decides its tiles; layers that agree share them."""

    num_heads: int
    num_kv_heads: int
    head_dim: int
    sliding_window: int | None

    def chunk(self, page_size: int) -> int:
        """Positions of a chunk: fixed by the model and the page size."""
        return max(1, min(64, _CHUNK_ELEMENTS // self.head_dim) // page_size) * page_size


@dataclass(frozen=True, slots=True)
class Tile:
    """`tokens`: packed indices [R * n] (a slice where they are consecutive), a row's tokens together. `pages` int64
    [R * nc * pages per chunk]. `distance` int64 [R, nc, n, 1, C]: key position - query position. `hidden` bool
    [R, nc - seen, n, 1, C]: scores that do not count; in the first `seen` chunks all do."""

    tokens: Int64 | slice
    rows: int
    count: int
    chunks: int
    pages: Int64
    distance: Int64
    seen: int
    hidden: NDArray[np.bool_]

    @property
    def scores(self) -> int:
        """Scores per head."""
        return self.distance.size


def make_tiles(plan: StepPlan, shape: TileShape, page_size: int, threads: int) -> list[Tile]:
    """The tiles of one step for layers of one shape: of the decodes at least `threads`, where they are worth it."""
    chunk = shape.chunk(page_size)
    counts = np.diff(plan.query_start)
    first = plan.positions[plan.query_start[:-1]].astype(np.int64)
    singles = np.flatnonzero(counts == 1)
    tiles = [
        _tile(plan, shape, chunk, page_size, rows, plan.query_start[rows].astype(np.int64), 1)
        for rows in _groups(singles, _chunks(first, first, shape, chunk), shape, chunk, threads)
    ]
    for row in np.flatnonzero(counts > 1).tolist():
        begin, end = int(plan.query_start[row]), int(plan.query_start[row + 1])
        while begin < end:
            position = int(plan.positions[begin])
            n = _tokens_of_tile(position, end - begin, shape, chunk)
            tiles.append(
                _tile(plan, shape, chunk, page_size, np.array([row]), np.arange(begin, begin + n, dtype=np.int64), n)
            )
            begin += n
    return tiles


def _first_chunk(position: Int64, shape: TileShape, chunk: int) -> Int64:
    """The chunk of the oldest position that a query at `position` sees."""
    if shape.sliding_window is None:
        return np.zeros_like(position)
    return np.maximum(position - shape.sliding_window + 1, 0) // chunk


def _chunks(first: Int64, last: Int64, shape: TileShape, chunk: int) -> Int64:
    """Chunks that queries at positions first .. last see."""
    return last // chunk + 1 - _first_chunk(first, shape, chunk)


def _tokens_of_tile(position: int, left: int, shape: TileShape, chunk: int) -> int:
    n = min(left, _MAX_TOKENS)
    chunks = (position + n - 1) // chunk + 1
    if shape.sliding_window is not None:
        chunks = min(chunks, (shape.sliding_window + n) // chunk + 2)
    return max(1, min(n, _SCORES // (shape.num_heads * chunks * chunk)))


def _groups(rows: Int64, chunks: Int64, shape: TileShape, chunk: int, threads: int) -> Iterator[Int64]:
    """Decode rows put together: of similar length, so that little of the padded work is wasted, and few enough for the caches."""
    per_chunk = 2 * chunk * shape.head_dim * shape.num_kv_heads
    order = rows[np.argsort(-chunks[rows], kind="stable")]
    lengths = chunks[order].tolist()
    share = max(_SHARE, per_chunk * sum(lengths) // threads)
    begin = 0
    while begin < len(order):
        longest = lengths[begin]
        most = max(1, min(_GATHER, share) // (per_chunk * longest))
        end = begin + 1
        while end < len(order) and end - begin < most and 4 * lengths[end] >= 3 * longest:
            end += 1
        yield order[begin:end]
        begin = end


def _tile(plan: StepPlan, shape: TileShape, chunk: int, page_size: int, rows: Int64, tokens: Int64, n: int) -> Tile:
    position = plan.positions[tokens].astype(np.int64).reshape(len(rows), n)
    start = _first_chunk(position[:, 0], shape, chunk)
    chunks = int((position[:, -1] // chunk + 1 - start).max())
    # Pages: column j of a row is page start * per_chunk + j of its table, or the dummy page past the table's end.
    per_chunk = chunk // page_size
    index = start[:, None] * per_chunk + np.arange(chunks * per_chunk)
    held = np.diff(plan.page_start)[rows][:, None]
    table = plan.page_start[rows][:, None] + np.minimum(index, held - 1)
    pages = np.where(index < held, plan.page_ids[table], DUMMY_PAGE).astype(np.int64)
    key = (start[:, None] * chunk + np.arange(chunks * chunk)).reshape(len(rows), chunks, 1, 1, chunk)
    distance = key - position[:, None, :, None, None]
    hidden = distance > 0
    seen = int((position[:, 0] // chunk - start).min())
    if shape.sliding_window is not None:
        hidden |= distance <= -shape.sliding_window
        seen = 0
    consecutive = len(tokens) == tokens[-1] - tokens[0] + 1 and bool((np.diff(tokens) == 1).all())
    where = slice(int(tokens[0]), int(tokens[-1]) + 1) if consecutive else tokens
    return Tile(where, len(rows), n, chunks, pages.reshape(-1), distance, seen, hidden[:, seen:])
