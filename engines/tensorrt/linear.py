"""Linear layers: 16-bit, and every quantization as explicit Q/DQ, in the forms that the library fuses.

What was found by building each (docs/tensorrt.md): scales that are inputs may not sit in the Q/DQ of an 8-bit product, so Q and DQ
get the constant 1 and the real scales multiply outside, in the pointwise kernel that follows anyway; INT4 and NVFP4 stay fused
as constants only; weight-only INT8 and FP8 as inputs want [K, N].
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from engines.api.errors import UnsupportedError
from engines.network import ops
from engines.network.schemes import FP8_MAX, INT8_MAX, Scheme
from engines.tensorrt.emitter import Emitter, Tensor
from engines.tensorrt.weights import ElementType, Weight

Shapes = Mapping[str, tuple[int, ...]]

# Blocks of INT4 along K that stay inside the product; larger groups are cut into these.
INT4_BLOCKS: Final = (256, 128, 64, 32, 16)
# The least scale of a token, that of an all-zero row: as in `engines.quantization.activations`.
_TINY: Final = 1e-12


def as_constants(scheme: Scheme | None) -> bool:
    """Whether the library keeps such weights packed as constants only."""
    return scheme is not None and scheme.weights in ("int4", "nvfp4")


def check_scheme(scheme: Scheme, width: int) -> None:
    """Raises UnsupportedError for what the library takes but does not keep packed, or does not take."""
    if scheme.weights == "int8" and scheme.group is not None:
        raise UnsupportedError(
            f"TensorRT widens INT8 weights with a scale per group ({scheme.label}) at every step; use int8 (a scale per channel) "
            f"or int4, or another --backend."
        )
    if scheme.weights == "nvfp4" and scheme.activations is None:
        raise UnsupportedError(
            f"TensorRT widens NVFP4 weights at every step unless the input is NVFP4 too ({scheme.label}); use nvfp4, or another "
            f"--backend."
        )
    if scheme.weights == "int4" and int4_block(scheme, width) is None:
        raise UnsupportedError(
            f"TensorRT takes INT4 weights in blocks of {', '.join(map(str, INT4_BLOCKS))} columns; {scheme.label} over {width} "
            f"columns is none of these; quantize in groups of 128 or 64, or use another --backend."
        )


def int4_block(scheme: Scheme, width: int) -> int | None:
    """Columns of a block as TensorRT gets them: the group, or blocks that divide it, or the row, with scales repeated. A block as
    wide as the row is not fused."""
    whole = scheme.group or width
    return next((block for block in INT4_BLOCKS if whole % block == 0 and block < width), None)


def linear(e: Emitter, op: ops.Linear, x: Tensor, shapes: Shapes, wide: bool = False) -> Tensor:
    """x [T, K] -> [T, N] in the compute type, or with `wide` in float32."""
    return _Linear(e, op, shapes).emit(x, wide)


class _Linear:
    def __init__(self, e: Emitter, op: ops.Linear, shapes: Shapes) -> None:
        self.e = e
        self.names, self.biases, self.scheme = op.weights, op.biases, op.scheme
        self.rows = tuple(shapes[name][0] for name in op.weights)
        self.out, self.width = sum(self.rows), shapes[op.weights[0]][1]

    def emit(self, x: Tensor, wide: bool) -> Tensor:
        e, scheme = self.e, self.scheme
        if scheme is not None:
            check_scheme(scheme, self.width)
            if scheme.pre_scale:
                x = e.narrow(e.mul(e.wide(x), self.weight("pre_scale", "first", "fp32", (1, self.width))))
        if scheme is not None and scheme.weights in ("int8", "fp8") and scheme.activations is not None:
            y = self._eight_bits(x, scheme)
            if self.biases:
                y = e.add(y, e.wide(self.bias()))
            return y if wide else e.narrow(y)
        if scheme is None:
            y = e.matmul(x, self.weight("", "plain", e.compute, (self.out, self.width)))
        elif scheme.weights == "int4":
            y = self._int4(x, scheme)
        elif scheme.weights == "nvfp4":
            y = self._nvfp4(x, scheme)
        else:
            y = self._weight_only(x, scheme)
        if self.biases:
            y = e.add(y, self.bias())
        return e.wide(y) if wide else y

    def weight(self, suffix: str, form: str, dtype: ElementType, shape: tuple[int, ...]) -> Tensor:
        """The tensor `suffix` of every weight, joined."""
        params = tuple(f"{name}.{suffix}" if suffix else name for name in self.names)
        return self.e.weight(Weight("", params, form, dtype, shape, self.rows))  # type: ignore[arg-type]

    def bias(self) -> Tensor:
        return self.e.weight(Weight("", self.biases, "plain", self.e.compute, (1, self.out), self.rows))

    def _weight_only(self, x: Tensor, scheme: Scheme) -> Tensor:
        """INT8 or FP8 codes [K, N] widened inside the product. A zero point adds the token's sum times what a zero code stands
        for."""
        e = self.e
        kind: ElementType = "int8" if scheme.weights == "int8" else "fp8"
        codes = self.weight("", "codes_t", kind, (self.width, self.out))
        scale = self.weight("scale", "vector", "fp32", (self.out,))
        y = e.matmul(x, e.dequantize(codes, scale, e.compute, axis=1), transposed=False)
        if scheme.zero_points:
            total = e.reduce(e.wide(x), "SUM")
            y = e.narrow(e.add(e.wide(y), e.mul(total, self._offset("row_offset", "fp32", (1, self.out)))))
        return y

    def _eight_bits(self, x: Tensor, scheme: Scheme) -> Tensor:
        """INT8 x INT8 or FP8 x FP8, float32 out of the product: in 16 bits the unscaled sum would overflow."""
        e = self.e
        kind: ElementType = "int8" if scheme.weights == "int8" else "fp8"
        x, one = e.wide(x), e.scalar(1.0)
        if scheme.activation_scale == "static_tensor":
            scale = self.weight("input_scale", "greatest", "fp32", (1, 1))
        else:
            limit = FP8_MAX if kind == "fp8" else float(INT8_MAX)
            top = e.reduce(e.unary(x, "ABS"), "MAX")
            scale = e.maximum(e.mul(top, e.number(1.0 / limit)), e.number(_TINY))
        x = e.div(x, scale)
        if kind == "int8":
            x = e.maximum(x, e.number(-float(INT8_MAX)))  # TensorRT saturates at -128, schemes are symmetric
        codes = e.dequantize(e.quantize(x, one, kind), one, "fp32")
        weight = self.weight("", "codes", kind, (self.out, self.width))
        y = e.matmul(codes, e.dequantize(weight, one, "fp32"))
        return e.mul(e.mul(y, scale), self.weight("scale", "row", "fp32", (1, self.out)))

    def _int4(self, x: Tensor, scheme: Scheme) -> Tensor:
        """Codes widened inside the product. TensorRT's are symmetric: a zero point adds the sums of the token's blocks times what
        a zero code of the block stands for, as a second, small product. [K, N] builds twice as fast as [N, K]."""
        e, block = self.e, int4_block(scheme, self.width)
        assert block is not None
        shape = (self.out, self.width // block)
        if self.out % 2:  # [K, N] packs two outputs into a byte
            codes = self.weight("", "nibbles", "int4", (self.out, self.width))
            scale = self.weight("scale", "groups", e.compute, shape)
        else:
            codes = self.weight("", "nibbles_t", "int4", (self.width, self.out))
            scale = self.weight("scale", "groups_t", e.compute, shape[::-1])
        y = e.matmul(x, e.dequantize(codes, scale, e.compute), transposed=bool(self.out % 2))
        if scheme.zero_points:
            sums = e.reduce(e.reshape(x, -1, self.width // block, block), "SUM", axis=2, keep=False)
            y = e.add(y, e.matmul(sums, self._offset("offset", e.compute, shape)))
        return y

    def _nvfp4(self, x: Tensor, scheme: Scheme) -> Tensor:
        """E2M1 x E2M1 with E4M3 scales of blocks of 16 under one float32 scale, on both sides (W4A16: on the weights)."""
        e = self.e
        blocks = self.weight("scale", "codes", "fp8", (self.out, self.width // 16))
        scale = e.dequantize(blocks, self.weight("scale2", "same", "fp32", ()), e.compute)
        weight = e.dequantize(self.weight("", "nibbles", "fp4", (self.out, self.width)), scale, e.compute)
        if scheme.activations is not None:
            level = self.weight("input_scale", "greatest", "fp32", ())
            codes, x_blocks = e.dynamic_quantize(x, level)
            x = e.dequantize(codes, e.dequantize(x_blocks, level, e.compute), e.compute)
        return e.matmul(x, weight)

    def _offset(self, form: str, dtype: ElementType, shape: tuple[int, ...]) -> Tensor:
        params = tuple(f"{name}.{suffix}" for suffix in ("scale", "zero") for name in self.names)
        return self.e.weight(Weight("", params, form, dtype, shape, self.rows))  # type: ignore[arg-type]
