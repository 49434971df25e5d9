"""A model's parameters as float32 in the places where operations read them, and their replacement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engines.api.errors import WeightError
from engines.network.schemes import Scheme
from engines.quantization.decode import check_tensors, codes, dequantize, row_scales
from engines.weights import Tensor, to_float32
from engines.weights.loaded import LoadedModel, replacements

Float32 = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Quantized:
    """A quantized linear in float32. `weight` [out, in]: the values, or where `rows` [out] is given the codes, each row of which
    is multiplied by its scale. `input_scale` and `pre_scale` [in]: None unless the scheme has them."""

    weight: Float32
    rows: Float32 | None
    input_scale: np.float32 | None
    pre_scale: Float32 | None


class Parameters:
    """float32 arrays by parameter name, each loaded once. Several joined along their rows lie in one array; the single ones
    are then views of it. Operations keep these arrays: `write` changes them in place."""

    def __init__(self, model: LoadedModel) -> None:
        self._model = model
        self._arrays: dict[str, Float32] = {}
        self._copies: list[tuple[str, Float32]] = []
        self._packed: set[str] = set()

    def get(self, name: str) -> Float32:
        """One parameter."""
        if name not in self._arrays:
            self._arrays[name] = to_float32(self._model.load(name))
        return self._arrays[name]

    def joined(self, names: Sequence[str]) -> Float32:
        """Several, concatenated along axis 0."""
        if len(names) == 1:
            return self.get(names[0])
        shapes = [self._model.network.params[name] for name in names]
        whole = np.empty((sum(shape[0] for shape in shapes), *shapes[0][1:]), np.float32)
        at = 0
        for name, shape in zip(names, shapes, strict=True):
            place = whole[at : at + shape[0]]
            at += shape[0]
            if name in self._arrays:
                # Read elsewhere too: that array stays, this one is a copy to keep in step.
                place[...] = self._arrays[name]
                self._copies.append((name, place))
            else:
                place[...] = to_float32(self._model.load(name))
                self._arrays[name] = place
        return whole

    def quantized(self, scheme: Scheme, names: Sequence[str]) -> Quantized:
        """The weights `names` of one linear, joined along their rows. Raises WeightError if their tensors are not what the
        scheme says, or their `pre_scale` differ."""
        shapes = [self._model.network.params[name] for name in names]
        parts = [self._tensors(scheme, name) for name in names]
        first = parts[0].get("pre_scale")
        for name, part in zip(names, parts, strict=True):
            if first is not None and not np.array_equal(first.data, part["pre_scale"].data):
                raise WeightError(f"{name}.pre_scale differs from that of {names[0]}, which reads the same input.")
        by_row = scheme.activations is not None and scheme.weights != "nvfp4"
        whole = np.empty((sum(out for out, _ in shapes), shapes[0][1]), np.float32)
        at = 0
        for part, (out, _) in zip(parts, shapes, strict=True):
            whole[at : at + out] = codes(scheme, part) if by_row else dequantize(scheme, part)
            at += out
        self._packed.update(names)
        return Quantized(
            whole,
            np.concatenate([row_scales(scheme, p, s[0]) for p, s in zip(parts, shapes, strict=True)])
            if by_row
            else None,
            # Parts that were calibrated apart share one input: the greatest of their scales saturates none.
            max(np.float32(p["input_scale"].data) for p in parts) if "input_scale" in parts[0] else None,
            None if first is None else first.data.astype(np.float32),
        )

    def _tensors(self, scheme: Scheme, name: str) -> dict[str, Tensor]:
        out, width = self._model.network.params[name]
        tensors = {
            suffix: self._model.load(f"{name}.{suffix}" if suffix else name) for suffix in scheme.tensors(out, width)
        }
        check_tensors(name, scheme, tensors, out, width)
        return tensors

    def check(self, tensors: Mapping[str, NDArray[np.generic]]) -> dict[str, Tensor]:
        """The parameters that checkpoint `tensors` make, all checked, nothing changed. Raises WeightError."""
        found: dict[str, Tensor] = {}
        for param, tensor in replacements(self._model, tensors):
            if param in self._packed:
                raise WeightError(f"The weight {param} is quantized: it cannot be replaced in a running engine.")
            found[param] = self._model.convert(param, tensor)
        return found

    def write(self, params: Mapping[str, Tensor]) -> None:
        """Put checked parameters in place."""
        for name, tensor in params.items():
            value = to_float32(tensor)
            self._arrays[name][...] = value
            for copied, place in self._copies:
                if copied == name:
                    place[...] = value
