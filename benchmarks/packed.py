"""Every way to multiply with weights of 4 or 8 bits, in a model's shapes, beside the product of bf16: on a machine with a GPU.

    python benchmarks/packed.py --packings i4g128 --tokens 16,64,256,1024

A line per shape and number of tokens, in µs: the floor (the larger of bytes over 4.3 TB/s and operations over 790 TFLOP/s, an
H200's), bf16 by cublasLt, pieces made into elements for cublasLt, and our kernels' variants, fastest first (kind, tokens of a
block, row tiles x stages / parts of K, warps). Weights are random and rotate over copies, so that they come from memory. `WRONG`:
does not agree with cublasLt on the same weights made into elements.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np

from engines.cuda.driver import Driver
from engines.cuda.gemm import Gemm, Shape, Tactic
from engines.cuda.launch import Modules
from engines.cuda.memory import Memory
from engines.cuda.nvrtc import Compiler
from engines.cuda.packed import PACKED_TOKENS, Packing, Variant, piece_rows

PACKINGS = {
    packing.key: packing
    for packing in (
        Packing(4, 128, False), Packing(4, 128, True), Packing(4, 64, False), Packing(4, 32, False), Packing(8, 0, False),
        Packing(8, 128, True),
    )
}  # fmt: skip
LLAMA_3_8B = "6144x4096,4096x4096,28672x4096,4096x14336"
COPY_RATE, MATMUL_RATE = 4.3e12, 790e12
_ROOM, _COPIES = 3 << 30, 8


def random_weight(packing: Packing, n: int, k: int, size: int) -> np.ndarray:
    """Codes, scales and zero points as they lie on a device."""
    rng = np.random.default_rng(0)
    block = rng.integers(0, 256, size, dtype=np.uint8)
    scales, zeros, end = packing.places(n, k)
    count, kind = packing.scales(n, k), np.float16 if packing.group else np.float32
    made = (rng.random(count // np.dtype(kind).itemsize) * 0.02 + 0.001).astype(kind)
    block[scales : scales + count] = made.view(np.uint8)
    if packing.zeros:
        block[zeros:end] = 0
        block[zeros:end:4], block[zeros + 1 : end : 4] = rng.integers(0, 16, (2, (end - zeros) // 4))
    return block


def label(variant: Variant) -> str:
    block = f":{variant.block}" if variant.block else ""
    return f"{variant.kind}{block} {variant.row_tiles}x{variant.stages}/{variant.split} {variant.warps}w"


class Bench:
    def __init__(self, cache: Path | None, most: int, shapes: list[tuple[int, int]], packings: list[Packing]) -> None:
        self.driver = Driver(0)
        self.driver.use()
        memory, self.stream = Memory(self.driver), self.driver.call("cuStreamCreate", 1)
        modules = Modules(self.driver, Compiler(self.driver.info.arch, cache), self.stream, {"ELEM_FP16": 0})
        self.gemm = Gemm(self.driver, memory, modules, self.stream, fp16=False, cache=None)
        self.gemm.reserve([(packing, n, k) for packing in packings for n, k in shapes], [])
        self.weights = memory.take(_ROOM)
        self.x, self.y = (memory.take(most * 2 * max(shape[i] for shape in shapes)) for i in (1, 0))
        self.driver.call("cuMemsetD8Async", self.x, 0, most * 2 * max(k for _, k in shapes), self.stream)

    def place(self, packing: Packing, n: int, k: int) -> list[tuple[int, int]]:
        """Addresses of copies of a weight, each with no bias."""
        size = -(-packing.places(n, k)[2] // 1024) * 1024
        block = random_weight(packing, n, k, size)
        found = [self.weights + i * size for i in range(max(1, min(_COPIES, _ROOM // size)))]
        for address in found:
            self.driver.call("cuMemcpyHtoDAsync", address, block.ctypes.data, size, self.stream)
        self.driver.call("cuStreamSynchronize", self.stream)
        return [(address, 0) for address in found]

    def line(self, packing: Packing, n: int, k: int, m: int, samples: list[tuple[int, int]]) -> str:
        gemm, x, y = self.gemm, self.x, self.y
        shape, plain = Shape(n, k, m, packed=packing), Shape(n, k, m)
        pieces = [replace(way, kind="unpack") for way in gemm._lt_ways(Shape(piece_rows(n, k), k, m), 0, n)]
        skipped = max(0, m - PACKED_TOKENS)
        gemm._fill_random(x + skipped * k * 2, (m - skipped) * k)
        found = []
        for variant in gemm._variants(packing, m, n, k):
            way = Tactic.of(variant)
            wrong = "" if gemm._agrees(shape, way, pieces[0], samples[0], x, y) else "WRONG "
            found.append((gemm._time(shape, way, samples, x, y) or np.inf, wrong + label(variant)))
        unpack = min(gemm._time(shape, way, samples, x, y) or np.inf for way in pieces[:3])
        each = n * k * 2
        places = [(self.weights + i * each % (_ROOM - each) // 1024 * 1024, 0) for i in range(_COPIES)]
        bf16 = min(gemm._time(plain, way, places, x, y) or np.inf for way in gemm._lt_ways(plain, 0, n)[:3])
        floor = 1e6 * max((packing.places(n, k)[2] + 2 * m * (n + k)) / COPY_RATE, 2 * m * n * k / MATMUL_RATE)
        ours = "  ".join(f"{name}: {micros:.1f}" for micros, name in sorted(found)[:6])
        return f"{packing.key} {n}x{k} m {m}: floor {floor:.1f}  bf16 {bf16:.1f}  unpack {unpack:.1f}  {ours}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--packings", default="i4g128", help=f"of {', '.join(PACKINGS)}")
    parser.add_argument("--tokens", default="16,32,64,128,256,512,1024,2048")
    parser.add_argument("--shapes", default=LLAMA_3_8B, help="NxK, as a layer's weights are; Llama-3-8B's")
    parser.add_argument("--cache", type=Path, default=None, help="folder for compiled kernels")
    args = parser.parse_args()
    tokens = [int(text) for text in args.tokens.split(",")]
    shapes = [(int(n), int(k)) for n, _, k in (text.partition("x") for text in args.shapes.split(","))]
    packings = [PACKINGS[key] for key in args.packings.split(",")]
    bench = Bench(args.cache, max(tokens), shapes, packings)
    print(bench.driver.info.name)
    for packing in packings:
        for n, k in shapes:
            samples = bench.place(packing, n, k)
            for m in tokens:
                print(bench.line(packing, n, k, m, samples), flush=True)


if __name__ == "__main__":
    main()
