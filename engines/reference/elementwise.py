"""Norms and activations on float32 [T, n], each row alone. Every function takes `out`, which may be its input."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from engines.network.ops import ActivationKind

Float32 = NDArray[np.float32]

_SQRT_2_PI = np.float32(0.7978845608028654)
_SQRT_HALF = np.float32(0.7071067811865476)
_HALF, _ONE = np.float32(0.5), np.float32(1.0)
# exp of more than this leaves float32; silu is zero to every digit there.
_MAX_EXP = np.float32(80.0)


def rms_norm(x: Float32, weight: Float32, eps: float, out: Float32 | None = None) -> Float32:
    """x [..., n] / sqrt(mean(x^2) + eps) * weight [n]."""
    scale = np.vecdot(x, x)
    scale *= np.float32(1.0 / x.shape[-1])
    scale += np.float32(eps)
    np.sqrt(scale, out=scale)
    np.divide(_ONE, scale, out=scale)
    result: Float32 = np.multiply(x, scale[..., None], out=out)
    result *= weight
    return result


def layer_norm(x: Float32, weight: Float32, bias: Float32 | None, eps: float) -> Float32:
    """(x - mean) / sqrt(var + eps) * weight + bias, fresh."""
    size = np.float32(1.0 / x.shape[-1])
    centred: Float32 = x - (x.sum(axis=-1, keepdims=True) * size)
    scale = np.vecdot(centred, centred)
    scale *= size
    scale += np.float32(eps)
    np.sqrt(scale, out=scale)
    np.divide(_ONE, scale, out=scale)
    centred *= scale[..., None]
    centred *= weight
    if bias is not None:
        centred += bias
    return centred


def silu(x: Float32, out: Float32) -> Float32:
    """x / (1 + exp(-x)). `out` must not be x."""
    np.negative(x, out=out)
    np.minimum(out, _MAX_EXP, out=out)
    np.exp(out, out=out)
    out += _ONE
    return np.divide(x, out, out=out)


def gelu_tanh(x: Float32, out: Float32) -> Float32:
    """0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) (Hendrycks & Gimpel 2016). `out` must not be x."""
    np.multiply(x, x, out=out)
    out *= np.float32(0.044715)
    out += _ONE
    out *= x
    out *= _SQRT_2_PI
    np.tanh(out, out=out)
    out += _ONE
    out *= x
    out *= _HALF
    return out


def erf(x: Float32) -> Float32:
    """The error function to 5e-7 absolute, rounding included (Abramowitz & Stegun 1964, 7.1.26), fresh."""
    size = np.abs(x)
    t = size * np.float32(0.3275911)
    t += _ONE
    np.divide(_ONE, t, out=t)
    poly = t * np.float32(1.061405429)
    for coefficient in (-1.453152027, 1.421413741, -0.284496736, 0.254829592):
        poly += np.float32(coefficient)
        poly *= t
    np.multiply(size, size, out=size)
    np.negative(size, out=size)
    np.exp(size, out=size)
    poly *= size
    np.subtract(_ONE, poly, out=poly)
    result: Float32 = np.copysign(poly, x, out=poly)
    return result


def gelu(x: Float32, out: Float32) -> Float32:
    """0.5 x (1 + erf(x / sqrt(2))). `out` must not be x."""
    np.multiply(x, _SQRT_HALF, out=out)
    np.add(erf(out), _ONE, out=out)
    out *= x
    out *= _HALF
    return out


def relu(x: Float32, out: Float32) -> Float32:
    """max(x, 0)."""
    return np.maximum(x, np.float32(0), out=out)


def soft_cap(x: Float32, cap: float, out: Float32) -> Float32:
    """cap * tanh(x / cap)."""
    np.multiply(x, np.float32(1.0 / cap), out=out)
    np.tanh(out, out=out)
    out *= np.float32(cap)
    return out


ACTIVATIONS: dict[ActivationKind, Callable[[Float32, Float32], Float32]] = {
    "silu": silu,
    "gelu": gelu,
    "gelu_tanh": gelu_tanh,
    "relu": relu,
}
