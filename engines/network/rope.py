"""Rotary frequencies, computed once here for every backend, in float32 as the models were trained with."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from engines.network.ops import Rope, RopeScaling

Float32 = NDArray[np.float32]


def inv_freq(rope: Rope) -> Float32:
    """Radians per position of each rotated pair, float32 [rotary_dim / 2], after scaling (sources: `RopeScaling`)."""
    exponent = np.arange(0, rope.rotary_dim, 2, dtype=np.float32) / np.float32(rope.rotary_dim)
    base: Float32 = np.float32(1.0) / np.power(np.float32(rope.theta), exponent)
    scaling = rope.scaling
    if scaling is None:
        return base
    if scaling.kind == "linear":
        return base / np.float32(scaling.factor)
    if scaling.kind == "llama3":
        return _llama3(base, scaling)
    return _yarn(base, rope, scaling)


def attention_factor(rope: Rope) -> float:
    """What cos and sin are multiplied with: not 1 for yarn only (its temperature on the attention scores)."""
    return rope.scaling.attention_factor if rope.scaling is not None and rope.scaling.kind == "yarn" else 1.0


def cos_sin(rope: Rope, positions: NDArray[np.integer]) -> tuple[Float32, Float32]:
    """cos and sin at `positions` [T] -> float32 [T, rotary_dim / 2] each, times `attention_factor`.

    Pair i of a head, (a, b), becomes (a cos_i - b sin_i, b cos_i + a sin_i).
    """
    angles = positions.astype(np.float32)[:, None] * inv_freq(rope)[None, :]
    factor = np.float32(attention_factor(rope))
    return np.cos(angles) * factor, np.sin(angles) * factor


def yarn_attention_factor(factor: float, mscale: float | None = None, mscale_all_dim: float | None = None) -> float:
    """The default of a config that names none: 0.1 ln(factor) + 1 (Peng et al. 2023, eq. 22), or DeepSeek's quotient."""

    def scale(m: float) -> float:
        return 1.0 if factor <= 1 else 0.1 * m * math.log(factor) + 1.0

    return scale(mscale) / scale(mscale_all_dim) if mscale and mscale_all_dim else scale(1.0)


def _llama3(base: Float32, scaling: RopeScaling) -> Float32:
    """Long wavelengths are divided by the factor, short ones kept, those between blended (Llama 3.1)."""
    context = np.float32(scaling.original_max_position)
    low, high = np.float32(scaling.low_freq_factor), np.float32(scaling.high_freq_factor)
    factor = np.float32(scaling.factor)
    wavelength = np.float32(2 * math.pi) / base
    smooth = (context / wavelength - low) / (high - low)
    blended = (1 - smooth) * base / factor + smooth * base
    long, short = wavelength > context / low, wavelength < context / high
    result: Float32 = np.where(long, base / factor, np.where(short, base, blended)).astype(np.float32)
    return result


def _yarn(base: Float32, rope: Rope, scaling: RopeScaling) -> Float32:
    """Pairs that turn often in the original context are kept, those that turn rarely divided, a ramp between (YaRN, 3.2)."""

    def pair_with_turns(turns: float) -> float:
        return (rope.rotary_dim * math.log(scaling.original_max_position / (turns * 2 * math.pi))) / (
            2 * math.log(rope.theta)
        )

    low, high = pair_with_turns(scaling.beta_fast), pair_with_turns(scaling.beta_slow)
    if scaling.truncate:
        low, high = math.floor(low), math.ceil(high)
    low, high = max(low, 0), min(high, rope.rotary_dim - 1)
    if low == high:
        high += 0.001  # a step instead of a ramp
    pair = np.arange(rope.rotary_dim // 2, dtype=np.float32)
    keep = 1 - np.clip((pair - np.float32(low)) / np.float32(high - low), 0, 1)
    result: Float32 = (base / np.float32(scaling.factor) * (1 - keep) + base * keep).astype(np.float32)
    return result
