"""Linear layers: 16-bit, and every quantization as explicit Q/DQ, in the forms that the library fuses.

What was found by building each (docs/tensorrt.md): scales that are inputs may not sit in Q/DQ of an 8-bit product, so Q and DQ
get the constant 1 and the real scales multiply outside, in the pointwise kernel that follows anyway; INT4 and NVFP4 stay fused
as constants only; weight-only INT8 as an input wants [K, N].
"""

from __future__ import annotations

from collections.abc import Mapping

from engines.network import ops
from engines.tensorrt.emitter import Emitter, Tensor
from engines.tensorrt.weights import Weight

Shapes = Mapping[str, tuple[int, ...]]


def linear(e: Emitter, op: ops.Linear, x: Tensor, shapes: Shapes) -> Tensor:
    """x [T, K] -> [T, N] in the compute type."""
    rows = tuple(shapes[name][0] for name in op.weights)
    out, width = sum(rows), shapes[op.weights[0]][1]
    y = e.matmul(x, e.weight(Weight("", op.weights, "plain", e.compute, (out, width))))
    if op.biases:
        y = e.add(y, e.weight(Weight("", op.biases, "plain", e.compute, (1, out))))
    return y
