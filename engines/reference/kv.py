"""The paged KV pool: per layer the heads of keys and values, each [pages, page_size, head_dim] float32, or E4M3 codes.

An FP8 pool keeps E4M3 of k / k_scale and v / v_scale, saturating, with one scale of the keys and one of the values per layer
(`Model.kv_scales`, 1 where none was measured), and gives back code * scale.

Heads come first, so that the gathered pages of a sequence are one run of positions per head.

Invariant, which attention relies on: in every page, values at offsets >= `_filled[page]` are zero. Attention multiplies the
values of positions that a token does not see by exactly 0, and 0 * NaN is NaN: what a former owner left in a page, were it
not finite, would reach the page's next owner. Keys need no such care, since unseen scores are replaced, not added to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.api.plan import StepPlan
from engines.network.ops import Attention
from engines.quantization.floats import E4M3_VALUES, encode_e4m3

Float32 = NDArray[np.float32]
Int64 = NDArray[np.int64]


def bytes_per_page(layers: Sequence[Attention], page_size: int, kv_dtype: str = "fp32") -> int:
    """Bytes of one page over all layers, keys and values. `kv_dtype`: "fp32" or "fp8"."""
    return sum(2 * op.num_kv_heads * op.head_dim for op in layers) * page_size * (1 if kv_dtype == "fp8" else 4)


@dataclass(frozen=True, slots=True)
class LayerCache:
    """One layer's part of the pool: `pages` [2 * kv_heads, pages, page_size, head_dim], the heads of the keys, then those of
    the values: float32, or uint8 codes with `scales` [2 * kv_heads, 1, 1]. Memory is committed by the system as pages are
    first written."""

    pages: NDArray[Any]
    kv_heads: int
    scales: Float32 | None = None

    @property
    def keys(self) -> NDArray[Any]:
        return self.pages[: self.kv_heads]

    @property
    def values(self) -> NDArray[Any]:
        return self.pages[self.kv_heads :]

    def write(self, where: Int64, kv: Float32) -> None:
        """Store kv [T, 2 * kv_heads, head_dim] at flat positions `where` [T] = page * page_size + offset."""
        heads, pages, size, dim = self.pages.shape
        by_head: NDArray[Any] = kv.transpose(1, 0, 2)
        if self.scales is not None:
            by_head = encode_e4m3(np.divide(by_head, self.scales, dtype=np.float32))
        self.pages.reshape(heads, pages * size, dim)[:, where] = by_head

    def gather(self, taken: Int64, out: Float32) -> Float32:
        """Pages `taken` [n] side by side: `out` [2 * kv_heads, n, page_size, head_dim], filled."""
        if self.scales is not None:
            np.take(E4M3_VALUES, self.pages[:, taken], out=out, mode="clip")
            out *= self.scales[..., None]
            return out
        # mode="clip": the default would copy through a buffer, to leave `out` alone if an index is wrong.
        return self.pages.take(taken, axis=1, out=out, mode="clip")


class KVPool:
    """All layers. Page 0 is the dummy page: all zero, read where a page table is padded, never written."""

    def __init__(
        self,
        layers: Sequence[Attention],
        num_pages: int,
        page_size: int,
        kv_dtype: str = "fp32",
        kv_scales: Sequence[tuple[float, float]] | None = None,
    ) -> None:
        self.num_pages = num_pages
        self.page_size = page_size
        dtype = np.uint8 if kv_dtype == "fp8" else np.float32
        pairs = kv_scales or [(1.0, 1.0)] * len(layers)
        self.layers = tuple(
            LayerCache(
                np.zeros((2 * op.num_kv_heads, num_pages, page_size, op.head_dim), dtype),
                op.num_kv_heads,
                np.repeat(np.array(pair, np.float32), op.num_kv_heads)[:, None, None] if kv_dtype == "fp8" else None,
            )
            for op, pair in zip(layers, pairs, strict=True)
        )
        self._filled = np.zeros(num_pages, np.int32)

    def copy_pages(self, pairs: NDArray[np.int32]) -> None:
        """Copy whole pages, (source, destination) [C, 2], as if all at once."""
        if len(pairs) == 0:
            return
        source, target = pairs[:, 0], pairs[:, 1]
        for layer in self.layers:
            layer.pages[:, target] = layer.pages[:, source]
        self._filled[target] = self._filled[source]

    def claim(self, plan: StepPlan) -> Int64:
        """Before the step's writes: clear what former owners left behind the new ends. Returns the flat position of every
        packed token, int64 [T]."""
        size = self.page_size
        counts = np.diff(plan.query_start)
        base = np.repeat(plan.page_start[:-1], counts)
        pages = plan.page_ids[base + plan.positions // size].astype(np.int64)
        offsets = plan.positions % size
        # The last token of each row in each page decides where that page now ends.
        last = np.ones(len(pages), bool)
        last[:-1] = pages[1:] != pages[:-1]
        written, ends = pages[last], offsets[last] + 1
        stale = self._filled[written] > ends
        for page, end in zip(written[stale].tolist(), ends[stale].tolist(), strict=True):
            for layer in self.layers:
                layer.values[:, page, end:] = 0
        self._filled[written] = ends
        where: Int64 = pages * size + offsets
        return where
