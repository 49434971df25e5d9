"""The emulation of our kernels: it gives what an H200 gave for kernels that were checked there, and it notices what a GPU would not
forgive. The checks are those of the device tests, at few sizes."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest

ORDERS = (0, 1, 2)
# Every further variant is half a second of g++: all with SOAK_ROUNDS set.
SOAK = "SOAK_ROUNDS" in os.environ


@pytest.mark.parametrize("arch", [90, 75] if SOAK else [90])
def test_kernels_that_are_right_on_a_gpu(
    emulator: Any, beside: Any, arch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """sm_75 has neither bf16 products, cp.async nor E4M3: its branches are others."""
    kernels, codes = beside("test_gpu_kernels.py"), beside("test_gpu_codes.py")
    monkeypatch.setattr(codes, "SKINNY_SHAPES", ((8, 2),))
    for order in ORDERS:
        machine = emulator(arch=arch, order=order)
        kernels.test_norms(machine, 19, 256)
        codes.test_operations_into_codes(machine, 3, 264, 0.0)
        codes.test_operations_into_codes(machine, 1, 16, 0.2)
        codes.test_products_of_codes_for_few_tokens(machine, 48, 1152, 1)


@pytest.mark.parametrize("fp8", [False, True])
def test_attention_that_is_right_on_a_gpu(emulator: Any, beside: Any, fp8: bool) -> None:
    rows = [(16, 1, True), (0, 1, True), (40, 1, True), (98, 1, True), (0, 19, False), (15, 20, False)]
    for order in ORDERS:
        found = beside("test_gpu_kernels.py").run_attention(
            emulator(order=order), rows, 8, 2, 64, blocks=4, splits=40, fp8=fp8
        )
        assert found < 8e-3


@pytest.mark.parametrize("fp8", [False, True] if SOAK else [False])
def test_attention_on_hopper(emulator: Any, beside: Any, fp8: bool) -> None:
    """Products of warpgroups, barriers in shared memory: chunks that begin anywhere, several tiles of keys, a window."""
    rows, run = [(0, 70, False), (130, 9, False), (300, 40, False)], beside("test_gpu_kernels.py").run_attention
    for order in ORDERS:
        assert run(emulator(order=order), rows, 4, 2, 64, fp8=fp8, hopper=True) < 8e-3
    assert run(emulator(), rows, 4, 2, 64, window=20, fp8=fp8, hopper=True) < 8e-3


@pytest.mark.parametrize("fp8", [False, True] if SOAK else [True])
def test_attention_with_sinks(emulator: Any, beside: Any, fp8: bool) -> None:
    """Splits of a row merged, one split, prompt tokens; sinks that take most of the weight."""
    rows = [(98, 1, True), (0, 1, True), (15, 20, False), (0, 1, False)]
    run = beside("test_gpu_kernels.py").run_attention
    assert run(emulator(order=1), rows, 8, 2, 64, blocks=4, splits=40, fp8=fp8, sinks=4.0) < 8e-3


def test_elementwise(emulator: Any, beside: Any) -> None:
    kernels = beside("test_gpu_kernels.py")
    kernels.test_elementwise(emulator(), 19)
    kernels.test_logits_bias_and_packing(emulator(order=1))


SUM = """
#include "common.cuh"
extern "C" __global__ void sum(const float *x, float *y, int n) {
    __shared__ float part[64];
    part[threadIdx.x] = threadIdx.x < n ? x[threadIdx.x] : 0.f;
    BARRIER
    float total = 0.f;
    for (int i = 0; i < 64; i++) total += part[i];
    y[threadIdx.x AT] = total;
}
"""
COPY = """
#include "common.cuh"
extern "C" __global__ void copy(const uint4 *x, uint4 *y) {
    extern __shared__ uint4 room[];
    copy16_async(shared_address(room + threadIdx.x), x + threadIdx.x, true);
    copy_commit();
    WAIT
    y[threadIdx.x] = room[threadIdx.x];
}
"""


@pytest.mark.parametrize("order", ORDERS)
def test_a_missing_barrier_is_seen(emulator: Any, order: int) -> None:
    machine = emulator(order=order)
    x = np.ones(64, np.float32)
    right, wrong = (
        machine.compile("sum", SUM.replace("BARRIER", barrier).replace("AT", ""), "sum")
        for barrier in ("__syncthreads();", "")
    )
    y = machine.poisoned(256)
    right((1, 1, 1), 64, machine.put(x), y, 64)
    np.testing.assert_array_equal(machine.get(y, (64,), np.float32), 64)
    y = machine.poisoned(256)
    wrong((1, 1, 1), 64, machine.put(x), y, 64)
    assert np.isnan(machine.get(y, (64,), np.float32)).any()


@pytest.mark.parametrize(
    ("barrier", "at", "n", "said"),
    [
        ("if (threadIdx.x != 3) __syncthreads();", "", 64, ""),  # leaves no barrier behind: ends, as on a GPU
        ("if (threadIdx.x == 3) __syncwarp(); else __syncthreads();", "", 64, "barrier"),
        ("if (threadIdx.x < 40) return; __syncwarp();", "", 64, "ended"),
        ("__syncthreads();", "+ 1", 64, "memory outside of a buffer"),
        ("__syncthreads();", "", 65, None),
        ("part[n] = 0.f; __syncthreads();", "", 64, "out of bounds"),
        ("float v = __shfl_xor_sync(0xffffu, 1.f, 1);", "", 64, "only some lanes"),
    ],
)
def test_what_a_gpu_would_not_forgive(emulator: Any, barrier: str, at: str, n: int, said: str | None) -> None:
    machine = emulator()
    kernel = machine.compile("sum", SUM.replace("BARRIER", barrier).replace("AT", at), "sum")
    arguments = ((1, 1, 1), 64, machine.put(np.ones(64, np.float32)), machine.poisoned(256), n)
    if said:
        with pytest.raises(AssertionError, match=said):
            kernel(*arguments)
    elif said is None:
        kernel(*arguments)
    # Nothing of a kernel that failed is left.
    machine.compile("sum", SUM.replace("BARRIER", "__syncthreads();").replace("AT", ""), "sum")(*arguments[:-1], 64)


def test_a_read_behind_a_buffer_is_seen(emulator: Any) -> None:
    machine = emulator()
    kernel = machine.compile("sum", SUM.replace("BARRIER", "__syncthreads();").replace("AT", ""), "sum")
    with pytest.raises(AssertionError, match="memory outside of a buffer"):
        kernel((1, 1, 1), 64, machine.put(np.ones(60, np.float32)), machine.poisoned(256), 64)


@pytest.mark.parametrize(("wait", "lands"), [("copy_wait<0>();", True), ("copy_wait<1>();", False), ("", False)])
def test_copies_land_when_they_are_waited_for(emulator: Any, wait: str, lands: bool) -> None:
    machine = emulator()
    x, y = np.arange(128, dtype=np.uint32), machine.poisoned(512)
    kernel = machine.compile("copy", COPY.replace("WAIT", wait), "copy", shared=512)
    kernel((1, 1, 1), 32, machine.put(x), y)
    assert (machine.get(y, (128,), np.uint32) == x).all() == lands


def test_dynamic_shared_memory_has_an_end(emulator: Any) -> None:
    machine = emulator()
    kernel = machine.compile("copy", COPY.replace("WAIT", "copy_wait<0>();"), "copy", shared=496)
    with pytest.raises(AssertionError, match="dynamic shared memory"):
        kernel((1, 1, 1), 32, machine.put(np.zeros(128, np.uint32)), machine.poisoned(512))


def test_an_unknown_instruction_is_named(emulator: Any) -> None:
    source = 'extern "C" __global__ void f(int *x) { int y; asm("frob.s32 %0, %1;" : "=r"(y) : "r"(1)); *x = y; }'
    with pytest.raises(AssertionError, match="ptx_frob_s32"):
        emulator().compile("frob", source, "f")


OVERLAP = """
#include "common.cuh"
extern "C" __global__ void overlap(const int *weights, const int *x, int *y) {
    BEFORE
    y[threadIdx.x] = weights[threadIdx.x] + load_made(x + threadIdx.x);
}
"""


@pytest.mark.parametrize(
    ("before", "said"),
    [
        ("after_previous();", None),
        ("int w = weights[threadIdx.x]; wait_for_previous(); if (w < 0) return;", None),
        ("", "memory outside of a buffer"),
        ("if (x[threadIdx.x] < 0) return; after_previous();", "memory outside of a buffer"),
        ("y[threadIdx.x] = 0; after_previous();", "memory outside of a buffer"),
        ("__shared__ uint4 s[2]; copy16_async(shared_address(s), x, true); after_previous();", "memory outside of"),
        ("if (threadIdx.x > 5) return; after_previous();", "has not waited"),
    ],
)
def test_what_overlaps_touches_nothing_before_it_has_waited(emulator: Any, before: str, said: str | None) -> None:
    machine = emulator(overlap=1)
    x, y = machine.put(np.arange(32, dtype=np.int32)), machine.poisoned(128)
    weights = machine.put(np.full(32, 7, np.int32))
    machine.constant.add(weights)
    kernel = machine.compile("overlap", OVERLAP.replace("BEFORE", before), "overlap")
    if said != "has not waited":
        kernel((2, 1, 1), 32, weights, x, y)  # alone it may
    machine.chain._open = machine.chain._begun = True
    if said is None:
        kernel((2, 1, 1), 32, weights, x, y)
        np.testing.assert_array_equal(machine.get(y, (32,), np.int32), np.arange(7, 39))
    else:
        with pytest.raises(AssertionError, match=said):
            kernel((2, 1, 1), 32, weights, x, y)
        machine.get(y, (32,), np.int32)  # and can be read afterwards


@pytest.mark.parametrize("kind", ["gemv", "skinny_fp8"])
def test_products_that_begin_early_give_the_same_bits(emulator: Any, kind: str) -> None:
    """Their first weights are loaded before they wait; rows and columns that end within a step too."""
    rng = np.random.default_rng(0)
    n, k = (45, 1096) if kind == "gemv" else (48, 1152)
    if kind == "gemv":
        defines = {"TOKENS": 2, "ROWS": 2, "UNROLL": 4}
        w, x = (rng.standard_normal((rows, k)).astype(np.float16).view(np.uint16) for rows in (n, 2))
    else:
        defines = {"TOKENS": 2, "WARPS": 2, "UNROLL": 2}
        w, x = (
            (rng.integers(0, 0x38, (rows, k)) | rng.integers(0, 2, (rows, k)) << 7).astype(np.uint8) for rows in (n, 2)
        )
    found = []
    for overlap in (0, 1, 2):
        machine = emulator(overlap=overlap, fp16=True)
        kernel = machine.kernel(kind, kind, defines, 2 * k * 2 if kind == "gemv" else 0)
        pw, px, py = machine.put(w), machine.put(x), machine.poisoned(2 * n * 2)
        machine.constant.add(pw)
        machine.chain._open = machine.chain._begun = True
        if kind == "gemv":
            kernel((2, 1, 1), 256, pw, px, py, 0, n, k // 8, n)
        else:
            kernel((n // 16, 1, 1), 64, pw, px, py, n, k)
        found.append(machine.get(py, (2, n), np.uint16))
    assert np.isfinite(found[0].view(np.float16)).all()
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])
