"""What text through the model tells the quantizer: scales moved between layers, ranges of inputs, ranges of the cache."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from engines.api.errors import Cancelled
from engines.models.model import Model
from engines.network import ops
from engines.network.schemes import FP8_MAX, Scheme
from engines.quantization.folding import Fold, find_folds
from engines.quantization.observe import observe
from engines.quantization.recipes import Recipe
from engines.quantization.search import best_scales
from engines.reference.kv import LayerCache
from engines.weights import Tensor, from_float32, to_float32

Float32 = NDArray[np.float32]
Int32 = NDArray[np.int32]

# Tokens and rows of each weight that a search for scales looks at.
_TOKENS = 256
_ROWS = 512


@dataclass(slots=True)
class Calibration:
    """By weight parameter: `columns` [in] that it is multiplied by, `rows` [out] that it is divided by, `moments` [in] the mean
    square of its input (after the division by `columns`), `peaks` the greatest magnitude of its input. `replaced`: norms and
    biases that took scales in. `kv_scales`: (key, value) scales of an FP8 cache by layer, empty if they were not asked for."""

    columns: dict[str, Float32] = field(default_factory=dict)
    rows: dict[str, Float32] = field(default_factory=dict)
    moments: dict[str, Float32] = field(default_factory=dict)
    peaks: dict[str, float] = field(default_factory=dict)
    replaced: dict[str, Tensor] = field(default_factory=dict)
    kv_scales: list[tuple[float, float]] = field(default_factory=list)


def calibrate(
    model: Model,
    recipe: Recipe,
    schemes: Mapping[str, Scheme],
    ids: Sequence[Int32],
    *,
    kv_cache: bool,
    on_progress: Callable[[int, int], None],
    cancelled: Callable[[], bool],
) -> Calibration:
    """Run `ids` through `model` and find everything that `recipe` needs. Raises Cancelled, and what `observe` raises."""
    found = Calibration()
    network = model.network

    def check() -> None:
        if cancelled():
            raise Cancelled("Calibration was stopped.")

    readers: dict[str, list[str]] = {}
    makers: dict[int, str] = {}
    for node in network.nodes:
        if isinstance(node.op, ops.Linear) and all(w in schemes for w in node.op.weights):
            readers.setdefault(node.inputs[0], []).extend(node.op.weights)
        if isinstance(node.op, ops.Attention):
            makers[node.op.layer] = node.outputs[0]
    folds = {fold.value: fold for fold in find_folds(network, schemes)} if recipe.method != "nearest" else {}
    value_peaks: dict[int, Float32] = {}

    def on_input(value: str, x: Float32) -> None:
        if value not in readers:
            return
        sizes, squares = np.zeros(x.shape[1]), np.zeros(x.shape[1])
        max_abs = np.zeros(x.shape[1], np.float32)
        for first in range(0, len(x), 512):  # not all at once: |x| would be as large as x
            check()
            size = np.abs(x[first : first + 512])
            sizes += size.sum(axis=0, dtype=np.float64)
            max_abs = np.maximum(max_abs, size.max(axis=0))
            squares += np.einsum("tk,tk->k", size, size, dtype=np.float64)
        mean_abs = (sizes / len(x)).astype(np.float32)
        columns = np.ones(x.shape[1], np.float32)
        if value in folds:
            sample = x[np.linspace(0, len(x) - 1, min(_TOKENS, len(x))).astype(np.int64)]
            weights = [(schemes[w], _some_rows(model, w)) for w in folds[value].readers]
            s = best_scales(folds[value], recipe.method, weights, sample, mean_abs, max_abs, check)
            if s is not None:
                columns = _move(model, folds[value], s, found)
        for weight in readers[value]:
            found.peaks[weight] = float((max_abs / columns).max())
            found.moments[weight] = (squares / len(x) / (columns * columns)).astype(np.float32)

    def on_cache(layer: int, cache: LayerCache) -> None:
        if kv_cache:
            value_peaks[layer] = np.abs(cache.values).max(axis=(1, 2)).reshape(-1)
            found.kv_scales.append((_scale(np.abs(cache.keys).max()), 0.0))

    observe(
        model,
        ids,
        on_input=on_input,
        on_cache=on_cache,
        until=list(schemes)[-1],
        on_progress=on_progress,
        check=check,
    )
    for layer, peaks in value_peaks.items():
        # The scale of an output column of attention went into the rows of v, and so into the cache.
        fold = folds.get(makers[layer])
        moved = found.rows.get(fold.rows or "") if fold is not None else None
        found.kv_scales[layer] = (found.kv_scales[layer][0], _scale((peaks if moved is None else peaks / moved).max()))
    return found


def _some_rows(model: Model, weight: str) -> Float32:
    """Up to `_ROWS` rows of a weight, evenly spaced."""
    tensor = model.load(weight)
    rows = np.linspace(0, len(tensor.data) - 1, min(_ROWS, len(tensor.data))).astype(np.int64)
    return to_float32(Tensor(weight, tensor.dtype, tensor.data[rows]))


def _move(model: Model, fold: Fold, s: Float32, found: Calibration) -> Float32:
    """Note what scales `s` change. Returns what the input is really divided by, [in]: a norm's weight is kept in its own type,
    and what that rounds away goes into the columns."""
    columns = fold.columns(s)
    if fold.rows is not None:
        found.rows[fold.rows] = s
        if fold.bias is not None:
            bias = to_float32(model.load(fold.bias)) / s
            found.replaced[fold.bias] = from_float32(fold.bias, bias, model.load(fold.bias).dtype)
    else:
        old = model.load(fold.norm[0])
        new = from_float32(old.name, to_float32(old) / columns, old.dtype)
        wide = to_float32(new)
        columns = np.divide(to_float32(old), wide, out=np.ones_like(wide), where=wide != 0)
        found.replaced[old.name] = new
        for name in fold.norm[1:]:
            shift = model.load(name)
            found.replaced[name] = from_float32(name, to_float32(shift) / columns, shift.dtype)
    for weight in fold.readers:
        found.columns[weight] = columns
    return columns


def _scale(peak: np.floating) -> float:
    return max(float(peak), 1e-6) / FP8_MAX
