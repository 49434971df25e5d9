"""Weights of 4 and 8 bits without a GPU: the kernels emulated, the loader and the choice of products on top of them."""

from __future__ import annotations

import logging
import os
from typing import Any

import numpy as np
import pytest

from engines.api.errors import DeviceError, UnsupportedError
from engines.cuda.gemm import Shape, Tactic, TacticCache
from engines.cuda.packed import (
    LAUNCH_TOKENS,
    PACKED_TOKENS,
    PackedKernels,
    Packing,
    Variant,
    check_packing,
    hopper_variants,
    piece_rows,
    pieces,
    skinny_blocks,
    variants,
)
from engines.cuda.weights import Parameters, weight_bytes
from engines.network.schemes import SCHEMES, Scheme
from engines.passes import compile_program
from engines.weights import round_bf16
from tests.engines.cuda.compare import relative_error

# Of each kind one; every further case is a compilation.
CASES = [("i4g128", 90, 0), ("i4g32z", 90, 2), ("i8", 90, 1), ("i8g128z", 75, 1)]
if "SOAK_ROUNDS" in os.environ:
    CASES += [("i4g64", 75, 0), ("i8z", 80, 0), ("i4g256", 90, 2), ("i4", 120, 0)]


@pytest.mark.parametrize(("key", "arch", "order"), CASES)
def test_products(emulator: Any, beside: Any, key: str, arch: int, order: int) -> None:
    """K that ends within a step, N within a tile, joined weights, every element written and none behind."""
    checks = beside("test_gpu_packed.py")
    packing, machine = checks.PACKINGS[key], emulator(arch=arch, order=order)
    checks.check_way_back(machine, packing, 19, packing.group * 3 or 264)
    checks.check_products(machine, packing, 35, packing.group * 5 or 776, 1, [Variant("packed", 2, 3)])


@pytest.mark.parametrize("order", [0, 1])
def test_many_tokens_two_tiles_of_rows_and_split_sums(emulator: Any, beside: Any, order: int) -> None:
    checks = beside("test_gpu_packed.py")
    machine = emulator(order=order)
    checks.check_products(machine, checks.PACKINGS["i4g128"], 99, 768, 35, [Variant("wide", 2, 3, 2, 2)], bias=True)
    checks.check_difference(machine)


def test_fp16(emulator: Any, beside: Any) -> None:
    checks = beside("test_gpu_packed.py")
    machine = emulator(fp16=True, order=2)
    checks.check_way_back(machine, checks.PACKINGS["i8g128z"], 16, 128)
    checks.check_products(machine, checks.PACKINGS["i8g128z"], 16, 256, 2, [Variant("packed", 2, 2)])


def test_loaded_weights_are_the_checkpoints(emulator: Any, make_model: Any) -> None:
    """q, k and v side by side, and everything else of a model."""
    machine, model = emulator(), make_model(layers=1).quantized("int4")
    program = compile_program(model.network, model.schemes)
    params = Parameters(machine.driver, machine.memory, machine.staging, machine.modules, program, model, False)
    group = ("l.0.q.weight", "l.0.k.weight", "l.0.v.weight")
    w = params.get(*group)
    assert w.shape == (256, 128)
    out = machine.poisoned(256 * 128 * 2)
    PackedKernels(machine.driver, machine.modules).unpack(Packing(4, 128, False), w.ptr, out, 0, 256, 256, 128)
    nibbles = np.concatenate([model.arrays[name] for name in group])
    codes = np.stack([nibbles & 15, nibbles >> 4], -1).reshape(256, 128).astype(np.float32) - 8
    scales = np.concatenate([model.arrays[f"{name}.scale"] for name in group]).astype(np.float32)
    np.testing.assert_array_equal(machine.get(out, (256, 128), np.uint16), round_bf16(codes * scales))
    np.testing.assert_array_equal(
        machine.get(params.get("norm.weight").ptr, (128,), np.uint16), model.arrays["norm.weight"]
    )


def test_a_gpu_that_unpacks_wrongly_is_refused(emulator: Any, make_model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    machine, model = emulator(), make_model(layers=1).quantized("int4")
    right = PackedKernels.repack
    monkeypatch.setattr(PackedKernels, "repack", lambda self, p, a, b, n, k: right(self, p, a, b, n - 1, k))
    with pytest.raises(DeviceError, match="int4-g128 weights do not give back what was packed"):
        Parameters(
            machine.driver, machine.memory, machine.staging, machine.modules,
            compile_program(model.network, model.schemes), model, False,
        )  # fmt: skip


def test_a_kernel_is_chosen_only_where_it_agrees(
    emulator: Any, beside: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    checks, machine, packing = beside("test_gpu_packed.py"), emulator(), Packing(4, 128, False)
    made = beside("emulator/host.py").Products
    monkeypatch.setattr("engines.cuda.gemm.variants", lambda packing, m, n, k, sms, shared: [Variant("wide", 2, 2)])
    monkeypatch.setattr(
        "engines.cuda.gemm.hopper_variants", lambda packing, m, n, k, sms, shared: [Variant("sm90", 16, 2, 1, 1, 64)]
    )
    monkeypatch.setattr("engines.cuda.gemm.piece_rows", lambda n, k: 128)
    monkeypatch.setattr("engines.cuda.gemm.pieces", lambda n, k: [0, 72])
    n, k, m = 200, 256, 70
    tensors, w = checks.random_weight(packing, n, k)
    _, pw = checks.put(machine, packing, [tensors], k)
    rng = np.random.default_rng(0)
    x, bias = round_bf16(rng.standard_normal((m, k)).astype(np.float32)), round_bf16(np.ones(n, np.float32))
    px, pb, shape = machine.put(x), machine.put(bias), Shape(n, k, m, bias=True, packed=packing)
    wanted = (x.astype(np.uint32) << 16).view(np.float32) @ w.T + 1
    for spoiled, kind in ((False, "wide"), (True, "unpack")):
        caplog.clear()
        gemm = made(machine.driver, machine.memory, machine.modules, spoiled=spoiled)
        y = machine.poisoned(m * n * 2)
        gemm.reserve([(packing, n, k)], [])
        with caplog.at_level(logging.WARNING):
            assert gemm.prepare(shape, [(pw, pb)], machine.poisoned(x.nbytes), y).kind == kind
        assert ("disagrees with cuBLASLt" in caplog.text) == (kind == "unpack")
        y = machine.poisoned(m * n * 2)
        gemm.run(shape, pw, pb, px, y, n)
        assert relative_error(machine.get_bf16(y, (m, n)).astype(np.float64), wanted) < 4e-3
        # What was kept is asked again: a driver may have changed.
        again = made(machine.driver, machine.memory, machine.modules, spoiled=True)
        again.reserve([(packing, n, k)], [])
        again.tactics = gemm.tactics
        assert (
            again.prepare(shape, [(pw, pb)], machine.poisoned(x.nbytes), machine.poisoned(m * n * 2)).kind == "unpack"
        )


@pytest.mark.parametrize("arch", [90, 75])
def test_products_of_int8_codes(emulator: Any, beside: Any, arch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ours for few tokens, and int32 sums in pieces that overlap: both to the bit."""
    machine, rng = emulator(arch=arch), np.random.default_rng(0)
    n, k, m = 32, 256, 19
    w, x = (rng.integers(-127, 128, size).astype(np.int8) for size in ((n, k), (m, k)))
    pw, px = machine.put(w), machine.put(x)
    gemm = beside("emulator/host.py").Products(machine.driver, machine.memory, machine.modules)
    monkeypatch.setattr("engines.cuda.gemm.SUMS", 4 * n * 7)
    gemm.reserve([], [(n, k)])
    wanted = round_bf16((x.astype(np.int64) @ w.T.astype(np.int64)).astype(np.float32))
    for tactic in (Tactic("skinny", rows=2, unroll=2), Tactic("lt", algo="00")):
        y = machine.poisoned(m * n * 2)
        gemm._run(Shape(n, k, m, int8=True), tactic, pw, 0, px, y, n)
        np.testing.assert_array_equal(machine.get(y, (m, n), np.uint16), wanted)


def test_a_kernel_for_int8_products_is_used_only_where_it_is_right(
    emulator: Any, beside: Any, caplog: pytest.LogCaptureFixture
) -> None:
    machine, shape, chosen = emulator(), Shape(64, 256, 2, int8=True), Tactic("skinny", rows=2, unroll=2)
    x, y = machine.poisoned(2048), machine.poisoned(2 * 64 * 2)
    w = machine.put(np.zeros((64, 256), np.int8))
    made = beside("emulator/host.py").Products
    gemm = made(machine.driver, machine.memory, machine.modules)
    assert gemm.prepare(shape, [(w, 0)], x, y).kind == "skinny"
    gemm = made(machine.driver, machine.memory, machine.modules, spoiled=True)
    gemm.tactics.put(shape.key, chosen)
    with caplog.at_level(logging.WARNING), pytest.raises(DeviceError, match="no way to compute"):
        gemm.prepare(shape, [(w, 0)], x, y)  # this stand-in has no other way
    assert "is wrong on this GPU" in caplog.text


def test_rounding_to_int8(emulator: Any) -> None:
    """The reference's codes and scales, static and of each token, but for values halfway between two codes."""
    machine, rng = emulator(), np.random.default_rng(0)
    bits = round_bf16((rng.standard_normal((3, 264)) * 5).astype(np.float32))
    x = (bits.astype(np.uint32) << 16).view(np.float32)
    for fixed in (0.0, 0.02):
        codes, scales = machine.poisoned(x.size), machine.poisoned(12)
        kernel = machine.kernel("elementwise", "quantize_fp8", {"NORM_VECTORS": 2, "CODE_INT8": 1})
        kernel((3, 1, 1), 32, machine.put(bits), codes, scales, fixed, 33)
        scale = np.full((3, 1), fixed, np.float32) if fixed else machine.get(scales, (3, 1), np.float32)
        if not fixed:
            np.testing.assert_allclose(scale, np.abs(x).max(1, keepdims=True) / 127, rtol=1e-6)
        found = machine.get(codes, x.shape, np.int8).astype(np.float32)
        assert (np.abs(found - np.clip(x / scale, -127, 127)) <= 0.5001).all()


def test_what_there_is_no_kernel_for_is_named() -> None:
    assert check_packing(SCHEMES["int4"]) == Packing(4, 128, False)
    assert check_packing(Scheme("int8", "group", 32, zero_points=True)) == Packing(8, 32, True)
    for scheme, reason in (
        (Scheme("int4", "group", 16), "groups of 16 columns"),
        (Scheme("int4", "group", 192), "groups of 192 columns"),
        (Scheme("int4", "group", 128, pre_scale=True), "multiplied by first"),
        (SCHEMES["fp8-w8a16"], "its type"),
        (SCHEMES["nvfp4"], "its type"),
    ):
        with pytest.raises(UnsupportedError, match=reason):
            check_packing(scheme)


@pytest.mark.parametrize("key", ["int4", "int4-g64", "int8"])
def test_memory_is_that_of_the_codes(make_model: Any, key: str) -> None:
    plain, packed = make_model(hidden=256, ffn=512), make_model(hidden=256, ffn=512).quantized(key)
    program = compile_program(packed.network, packed.schemes)
    linear = sum(int(np.prod(packed.network.params[name])) for name in packed.schemes)
    kept = weight_bytes(compile_program(plain.network)) - 2 * linear
    rows = sum(packed.network.params[name][0] for name in packed.schemes)
    scheme = SCHEMES[key]
    scales = linear // scheme.group * 2 if scheme.group else rows * 4
    exact = kept + linear * (8 if key == "int8" else 4) // 8 + scales
    assert exact <= weight_bytes(program) <= exact + 512 * len(packed.schemes)


def test_pieces_cover_a_weight_with_one_size() -> None:
    for n, k in ((28672, 4096), (4096, 14336), (6144, 4096), (1000, 64), (100, 1 << 20), (128256, 4096)):
        rows = piece_rows(n, k)
        covered = np.zeros(n, bool)
        for first in pieces(n, k):
            assert 0 <= first <= n - rows
            assert first % 128 == 0 or rows == n
            covered[first : first + rows] = True
        assert covered.all()
        assert rows * k * 2 <= 32 << 20 or rows == n or rows == 128


@pytest.mark.parametrize("m", [1, 8, 19, 64])
def test_variants_fit_and_fill_the_device(m: int) -> None:
    """The derivation in `shapes`, for Llama-3-8B on an H200: enough on its way, and no more splits than multiprocessors need."""
    for n, k in ((6144, 4096), (4096, 4096), (28672, 4096), (4096, 14336), (1024, 1024), (512, 14336)):
        for packing in (Packing(4, 128, False), Packing(8, 32, True)):
            found = variants(packing, m, n, k, 132, 232448)
            assert len(found) == len(set(found))
            assert any(variant.kind == "packed" for variant in found) == (m == 1 or (m == 8 and k <= 4096))
            for variant in found:
                shared, warps = variant.shared(packing, m, k), variant.warps
                assert shared <= 232448
                if variant.kind == "wide":
                    blocks = -(-n // 16 // (warps * variant.row_tiles))
                    assert variant.split == 1 or (blocks * variant.split <= 2 * 132 and k // 128 >= 2 * variant.split)
                elif packing.bits == 4:
                    resident = min(232448 // shared, 1280 // (32 * warps))
                    assert resident * warps * (variant.stages - 1) * packing.bits * 256 >= 26e3
            # Where a block may have 64 KB, on sm_75, something remains.
            least = variants(packing, m, n, k, 40, 65536)
            assert least
            assert all(variant.shared(packing, m, k) <= 65536 for variant in least)
    assert PACKED_TOKENS % LAUNCH_TOKENS == 0


@pytest.mark.parametrize("m", [1, 16, 65, 256, 2048])
def test_variants_for_hopper_fit_and_fill_the_device(m: int) -> None:
    for n, k in ((6144, 4096), (4096, 4096), (28672, 4096), (4096, 14336), (1024, 1024), (512, 14336)):
        for packing in (Packing(4, 128, False), Packing(8, 32, True), Packing(8, 0, False)):
            found = hopper_variants(packing, m, n, k, 132, 232448)
            assert [variant.row_tiles for variant in found] == [2, 1]
            for variant in found:
                assert variant.shared(packing, m, k) <= 232448
                blocks = -(-m // variant.block) * -(-n // (128 * variant.row_tiles)) * variant.split
                assert variant.split == 1 or blocks <= 132
                assert blocks >= 66 or variant.split == k // 128 // 3, "idle multiprocessors"


def test_tiles_are_shared_out_evenly() -> None:
    """Blocks to a multiprocessor, such that the busiest has as few tiles of rows as can be."""
    assert skinny_blocks(1792, 132, 2) == 264  # 7 tiles twice, where 13.6 is the mean
    assert skinny_blocks(1792, 132, 4) == 264  # not 4: 4 tiles 4 times
    assert skinny_blocks(384, 132, 3) == 384
    assert skinny_blocks(64, 132, 4) == 64


def test_tactics_survive_a_file(tmp_path: Any) -> None:
    cache = TacticCache("a", tmp_path / "t.json")
    key = Shape(16, 128, 1, packed=Packing(4, 64, True)).key
    cache.put(key, Tactic("packed", rows=8, unroll=2, row_tiles=2, split=4))
    cache.write()
    again = TacticCache("a", tmp_path / "t.json")
    again.read()
    assert again.tactics == cache.tactics
    keys = {
        Shape(16, 128, 1, packed=p).key
        for p in (None, Packing(4, 64, True), Packing(4, 64, False), Packing(8, 64, False))
    }
    assert len(keys) == 4


# What packed_sm90.cu computes, on emulated tensor cores of a warpgroup: tiles of 64 rows, split, tokens of a block, order. K ends
# within a step, N within a tile, M within a block; a scale for 32, 64, 128 columns or a row.
HOPPER = [("i4g128", 139, 1664, 35, 1, 2, 32, 0), ("i4g32z", 40, 928, 20, 1, 1, 16, 1)]
if "SOAK_ROUNDS" in os.environ:
    HOPPER += [
        ("i8", 264, 776, 130, 2, 2, 128, 2), ("i8g128z", 99, 1280, 70, 2, 1, 64, 1), ("i4", 40, 264, 9, 1, 1, 16, 2),
        ("i4g64", 24, 448, 40, 2, 1, 64, 2), ("i8g64", 35, 320, 17, 1, 1, 32, 0), ("i4g128z", 300, 896, 140, 2, 3, 128, 0),
    ]  # fmt: skip


@pytest.mark.parametrize(("key", "n", "k", "m", "row_tiles", "split", "block", "order"), HOPPER)
def test_hopper(
    emulator: Any, beside: Any, key: str, n: int, k: int, m: int, row_tiles: int, split: int, block: int, order: int
) -> None:
    checks = beside("test_gpu_packed.py")
    way = Variant("sm90", 16, 3, row_tiles, split, block)
    machine = emulator(order=order, fp16=key == "i8g64")
    checks.check_products(machine, checks.PACKINGS[key], n, k, m, [way], bias=order == 0)
