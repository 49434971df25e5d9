"""Matrix products y [M, N] = x [M, K] w [N, K]^T (+ bias): by cublasLt, or our own kernels for few tokens, as was measured faster.

A choice is made once per (N, K, M, type of y, bias) from timings on the weights themselves and kept: in memory, and in a file if
the caller gives one (our timing cache).
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np

from engines.api.errors import DeviceError
from engines.cuda.driver import Driver, load
from engines.cuda.launch import Modules
from engines.cuda.memory import Memory

# cudaDataType_t, cublasComputeType_t, cublasOperation_t, cublasLtEpilogue_t.
R_32F, R_16F, R_16BF, R_8F_E4M3 = 0, 2, 14, 28
COMPUTE_32F = 68
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


@dataclass(frozen=True, slots=True)
class Shape:
    """One kind of product. `out_float`: y is float32, else an element; `bias`: added in the epilogue. `fp8`: x and w are
    E4M3 codes, and y is their product as it comes out, before any scale."""

    n: int
    k: int
    m: int
    out_float: bool = False
    bias: bool = False
    fp8: bool = False

    @property
    def key(self) -> str:
        return f"{self.n}x{self.k}x{self.m}{'f' * self.out_float}{'b' * self.bias}{'q' * self.fp8}"


@dataclass(frozen=True, slots=True)
class Tactic:
    """How a shape is computed. kind "lt": `algo`, cublasLt's 64 bytes in hex, with its `workspace`; kind "gemv":
    `rows`, `unroll`; kind "skinny": `rows` warps, `unroll`. `micros`: measured when chosen, 0 if there was no choice."""

    kind: str
    algo: str = ""
    workspace: int = 0
    rows: int = 0
    unroll: int = 0
    micros: float = 0.0


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
        self._workspace = memory.take(WORKSPACE)
        self._layouts: dict[tuple[int, int, int, int], int] = {}
        self._descs: dict[int, int] = {}
        self._scalars = np.array([1.0, 0.0], np.float32)
        self._algos: dict[str, np.ndarray[Any, np.dtype[np.uint8]]] = {}
        identity = (
            f"{driver.info.name} sm_{driver.info.arch} cublasLt {self._lt.get_version()} {'fp16' if fp16 else 'bf16'}"
        )
        self.tactics = TacticCache(identity, None if cache is None else cache / "gemm-tactics.json")
        self.tactics.read()

    def prepare(self, shape: Shape, samples: Sequence[tuple[int, int]], x: int, y: int) -> Tactic:
        """Choose how `shape` is computed, by timing on `samples` (weight, bias addresses; several, so that the cache of the GPU
        does not serve them all) from input `x` into `y`. Must not run while a graph is captured."""
        found = self.tactics.tactics.get(shape.key)
        if found is not None:
            # Once now, so that no module is loaded under capture.
            self._run(shape, found, *samples[0], x, y, row_stride(shape))
            return found
        timed = [
            (self._time(shape, tactic, samples, x, y), tactic) for tactic in self._candidates(shape, samples[0][1])
        ]
        usable = [(t, tactic) for t, tactic in timed if t is not None]
        if not usable:
            raise DeviceError(
                f"cuBLASLt has no way to compute a product of shape {shape.key} on {self._driver.info.name}."
            )
        micros, best = min(usable, key=lambda pair: pair[0] or 0.0)
        chosen = Tactic(best.kind, best.algo, best.workspace, best.rows, best.unroll, round(micros or 0.0, 2))
        self.tactics.put(shape.key, chosen)
        return chosen

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
            skinny = self._modules.kernel("skinny_fp8", "skinny_fp8", defines)
            skinny((shape.n // 16, 1, 1), 32 * tactic.rows, w, x, y, shape.n, shape.k)
            return
        algo = self._algos.get(tactic.algo)
        if algo is None:
            algo = np.frombuffer(bytes.fromhex(tactic.algo), np.uint8).copy()
            self._algos[tactic.algo] = algo
        one = self._scalars.ctypes.data
        desc = self._desc(bias)
        out = self._layout(R_32F if shape.out_float else self._element, shape.n, shape.m, stride)
        into = R_8F_E4M3 if shape.fp8 else self._element
        self._lt.matmul(
            self._handle, desc, one, w, self._layout(into, shape.k, shape.n, shape.k), x,
            self._layout(into, shape.k, shape.m, shape.k), one + 4, y, out, y, out,
            algo.ctypes.data, self._workspace, tactic.workspace, self._stream_address,
        )  # fmt: skip

    def _candidates(self, shape: Shape, bias: int) -> list[Tactic]:
        found: list[Tactic] = []
        if shape.fp8:
            if shape.m <= SKINNY_TOKENS and shape.k % 128 == 0 and shape.n % 16 == 0:
                found += [Tactic("skinny", rows=warps, unroll=unroll) for warps, unroll in SKINNY_SHAPES]
        elif shape.m in GEMV_TOKENS and shape.m * shape.k * 2 <= GEMV_SHARED:
            found += [Tactic("gemv", rows=rows, unroll=unroll) for rows, unroll in GEMV_SHAPES]
        lt = self._lt
        preference = lt.matmul_preference_create()
        limit = np.array([WORKSPACE], np.uint64)
        lt.matmul_preference_set_attribute(
            preference, int(lt.MatmulPreferenceAttribute.MAX_WORKSPACE_BYTES), limit.ctypes.data, 8
        )
        self._limit(preference)
        results = np.zeros(CANDIDATES, lt.matmul_heuristic_result_dtype)
        count = np.zeros(1, np.int32)
        out = self._layout(R_32F if shape.out_float else self._element, shape.n, shape.m, row_stride(shape))
        try:
            into = R_8F_E4M3 if shape.fp8 else self._element
            lt.matmul_algo_get_heuristic(
                self._handle, self._desc(bias), self._layout(into, shape.k, shape.n, shape.k),
                self._layout(into, shape.k, shape.m, shape.k), out, out, preference, CANDIDATES,
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
        """Microseconds of one product, the best of three rounds; None if it does not run."""
        rounds = max(len(samples), 4)

        def burst() -> None:
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

    def _desc(self, bias: int) -> int:
        """w transposed, x as it lies (column-major, as cublasLt counts: w is [K, N], x [K, M], y [N, M])."""
        if bias not in self._descs:
            lt, attribute = self._lt, self._lt.MatmulDescAttribute
            desc = lt.matmul_desc_create(COMPUTE_32F, R_32F)
            transpose = np.array([OP_T], np.int32)
            lt.matmul_desc_set_attribute(desc, int(attribute.TRANSA), transpose.ctypes.data, 4)
            if bias:
                epilogue, pointer = np.array([EPILOGUE_BIAS], np.uint32), np.array([bias], np.uint64)
                lt.matmul_desc_set_attribute(desc, int(attribute.EPILOGUE), epilogue.ctypes.data, 4)
                lt.matmul_desc_set_attribute(desc, int(attribute.BIAS_POINTER), pointer.ctypes.data, 8)
                kind = np.array([self._element], np.int32)
                lt.matmul_desc_set_attribute(desc, int(attribute.BIAS_DATA_TYPE), kind.ctypes.data, 4)
            self._descs[bias] = desc
        return self._descs[bias]


def logits_stride(vocab: int) -> int:
    """Floats from one row of logits to the next: a multiple of 8, so that rows are read 16 bytes at a time."""
    return -(-vocab // 8) * 8


def row_stride(shape: Shape) -> int:
    return logits_stride(shape.n) if shape.out_float else shape.n
