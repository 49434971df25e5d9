"""Products for the deterministic mode: a row's bits do not depend on how many rows there are, nor on where among them it is.

A way to compute a product sums each element in some order; cublasLt's differ in it, and one that splits the sum over blocks may
differ from row to row. So ways are tried on rows that repeat: what gives equal rows unequal bits is out; the bits that most ways
agree on at `PIECE` rows are the bits of this product; at every other number of rows a way is used if it gives the same. Where
none does, the product is computed in pieces of `PIECE` rows, by the way that was found there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from engines.api.errors import DeviceError
from engines.cuda.driver import Driver
from engines.cuda.gemm import Gemm, Shape, Tactic, TacticCache, row_stride
from engines.cuda.launch import Modules
from engines.cuda.memory import Memory

PIECE: Final = 64
# Rows that repeat in what is tried.
PERIOD: Final = 16


class ExactGemm(Gemm):
    """As `Gemm`. x and y must have room for rows up to the next multiple of PIECE."""

    def __init__(
        self, driver: Driver, memory: Memory, modules: Modules, stream: Any, *, fp16: bool, cache: Path | None
    ) -> None:
        super().__init__(driver, memory, modules, stream, fp16=fp16, cache=cache)
        file = None if cache is None else cache / "gemm-tactics-deterministic.json"
        self.tactics = TacticCache(f"{self.tactics.identity} deterministic 1", file)
        self.tactics.read()
        self._memory = memory
        self._fp16 = fp16
        self._compare = modules.kernel("exact", "compare_rows")
        self._different = memory.take(4)
        self._wanted: dict[str, int] = {}

    def prepare(self, shape: Shape, samples: Sequence[tuple[int, int]], x: int, y: int) -> Tactic:
        """As `Gemm.prepare`; writes x too."""
        found = self.tactics.tactics.get(shape.key)
        if found is not None:
            self._run(shape, found, *samples[0], x, y, row_stride(shape))
            return found
        wanted, pieces = self._anchor(shape, samples, x, y)
        self._fill(x, shape.m, shape.k)
        ways = self._ways(shape, samples[0][1])
        usable = [pieces, *(way for way in ways if self._same(shape, way, samples[0], x, y, wanted))]
        timed = [(self._time(shape, tactic, samples, x, y) or 1e30, i) for i, tactic in enumerate(usable)]
        micros, best = min(timed)
        chosen = replace(usable[best], micros=round(micros, 2))
        self.tactics.put(shape.key, chosen)
        return chosen

    def _anchor(self, shape: Shape, samples: Sequence[tuple[int, int]], x: int, y: int) -> tuple[int, Tactic]:
        """The product's bits of the repeated rows, [PERIOD, stride] on the device, and the way to them at PIECE rows."""
        at, key = replace(shape, m=PIECE), replace(shape, m=0).key
        known = self.tactics.tactics.get(key)
        if known is not None and key in self._wanted:
            return self._wanted[key], known
        self._fill(x, PIECE, shape.k)
        size = PERIOD * _row_bytes(shape)
        if known is None:
            found = [
                (self._read(y, size).tobytes(), way)
                for way in self._ways(at, samples[0][1])
                if self._same(at, way, samples[0], x, y, y)
            ]
            if not found:
                raise DeviceError(
                    f"cuBLASLt has no way to compute a product of shape {at.key} on {self._driver.info.name} that gives equal "
                    f"rows equal results; use the engine without deterministic."
                )
            found.sort(key=lambda pair: pair[0])
            ways = max(
                ([tactic for _, tactic in group] for _, group in groupby(found, key=lambda pair: pair[0])), key=len
            )
            best = min(ways, key=lambda tactic: self._time(at, tactic, samples, x, y) or 1e30)
            known = replace(best, rows=PIECE)
            self.tactics.put(key, known)
        self._run(at, known, *samples[0], x, y, row_stride(shape))
        self._wanted[key] = self._memory.take(size)
        self._driver.call("cuMemcpyDtoDAsync", self._wanted[key], y, size, self._stream)
        return self._wanted[key], known

    def _run(self, shape: Shape, tactic: Tactic, w: int, bias: int, x: int, y: int, stride: int) -> None:
        if not tactic.rows:
            super()._run(shape, tactic, w, bias, x, y, stride)
            return
        piece = replace(shape, m=tactic.rows)
        size = 4 if shape.out_float else 2
        for start in range(0, shape.m, tactic.rows):
            super()._run(piece, tactic, w, bias, x + start * shape.k * 2, y + start * stride * size, stride)

    def _ways(self, shape: Shape, bias: int) -> list[Tactic]:
        return [tactic for tactic in self._candidates(shape, bias) if tactic.kind == "lt"]

    def _limit(self, preference: int) -> None:
        """No sums split over blocks."""
        attribute = int(self._lt.MatmulPreferenceAttribute.REDUCTION_SCHEME_MASK)
        self._lt.matmul_preference_set_attribute(preference, attribute, np.zeros(1, np.uint32).ctypes.data, 4)

    def _same(self, shape: Shape, tactic: Tactic, sample: tuple[int, int], x: int, y: int, wanted: int) -> bool:
        """Whether every row of the product is that of `wanted` [PERIOD, stride], which may be y itself."""
        call, stream, row = self._driver.call, self._stream, _row_bytes(shape)
        call("cuMemsetD8Async", y, 255, shape.m * row, stream)
        call("cuMemsetD8Async", self._different, 0, 4, stream)
        try:
            self._run(shape, tactic, *sample, x, y, row_stride(shape))
        except (self._lt.cuBLASLtError, DeviceError):
            return False
        words = shape.n if shape.out_float else shape.n // 2
        self._compare((shape.m, 8, 1), 256, y, wanted, words, row // 4, PERIOD, self._different)
        return int(self._read(self._different, 4).view(np.uint32)[0]) == 0

    def _fill(self, x: int, rows: int, k: int) -> None:
        """x [rows, k]: PERIOD random rows, over and over."""
        values = np.random.default_rng(k).standard_normal((PERIOD, k)).astype(np.float32)
        bits = (
            values.astype(np.float16).view(np.uint16)
            if self._fp16
            else (values.view(np.uint32) >> 16).astype(np.uint16)
        )
        call, stream, period = self._driver.call, self._stream, bits.nbytes
        call("cuStreamSynchronize", stream)
        call("cuMemcpyHtoD", x, bits.ctypes.data, min(period, rows * k * 2))
        for start in range(PERIOD, rows, PERIOD):
            size = min(period, (rows - start) * k * 2)
            call("cuMemcpyDtoDAsync", x + start * k * 2, x, size, stream)

    def _read(self, address: int, nbytes: int) -> NDArray[np.uint8]:
        out = np.empty(nbytes, np.uint8)
        self._driver.call("cuStreamSynchronize", self._stream)
        self._driver.call("cuMemcpyDtoH", out.ctypes.data, address, nbytes)
        return out


def _row_bytes(shape: Shape) -> int:
    return row_stride(shape) * (4 if shape.out_float else 2)
