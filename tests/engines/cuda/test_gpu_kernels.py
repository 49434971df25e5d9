"""Every kernel on a device against float64 formulas on the same bf16 inputs, at awkward sizes, into poisoned outputs."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from engines.api import PlanRow, StepPlan
from engines.cuda.attention import HOPPER_BLOCK, PREFILL_WARPS, hopper_shared, prefill_shared, tile_tokens
from engines.cuda.program import row_shape
from engines.cuda.state import WORK_HEADER
from engines.network.alibi import alibi_slopes
from engines.quantization.floats import decode_e4m3, encode_e4m3
from engines.weights import round_bf16
from tests.engines.cuda.compare import relative_error

pytestmark = pytest.mark.gpu

SIZES = (1, 19, 99, 989)


def bf16(rng: np.random.Generator, *shape: int, scale: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Random bits, and the values they stand for in float64."""
    bits = round_bf16((rng.standard_normal(shape) * scale).astype(np.float32))
    return bits, (bits.astype(np.uint32) << 16).view(np.float32).astype(np.float64)


def fp8_codes(rng: np.random.Generator, *shape: int, scale: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Random E4M3 codes, subnormals among them, and what they stand for in float64."""
    codes = encode_e4m3((rng.standard_normal(shape) * scale).astype(np.float32))
    return codes, decode_e4m3(codes).astype(np.float64)


@pytest.mark.parametrize("rows", SIZES)
@pytest.mark.parametrize("width", [8, 256, 4096, 14336])
def test_norms(gpu: Any, rows: int, width: int) -> None:
    rng = np.random.default_rng(rows + width)
    (x, fx), (r, fr), (w, fw), (b, fb) = (bf16(rng, *s) for s in ((rows, width), (rows, width), (width,), (width,)))
    px, pr, pw, pb = gpu.put(x), gpu.put(r), gpu.put(w), gpu.put(b)
    out, total = gpu.poisoned(x.nbytes), gpu.poisoned(x.nbytes)
    block, vectors = row_shape(width)
    rms = lambda v: v / np.sqrt((v**2).mean(-1, keepdims=True) + 1e-5) * fw  # noqa: E731
    gpu.kernel("elementwise", "rms_norm", {"NORM_VECTORS": vectors})((rows, 1, 1), block, px, pw, out, width // 8, 1e-5)
    assert relative_error(gpu.get_bf16(out, x.shape), rms(fx)) < 4e-3
    out = gpu.poisoned(x.nbytes)
    add_norm = gpu.kernel("elementwise", "add_rms_norm", {"NORM_VECTORS": vectors})
    add_norm((rows, 1, 1), block, px, pr, pw, total, out, width // 8, 1e-5)
    assert relative_error(gpu.get_bf16(total, x.shape), fx + fr) < 4e-3
    assert relative_error(gpu.get_bf16(out, x.shape), rms(fx + fr)) < 6e-3
    out = gpu.poisoned(x.nbytes)
    gpu.kernel("elementwise", "layer_norm", {"NORM_VECTORS": vectors})(
        (rows, 1, 1), block, px, pw, pb, out, width // 8, 1e-5
    )
    layer = (fx - fx.mean(-1, keepdims=True)) / np.sqrt(fx.var(-1, keepdims=True) + 1e-5) * fw + fb
    assert relative_error(gpu.get_bf16(out, x.shape), layer) < 4e-3


@pytest.mark.parametrize("rows", SIZES)
def test_elementwise(gpu: Any, rows: int) -> None:
    rng = np.random.default_rng(rows)
    width = 264
    (x, fx), (y, fy) = bf16(rng, rows, width), bf16(rng, rows, width)
    (pair, fpair) = bf16(rng, rows, 2 * width)
    px, py, pp = gpu.put(x), gpu.put(y), gpu.put(pair)
    count, grid = rows * width // 8, (-(-rows * width // 8 // 256), 1, 1)
    erf = np.vectorize(math.erf)
    acts = {
        0: lambda v: v / (1 + np.exp(-v)),
        1: lambda v: v * 0.5 * (1 + erf(v / math.sqrt(2))),
        2: lambda v: 0.5 * v * (1 + np.tanh(math.sqrt(2 / math.pi) * (v + 0.044715 * v**3))),
        3: lambda v: np.maximum(v, 0),
    }
    for kind, act in acts.items():
        out = gpu.poisoned(x.nbytes)
        gpu.kernel("elementwise", "gated_activation")(grid, 256, pp, out, count, width // 8, kind)
        assert relative_error(gpu.get_bf16(out, x.shape), act(fpair[:, :width]) * fpair[:, width:]) < 4e-3
        out = gpu.poisoned(x.nbytes)
        gpu.kernel("elementwise", "unary")(grid, 256, px, out, count, 0, kind, 0.0)
        assert relative_error(gpu.get_bf16(out, x.shape), act(fx)) < 4e-3
    for what, factor, wanted in ((1, 0.25, fx * 0.25), (2, 2.0, 2 * np.tanh(fx / 2))):
        out = gpu.poisoned(x.nbytes)
        gpu.kernel("elementwise", "unary")(grid, 256, px, out, count, what, 0, factor)
        assert relative_error(gpu.get_bf16(out, x.shape), wanted) < 4e-3
    for multiply, wanted in ((0, fx + fy), (1, fx * fy)):
        out = gpu.poisoned(x.nbytes)
        gpu.kernel("elementwise", "binary")(grid, 256, px, py, out, count, multiply)
        assert relative_error(gpu.get_bf16(out, x.shape), wanted) < 4e-3
    ids = rng.integers(0, rows, 77).astype(np.int32)
    out = gpu.poisoned(77 * width * 2)
    gpu.kernel("elementwise", "embedding")((77, 1, 1), 128, gpu.put(ids), px, out, width // 8)
    np.testing.assert_array_equal(gpu.get(out, (77, width), np.uint16), x[ids])


# --- attention -------------------------------------------------------------------------------------------------------------

PAGE = 16


class Cache:
    """A paged cache of one layer with given keys and values per row, everything else NaN."""

    def __init__(
        self,
        gpu: Any,
        rng: np.random.Generator,
        lengths: list[int],
        kv_heads: int,
        dim: int,
        page: int,
        fp8: bool = False,
    ) -> None:
        self.tables, pages = [], 1
        order = rng.permutation(sum(-(-n // page) for n in lengths)) + 1
        for n in lengths:
            count = -(-n // page)
            self.tables.append(order[pages - 1 : pages - 1 + count].astype(np.int32))
            pages += count
        self.keys = np.full((pages, kv_heads, page, dim), 0x7F if fp8 else 0x7FFF, np.uint8 if fp8 else np.uint16)
        self.values = self.keys.copy()
        make = fp8_codes if fp8 else bf16
        self.rows = []
        for n, table in zip(lengths, self.tables, strict=True):
            (k, fk), (v, fv) = (make(rng, n, kv_heads, dim) for _ in range(2))
            at = np.arange(n)
            self.keys[table[at // page], :, at % page] = k
            self.values[table[at // page], :, at % page] = v
            self.rows.append((fk, fv))
        self.pk, self.pv = gpu.put(self.keys), gpu.put(self.values)


def attend(
    q: np.ndarray,
    k: np.ndarray,
    v: np.ndarray,
    first: int,
    scale: float,
    window: int,
    cap: float,
    slopes: np.ndarray,
    sinks: np.ndarray | None = None,
) -> np.ndarray:
    """q [n, heads, d] at positions first ..; k, v [length, kv_heads, d] -> [n, heads, d] in float64."""
    group = q.shape[1] // k.shape[1]
    k, v = np.repeat(k, group, axis=1), np.repeat(v, group, axis=1)
    s = np.einsum("nhd,khd->hnk", q, k) * scale
    if cap:
        s = cap * np.tanh(s / cap)
    at, key = first + np.arange(len(q))[:, None], np.arange(len(k))[None]
    s = s + slopes[:, None, None] * (key - at)
    hidden = (key > at) | ((key <= at - window) if window else False)
    s = np.where(hidden, -np.inf, s)
    if sinks is not None:  # one key more, without a value
        s = np.concatenate([s, np.broadcast_to(sinks[:, None, None], (*s.shape[:2], 1))], -1)
        v = np.concatenate([v, np.zeros_like(v[:1])])
    w = np.exp(s - s.max(-1, keepdims=True))
    return np.einsum("hnk,khd->nhd", w / w.sum(-1, keepdims=True), v)


def run_attention(
    gpu: Any, rows: list[tuple[int, int, bool]], heads: int, kv_heads: int, dim: int, *, page: int = PAGE, window: int = 0,
    cap: float = 0.0, alibi: bool = False, tile_keys: int = 64, blocks: int = 528, splits: int = 0, seed: int = 0,
    fp8: bool = False, hopper: bool = False, sinks: float = 0.0,
) -> float:  # fmt: skip
    """rows: (tokens before, tokens of the step, is decode). `sinks`: their size, 0 for none. Greatest relative error over the
    rows."""
    splits = splits or len(rows) + 200
    rng = np.random.default_rng(seed)
    cache = Cache(gpu, rng, [start + n for start, n, _ in rows], kv_heads, dim, page, fp8)
    plan = StepPlan.build(
        1,
        [
            PlanRow(i, start, np.zeros(n, np.int32), cache.tables[i], True, decode)
            for i, (start, n, decode) in enumerate(rows)
        ],
    )
    count, group = plan.num_tokens, heads // kv_heads
    padded = count + 5
    (qkv, fq) = bf16(rng, padded, heads + 2 * kv_heads, dim)
    max_rows, tiles = 1024, count // tile_tokens(group) + len(rows) + 1
    tokens, positions, index = (gpu.poisoned(4 * padded) for _ in range(3))
    work = gpu.poisoned(4 * (WORK_HEADER + max_rows + 1 + splits + 2 * tiles))
    pplan, last = gpu.put(plan.buffer), gpu.put(np.zeros(max_rows, np.int32))
    gpu.kernel("step", "prepare_step")(
        (1 + -(-padded // 1024), 1, 1), 1024, pplan, last, tokens, positions, index, work, padded, page, max_rows,
        splits, tile_tokens(group), blocks, kv_heads * -(-group // 8), 0,
    )  # fmt: skip
    np.testing.assert_array_equal(gpu.get(positions, (padded,), np.int32), [*plan.positions, *[0] * (padded - count)])
    expected = [
        cache.tables[i][p // page] * page + p % page for i, (s, n, _) in enumerate(rows) for p in range(s, s + n)
    ]
    np.testing.assert_array_equal(gpu.get(index, (padded,), np.int32), [*expected, *[0] * (padded - count)])
    out = gpu.poisoned(padded * heads * dim * 2)
    partial, stat = gpu.poisoned(splits * heads * dim * 4), gpu.poisoned(splits * heads * 8)
    counters = gpu.put(np.zeros(max_rows * heads, np.int32))
    scale = dim**-0.5
    key_scale, value_scale = (0.25, 3.0) if fp8 else (1.0, 1.0)
    scale *= key_scale
    given = scale if cap else scale * math.log2(math.e)
    pq, stride = gpu.put(qkv), (heads + 2 * kv_heads) * dim
    macros = {"HEAD_DIM": dim, "GROUP": group, "PAGE_SIZE": page, "SOFT_CAP": int(cap > 0), "ALIBI": int(alibi)}
    macros |= {"KV_FP8": int(fp8), "SINKS": int(sinks > 0)}
    sink, wide_sink = bf16(rng, heads, scale=sinks)
    given_sinks = gpu.put(sink) if sinks else 0
    slopes = alibi_slopes(heads) if alibi else np.zeros(heads, np.float32)
    given_slopes = gpu.put(slopes * np.float32(math.log2(math.e)))
    decode = gpu.kernel("attention_decode", "attention_decode", macros)
    for _ in range(2):  # twice: the counters must be back at zero
        decode(
            (132, 1, 1), 128, pq, out, cache.pk, cache.pv, pplan, work, partial, stat, counters, max_rows, kv_heads, stride, given,
            window, cap, given_slopes, value_scale, given_sinks,
        )  # fmt: skip
    if hopper:
        prefill = gpu.kernel("attention_prefill_sm90", "attention_prefill_sm90", macros, hopper_shared(dim, fp8))
    else:
        macros |= {"WARPS": PREFILL_WARPS, "TILE_KEYS": tile_keys}
        prefill = gpu.kernel("attention_prefill", "attention_prefill", macros, prefill_shared(dim, tile_keys))
    prefill(
        (132, 1, 1), HOPPER_BLOCK if hopper else 32 * PREFILL_WARPS, pq, out, cache.pk, cache.pv, pplan, work, max_rows, splits,
        kv_heads, stride, given, window, cap, given_slopes, value_scale, given_sinks,
    )  # fmt: skip
    found = gpu.get_bf16(out, (padded, heads, dim))
    worst = 0.0
    for i, (start, n, _) in enumerate(rows):
        at = int(plan.query_start[i])
        k, v = cache.rows[i]
        wanted = (
            attend(fq[at : at + n, :heads], k, v, start, scale, window, cap, slopes, wide_sink if sinks else None)
            * value_scale
        )
        worst = max(worst, relative_error(found[at : at + n], wanted))
    assert (gpu.get(out, (padded, heads, dim), np.uint16)[count:] == 0xFFFF).all()
    return worst


HEADS = [
    (4, 4, 32),
    (8, 4, 32),
    (12, 12, 64),
    (8, 2, 64),
    (32, 8, 128),
    (8, 1, 128),
    (12, 1, 128),
    (32, 1, 64),
    (71, 1, 64),
    (4, 4, 16),
    (6, 6, 48),
    (8, 8, 80),
    (8, 2, 80),
    (6, 2, 96),
    (4, 4, 112),
    (4, 2, 160),
    (4, 4, 192),
    (4, 4, 256),
    (16, 2, 256),
]


@pytest.mark.parametrize(("heads", "kv_heads", "dim"), HEADS)
@pytest.mark.parametrize("fp8", [False, True])
def test_decode_attention(gpu: Any, heads: int, kv_heads: int, dim: int, fp8: bool) -> None:
    lengths = [1, 15, 16, 17, 31, 32, 33, 63, 64, 65, 99, 127, 989, 2050, 3, 300]
    assert run_attention(gpu, [(n - 1, 1, True) for n in lengths], heads, kv_heads, dim, fp8=fp8) < 8e-3
    assert run_attention(gpu, [(988, 1, True)], heads, kv_heads, dim, fp8=fp8) < 8e-3
    rows = [(988, 1, True), (5, 1, True)]
    assert run_attention(gpu, rows, heads, kv_heads, dim, splits=2, page=64, fp8=fp8) < 8e-3


@pytest.mark.parametrize("window", [1, 20, 100])
def test_sliding_window_and_soft_cap(gpu: Any, window: int) -> None:
    rows = [(988, 1, True), (7, 1, True), (98, 1, True), (500, 19, False), (0, 300, False), (0, 1, False)]
    assert run_attention(gpu, rows, 8, 2, 64, window=window) < 8e-3
    assert run_attention(gpu, rows, 8, 2, 64, window=window, cap=3.0) < 8e-3
    assert run_attention(gpu, rows, 8, 2, 64, window=window, cap=3.0, fp8=True) < 8e-3


@pytest.mark.parametrize(("heads", "kv_heads", "dim"), HEADS)
@pytest.mark.parametrize("fp8", [False, True])
def test_prefill_attention(gpu: Any, heads: int, kv_heads: int, dim: int, fp8: bool) -> None:
    rows = [
        (16, 1, True),
        (0, 1, False),
        (0, 19, False),
        (99, 99, False),
        (15, 64, False),
        (16, 65, False),
        (989, 33, False),
    ]
    assert run_attention(gpu, rows, heads, kv_heads, dim, fp8=fp8) < 8e-3
    assert run_attention(gpu, [(0, 989, False)], heads, kv_heads, dim, page=32, fp8=fp8) < 8e-3


@pytest.mark.parametrize("fp8", [False, True])
@pytest.mark.parametrize(("heads", "kv_heads", "dim"), [shape for shape in HEADS if shape[2] in (64, 128)])
def test_prefill_attention_on_hopper(gpu: Any, heads: int, kv_heads: int, dim: int, fp8: bool) -> None:
    if gpu.driver.info.arch != 90:
        pytest.skip("needs compute capability 9.0")
    rows = [
        (16, 1, True),
        *((n, m, False) for n, m in ((0, 1), (0, 19), (99, 99), (15, 64), (127, 1), (128, 129), (989, 33))),
    ]
    assert run_attention(gpu, rows, heads, kv_heads, dim, fp8=fp8, hopper=True) < 8e-3
    assert run_attention(gpu, [(0, 989, False)], heads, kv_heads, dim, page=32, fp8=fp8, hopper=True) < 8e-3
    assert run_attention(gpu, rows, heads, kv_heads, dim, window=20, fp8=fp8, hopper=True) < 8e-3
    assert run_attention(gpu, rows, heads, kv_heads, dim, cap=3.0, window=100, fp8=fp8, hopper=True) < 8e-3
    rng = np.random.default_rng(5)
    many = [(int(n), int(m), False) for n, m in rng.integers(1, 300, (25, 2))]
    assert run_attention(gpu, many, heads, kv_heads, dim, fp8=fp8, hopper=True) < 1e-2


@pytest.mark.parametrize(
    ("heads", "kv_heads", "dim"), [(8, 2, 64), (12, 12, 80), (71, 1, 64), (16, 16, 128), (4, 2, 256)]
)
def test_alibi(gpu: Any, heads: int, kv_heads: int, dim: int) -> None:
    rows = [(988, 1, True), (0, 1, True), (98, 1, True), (500, 19, False), (0, 300, False), (0, 1, False)]
    assert run_attention(gpu, rows, heads, kv_heads, dim, alibi=True) < 8e-3
    assert run_attention(gpu, rows, heads, kv_heads, dim, alibi=True, window=100, cap=5.0) < 8e-3


@pytest.mark.parametrize("fp8", [False, True])
@pytest.mark.parametrize(
    ("heads", "kv_heads", "dim"), [(8, 2, 64), (64, 8, 64), (12, 12, 80), (32, 8, 128), (4, 2, 256)]
)
def test_sinks(gpu: Any, heads: int, kv_heads: int, dim: int, fp8: bool) -> None:
    """Small ones, and such that most of the weight is theirs; by the kernel for Hopper too."""
    rows = [(988, 1, True), (0, 1, True), (98, 1, True), (500, 19, False), (0, 300, False), (0, 1, False)]
    for size, window in ((1.0, 0), (8.0, 0), (4.0, 100)):
        assert run_attention(gpu, rows, heads, kv_heads, dim, sinks=size, window=window, fp8=fp8) < 8e-3
        if gpu.driver.info.arch == 90 and dim in (64, 128):
            assert (
                run_attention(gpu, rows, heads, kv_heads, dim, sinks=size, window=window, fp8=fp8, hopper=True) < 8e-3
            )


@pytest.mark.parametrize(("dim", "tile_keys"), [(64, 32), (128, 32), (128, 16), (256, 32), (256, 16), (80, 32)])
def test_tiles_for_less_shared_memory(gpu: Any, dim: int, tile_keys: int) -> None:
    rows = [(0, 19, False), (99, 99, False), (15, 64, False), (989, 33, False)]
    assert run_attention(gpu, rows, 8, 2, dim, tile_keys=tile_keys) < 8e-3


def test_logits_bias_and_packing(gpu: Any) -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((19, 1008)).astype(np.float32)
    bias, wide = bf16(rng, 1003)
    ptr = gpu.put(x)
    gpu.kernel("elementwise", "bias_float")((4, 19, 1), 256, ptr, gpu.put(bias), 1003, 1008)
    x[:, :1003] += wide.astype(np.float32)
    np.testing.assert_array_equal(gpu.get(ptr, x.shape, np.float32), x)
    (q, _), (k, _), (v, _) = bf16(rng, 99, 80), bf16(rng, 99, 16), bf16(rng, 99, 16)
    out = gpu.poisoned(99 * 112 * 2)
    gpu.kernel("elementwise", "pack_qkv")((99, 1, 1), 128, gpu.put(q), gpu.put(k), gpu.put(v), out, 10, 2)
    np.testing.assert_array_equal(gpu.get(out, (99, 112), np.uint16), np.hstack([q, k, v]))


def test_many_rows(gpu: Any) -> None:
    rng = np.random.default_rng(5)
    rows = [(int(n), 1, True) for n in rng.integers(0, 300, 512)]
    assert run_attention(gpu, rows, 8, 2, 64) < 1e-2
    rows = [(int(n), 1, True) for n in rng.integers(0, 300, 100)] + [
        (int(n), int(m), False) for n, m in rng.integers(1, 90, (60, 2))
    ]
    assert run_attention(gpu, rows, 32, 8, 128) < 1e-2


@pytest.mark.parametrize(
    ("dim", "rotary", "interleaved"),
    [(32, 32, 0), (64, 64, 0), (128, 128, 0), (128, 64, 1), (64, 32, 1), (256, 64, 1), (80, 32, 0), (96, 96, 0)],
)
@pytest.mark.parametrize(("norm", "whole"), [(False, False), (True, False), (False, True)])
def test_rope_and_cache_write(gpu: Any, dim: int, rotary: int, interleaved: int, norm: bool, whole: bool) -> None:
    rng = np.random.default_rng(dim + rotary)
    heads, kv_heads, count = 6, 2, 99
    (qkv, f), (qw, fqw), (kw, fkw) = bf16(rng, count, heads + 2 * kv_heads, dim), bf16(rng, dim), bf16(rng, dim)
    positions = rng.integers(0, 500, count).astype(np.int32)
    index = rng.permutation(count * 2)[:count].astype(np.int32)
    angle = np.arange(500)[:, None] * 1e4 ** (-np.arange(rotary // 2) / (rotary // 2))
    table = np.stack([np.cos(angle), np.sin(angle)], -1).astype(np.float32)
    pages = -(-2 * count // PAGE)
    cache = [gpu.poisoned(pages * kv_heads * PAGE * dim * 2) for _ in range(2)]
    pq = gpu.put(qkv)
    common = (gpu.put(positions), gpu.put(index), gpu.put(table))
    sizes = (heads, kv_heads, PAGE)
    if whole:
        if norm or interleaved or rotary < dim or dim not in (32, 64, 128, 256):
            pytest.skip("not rotated as a whole")
        gpu.kernel("rope_kv", "rope_kv_whole", {"HEAD_DIM": dim})(
            (count, -(-10 * dim // 16 // 256), 1), 256, pq, *common, *cache, *sizes, 0, 0, 1.0, 1.0
        )
    else:
        gpu.kernel("rope_kv", "rope_kv", {"HEAD_DIM": dim})(
            (count, 2, 1), 256, pq, *common, gpu.put(qw) if norm else 0, gpu.put(kw) if norm else 0, *cache, *sizes, rotary,
            interleaved, 1e-6, 0, 0, 1.0, 1.0,
        )  # fmt: skip
    if norm:
        scaled = f / np.sqrt((f**2).mean(-1, keepdims=True) + 1e-6)
        f[:, :heads] = scaled[:, :heads] * fqw
        f[:, heads : heads + kv_heads] = scaled[:, heads : heads + kv_heads] * fkw
    turned = f.copy()
    half = rotary // 2
    for i in range(half):
        a, b = (2 * i, 2 * i + 1) if interleaved else (i, i + half)
        cos, sin = (table[positions, i, j].astype(np.float64)[:, None] for j in (0, 1))
        turned[..., a] = f[..., a] * cos - f[..., b] * sin
        turned[..., b] = f[..., b] * cos + f[..., a] * sin
    assert relative_error(gpu.get_bf16(pq, qkv.shape)[:, :heads], turned[:, :heads]) < 4e-3
    k, v = (gpu.get_bf16(c, (pages, kv_heads, PAGE, dim))[index // PAGE, :, index % PAGE] for c in cache)
    assert relative_error(k, turned[:, heads : heads + kv_heads]) < 4e-3
    np.testing.assert_array_equal(v, f[:, heads + kv_heads :])


@pytest.mark.parametrize(("norm", "whole"), [(False, False), (True, False), (False, True)])
def test_cache_write_in_codes_of_a_product_of_codes(gpu: Any, norm: bool, whole: bool) -> None:
    """Scales of tokens and columns applied, q in place, keys and values as codes."""
    rng = np.random.default_rng(8)
    heads, kv_heads, count, dim = 6, 2, 99, 64
    every = heads + 2 * kv_heads
    (qkv, f), (qw, fqw), (kw, fkw) = bf16(rng, count, every, dim, scale=900.0), bf16(rng, dim), bf16(rng, dim)
    rows, columns = (rng.uniform(0.5, 2, n).astype(np.float32) for n in (count, every * dim))
    columns /= 900
    positions = rng.integers(0, 500, count).astype(np.int32)
    index = rng.permutation(count * 2)[:count].astype(np.int32)
    angle = np.arange(500)[:, None] * 1e4 ** (-np.arange(dim // 2) / (dim // 2))
    table = np.stack([np.cos(angle), np.sin(angle)], -1).astype(np.float32)
    pages = -(-2 * count // PAGE)
    cache = [gpu.poisoned(pages * kv_heads * PAGE * dim) for _ in range(2)]
    pq = gpu.put(qkv)
    common = (gpu.put(positions), gpu.put(index), gpu.put(table))
    after = (gpu.put(rows), gpu.put(columns), 2.0, 4.0)
    macros = {"HEAD_DIM": dim, "KV_FP8": 1}
    if whole:
        gpu.kernel("rope_kv", "rope_kv_whole", macros)(
            (count, 1, 1), 256, pq, *common, *cache, heads, kv_heads, PAGE, *after
        )
    else:
        gpu.kernel("rope_kv", "rope_kv", macros)(
            (count, 2, 1), 256, pq, *common, gpu.put(qw) if norm else 0, gpu.put(kw) if norm else 0, *cache, heads, kv_heads,
            PAGE, dim, 0, 1e-6, *after,
        )  # fmt: skip
    f = f * rows[:, None, None] * columns.reshape(every, dim)
    if norm:
        scaled = f / np.sqrt((f**2).mean(-1, keepdims=True) + 1e-6)
        f[:, :heads] = scaled[:, :heads] * fqw
        f[:, heads : heads + kv_heads] = scaled[:, heads : heads + kv_heads] * fkw
    turned, half = f.copy(), dim // 2
    cos, sin = (table[positions, :, j].astype(np.float64)[:, None] for j in (0, 1))
    turned[..., :half] = f[..., :half] * cos - f[..., half:] * sin
    turned[..., half:] = f[..., half:] * cos + f[..., :half] * sin
    assert relative_error(gpu.get_bf16(pq, qkv.shape)[:, :heads], turned[:, :heads]) < 4e-3
    k, v = (gpu.get(c, (pages, kv_heads, PAGE, dim), np.uint8)[index // PAGE, :, index % PAGE] for c in cache)
    assert relative_error(decode_e4m3(k) / 2, turned[:, heads : heads + kv_heads]) < 4e-2
    assert relative_error(decode_e4m3(v) / 4, f[:, heads + kv_heads :]) < 4e-2
    wanted = encode_e4m3((turned[:, heads : heads + kv_heads] * 2).astype(np.float32))
    assert (k == wanted).mean() > 0.999


def test_page_copies(gpu: Any) -> None:
    rng = np.random.default_rng(1)
    pool = rng.integers(0, 2**16, (6, 20, 640), dtype=np.uint16)
    pairs = [(3, 7), (3, 8), (5, 19)]
    plan = StepPlan.build(1, [PlanRow(0, 0, np.zeros(1, np.int32), np.array([1], np.int32), True, False)], pairs)
    ptr = gpu.put(pool)
    gpu.kernel("step", "copy_pages")((len(pairs), 6, 1), 128, gpu.put(plan.buffer), ptr, 20, 640 * 2 // 16)
    for source, target in pairs:
        pool[:, target] = pool[:, source]
    np.testing.assert_array_equal(gpu.get(ptr, pool.shape, np.uint16), pool)
