"""What every operation of one step shares: ids, positions, where keys and values go, rotary tables, attention tiles."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from engines.api.plan import StepPlan
from engines.api.sampling import Sampled
from engines.network.ops import Rope
from engines.network.rope import cos_sin
from engines.reference.tiles import Tile, TileShape, make_tiles

Float32 = NDArray[np.float32]


class RopeTables:
    """cos and sin of every position up to `length`, one table per kind of rope, made at its first use."""

    def __init__(self, length: int) -> None:
        self._length = length
        self._tables: dict[Rope, tuple[Float32, Float32]] = {}

    def at(self, rope: Rope, positions: NDArray[np.int32]) -> tuple[Float32, Float32]:
        """cos, sin float32 [T, 1, rotary_dim / 2] if `rope.interleaved`, else for whole heads, [T, 1, rotary_dim]: cos twice,
        -sin and then sin."""
        if rope not in self._tables:
            cos, sin = cos_sin(rope, np.arange(self._length, dtype=np.int32))
            if not rope.interleaved:
                cos, sin = np.concatenate([cos, cos], axis=1), np.concatenate([-sin, sin], axis=1)
            self._tables[rope] = cos, sin
        cos, sin = self._tables[rope]
        return cos[positions][:, None], sin[positions][:, None]


@dataclass(slots=True)
class Step:
    """`tokens` int32 [T] with every FROM_SLOT replaced; `where` int64 [T]: flat positions in the pool. `logits` [L, vocab]
    from `forward` to `sample`, `sampled` from `sample` to `collect`."""

    plan: StepPlan
    tokens: NDArray[np.int32]
    where: NDArray[np.int64]
    page_size: int
    ropes: RopeTables
    threads: int
    logits: Float32 | None = None
    sampled: Sampled | None = None
    _tiles: dict[TileShape, list[Tile]] = field(default_factory=dict)
    # By identity: hashing a rope takes longer than most operations on a short step.
    _rotations: dict[int, tuple[Float32, Float32]] = field(default_factory=dict)

    def tiles(self, shape: TileShape) -> list[Tile]:
        if shape not in self._tiles:
            self._tiles[shape] = make_tiles(self.plan, shape, self.page_size, self.threads)
        return self._tiles[shape]

    def rope(self, rope: Rope) -> tuple[Float32, Float32]:
        if id(rope) not in self._rotations:
            self._rotations[id(rope)] = self.ropes.at(rope, self.plan.positions)
        return self._rotations[id(rope)]
