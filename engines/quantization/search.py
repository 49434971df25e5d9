"""Scales of a linear's input columns that make what its weights lose matter least: AWQ and SmoothQuant.

The loss is the error of the linear's own output on some tokens of the calibration text, summed over the weights that read the
same input. Weights are W * s and the input x / s, s > 0 per column; without rounding nothing would change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from engines.network.schemes import Scheme
from engines.quantization.activations import token_fp8, token_int8
from engines.quantization.encode import Arrays, encode_groups, encode_scales, nearest, nearest_groups, stored_scales
from engines.quantization.folding import Fold

Float32 = NDArray[np.float32]

_GRID = 20
# Factors of a group's greatest magnitude that clipping tries.
_CLIPS = tuple(1 - i / 20 for i in range(11))
_LEAST = np.float32(1e-4)


def best_scales(
    fold: Fold,
    method: str,
    weights: Sequence[tuple[Scheme, Float32]],
    x: Float32,
    mean_abs: Float32,
    max_abs: Float32,
    check: Callable[[], None] = lambda: None,
) -> Float32 | None:
    """Free scales of `fold` (`Fold.columns` makes them [in]), or None if none is better than no scale at all.

    `weights`: scheme and rows [n, in] of each reader (all rows or some). `x`: tokens [S, in]. `mean_abs`, `max_abs`: of the
    input's columns over the whole text [in]. `check` is called before each trial; what it raises ends the search.
    """
    plain = [x @ w.T for _, w in weights]
    top = np.max([np.abs(w).max(axis=0) for _, w in weights], axis=0)
    candidates = _awq(fold, mean_abs) if method == "awq" else _smooth(fold, max_abs, top)
    best, least = None, _loss(weights, x, plain, None)
    for s in candidates:
        check()
        loss = _loss(weights, x, plain, fold.columns(s))
        if loss < least:
            best, least = s, loss
    return best


def _awq(fold: Fold, mean_abs: Float32) -> Iterator[Float32]:
    """Lin et al. 2023, 3.2: s = mean |x| ** a, a from 0 to 1, centred so that the extremes of s are each other's inverse."""
    importance = np.maximum(fold.shared(mean_abs), _LEAST)
    for i in range(1, _GRID + 1):
        s = importance ** np.float32(i / _GRID)
        s /= np.sqrt(s.max() * s.min())
        yield s.astype(np.float32)


def _smooth(fold: Fold, max_abs: Float32, top: Float32) -> Iterator[Float32]:
    """Xiao et al. 2022, eq. 4: s = max |x| ** a / max |w| ** (1 - a), here for several a."""
    inputs, columns = np.maximum(fold.shared(max_abs), _LEAST), np.maximum(fold.shared(top), _LEAST)
    for i in range(2, _GRID, 2):
        a = np.float32(i / _GRID)
        yield (inputs**a / columns ** (1 - a)).astype(np.float32)


def _loss(weights: Sequence[tuple[Scheme, Float32]], x: Float32, plain: Sequence[Float32], s: Float32 | None) -> float:
    seen = x if s is None else x / s
    total = 0.0
    for (scheme, w), want in zip(weights, plain, strict=True):
        if scheme.activations in ("int8", "fp8"):
            codes, scale = (token_int8 if scheme.activations == "int8" else token_fp8)(seen)
            given = codes * scale
        else:
            given = seen
        scaled = w if s is None else w * s
        got = given @ nearest(scheme, scaled).T
        got -= want
        total += float(np.vdot(got, got))
    return total


def encode_clipped(scheme: Scheme, w: Float32, moments: Float32) -> Arrays:
    """`encode` for groups, each with the scale, of 11 between the one that clips nothing and half of it, that leaves the least
    error weighted by `moments` [in], the mean square of the input's columns (Lin et al. 2023 clip by the output's error)."""
    plain = encode_scales(scheme, w)
    shape = (len(w), plain.shape[1], -1)
    weight = moments.reshape(1, *shape[1:])
    least, best = np.full(plain.shape, np.inf, np.float32), plain.copy()
    for factor in _CLIPS:
        scales = stored_scales(plain * np.float32(factor))
        error = nearest_groups(scheme, w, scales)
        error -= w
        error *= error
        grouped = error.reshape(shape)
        grouped *= weight
        loss = grouped.sum(axis=2)
        better = loss < least
        least[better], best[better] = loss[better], scales[better]
    return encode_groups(scheme, w, best)
