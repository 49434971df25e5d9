"""Sizes that graphs are captured for: a step runs in the smallest that holds it, padded."""

from __future__ import annotations

from bisect import bisect_left
from typing import Final

# Tokens of a captured step at most; larger steps run eagerly, where launching costs nothing beside computing.
GRAPH_TOKENS: Final = 1024


def decode_buckets(limit: int) -> tuple[int, ...]:
    """1, 2, 4, 8, then by 8 to 128, by 64 above, ending with `limit`."""
    sizes = [1, 2, 4, *range(8, 129, 8), *range(192, limit + 64, 64)]
    return (*(size for size in sizes if size < limit), limit)


def mixed_buckets(limit: int) -> tuple[int, ...]:
    """Sizes of steps with prompt tokens: 16, 32, 64, then by 64 to 512, by 128 to 1024, by 256 above, ending with `limit`."""
    sizes = [16, 32, *range(64, 513, 64), *range(640, 1025, 128), *range(1280, limit + 256, 256)]
    return (*(size for size in sizes if size < limit), limit)


def choose(buckets: tuple[int, ...], size: int) -> int:
    """The smallest bucket >= size; ValueError above the greatest."""
    index = bisect_left(buckets, size)
    if index == len(buckets):
        raise ValueError(f"no bucket holds {size}; the greatest is {buckets[-1]}")
    return buckets[index]
