"""The primitives that operations are written with: a thin, typed layer over `INetworkDefinition`.

It keeps what the library forgets: the buffers of constants until the build ends (TensorRT keeps pointers), and their values,
which cannot be read back for 16-bit and smaller types.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.api.errors import ContractError
from engines.tensorrt.weights import ElementType, Load, Weight

Tensor = Any  # trt.ITensor


@dataclass(frozen=True, slots=True)
class Constant:
    """What a constant layer holds: bits as given to the library."""

    dtype: ElementType
    data: NDArray[np.generic]
    shape: tuple[int, ...]


@dataclass
class Emitter:
    """`compute`: type of values between layers, bf16 or fp16. `load`: where weights come from if they are constants, None for
    weights as inputs. `weights`: what was asked for, in order; `constants`: by the name of the layer's output."""

    trt: Any
    network: Any
    compute: ElementType
    load: Load | None = None
    weights: list[Weight] = field(default_factory=list)
    constants: dict[str, Constant] = field(default_factory=dict)
    label: str = ""  # names the layers made from here on

    # --- tensors from outside --------------------------------------------------------------------------------------------

    def dtype(self, name: ElementType) -> Any:
        return trt_dtype(self.trt, name)

    def input(self, name: str, width: int) -> Tensor:
        """A value [rows, width] in the compute type."""
        return self.network.add_input(name, self.dtype(self.compute), (-1, width))

    def weight(self, weight: Weight) -> Tensor:
        """An input, or with `load` a constant. `weight.name` is given here: w0, w1, ..."""
        named = replace(weight, name=f"w{len(self.weights)}")
        self.weights.append(named)
        if self.load is None:
            return self.network.add_input(named.name, self.dtype(named.dtype), named.shape)
        return self.constant(named.dtype, named.prepare(self.load), named.shape)

    def constant(self, dtype: ElementType, data: NDArray[np.generic], shape: tuple[int, ...]) -> Tensor:
        data = np.ascontiguousarray(data)
        values = self.trt.Weights(self.dtype(dtype), data.ctypes.data, prod(shape))
        tensor = self._made(self.network.add_constant(shape, values))
        self.constants[tensor.name] = Constant(dtype, data, shape)
        return tensor

    def number(self, value: float) -> Tensor:
        """fp32 [1, 1]."""
        return self.constant("fp32", np.full((1, 1), value, np.float32), (1, 1))

    def scalar(self, value: float) -> Tensor:
        """fp32 [], as scales of Q and DQ are."""
        return self.constant("fp32", np.full((), value, np.float32), ())

    # --- operations ------------------------------------------------------------------------------------------------------

    def cast(self, x: Tensor, dtype: ElementType) -> Tensor:
        return self._made(self.network.add_cast(x, self.dtype(dtype)))

    def wide(self, x: Tensor) -> Tensor:
        return self.cast(x, "fp32")

    def narrow(self, x: Tensor) -> Tensor:
        return self.cast(x, self.compute)

    def add(self, a: Tensor, b: Tensor) -> Tensor:
        return self._binary(a, b, "SUM")

    def sub(self, a: Tensor, b: Tensor) -> Tensor:
        return self._binary(a, b, "SUB")

    def mul(self, a: Tensor, b: Tensor) -> Tensor:
        return self._binary(a, b, "PROD")

    def div(self, a: Tensor, b: Tensor) -> Tensor:
        return self._binary(a, b, "DIV")

    def maximum(self, a: Tensor, b: Tensor) -> Tensor:
        return self._binary(a, b, "MAX")

    def unary(self, x: Tensor, kind: str) -> Tensor:
        return self._made(self.network.add_unary(x, getattr(self.trt.UnaryOperation, kind)))

    def activation(self, x: Tensor, kind: str) -> Tensor:
        return self._made(self.network.add_activation(x, getattr(self.trt.ActivationType, kind)))

    def reduce(self, x: Tensor, kind: str, axis: int = 1, keep: bool = True) -> Tensor:
        return self._made(self.network.add_reduce(x, getattr(self.trt.ReduceOperation, kind), 1 << axis, keep))

    def reshape(self, x: Tensor, *shape: int) -> Tensor:
        """0 keeps a dimension, -1 is what remains."""
        layer = self.network.add_shuffle(x)
        layer.reshape_dims = shape
        return self._made(layer)

    def columns(self, x: Tensor, start: int, count: int) -> Tensor:
        """Columns start .. start + count - 1 of [rows, n]."""
        layer = self.network.add_slice(x, (start,), (count,), (1,))
        layer.axes = (1,)
        return self._made(layer)

    def matmul(self, x: Tensor, w: Tensor, transposed: bool = True) -> Tensor:
        """x [T, K] @ w [N, K].T, or without `transposed` @ w [K, N]."""
        op = self.trt.MatrixOperation
        return self._made(self.network.add_matrix_multiply(x, op.NONE, w, op.TRANSPOSE if transposed else op.NONE))

    def layer_norm(self, x: Tensor, scale: Tensor, bias: Tensor, eps: float) -> Tensor:
        layer = self.network.add_normalization_v2(x, scale, bias, 1 << 1)
        layer.epsilon = eps
        return self._made(layer)

    def quantize(self, x: Tensor, scale: Tensor, dtype: ElementType) -> Tensor:
        return self._made(self.network.add_quantize(x, scale, self.dtype(dtype)))

    def dequantize(self, x: Tensor, scale: Tensor, dtype: ElementType, axis: int | None = None) -> Tensor:
        layer = self.network.add_dequantize(x, scale, self.dtype(dtype))
        if axis is not None:
            layer.axis = axis
        return self._made(layer)

    def dynamic_quantize(self, x: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
        """NVFP4 over blocks of 16 columns: codes and E4M3 scales. `scale`: fp32 scalar, the second level."""
        kinds = self.trt.DataType
        layer = self.network.add_dynamic_quantize(x, 1, 16, kinds.FP4, kinds.FP8)
        layer.set_input(1, scale)
        self._made(layer)
        return layer.get_output(0), layer.get_output(1)

    def _binary(self, a: Tensor, b: Tensor, kind: str) -> Tensor:
        return self._made(self.network.add_elementwise(a, b, getattr(self.trt.ElementWiseOperation, kind)))

    def _made(self, layer: Any) -> Tensor:
        """The layer's output. Refused layers are None; TensorRT has logged why."""
        if layer is None:
            raise ContractError(f"TensorRT refused a layer of {self.label or 'the network'}.")
        if self.label:
            layer.name = f"{self.label} #{self.network.num_layers}"
        return layer.get_output(0)


def trt_dtype(trt: Any, name: ElementType) -> Any:
    """The library's word for an element type."""
    kinds = trt.DataType
    return {
        "bf16": kinds.BF16,
        "fp16": kinds.HALF,
        "fp32": kinds.FLOAT,
        "int8": kinds.INT8,
        "int4": kinds.INT4,
        "fp8": kinds.FP8,
        "fp4": kinds.FP4,
    }[name]
