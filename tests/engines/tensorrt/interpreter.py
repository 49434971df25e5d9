"""TensorRT networks in NumPy: walks an `INetworkDefinition` layer by layer, each result rounded to its tensor's type.

It sees exactly what the library was given: layers, axes, types, constants (from the emitter's record, since the library does not
give small types back). Integers and small floats are held as float32 values of the codes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from engines.tensorrt.emitter import Constant
from engines.tensorrt.network import Emitted

E4M3 = np.array(
    [
        math.nan if (c & 0x7F) == 0x7F else
        (-1.0 if c & 0x80 else 1.0) * ((c & 7) / 8 * 2.0**-6 if not c & 0x78 else (1 + (c & 7) / 8) * 2.0 ** (((c >> 3) & 15) - 7))
        for c in range(256)
    ],
    np.float32,
)  # fmt: skip
E2M1 = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6], np.float32)
INT4 = np.array([*range(8), *range(-8, 0)], np.float32)
ERF = np.vectorize(math.erf, otypes=[np.float32])


def nibbles(packed: np.ndarray) -> np.ndarray:
    """uint8 [..., n] -> codes [..., 2 n], the low nibble first."""
    return np.stack([packed & 15, packed >> 4], axis=-1).reshape(*packed.shape[:-1], -1)


def decode(dtype: str, data: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Bits as the emitter and the weights hold them -> float32 values of `shape`."""
    raw = np.ascontiguousarray(data).reshape(-1)
    match dtype:
        case "bf16":
            values = (raw.view(np.uint16).astype(np.uint32) << 16).view(np.float32)
        case "fp16":
            values = raw.view(np.float16).astype(np.float32)
        case "fp32":
            values = raw.view(np.float32)
        case "int8":
            values = raw.view(np.int8).astype(np.float32)
        case "fp8":
            values = E4M3[raw.view(np.uint8)]
        case "int4":
            values = INT4[nibbles(raw.view(np.uint8))]
        case "fp4":
            codes = nibbles(raw.view(np.uint8))
            values = np.where(codes & 8, -E2M1[codes & 7], E2M1[codes & 7])
        case _:
            raise AssertionError(dtype)
    assert values.size == math.prod(shape), (dtype, data.shape, shape)
    return values.reshape(shape)


def round_to(values: np.ndarray, dtype: str) -> np.ndarray:
    """To the nearest value of a type, ties to even, saturating for the 8- and 4-bit types (as QuantizeLayer is documented)."""
    values = np.asarray(values, np.float32)
    match dtype:
        case "FLOAT":
            return values
        case "BF16":
            bits = values.view(np.uint32)
            bits = (bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))) & np.uint32(0xFFFF0000)
            return bits.view(np.float32)
        case "HALF":
            return values.astype(np.float16).astype(np.float32)
        case "INT8":
            return np.clip(np.rint(values), -128, 127)
        case "FP8":
            size = np.minimum(np.abs(values), np.float32(448))
            step = np.exp2(np.maximum(np.floor(np.log2(np.maximum(size, np.float32(2.0**-9)))), -6) - 3)
            return np.copysign(np.minimum(np.rint(size / step) * step, np.float32(448)), values).astype(np.float32)
        case "FP4":
            size = np.minimum(np.abs(values), np.float32(6))
            step = np.where(size < 2, np.float32(0.5), np.where(size < 4, np.float32(1), np.float32(2)))
            return np.copysign(np.minimum(np.rint(size / step) * step, np.float32(6)), values).astype(np.float32)
    raise AssertionError(dtype)


def interpret(
    trt: Any, emitted: Emitted, feeds: Mapping[str, np.ndarray], *, exact: bool = False
) -> dict[str, np.ndarray]:
    """Outputs by name, float32. `feeds`: every input of the network as decoded values. `exact`: 16-bit tensors keep float32
    values, so that all that remains is what was emitted, and codes do not flip between two roundings."""
    return Walk(trt, emitted.constants, exact).run(emitted.network, feeds)


class Walk:
    def __init__(self, trt: Any, constants: Mapping[str, Constant], exact: bool = False) -> None:
        self.kept = ("HALF", "BF16") if exact else ()
        self.trt = trt
        self.constants = constants

    def run(self, network: Any, feeds: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        values: dict[str, np.ndarray] = {}
        for i in range(network.num_inputs):
            tensor = network.get_input(i)
            value = np.asarray(feeds[tensor.name], np.float32)
            shape = tuple(tensor.shape)
            assert len(shape) == value.ndim, (tensor.name, shape, value.shape)
            assert all(
                have in (want, want if want >= 0 else have) for have, want in zip(value.shape, shape, strict=True)
            )
            kind = tensor.dtype.name
            assert kind in self.kept or np.array_equal(round_to(value, kind), value), tensor.name
            values[tensor.name] = value
        assert set(feeds) == set(values), "an input that the network does not have"
        with np.errstate(over="ignore"):
            for i in range(network.num_layers):
                layer = network.get_layer(i)
                kind = layer.type.name  # before the cast below: an activation layer's own `type` would hide it
                inputs = [layer.get_input(n) for n in range(layer.num_inputs)]
                x = [values[tensor.name] for tensor in inputs if tensor is not None]
                handler: Callable[..., Any] = getattr(self, "do_" + kind.lower())
                made = handler(layer, *x)
                for n, value in enumerate(made if isinstance(made, tuple) else (made,)):
                    tensor = layer.get_output(n)
                    self._check_shape(tensor, value)
                    copied = kind in ("CONSTANT", "SLICE", "SHUFFLE") or tensor.dtype.name in self.kept
                    values[tensor.name] = value if copied else round_to(value, tensor.dtype.name)
        return {network.get_output(i).name: values[network.get_output(i).name] for i in range(network.num_outputs)}

    def _check_shape(self, tensor: Any, value: np.ndarray) -> None:
        """What the library infers is what came out; the dynamic dimension is any."""
        shape = tuple(tensor.shape)
        assert len(shape) == value.ndim, (tensor.name, shape, value.shape)
        assert all(want in (-1, have) for have, want in zip(value.shape, shape, strict=True)), (shape, value.shape)

    def _as(self, layer: Any, name: str) -> Any:
        layer.__class__ = getattr(self.trt, name)
        return layer

    def do_constant(self, layer: Any) -> np.ndarray:
        found = self.constants[layer.get_output(0).name]
        return decode(found.dtype, found.data, found.shape)

    def do_cast(self, layer: Any, x: np.ndarray) -> np.ndarray:
        return x

    def do_matrix_multiply(self, layer: Any, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        layer = self._as(layer, "IMatrixMultiplyLayer")
        transpose = self.trt.MatrixOperation.TRANSPOSE
        return (a.T if layer.op0 == transpose else a) @ (b.T if layer.op1 == transpose else b)

    def do_elementwise(self, layer: Any, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        name = self._as(layer, "IElementWiseLayer").op.name
        return {
            "SUM": np.add, "SUB": np.subtract, "PROD": np.multiply, "DIV": np.divide, "MAX": np.maximum, "MIN": np.minimum,
        }[name](a, b)  # fmt: skip

    def do_unary(self, layer: Any, x: np.ndarray) -> np.ndarray:
        name = self._as(layer, "IUnaryLayer").op.name
        return {"SQRT": np.sqrt, "RECIP": lambda v: 1 / v, "ABS": np.abs, "NEG": np.negative}[name](x)

    def do_activation(self, layer: Any, x: np.ndarray) -> np.ndarray:
        name = self._as(layer, "IActivationLayer").type.name
        match name:
            case "SIGMOID":
                return 1 / (1 + np.exp(-x))
            case "RELU":
                return np.maximum(x, 0)
            case "TANH":
                return np.tanh(x)
            case "GELU_ERF":
                return 0.5 * x * (1 + ERF(x / math.sqrt(2)))
            case "GELU_TANH":
                return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
        raise AssertionError(name)

    def do_reduce(self, layer: Any, x: np.ndarray) -> np.ndarray:
        layer = self._as(layer, "IReduceLayer")
        axes = tuple(axis for axis in range(x.ndim) if layer.axes >> axis & 1)
        function = {"AVG": np.mean, "SUM": np.sum, "MAX": np.max}[layer.op.name]
        return function(x, axis=axes, keepdims=layer.keep_dims)

    def do_normalization(self, layer: Any, x: np.ndarray, scale: np.ndarray, bias: np.ndarray) -> np.ndarray:
        layer = self._as(layer, "INormalizationLayer")
        axes = tuple(axis for axis in range(x.ndim) if layer.axes >> axis & 1)
        centred = x - x.mean(axis=axes, keepdims=True)
        variance = (centred * centred).mean(axis=axes, keepdims=True)
        return centred / np.sqrt(variance + np.float32(layer.epsilon)) * scale + bias

    def do_shuffle(self, layer: Any, x: np.ndarray) -> np.ndarray:
        layer = self._as(layer, "IShuffleLayer")
        first = tuple(layer.first_transpose)[: x.ndim]
        assert first == tuple(range(x.ndim)), first
        shape = [x.shape[i] if n == 0 else n for i, n in enumerate(layer.reshape_dims)]
        return x.reshape(shape)

    def do_slice(self, layer: Any, x: np.ndarray) -> np.ndarray:
        layer = self._as(layer, "ISliceLayer")
        index = [slice(None)] * x.ndim
        for axis, start, size, stride in zip(layer.axes, layer.start, layer.shape, layer.stride, strict=True):
            assert start >= 0
            assert start + (size - 1) * stride < x.shape[axis]
            index[axis] = slice(start, start + size * stride, stride)
        return x[tuple(index)]

    # --- quantization: a scale is a scalar, a vector along `axis`, or blocks -----------------------------------------------

    def do_quantize(self, layer: Any, x: np.ndarray, scale: np.ndarray) -> np.ndarray:
        layer = self._as(layer, "IQuantizeLayer")
        return x / self._spread(layer, scale, x.shape)

    def do_dequantize(self, layer: Any, x: np.ndarray, scale: np.ndarray) -> np.ndarray:
        layer = self._as(layer, "IDequantizeLayer")
        return x * self._spread(layer, scale, x.shape)

    def _spread(self, layer: Any, scale: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        assert (scale > 0).all() or scale.ndim == len(shape), "scales must be positive"
        if scale.ndim == 0:
            return scale
        if scale.ndim == 1 and len(shape) > 1:
            assert scale.shape[0] == shape[layer.axis], (scale.shape, shape, layer.axis)
            return scale.reshape([-1 if axis == layer.axis else 1 for axis in range(len(shape))])
        assert scale.ndim == len(shape)
        blocks = [n // s for n, s in zip(shape, scale.shape, strict=True)]
        assert all(b * s == n for b, s, n in zip(blocks, scale.shape, shape, strict=True))
        assert sum(b > 1 for b in blocks) <= 1, "one blocked dimension at most"
        for axis, block in enumerate(blocks):
            scale = np.repeat(scale, block, axis=axis)
        return scale

    def do_dynamic_quantize(self, layer: Any, x: np.ndarray, scale: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        layer = self._as(layer, "IDynamicQuantizeLayer")
        assert (layer.axis, layer.block_size, layer.to_type.name, layer.scale_type.name) == (1, 16, "FP4", "FP8")
        blocks = x.reshape(len(x), -1, 16)
        scales = round_to(np.abs(blocks).max(axis=2) / 6 / scale, "FP8")
        whole = np.repeat(scales * scale, 16, axis=1)
        return x / np.where(whole == 0, np.float32(1), whole), scales
