"""What every kernel of a step reads besides weights and values: plan, metadata, KV pool, attention's workspace."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from engines.api.plan import HEADER_WORDS
from engines.cuda.memory import Memory, align
from engines.network.ops import Attention

# Of kernels/common.cuh.
WORK_HEADER = 4
# Splits of decode rows that there is room for, per multiprocessor and KV head, beside one for each row.
SPLITS_PER_SM = 24
# Blocks per multiprocessor of prefill attention: as many as it is compiled for.
PREFILL_BLOCKS = 1


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes an engine is made for. `padded_tokens`, `padded_logits`: the greatest buckets. `context`: positions with a rotary
    table, and the longest row."""

    max_tokens: int
    num_slots: int
    page_size: int
    num_pages: int
    context: int
    padded_tokens: int
    padded_logits: int

    @property
    def plan_words(self) -> int:
        """Words of the greatest plan: each section rounded up to 4."""
        pages = self.num_slots * (-(-self.context // self.page_size))
        sizes = (self.max_tokens, self.max_tokens, *([self.num_slots + 1] * 6), pages, 2 * self.num_slots)
        return HEADER_WORDS + sum(size + 4 for size in sizes)

    def max_tiles(self, tokens_per_tile: int) -> int:
        """Prefill tiles of a step at most: full ones, and a last one for each row."""
        return self.max_tokens // tokens_per_tile + self.num_slots + 1


def kv_itemsize(kv_fp8: bool) -> int:
    """Bytes of a cell of the cache."""
    return 1 if kv_fp8 else 2


def page_bytes(layers: Sequence[Attention], page_size: int, itemsize: int = 2) -> int:
    """Bytes of one page over all layers, keys and values."""
    return sum(2 * op.num_kv_heads * op.head_dim for op in layers) * page_size * itemsize


def max_splits(num_slots: int, multiprocessors: int, kv_heads: int) -> int:
    """Splits of a step's decode rows at most; each is computed once per KV head."""
    return num_slots + max(1, SPLITS_PER_SM * multiprocessors // kv_heads)


def decode_blocks(head_dim: int) -> int:
    """Blocks per multiprocessor of decode attention: as many as it is compiled for (MIN_BLOCKS)."""
    return 4 if head_dim <= 128 else 2


class StepState:
    """Addresses, all fixed for the life of the engine. The pool is [layers, keys or values, pages, kv_heads, page_size, head_dim]
    for layers that are all alike."""

    def __init__(
        self,
        memory: Memory,
        limits: Limits,
        layers: Sequence[Attention],
        multiprocessors: int,
        tokens_per_tile: int,
        kv_fp8: bool = False,
        kv_scales: Sequence[tuple[float, float]] | None = None,
    ) -> None:
        self.limits = limits
        self.kv_fp8 = kv_fp8
        self._kv_scales = kv_scales
        op = layers[0]
        self.kv_heads, self.num_layers = op.num_kv_heads, len(layers)
        self.page_bytes = op.num_kv_heads * limits.page_size * op.head_dim * kv_itemsize(kv_fp8)
        self.tokens_per_tile = tokens_per_tile
        self.max_splits = max_splits(limits.num_slots, multiprocessors, op.num_kv_heads)
        self.decode_blocks = decode_blocks(op.head_dim) * multiprocessors
        self.prefill_blocks = PREFILL_BLOCKS * multiprocessors
        # The kernel takes up to 8 query heads that share a KV head at a time.
        self.parts_per_split = op.num_kv_heads * -(-op.num_heads // op.num_kv_heads // 8)
        self.plan = memory.take(4 * limits.plan_words)
        self.tokens = memory.take(4 * limits.padded_tokens)
        self.positions = memory.take(4 * limits.padded_tokens)
        self.kv_index = memory.take(4 * limits.padded_tokens)
        self.work_words = WORK_HEADER + limits.num_slots + 1 + self.max_splits + 2 * limits.max_tiles(tokens_per_tile)
        self.work = memory.take(4 * self.work_words)
        self.partial = memory.take(self.max_splits * op.num_heads * op.head_dim * 4)
        self.partial_stat = memory.take(self.max_splits * op.num_heads * 8)
        self.counter_bytes = align(4 * limits.num_slots * op.num_heads)
        self.counters = memory.take(self.counter_bytes)
        self.pool_bytes = 2 * len(layers) * limits.num_pages * self.page_bytes
        self.pool = memory.take(self.pool_bytes)

    def scales(self, layer: int) -> tuple[float, float]:
        """What the codes of a layer's keys and values are multiplied by; 1 in a cache of elements."""
        if not self.kv_fp8 or self._kv_scales is None:
            return 1.0, 1.0
        return self._kv_scales[layer]

    def layer(self, layer: int) -> tuple[int, int]:
        """Addresses of a layer's keys and values."""
        size = self.limits.num_pages * self.page_bytes
        return self.pool + 2 * layer * size, self.pool + (2 * layer + 1) * size
