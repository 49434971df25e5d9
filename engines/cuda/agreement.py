"""Whether two attention kernels compute the same on this device: asked once before the faster one is used.

A kernel that leans on the compiler's handling of asynchronous products is only as good as the compiler at hand (one version was
seen to lose the query between two tiles of keys), and users bring their own. Costs a few milliseconds at the start of an engine.
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from engines.api.plan import PlanRow, StepPlan
from engines.cuda.driver import Driver
from engines.cuda.launch import Kernel
from engines.cuda.memory import Memory, StagingRing
from engines.cuda.state import WORK_HEADER

# Three tiles of keys, the last one partly full, and more tokens than one tile of queries where heads are grouped.
_BEFORE, _TOKENS = 250, 40
# The kernels sum in different orders and round the weights of the values to 16 bits.
TOLERANCE: Final = 1e-2


def agree(
    driver: Driver,
    memory: Memory,
    staging: StagingRing,
    kernels: tuple[tuple[Kernel, int], tuple[Kernel, int]],
    *,
    group: int,
    head_dim: int,
    page_size: int,
    tokens_per_tile: int,
    kv_fp8: bool,
    fp16: bool,
    soft_cap: float,
) -> bool:
    """Run both prefill kernels, (kernel, threads of a block) each, on the same random cache and queries. Waits for the device."""
    rng = np.random.default_rng(0)
    length = _BEFORE + _TOKENS
    pages = -(-length // page_size)
    cells = (pages + 1) * page_size * head_dim
    row = PlanRow(0, _BEFORE, np.zeros(_TOKENS, np.int32), np.arange(1, pages + 1, dtype=np.int32), True, False)
    arrays: list[NDArray[Any]] = [
        _elements(rng, _TOKENS * group * head_dim, fp16),
        *(_codes(rng, cells) if kv_fp8 else _elements(rng, cells, fp16) for _ in range(2)),
        StepPlan.build(1, [row]).buffer,
        _work(tokens_per_tile),
    ]
    blocks = [memory.take(array.nbytes) for array in arrays]
    out = memory.take(arrays[0].nbytes)
    try:
        for array, block in zip(arrays, blocks, strict=True):
            staging.upload(array, block)
        q, keys, values, plan, work = blocks
        scale = head_dim**-0.5 * (1.0 if soft_cap else math.log2(math.e))
        found = []
        for kernel, threads in kernels:
            staging.upload(np.full(len(arrays[0]), 0xFFFF, np.uint16), out)
            kernel(
                (driver.info.multiprocessors, 1, 1), threads, q, out, keys, values, plan, work, 1, 0, 1, group * head_dim, scale, 0,
                soft_cap, 0, 1.0, 0,
            )  # fmt: skip
            driver.call("cuCtxSynchronize")
            bits = np.empty(len(arrays[0]), np.uint16)
            driver.call("cuMemcpyDtoH", bits.ctypes.data, out, bits.nbytes)
            found.append(_wide(bits, fp16))
    finally:
        for block in (*blocks, out):
            memory.give(block)
    return close(found[0], found[1])


def close(a: NDArray[np.float32], b: NDArray[np.float32]) -> bool:
    """Whether two results are finite and equal but for rounding."""
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        return False
    return bool(np.linalg.norm(a - b) <= TOLERANCE * np.linalg.norm(b))


def _work(tokens_per_tile: int) -> NDArray[np.int32]:
    """What prepare_step writes for one row of prompt tokens where there are max_rows 1 and max_splits 0."""
    firsts = np.arange(0, _TOKENS, tokens_per_tile, dtype=np.int32)
    work = np.zeros(WORK_HEADER + 2 + 2 * len(firsts), np.int32)
    work[2] = len(firsts)
    work[WORK_HEADER + 3 :: 2] = firsts
    return work


def _elements(rng: np.random.Generator, count: int, fp16: bool) -> NDArray[np.uint16]:
    x = rng.standard_normal(count).astype(np.float32)
    return x.astype(np.float16).view(np.uint16) if fp16 else (x.view(np.uint32) >> np.uint32(16)).astype(np.uint16)


def _codes(rng: np.random.Generator, count: int) -> NDArray[np.uint8]:
    """E4M3 of sizes up to 3.75, either sign."""
    return (rng.integers(0, 0x48, count) | rng.integers(0, 2, count) << 7).astype(np.uint8)


def _wide(bits: NDArray[np.uint16], fp16: bool) -> NDArray[np.float32]:
    if fp16:
        return bits.view(np.float16).astype(np.float32)
    return (bits.astype(np.uint32) << np.uint32(16)).view(np.float32)
