"""Whether two attention kernels agree: what they are given, what counts as the same; on a device, the real ones."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from engines.api.plan import StepPlan
from engines.cuda.agreement import agree, close
from engines.cuda.attention import HOPPER_BLOCK, PREFILL_WARPS, hopper_shared, prefill_shared, tile_tokens
from engines.cuda.memory import StagingRing


class FakeDevice:
    """Driver, memory and staging at once, over host arrays."""

    def __init__(self) -> None:
        self.info = SimpleNamespace(multiprocessors=132)
        self.blocks: dict[int, np.ndarray] = {}

    def take(self, nbytes: int) -> int:
        address = 1 + len(self.blocks)
        self.blocks[address] = np.zeros(nbytes, np.uint8)
        return address

    def give(self, address: int) -> None:
        self.blocks[address] = np.zeros(0, np.uint8)

    def upload(self, data: np.ndarray, address: int) -> None:
        self.blocks[address][:] = np.ascontiguousarray(data).reshape(-1).view(np.uint8)

    def call(self, name: str, *args: Any) -> None:
        if name == "cuMemcpyDtoH":
            ctypes.memmove(args[0], self.blocks[args[1]].ctypes.data, args[2])

    def kernel(self, bits: int, check: Callable[..., None] | None = None) -> Any:
        def run(grid: Any, block: int, q: int, out: int, *rest: Any) -> None:
            if check is not None:
                check(self.blocks[q], *rest)
            self.blocks[out].view(np.uint16)[:] = bits

        return run


def ask(device: Any, first: Any, second: Any, group: int, fp8: bool = True, fp16: bool = False) -> bool:
    return agree(
        device, device, device, ((first, 512), (second, 256)), group=group, head_dim=128, page_size=16,
        tokens_per_tile=tile_tokens(group), kv_fp8=fp8, fp16=fp16, soft_cap=0.0,
    )  # fmt: skip


@pytest.mark.parametrize("group", [1, 4, 71, 128])
@pytest.mark.parametrize("fp8", [False, True])
def test_what_the_kernels_are_given(group: int, fp8: bool) -> None:
    """One row of 40 tokens after 250, tiled as prepare_step would, every page within the cache, every cell finite."""
    device = FakeDevice()

    def check(q: np.ndarray, keys: int, values: int, plan: int, work: int, *rest: Any) -> None:
        max_rows, max_splits, kv_heads, stride = rest[:4]
        made = StepPlan(device.blocks[plan].view(np.int32))
        assert (made.num_tokens, made.num_decodes, made.kv_len.tolist()) == (40, 0, [290])
        assert (max_rows, max_splits, kv_heads) == (1, 0, 1)
        words = device.blocks[work].view(np.int32)
        per = tile_tokens(group)
        assert words[2] == -(-40 // per)
        assert words[4 + 2 :: 2].tolist() == [0] * words[2]
        assert words[4 + 3 :: 2].tolist() == list(range(0, 40, per))
        assert len(q) == 40 * group * 128 * 2 == 40 * stride * 2
        for cells in (device.blocks[keys], device.blocks[values]):
            assert len(cells) == (made.page_ids.max() + 1) * 16 * 128 * (1 if fp8 else 2)
            assert ((cells & 0x7F) < 0x48).all() if fp8 else ((cells.view(np.uint16) & 0x7F80) != 0x7F80).all()

    kernel = device.kernel(0x3F80, check)
    assert ask(device, kernel, kernel, group, fp8)
    assert all(len(block) == 0 for block in device.blocks.values()), "everything is given back"


def test_what_counts_as_the_same() -> None:
    one = np.ones(100, np.float32)
    assert close(one, one * np.float32(1.005))
    assert not close(one, one * np.float32(1.05))
    assert not close(np.full(100, np.nan, np.float32), one)
    device = FakeDevice()
    assert not ask(device, device.kernel(0x3F80), device.kernel(0x3F90), 4)
    assert not ask(device, device.kernel(0xFFFF), device.kernel(0xFFFF), 4, fp16=True)


@pytest.mark.gpu
@pytest.mark.parametrize("cap", [0, 1])
@pytest.mark.parametrize("fp8", [0, 1])
@pytest.mark.parametrize(("dim", "group"), [(64, 1), (64, 8), (128, 1), (128, 4), (128, 8), (128, 12)])
def test_the_kernel_for_hopper_agrees(gpu: Any, dim: int, group: int, fp8: int, cap: int) -> None:
    if gpu.driver.info.arch != 90:
        pytest.skip("needs compute capability 9.0")
    staging = StagingRing(gpu.driver, gpu.memory, gpu.stream, 2, 1 << 20)
    macros = {"HEAD_DIM": dim, "GROUP": group, "PAGE_SIZE": 16, "SOFT_CAP": cap, "KV_FP8": fp8}

    def plain(macros: dict[str, int]) -> Any:
        more = {**macros, "WARPS": PREFILL_WARPS, "TILE_KEYS": 64, "ALIBI": 0}
        return gpu.kernel("attention_prefill", "attention_prefill", more, prefill_shared(dim, 64)), 32 * PREFILL_WARPS

    name = "attention_prefill_sm90"
    hopper = (gpu.kernel(name, name, macros, hopper_shared(dim, bool(fp8))), HOPPER_BLOCK)
    options = {
        "group": group, "head_dim": dim, "page_size": 16, "tokens_per_tile": tile_tokens(group), "kv_fp8": bool(fp8),
        "fp16": False, "soft_cap": 50.0 * cap,
    }  # fmt: skip
    assert agree(gpu.driver, gpu.memory, staging, (hopper, plain(macros)), **options)
    if cap:  # without the cap, scores are used as exponents of another base: another result
        assert not agree(gpu.driver, gpu.memory, staging, (hopper, plain({**macros, "SOFT_CAP": 0})), **options)
    staging.close()
