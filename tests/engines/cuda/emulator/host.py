"""What an engine stands on, on the CPU: driver, memory and modules of the emulator, NumPy in cublasLt's place.

With these in place of the real ones (`on_the_host`) `CudaEngine` loads a model and computes steps with the emulated kernels: who
calls what with which arguments is tested without a GPU. Not here: graphs, streams, time.
"""

from __future__ import annotations

import ctypes
import sys
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from engines.cuda.gemm import Gemm, Shape, Tactic, TacticCache
from engines.cuda.packed import PACKED_TOKENS, PackedKernels, Variant
from engines.quantization.floats import decode_e4m3
from engines.weights import round_bf16

_EVENTS = {"cuEventCreate", "cuStreamCreate"}
_NOTHING = {
    "cuEventRecord",
    "cuEventSynchronize",
    "cuEventDestroy",
    "cuStreamDestroy",
    "cuCtxSynchronize",
    "cuStreamSynchronize",
}
R_32F, R_8I, R_32I, R_8F_E4M3 = 0, 3, 10, 28


class HostDriver:
    """As `engines.cuda.driver.Driver`, of a small device: two multiprocessors."""

    def __init__(self, index: int = 0) -> None:
        self.info = SimpleNamespace(
            index=index,
            name="emulated",
            arch=90,
            driver=13000,
            multiprocessors=2,
            memory=1 << 34,
            shared_per_block=232448,
        )
        flags = SimpleNamespace(CU_STREAM_NON_BLOCKING=1, CU_EVENT_DISABLE_TIMING=2)
        self.api = SimpleNamespace(CUstream_flags=flags, CUevent_flags=flags)

    def use(self) -> None:
        pass

    def release(self) -> None:
        pass

    def free_memory(self) -> int:
        return 1 << 30

    def call(self, name: str, *arguments: Any) -> Any:
        if name in _EVENTS:
            return 1
        if name.startswith("cuMemcpy"):
            ctypes.memmove(*arguments[:3])
        elif name == "cuMemsetD8Async":
            ctypes.memset(*arguments[:3])
        elif name not in _NOTHING:
            raise AssertionError(f"{name} is not emulated.")
        return None


class HostMemory:
    """As `engines.cuda.memory.Memory`: every block poisoned, each before a page that cannot be touched."""

    machine: Any

    def __init__(self, driver: Any) -> None:
        self.allocated = 0
        self._pinned: list[Any] = []

    def take(self, nbytes: int) -> int:
        self.allocated += nbytes
        return int(self.machine.poisoned(nbytes))

    def give(self, ptr: int) -> None:
        pass

    def pinned(self, nbytes: int) -> Any:
        self._pinned.append(np.empty(nbytes, np.uint8))
        return self._pinned[-1]

    def close(self) -> None:
        self._pinned.clear()


class Products(Gemm):
    """Gemm with NumPy in cublasLt's place. Ours where there are few tokens. `spoiled`: our kernel for packed weights errs."""

    def __init__(
        self,
        driver: Any,
        memory: Any,
        modules: Any,
        stream: Any = 0,
        *,
        fp16: bool = False,
        cache: Any = None,
        spoiled: bool = False,
    ) -> None:
        self._driver, self._memory, self._modules, self._stream = driver, memory, modules, stream
        self._packed, self._element = PackedKernels(driver, modules), 2 if fp16 else 14
        self._unpacked = self._parts = self._found = self._sums = 0
        self.tactics, self.ran, self._spoiled = TacticCache("emulated"), set(), spoiled  # type: ignore[var-annotated]

    def close(self) -> None:
        pass

    def _candidates(self, shape: Shape, bias: int) -> list[Tactic]:
        few = (shape.fp8 or shape.int8) and shape.m <= 2
        return [Tactic("skinny", rows=2, unroll=2)] if few else [Tactic("lt", algo="00")]

    def _lt_ways(self, shape: Shape, bias: int, stride: int) -> list[Tactic]:
        return [Tactic("lt", algo="00")]

    def _time(self, shape: Shape, tactic: Tactic, samples: Any, x: int, y: int) -> float | None:
        return {"packed": 1.0, "wide": 1.0, "sm90": 1.0, "unpack": 2.0}.get(tactic.kind, 0.0) + tactic.split

    def _run(self, shape: Shape, tactic: Tactic, w: int, bias: int, x: int, y: int, stride: int) -> None:
        super()._run(shape, tactic, w, bias, x, y, stride)
        self.ran.add(tactic.kind)
        if tactic.kind in ("packed", "wide", "sm90", "skinny") and self._spoiled:
            ctypes.memset(y + 2, 0x40, 2)

    def _run_lt(
        self, shape: Shape, tactic: Tactic, w: int, bias: int, x: int, y: int, stride: int, kind: int, made: int
    ) -> None:
        def values(at: int, *size: int, of: int) -> Any:
            count = int(np.prod(size))
            if of in (R_8I, R_8F_E4M3):
                data = np.frombuffer(ctypes.string_at(at, count), np.int8 if of == R_8I else np.uint8)
                return (data if of == R_8I else decode_e4m3(data)).astype(np.float64).reshape(size)
            bits = np.frombuffer(ctypes.string_at(at, 2 * count), np.uint16)
            wide = bits.view(np.float16) if of == 2 else (bits.astype(np.uint32) << 16).view(np.float32)
            return wide.astype(np.float64).reshape(size)

        result = values(x, shape.m, shape.k, of=kind) @ values(w, shape.n, shape.k, of=kind).T
        if bias:
            result += values(bias, shape.n, of=self._element)
        if made in (R_32F, R_32I):
            rows = result.astype(np.float32 if made == R_32F else np.int32)
        else:
            rows = result.astype(np.float16).view(np.uint16) if made == 2 else round_bf16(result.astype(np.float32))
        for i, row in enumerate(rows):
            ctypes.memmove(y + i * stride * row.itemsize, np.ascontiguousarray(row).ctypes.data, row.nbytes)


def on_the_host(machine: Any, monkeypatch: Any) -> None:
    """From here on `CudaEngine` stands on `machine`. Give it graphs="off"."""

    def modules(driver: Any, compiler: Any, stream: Any, base: Any) -> Any:
        assert base.get("PDL", 0) == machine.overlap
        return SimpleNamespace(
            kernel=machine.kernel,
            fp16=bool(base["ELEM_FP16"]),
            overlap=machine.overlap,
            overlapping=lambda allowed=True: machine.chain.open() if allowed else nullcontext(),
            close=lambda: None,
        )

    memory = type("MachineMemory", (HostMemory,), {"machine": machine})
    engine = sys.modules["engines.cuda.engine"]
    for name, stand_in in (
        ("Driver", HostDriver),
        ("Memory", memory),
        ("Modules", modules),
        ("Compiler", lambda arch, cache: Path()),
        ("Gemm", Products),
    ):
        monkeypatch.setattr(engine, name, stand_in)
    kind = lambda m: "wide" if m > 8 else "packed"  # noqa: E731
    monkeypatch.setattr("engines.cuda.gemm.variants", lambda packing, m, n, k, sms, shared: [Variant(kind(m), 2, 3)])
    many = [Variant("sm90", 16, 2, 1, 1, 128)]
    monkeypatch.setattr(
        "engines.cuda.gemm.hopper_variants", lambda packing, m, n, k, sms, shared: many if m > PACKED_TOKENS else []
    )
