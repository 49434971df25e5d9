"""Matrix products y [M, N] = x [M, K] w [N, K]^T (+ bias): by cublasLt, or our own kernels for few tokens, as was measured faster.

A choice is made once per (N, K, M, type of y, bias) from timings on the weights themselves and kept: in memory, and in a file if
the caller gives one (our timing cache).
"""

from __future__ import annotations

import json
import logging
import math
import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np

from engines.api.errors import DeviceError
from engines.cuda.agreement import TOLERANCE
from engines.cuda.driver import Driver, load
from engines.cuda.launch import Modules
from engines.cuda.memory import Memory
from engines.cuda.packed import (
    HOPPER_TOKENS,
    LAUNCH_TOKENS,
    PACKED_TOKENS,
    PackedKernels,
    Packing,
    Variant,
    hopper_variants,
    launch_tokens,
    piece_rows,
    pieces,
    split_bytes,
    variants,
)
from engines.weights import round_bf16

# cudaDataType_t, cublasComputeType_t, cublasOperation_t, cublasLtEpilogue_t.
R_32F, R_16F, R_8I, R_32I, R_16BF, R_8F_E4M3 = 0, 2, 3, 10, 14, 28
COMPUTE_32F, COMPUTE_32I = 68, 72
OP_T = 1
EPILOGUE_BIAS = 4

WORKSPACE: Final = 64 << 20
CANDIDATES: Final = 8
# Own kernel: tokens it is compiled for, and (rows per warp, unroll) to try.
GEMV_TOKENS: Final = (1, 2, 4)
GEMV_SHAPES: Final = ((2, 4), (1, 8), (4, 2))
GEMV_SHARED: Final = 64 * 1024
# The same for codes: most tokens, and (warps, unroll) to try.
SKINNY_TOKENS: Final = 64
SKINNY_SHAPES: Final = ((8, 2), (4, 4), (8, 4), (4, 2))
# Sums of INT8 codes that cublasLt leaves as int32 at a time, bytes.
SUMS: Final = 64 << 20
_LOG: Final = logging.getLogger("deskside.engines")


@dataclass(frozen=True, slots=True)
class Shape:
    """One kind of product. `out_float`: y is float32, else an element; `bias`: added in the epilogue. `fp8`, `int8`: x and w are
    codes of that type, and y is their product as it comes out, before any scale. `packed`: how w lies, of fewer bits than x."""

    n: int
    k: int
    m: int
    out_float: bool = False
    bias: bool = False
    fp8: bool = False
    int8: bool = False
    packed: Packing | None = None

    @property
    def key(self) -> str:
        kind = "f" * self.out_float + "b" * self.bias + "q" * self.fp8 + "i" * self.int8
        return f"{self.n}x{self.k}x{self.m}{kind}{'' if self.packed is None else f'-{self.packed.key}'}"


@dataclass(frozen=True, slots=True)
class Tactic:
    """How a shape is computed. kind "lt": `algo`, cublasLt's 64 bytes in hex, with its `workspace`; kind "unpack": the same on
    pieces of a packed weight made into elements; kind "gemv": `rows`, `unroll`; kind "skinny": `rows` warps, `unroll`; kinds
    "packed", "wide" and "sm90": a `Variant` in `rows` warps, `unroll` stages, `row_tiles`, `split`, `block`. `micros`: measured
    when chosen, 0 if there was no choice."""

    kind: str
    algo: str = ""
    workspace: int = 0
    rows: int = 0
    unroll: int = 0
    micros: float = 0.0
    row_tiles: int = 0
    split: int = 1
    block: int = 0

    @classmethod
    def of(cls, variant: Variant) -> Tactic:
        """A variant of our kernels for packed weights."""
        return cls(
            variant.kind, rows=variant.warps, unroll=variant.stages, row_tiles=variant.row_tiles, split=variant.split,
            block=variant.block,
        )  # fmt: skip

    @property
    def variant(self) -> Variant:
        return Variant(self.kind, self.rows, self.unroll, self.row_tiles, self.split, self.block)


@dataclass(slots=True)
class TacticCache:
    """Choices by `Shape.key`, for one device, type and library version (`identity`); read from and written to `file` if given."""

    identity: str
    file: Path | None = None
    tactics: dict[str, Tactic] = field(default_factory=dict)
    dirty: bool = False

    def read(self) -> None:
        """A file that is missing, damaged or of another identity holds nothing."""
        if self.file is None:
            return
        try:
            stored = json.loads(self.file.read_text(encoding="utf-8"))
            if stored["identity"] == self.identity:
                self.tactics = {key: Tactic(**value) for key, value in stored["tactics"].items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            self.tactics = {}

    def put(self, key: str, tactic: Tactic) -> None:
        self.tactics[key] = tactic
        self.dirty = True

    def write(self) -> None:
        """Whole or not at all; a folder that cannot be written is no error."""
        if self.file is None or not self.dirty:
            return
        text = json.dumps({"identity": self.identity, "tactics": {k: asdict(t) for k, t in self.tactics.items()}})
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=self.file.parent, prefix=".writing-")
            with os.fdopen(handle, "w", encoding="utf-8") as out:
                out.write(text)
            os.replace(name, self.file)
            self.dirty = False
        except OSError:
            return


class Gemm:
    """All products of an engine, on its stream."""

    def __init__(
        self, driver: Driver, memory: Memory, modules: Modules, stream: Any, *, fp16: bool, cache: Path | None
    ) -> None:
        self._driver = driver
        self._lt = load("nvmath.bindings.cublasLt")
        self._modules = modules
        self._stream = stream
        self._stream_address = int(stream)
        self._element = R_16F if fp16 else R_16BF
        try:
            self._handle = self._lt.create()
        except Exception as error:
            raise DeviceError(
                f"cuBLASLt cannot be started ({error}); install it with: pip install 'deskside[gpu]'."
            ) from error
        self._memory = memory
        self._workspace = memory.take(WORKSPACE)
        self._packed = PackedKernels(driver, modules)
        self._unpacked = self._parts = self._found = self._sums = 0
        self._layouts: dict[tuple[int, int, int, int], int] = {}
        self._descs: dict[tuple[int, bool], int] = {}
        self._scalars = np.array([1.0, 0.0], np.float32)
        self._whole_scalars = np.array([1, 0], np.int32)
        self._algos: dict[str, np.ndarray[Any, np.dtype[np.uint8]]] = {}
        identity = (
            f"{driver.info.name} sm_{driver.info.arch} cublasLt {self._lt.get_version()} {'fp16' if fp16 else 'bf16'} 3"
        )
        if modules.overlap:
            identity += f" overlap {modules.overlap}"
        self.tactics = TacticCache(identity, None if cache is None else cache / "gemm-tactics.json")
        self.tactics.read()

    def prepare(self, shape: Shape, samples: Sequence[tuple[int, int]], x: int, y: int) -> Tactic:
        """Choose how `shape` is computed, by timing on `samples` (weight, bias addresses; several, so that the cache of the GPU
        does not serve them all) from input `x` into `y`. Must not run while a graph is captured."""
        found = self.tactics.tactics.get(shape.key)
        if shape.packed is not None:
            return self._prepare_packed(shape, samples, x, y, found)
        if found is not None and shape.int8 and found.kind == "skinny" and not self._exact(shape, found):
            found = None
        if found is not None:
            # Once now, so that no module is loaded under capture.
            self._run(shape, found, *samples[0], x, y, row_stride(shape))
            return found
        timed = [
            (self._time(shape, tactic, samples, x, y), tactic)
            for tactic in self._candidates(shape, samples[0][1])
            if not shape.int8 or tactic.kind != "skinny" or self._exact(shape, tactic)
        ]
        return self._choose(shape, [(t, tactic) for t, tactic in timed if t is not None])

    def _choose(self, shape: Shape, timed: list[tuple[float, Tactic]]) -> Tactic:
        """The fastest, kept."""
        if not timed:
            raise DeviceError(
                f"cuBLASLt has no way to compute a product of shape {shape.key} on {self._driver.info.name}."
            )
        micros, best = min(timed, key=lambda pair: pair[0])
        chosen = replace(best, micros=round(micros, 2))
        self.tactics.put(shape.key, chosen)
        return chosen

    def reserve(self, packed: Sequence[tuple[Packing, int, int]], int8: Sequence[tuple[int, int]]) -> None:
        """Take room for products with packed weights, and of INT8 codes, of these (N, K). Once, before anything is captured."""
        if packed:
            room = max(max(piece_rows(n, k) * k, PACKED_TOKENS * n) * 2 for _, n, k in packed)
            sums = max(
                split_bytes(m, n, variant.split)
                for packing, n, k in set(packed)  # layers are alike
                for m in (*range(8, LAUNCH_TOKENS, 8), *range(LAUNCH_TOKENS, HOPPER_TOKENS + 1, 64))
                for variant in self._variants(packing, m, n, k)
            )
            self._unpacked, self._parts = self._memory.take(room), self._memory.take(sums)
            self._found = self._memory.take(16)
        if int8:
            self._sums = self._memory.take(max(SUMS, 4 * max(n for n, _ in int8)))

    def _variants(self, packing: Packing, m: int, n: int, k: int) -> list[Variant]:
        """Of our kernels, for a product with M tokens."""
        info = self._driver.info
        found = []
        if m <= PACKED_TOKENS:
            found = variants(packing, launch_tokens(m), n, k, info.multiprocessors, info.shared_per_block)
        if info.arch == 90 and m <= HOPPER_TOKENS:
            found += hopper_variants(packing, m, n, k, info.multiprocessors, info.shared_per_block)
        return found

    def _prepare_packed(
        self, shape: Shape, samples: Sequence[tuple[int, int]], x: int, y: int, known: Tactic | None
    ) -> Tactic:
        """As `prepare`; writes x too. Our kernel is a choice only where it gives on this device, for these weights, what cublasLt
        gives with the weights made into elements; a choice that was kept is asked again."""
        assert shape.packed is not None
        rows = piece_rows(shape.n, shape.k)
        piece = Shape(rows, shape.k, shape.m, bias=shape.bias)
        plain = [replace(way, kind="unpack") for way in self._lt_ways(piece, samples[0][1], shape.n)]
        if not plain:
            return self._choose(shape, [])
        skipped = max(0, shape.m - PACKED_TOKENS)
        self._fill_random(x + skipped * shape.k * 2, (shape.m - skipped) * shape.k)
        if known is not None and (known.kind == "unpack" or self._agrees(shape, known, plain[0], samples[0], x, y)):
            self._run(shape, known, *samples[0], x, y, shape.n)
            return known
        ways = [Tactic.of(variant) for variant in self._variants(shape.packed, shape.m, shape.n, shape.k)]
        ways = [way for way in ways if self._agrees(shape, way, plain[0], samples[0], x, y)]
        timed = [(self._time(shape, tactic, samples, x, y), tactic) for tactic in (*ways, *plain[:3])]
        return self._choose(shape, [(t, tactic) for t, tactic in timed if t is not None])

    def _agrees(self, shape: Shape, tactic: Tactic, plain: Tactic, sample: tuple[int, int], x: int, y: int) -> bool:
        """Whether two ways to compute a product with a packed weight give the same but for rounding, for the last PACKED_TOKENS
        tokens."""
        call, stream, count = self._driver.call, self._stream, min(shape.m, PACKED_TOKENS) * shape.n
        last = y + (shape.m * shape.n - count) * 2
        self._run(shape, plain, *sample, x, y, shape.n)
        call("cuMemcpyDtoDAsync", self._unpacked, last, count * 2, stream)
        call("cuMemsetD8Async", last, 255, count * 2, stream)
        call("cuMemsetD8Async", self._found, 0, 16, stream)
        try:
            self._run(shape, tactic, *sample, x, y, shape.n)
        except DeviceError as error:
            _LOG.warning(
                "The kernel for packed weights does not run here for %s (%s): another way is taken.", shape.key, error
            )
            return False
        assert shape.packed is not None
        self._packed.difference(shape.packed, last, self._unpacked, count, self._found)
        found = np.empty(4, np.float32)
        call("cuStreamSynchronize", stream)
        call("cuMemcpyDtoH", found.ctypes.data, self._found, 16)
        apart, wanted, wrong, worst = (float(value) for value in found)
        # Weights rounded to elements move a sum by some 0.3 % of its usual size; of millions of sums none by a tenth, beside their
        # own rounding.
        usual = math.sqrt(wanted / count)
        if wrong or apart > TOLERANCE**2 * wanted or worst > 0.1 * usual:
            _LOG.warning(
                "The kernel for packed weights disagrees with cuBLASLt for %s (%s, %s warps, %s stages, %s row tiles, split %s; of "
                "values of %.3g the norm by %.2g, one by %.2g, %d not finite): it is not used, few tokens are slower.",
                shape.key, tactic.kind, tactic.rows, tactic.unroll, tactic.row_tiles, tactic.split, usual,
                math.sqrt(apart / wanted) if wanted else 0.0, worst, wrong,
            )  # fmt: skip
            return False
        return True

    def _exact(self, shape: Shape, tactic: Tactic) -> bool:
        """Whether our kernel for products of INT8 codes gives NumPy's whole numbers here, on a small weight. Waits."""
        n, k, m, rng = 64, 1024, shape.m, np.random.default_rng(0)
        w, x = (rng.integers(-127, 128, size).astype(np.int8) for size in ((n, k), (m, k)))
        wanted = round_bf16((x.astype(np.float64) @ w.astype(np.float64).T).astype(np.float32))
        call, blocks = self._driver.call, [self._memory.take(size) for size in (w.nbytes, x.nbytes, wanted.nbytes)]
        try:
            call("cuMemcpyHtoDAsync", blocks[0], w.ctypes.data, w.nbytes, self._stream)
            call("cuMemcpyHtoDAsync", blocks[1], x.ctypes.data, x.nbytes, self._stream)
            call("cuMemsetD8Async", blocks[2], 255, wanted.nbytes, self._stream)
            self._run(Shape(n, k, m, int8=True), tactic, blocks[0], 0, blocks[1], blocks[2], n)
            found = np.empty_like(wanted)
            call("cuStreamSynchronize", self._stream)
            call("cuMemcpyDtoH", found.ctypes.data, blocks[2], found.nbytes)
        finally:
            for block in blocks:
                self._memory.give(block)
        if not np.array_equal(found, wanted):
            _LOG.warning(
                "The kernel for INT8 products of %s tokens is wrong on this GPU: it is not used, few tokens are slower.",
                m,
            )
            return False
        return True

    def _fill_random(self, x: int, count: int) -> None:
        """`count` elements at x: random ones, over and over with a period that no width divides."""
        values = np.random.default_rng(0).standard_normal(min(count, 65537)).astype(np.float32)
        bits = values.astype(np.float16).view(np.uint16) if self._element == R_16F else round_bf16(values)
        bits = np.resize(bits, count)
        self._driver.call("cuMemcpyHtoDAsync", x, bits.ctypes.data, bits.nbytes, self._stream)
        self._driver.call("cuStreamSynchronize", self._stream)

    def run(self, shape: Shape, w: int, bias: int, x: int, y: int, stride: int) -> None:
        """Enqueue; `prepare` was called for the shape. `stride`: elements from one row of y to the next."""
        self._run(shape, self.tactics.tactics[shape.key], w, bias, x, y, stride)

    def close(self) -> None:
        self.tactics.write()
        for desc in self._descs.values():
            self._lt.matmul_desc_destroy(desc)
        for layout in self._layouts.values():
            self._lt.matrix_layout_destroy(layout)
        self._descs.clear()
        self._layouts.clear()
        if self._handle:
            self._lt.destroy(self._handle)
            self._handle = 0

    def _run(self, shape: Shape, tactic: Tactic, w: int, bias: int, x: int, y: int, stride: int) -> None:
        if tactic.kind == "gemv":
            defines = {
                "TOKENS": shape.m,
                "ROWS": tactic.rows,
                "UNROLL": tactic.unroll,
                "OUT_FLOAT": int(shape.out_float),
            }
            shared = shape.m * shape.k * 2
            kernel = self._modules.kernel("gemv", "gemv", defines, shared)
            blocks = min(-(-shape.n // (8 * tactic.rows)), self._driver.info.multiprocessors * 4)
            kernel((blocks, 1, 1), 256, w, x, y, bias, shape.n, shape.k // 8, stride)
            return
        if tactic.kind == "skinny":
            defines = {"TOKENS": shape.m, "WARPS": tactic.rows, "UNROLL": tactic.unroll}
            if shape.int8:
                defines["CODE_INT8"] = 1
            skinny = self._modules.kernel("skinny_fp8", "skinny_fp8", defines)
            skinny((shape.n // 16, 1, 1), 32 * tactic.rows, w, x, y, shape.n, shape.k)
            return
        if shape.packed is not None:
            self._run_packed(shape, shape.packed, tactic, w, bias, x, y)
        elif shape.int8:
            self._run_int8(shape, tactic, w, x, y)
        else:
            kind = R_8F_E4M3 if shape.fp8 else self._element
            self._run_lt(shape, tactic, w, bias, x, y, stride, kind, R_32F if shape.out_float else self._element)

    def _run_packed(self, shape: Shape, packing: Packing, tactic: Tactic, w: int, bias: int, x: int, y: int) -> None:
        n, k = shape.n, shape.k
        if tactic.kind in ("packed", "wide", "sm90"):
            variant = tactic.variant
            most = shape.m if tactic.kind == "sm90" else launch_tokens(shape.m)
            for start in range(0, shape.m, most):
                m, ours, theirs = min(most, shape.m - start), x + start * k * 2, y + start * n * 2
                self._packed.multiply(packing, variant, w, bias, ours, theirs, m, n, k, self._parts)
            return
        rows = piece_rows(n, k)
        for first in pieces(n, k):
            self._packed.unpack(packing, w, self._unpacked, first, rows, n, k)
            part = bias + 2 * first if bias else 0
            self._run_lt(
                Shape(rows, k, shape.m, bias=shape.bias), tactic, self._unpacked, part, x, y + 2 * first, n, self._element,
                self._element,
            )  # fmt: skip

    def _run_int8(self, shape: Shape, tactic: Tactic, w: int, x: int, y: int) -> None:
        """Sums come out as int32, some tokens at a time, and are rounded to elements."""
        m, n = sum_tokens(shape), shape.n
        narrow = self._modules.kernel("elementwise", "narrow")
        for first in range(0, shape.m, m):
            start = min(first, shape.m - m)
            self._run_lt(replace(shape, m=m), tactic, w, 0, x + start * shape.k, self._sums, n, R_8I, R_32I)
            narrow((-(-m * n // 4 // 256), 1, 1), 256, self._sums, y + start * n * 2, m * n // 4)

    def _run_lt(
        self, shape: Shape, tactic: Tactic, w: int, bias: int, x: int, y: int, stride: int, kind: int, made: int
    ) -> None:
        """`kind`: type of x and w; `made`: of y."""
        algo = self._algos.get(tactic.algo)
        if algo is None:
            algo = np.frombuffer(bytes.fromhex(tactic.algo), np.uint8).copy()
            self._algos[tactic.algo] = algo
        one = (self._whole_scalars if made == R_32I else self._scalars).ctypes.data
        out = self._layout(made, shape.n, shape.m, stride)
        self._lt.matmul(
            self._handle, self._desc(bias, made == R_32I), one, w, self._layout(kind, shape.k, shape.n, shape.k), x,
            self._layout(kind, shape.k, shape.m, shape.k), one + 4, y, out, y, out,
            algo.ctypes.data, self._workspace, tactic.workspace, self._stream_address,
        )  # fmt: skip

    def _candidates(self, shape: Shape, bias: int) -> list[Tactic]:
        found: list[Tactic] = []
        if shape.fp8 or shape.int8:
            if shape.m <= SKINNY_TOKENS and shape.k % 128 == 0 and shape.n % 16 == 0:
                found += [Tactic("skinny", rows=warps, unroll=unroll) for warps, unroll in SKINNY_SHAPES]
        elif shape.m in GEMV_TOKENS and shape.m * shape.k * 2 <= GEMV_SHARED:
            found += [Tactic("gemv", rows=rows, unroll=unroll) for rows, unroll in GEMV_SHAPES]
        at = replace(shape, m=sum_tokens(shape)) if shape.int8 else shape
        return found + self._lt_ways(at, bias, row_stride(shape))

    def _lt_ways(self, shape: Shape, bias: int, stride: int) -> list[Tactic]:
        """What cublasLt proposes for y with `stride` elements from row to row."""
        found: list[Tactic] = []
        lt = self._lt
        preference = lt.matmul_preference_create()
        limit = np.array([WORKSPACE], np.uint64)
        lt.matmul_preference_set_attribute(
            preference, int(lt.MatmulPreferenceAttribute.MAX_WORKSPACE_BYTES), limit.ctypes.data, 8
        )
        self._limit(preference)
        results = np.zeros(CANDIDATES, lt.matmul_heuristic_result_dtype)
        count = np.zeros(1, np.int32)
        made = R_32F if shape.out_float else R_32I if shape.int8 else self._element
        out = self._layout(made, shape.n, shape.m, stride)
        try:
            kind = R_8F_E4M3 if shape.fp8 else R_8I if shape.int8 else self._element
            lt.matmul_algo_get_heuristic(
                self._handle, self._desc(bias, shape.int8), self._layout(kind, shape.k, shape.n, shape.k),
                self._layout(kind, shape.k, shape.m, shape.k), out, out, preference, CANDIDATES,
                results.ctypes.data, count.ctypes.data,
            )  # fmt: skip
        except lt.cuBLASLtError:
            return found
        finally:
            lt.matmul_preference_destroy(preference)
        size = results.dtype.itemsize
        raw = results.tobytes()
        for i in range(int(count[0])):
            entry = raw[i * size : (i + 1) * size]
            workspace, state = int.from_bytes(entry[64:72], "little"), int.from_bytes(entry[72:76], "little")
            if state == 0 and workspace <= WORKSPACE:
                found.append(Tactic("lt", algo=entry[:64].hex(), workspace=workspace))
        return found

    def _limit(self, preference: int) -> None:
        """What ways are looked for: here all."""

    def _time(self, shape: Shape, tactic: Tactic, samples: Sequence[tuple[int, int]], x: int, y: int) -> float | None:
        """Microseconds of one product, the best of three rounds; None if it does not run. What overlaps in a step does here."""
        rounds = max(len(samples), 4)

        def burst() -> None:
            with self._modules.overlapping():
                for i in range(rounds):
                    w, bias = samples[i % len(samples)]
                    self._run(shape, tactic, w, bias, x, y, row_stride(shape))

        try:
            w, bias = samples[0]
            self._run(shape, tactic, w, bias, x, y, row_stride(shape))
            self._driver.call("cuStreamSynchronize", self._stream)
        except (self._lt.cuBLASLtError, DeviceError):
            return None
        return self.measure(burst, 3) / rounds

    def measure(self, work: Callable[[], None], repeats: int) -> float:
        """Microseconds on the device that `work` takes, the least of `repeats`. It is recorded once as a graph, so that launching
        does not count."""
        call, stream = self._driver.call, self._stream
        mode = self._driver.api.CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL
        call("cuStreamBeginCapture", stream, mode)
        try:
            work()
        finally:
            graph = call("cuStreamEndCapture", stream)
        executable = call("cuGraphInstantiate", graph, 0)
        events = [call("cuEventCreate", 0) for _ in range(repeats + 1)]
        call("cuGraphLaunch", executable, stream)
        call("cuEventRecord", events[0], stream)
        for event in events[1:]:
            call("cuGraphLaunch", executable, stream)
            call("cuEventRecord", event, stream)
        call("cuEventSynchronize", events[-1])
        micros = min(float(call("cuEventElapsedTime", a, b)) for a, b in pairwise(events)) * 1000
        for event in events:
            call("cuEventDestroy", event)
        call("cuGraphExecDestroy", executable)
        call("cuGraphDestroy", graph)
        return micros

    def _layout(self, kind: int, rows: int, columns: int, stride: int) -> int:
        key = (kind, rows, columns, stride)
        if key not in self._layouts:
            self._layouts[key] = self._lt.matrix_layout_create(*key)
        return self._layouts[key]

    def _desc(self, bias: int, whole: bool = False) -> int:
        """w transposed, x as it lies (column-major, as cublasLt counts: w is [K, N], x [K, M], y [N, M]). whole: int32 sums."""
        if (bias, whole) not in self._descs:
            lt, attribute = self._lt, self._lt.MatmulDescAttribute
            desc = lt.matmul_desc_create(COMPUTE_32I, R_32I) if whole else lt.matmul_desc_create(COMPUTE_32F, R_32F)
            transpose = np.array([OP_T], np.int32)
            lt.matmul_desc_set_attribute(desc, int(attribute.TRANSA), transpose.ctypes.data, 4)
            if bias:
                epilogue, pointer = np.array([EPILOGUE_BIAS], np.uint32), np.array([bias], np.uint64)
                lt.matmul_desc_set_attribute(desc, int(attribute.EPILOGUE), epilogue.ctypes.data, 4)
                lt.matmul_desc_set_attribute(desc, int(attribute.BIAS_POINTER), pointer.ctypes.data, 8)
                kind = np.array([self._element], np.int32)
                lt.matmul_desc_set_attribute(desc, int(attribute.BIAS_DATA_TYPE), kind.ctypes.data, 4)
            self._descs[(bias, whole)] = desc
        return self._descs[(bias, whole)]


def sum_tokens(shape: Shape) -> int:
    """Tokens of a product of INT8 codes whose sums are made at a time: all parts of one size, the last may overlap."""
    most = max(1, SUMS // (4 * shape.n))
    return -(-shape.m // -(-shape.m // most))


def logits_stride(vocab: int) -> int:
    """Floats from one row of logits to the next: a multiple of 8, so that rows are read 16 bytes at a time."""
    return -(-vocab // 8) * 8


def row_stride(shape: Shape) -> int:
    return logits_stride(shape.n) if shape.out_float else shape.n
