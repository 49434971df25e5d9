"""Weights of 4 and 8 bits on a device: packing, the way back, products at awkward sizes against NumPy, into poisoned outputs. The
checks run on the emulated device too (test_packed.py)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engines.cuda.engine import CudaEngine
from engines.cuda.gemm import Gemm, Shape
from engines.cuda.packed import (
    LAUNCH_TOKENS,
    PackedKernels,
    PackedLoader,
    Packing,
    Variant,
    hopper_variants,
    split_bytes,
    variants,
)
from engines.network.schemes import Scheme
from engines.quantization.decode import dequantize
from engines.quantization.encode import encode
from engines.reference.engine import ReferenceEngine
from engines.weights import Tensor, round_bf16
from tests.engines.cuda.compare import relative_error, worst_error

pytestmark = pytest.mark.gpu

PACKINGS = {
    packing.key: packing
    for packing in (
        Packing(4, 128, False),
        Packing(4, 64, False),
        Packing(4, 32, True),
        Packing(4, 128, True),
        Packing(4, 256, False),
        Packing(4, 0, False),
        Packing(8, 0, False),
        Packing(8, 0, True),
        Packing(8, 128, True),
        Packing(8, 64, False),
    )
}


def scheme_of(packing: Packing) -> Scheme:
    return Scheme(
        "int4" if packing.bits == 4 else "int8",
        "group" if packing.group else "channel",
        packing.group or None,
        packing.zeros,
    )


def random_weight(packing: Packing, n: int, k: int, seed: int = 0) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Tensors by suffix, and the weight they stand for in float32."""
    scheme, rng = scheme_of(packing), np.random.default_rng(seed)
    plain = Scheme(scheme.weights, scheme.per, scheme.group)
    tensors: dict[str, Any] = dict(encode(plain, rng.standard_normal((n, k)).astype(np.float32)))
    if packing.zeros:
        tensors["zero"] = rng.integers(0, 17 if packing.bits == 4 else 256, tensors["scale"].shape).astype(np.uint8)
    types = scheme.tensors(n, k)
    return tensors, dequantize(scheme, {s: Tensor(s, types[s][0], array) for s, array in tensors.items()})


def put(machine: Any, packing: Packing, parts: list[dict[str, np.ndarray]], k: int) -> tuple[PackedKernels, int]:
    """The weight made of `parts` on the device."""
    n = sum(len(part[""]) for part in parts)
    kernels = PackedKernels(machine.driver, machine.modules)
    loader = PackedLoader(
        machine.driver,
        machine.memory,
        machine.staging,
        kernels,
        sum(part[""].nbytes for part in parts),
        machine.modules.fp16,
    )
    w = machine.poisoned(packing.places(n, k)[2])
    loader.load(packing, parts, k, w)
    loader.close()
    return kernels, w


def elements(machine: Any, x: np.ndarray) -> np.ndarray:
    return x.astype(np.float16).view(np.uint16) if machine.modules.fp16 else round_bf16(x.astype(np.float32))


def wide(machine: Any, bits: np.ndarray) -> np.ndarray:
    return (
        bits.view(np.float16).astype(np.float64)
        if machine.modules.fp16
        else (bits.astype(np.uint32) << 16).view(np.float32).astype(np.float64)
    )


def check_way_back(machine: Any, packing: Packing, n: int, k: int) -> None:
    """Two joined weights, packed, and any rows of them made into elements: NumPy's, to the bit."""
    (first, fw), (second, sw) = (random_weight(packing, rows, k, rows) for rows in (n, 24))
    kernels, w = put(machine, packing, [first, second], k)
    wanted = elements(machine, np.concatenate([fw, sw]))
    for start, count in ((0, n + 24), (n - 3, 20), (5, 1)):
        out = machine.poisoned(count * k * 2)
        kernels.unpack(packing, w, out, start, count, n + 24, k)
        np.testing.assert_array_equal(machine.get(out, (count, k), np.uint16), wanted[start : start + count])


def check_products(
    machine: Any,
    packing: Packing,
    n: int,
    k: int,
    m: int,
    ways: list[Variant],
    *,
    bias: bool = False,
) -> None:
    """Every variant gives the product of codes and scales, rounded once, "sm90" that of weights rounded to elements (nearly every
    element to the bit, as sums are in another order); what lies behind y is left alone."""
    rng = np.random.default_rng(m)
    tensors, w = random_weight(packing, n, k, n)
    kernels, pw = put(machine, packing, [tensors], k)
    x, b = elements(machine, rng.standard_normal((m, k))), elements(machine, rng.standard_normal(n))
    wanted = wide(machine, x) @ w.astype(np.float64).T + (wide(machine, b) if bias else 0)
    px, pb = machine.put(x), machine.put(b) if bias else 0
    for way in ways:
        y, parts = machine.poisoned((m * n + 7) * 2), machine.poisoned(split_bytes(m, n, way.split))
        kernels.multiply(packing, way, pw, pb, px, y, m, n, k, parts)
        found = machine.get(y, (m * n + 7,), np.uint16)
        assert (found[m * n :] == 0xFFFF).all()
        assert relative_error(wide(machine, found[: m * n].reshape(m, n)), wanted) < 4e-3, way
        if way.kind == "sm90" and packing.group:
            made = elements(machine, w)
            exact = wide(machine, x) @ wide(machine, made).T + (wide(machine, b) if bias else 0)
            equal = (found[: m * n].reshape(m, n) == elements(machine, exact)).mean()
            assert equal > (0.97 if packing.bits == 4 else 0.94), way  # an element of 8 bits may be rounded twice


@pytest.mark.parametrize("key", PACKINGS)
@pytest.mark.parametrize("n", [16, 19, 4096])
def test_the_way_back(gpu: Any, key: str, n: int) -> None:
    packing = PACKINGS[key]
    check_way_back(gpu, packing, n, 4096)
    check_way_back(gpu, packing, n, packing.group or 264)


@pytest.mark.parametrize("key", PACKINGS)
@pytest.mark.parametrize(("n", "k"), [(16, 256), (99, 768), (4096, 4096), (512, 14336)])
@pytest.mark.parametrize("m", [1, 2, 7, 19, 40, 64, 99, 300])
def test_products(gpu: Any, key: str, n: int, k: int, m: int) -> None:
    info, ways = gpu.driver.info, []
    if m <= LAUNCH_TOKENS:
        ways = variants(PACKINGS[key], m, n, k, info.multiprocessors, info.shared_per_block)
    if info.arch == 90:
        ways += hopper_variants(PACKINGS[key], m, n, k, info.multiprocessors, info.shared_per_block)
    check_products(gpu, PACKINGS[key], n, k, m, ways, bias=m == 2)


def test_difference(gpu: Any) -> None:
    check_difference(gpu)


def check_difference(machine: Any) -> None:
    rng = np.random.default_rng(0)
    a, b = (elements(machine, rng.standard_normal(9999)) for _ in range(2))
    kernels = PackedKernels(machine.driver, machine.modules)
    found = machine.put(np.zeros(4, np.float32))
    kernels.difference(Packing(4, 128, False), machine.put(a), machine.put(b), 9999, found)
    wa, wb = wide(machine, a), wide(machine, b)
    wanted = [((wa - wb) ** 2).sum(), (wb**2).sum(), 0, (np.abs(wa - wb) - np.abs(wb) / 64).max()]
    np.testing.assert_allclose(machine.get(found, (4,), np.float32), wanted, rtol=1e-4)
    a[[5, 9000]] = 0x7FC0
    kernels.difference(Packing(4, 128, False), machine.put(a), machine.put(b), 9999, found)
    assert machine.get(found, (4,), np.float32)[2] == 2


@pytest.mark.parametrize("key", ["i4g128", "i4g64", "i8", "i4g128z"])
@pytest.mark.parametrize("m", [1, 19, 64, 99, 989])
def test_the_choice_of_products(gpu: Any, key: str, m: int, caplog: pytest.LogCaptureFixture) -> None:
    """Every variant agrees with cublasLt on the unpacked weight, and what is chosen is the product."""
    packing, n, k = PACKINGS[key], 4096, 4096
    rng = np.random.default_rng(m)
    tensors, w = random_weight(packing, n, k, 1)
    _, pw = put(gpu, packing, [tensors], k)
    gemm = Gemm(gpu.driver, gpu.memory, gpu.modules, gpu.stream, fp16=False, cache=None)
    gemm.reserve([(packing, n, k)], [])
    px, py, shape = gpu.poisoned(m * k * 2), gpu.poisoned(m * n * 2), Shape(n, k, m, packed=packing)
    chosen = gemm.prepare(shape, [(pw, 0)], px, py)
    print(
        f"\n{shape.key}: {chosen.kind} {chosen.rows}x{chosen.unroll}x{chosen.row_tiles}/{chosen.split} {chosen.micros} us"
    )
    assert "disagrees" not in caplog.text
    x = elements(gpu, rng.standard_normal((m, k)))
    y = gpu.poisoned(m * n * 2)
    gemm.run(shape, pw, 0, gpu.put(x), y, n)
    assert relative_error(gpu.get_bf16(y, (m, n)), wide(gpu, x) @ w.astype(np.float64).T) < 6e-3
    gemm.close()


@pytest.mark.parametrize("m", [1, 8, 19, 64, 99, 989])
def test_products_of_int8_codes(gpu: Any, m: int) -> None:
    """By our kernel and by cublasLt, in pieces too: the whole numbers of NumPy, rounded once."""
    rng, n, k = np.random.default_rng(m), 4096, 1024
    w, x = (rng.integers(-127, 128, size).astype(np.int8) for size in ((n, k), (m, k)))
    wanted = round_bf16((x.astype(np.float64) @ w.astype(np.float64).T).astype(np.float32))
    gemm = Gemm(gpu.driver, gpu.memory, gpu.modules, gpu.stream, fp16=False, cache=None)
    gemm.reserve([], [(n, k)])
    pw, px, shape = gpu.put(w), gpu.put(x), Shape(n, k, m, int8=True)
    ways = gemm._candidates(shape, 0)
    assert any(way.kind == "lt" for way in ways)
    for way in ways:
        y = gpu.poisoned(m * n * 2)
        gemm._run(shape, way, pw, 0, px, y, n)
        np.testing.assert_array_equal(gpu.get(y, (m, n), np.uint16), wanted, str(way))
    gemm.close()


ENGINES: dict[str, dict[str, Any]] = {
    "small": {},
    "gqa": {"heads": 8, "kv_heads": 2, "head_dim": 128, "hidden": 512, "ffn": 1024},
    "bias": {"bias": True},
    "sinks": {"sinks": True, "window": 40},
}


@pytest.mark.parametrize("scheme", ["int4", "int4-g64", "int8", "w8a8"])
@pytest.mark.parametrize("shape", ENGINES)
def test_logits_are_the_references(
    shape: str, scheme: str, make_model: Any, feeder: Any, kernel_cache: Path, request: pytest.FixtureRequest
) -> None:
    """Weight-only schemes differ from the reference by bf16 alone; a code of W8A8 near a border falls to either side."""
    model = make_model(**ENGINES[shape]).quantized(scheme)
    engine = CudaEngine(model, num_pages=400, num_slots=64, max_tokens=1536, cache=kernel_cache)
    request.addfinalizer(engine.close)
    assert engine.spec.precision == model.schemes["l.0.q.weight"].label
    oracle = ReferenceEngine(model, num_pages=400, num_slots=64, max_tokens=1536, threads=2)
    ours, theirs = feeder(engine), feeder(oracle)
    rng = np.random.default_rng(0)
    text = lambda n: rng.integers(0, 1003, n).tolist()  # noqa: E731
    schedule = [{0: text(1)}, {0: text(1), 1: text(19)}, {1: text(99), 2: text(989)}]
    schedule += [{slot: text(1) for slot in range(4)} for _ in range(3)]
    schedule += [{**{slot: text(1) for slot in range(4)}, 4: text(16), 5: text(17)}]
    schedule += [{slot: text(1) for slot in range(6)} for _ in range(2)]
    worst = worst_error(ours, theirs, schedule)
    print(f"\n{shape} {scheme}: greatest relative error of logits {worst:.4f}")
    assert worst < (0.08 if scheme == "w8a8" else 0.03)
