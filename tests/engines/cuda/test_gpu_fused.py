"""Residual sums with LayerNorm, and activations of products of codes, against float64 formulas, into poisoned outputs."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from engines.cuda.program import row_shape
from engines.quantization.activations import token_fp8
from engines.quantization.floats import decode_e4m3
from engines.weights import round_bf16
from tests.engines.cuda.compare import relative_error

pytestmark = pytest.mark.gpu

SIZES = (1, 19, 99, 989)
WIDTHS = (8, 1600, 4096, 16384, 20000)


def bf16(rng: np.random.Generator, *shape: int) -> tuple[np.ndarray, np.ndarray]:
    bits = round_bf16(rng.standard_normal(shape).astype(np.float32))
    return bits, wide(bits).astype(np.float64)


def wide(bits: np.ndarray) -> np.ndarray:
    return (bits.astype(np.uint32) << 16).view(np.float32)


def check_codes(gpu: Any, codes: int, scales: int, wanted: np.ndarray) -> None:
    """That `codes` and `scales` are those of `wanted` [T, n], rounded to bf16 first."""
    rounded = wide(round_bf16(wanted.astype(np.float32)))
    expected, scale = token_fp8(rounded)
    found = decode_e4m3(gpu.get(codes, wanted.shape, np.uint8))
    np.testing.assert_allclose(gpu.get(scales, (len(wanted), 1), np.float32), scale, rtol=8e-3)
    assert np.mean(found != expected) < 0.02 + 2 / wanted.size
    assert relative_error(found * scale, rounded) < 4e-2


@pytest.mark.parametrize("rows", SIZES)
@pytest.mark.parametrize("width", WIDTHS)
def test_sums_with_layer_norm(gpu: Any, rows: int, width: int) -> None:
    rng = np.random.default_rng(rows + width)
    (r, fr), (a, fa), (b, fb) = (bf16(rng, rows, width) for _ in range(3))
    (w, fw), (c, fc), (ab, fab), (bb, fbb) = (bf16(rng, width) for _ in range(4))
    pr, pa, pb, pw, pc, pab, pbb = map(gpu.put, (r, a, b, w, c, ab, bb))
    token, column = (rng.uniform(0.5, 2, size).astype(np.float32) for size in ((rows, 1), (width,)))
    ptoken, pcolumn = gpu.put(token), gpu.put(column)
    block, vectors = row_shape(width)
    kernel = gpu.kernel("elementwise", "add_layer_norm", {"NORM_VECTORS": vectors})

    def norm(total: np.ndarray, bias: bool) -> np.ndarray:
        centred = total - total.mean(-1, keepdims=True)
        return centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5) * fw + (fc if bias else 0)

    scaled = fa * token * column + fab
    cases = [
        # a's scales and bias, b with its own, the norm's bias, what the sum is.
        ((0, 0, 0), (0, 0, 0, 0), 0, fr + fa),
        ((0, 0, 0), (pb, 0, 0, 0), pc, fr + fa + fb),
        ((ptoken, pcolumn, pab), (0, 0, 0, 0), pc, fr + scaled),
        ((ptoken, pcolumn, pab), (pb, 0, pcolumn, pbb), 0, fr + scaled + fb * column + fbb),
    ]
    for first, second, bias, wanted in cases:
        for coded in (False, True):
            total, out, codes, scales = (gpu.poisoned(n) for n in (r.nbytes, r.nbytes, r.nbytes // 2, 4 * rows))
            kernel(
                (rows, 1, 1), block, pr, pa, *first, *second, pw, bias, total, 0 if coded else out, codes if coded else 0, scales,
                0.0, width // 8, 1e-5,
            )  # fmt: skip
            made = gpu.get_bf16(total, r.shape).astype(np.float64)
            assert relative_error(made, wanted) < 4e-3
            if coded:
                check_codes(gpu, codes, scales, norm(made, bool(bias)))
            else:
                assert relative_error(gpu.get_bf16(out, r.shape), norm(made, bool(bias))) < 4e-3


@pytest.mark.parametrize("rows", SIZES)
@pytest.mark.parametrize("width", WIDTHS)
def test_activations_of_products_of_codes(gpu: Any, rows: int, width: int) -> None:
    rng = np.random.default_rng(rows + width)
    (x, fx), (bias, fbias) = bf16(rng, rows, width), bf16(rng, width)
    token, column = (rng.uniform(0.5, 2, size).astype(np.float32) for size in ((rows, 1), (width,)))
    px, pbias, ptoken, pcolumn = map(gpu.put, (x, bias, token, column))
    block, vectors = row_shape(width)
    kernel = gpu.kernel("elementwise", "activation_fp8", {"NORM_VECTORS": vectors})
    gelu = lambda v: 0.5 * v * (1 + np.tanh(math.sqrt(2 / math.pi) * (v + 0.044715 * v**3)))  # noqa: E731
    for scales, with_bias in (((0, 0), 0), ((ptoken, pcolumn), pbias), ((0, pcolumn), 0)):
        value = fx * (token if scales[0] else 1) * (column if scales[1] else 1) + (fbias if with_bias else 0)
        for coded in (False, True):
            out, codes, row_scales = gpu.poisoned(x.nbytes), gpu.poisoned(x.nbytes // 2), gpu.poisoned(4 * rows)
            kernel(
                (rows, 1, 1),
                block,
                px,
                *scales,
                with_bias,
                0 if coded else out,
                codes if coded else 0,
                row_scales,
                0.0,
                width // 8,
                2,
            )
            if coded:
                check_codes(gpu, codes, row_scales, gelu(value))
            else:
                assert relative_error(gpu.get_bf16(out, x.shape), gelu(value)) < 4e-3
