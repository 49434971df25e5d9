"""Linear layers with quantized weights, exactly as their scheme says, in float32.

Weight-only schemes widen the weight once, when the model is loaded. Schemes that round the input keep the codes apart from the
scales: y = (codes of x . codes of w) * scale of the token * scale of the row, the sum in float32.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engines.network.schemes import Scheme
from engines.quantization import activations
from engines.reference.linear import Linear

Float32 = NDArray[np.float32]


class QuantizedLinear:
    """`linear`: over the widened weights, or over the codes where `rows` [out], the scales of the rows, are given.
    `input_scale` and `pre_scale` [in] as the scheme asks for them."""

    def __init__(
        self,
        scheme: Scheme,
        linear: Linear,
        bias: Float32 | None,
        rows: Float32 | None,
        input_scale: np.float32 | None,
        pre_scale: Float32 | None,
    ) -> None:
        self._scheme = scheme
        self._linear = linear
        self._bias = bias
        self._rows = rows
        self._input_scale = input_scale
        self._pre_scale = pre_scale

    def __call__(self, x: Float32) -> Float32:
        """x [T, in], C-contiguous -> [T, out], fresh."""
        if self._pre_scale is not None:
            x = x * self._pre_scale
        kind, static = self._scheme.activations, self._input_scale
        token: Float32 | None = None
        if kind == "nvfp4":
            assert static is not None
            x = activations.static_nvfp4(x, static)
        elif kind is not None and static is None:
            x, token = (activations.token_fp8 if kind == "fp8" else activations.token_int8)(x)
        elif kind is not None and static is not None:
            x = (activations.static_fp8 if kind == "fp8" else activations.static_int8)(x, static)
        y = self._linear(x)
        if self._rows is not None:
            y *= self._rows if static is None else self._rows * static
        if token is not None:
            y *= token
        if self._bias is not None:
            y += self._bias
        return y
