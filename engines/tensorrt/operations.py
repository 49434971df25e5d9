"""Every operation of a piece in TensorRT's layers. What is between matrix products is computed in float32, as the kernels of
`engines.cuda` do: the library fuses the casts into the same kernel."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from engines.api.errors import UnsupportedError
from engines.network import ops
from engines.network.graph import Node
from engines.tensorrt.emitter import Emitter, Tensor
from engines.tensorrt.linear import linear
from engines.tensorrt.weights import Weight

Shapes = Mapping[str, tuple[int, ...]]


def emit(e: Emitter, node: Node, x: list[Tensor], shapes: Shapes, wide: bool) -> tuple[Tensor, ...]:
    """The outputs of `node` on `x`. `shapes`: of parameters. `wide`: the result is a logit, kept in float32."""
    op = node.op
    match op:
        case ops.Linear():
            return (linear(e, op, x[0], shapes, wide),)
        case ops.RMSNorm(weight=name, eps=eps):
            return (rms_norm(e, x[0], name, eps, shapes),)
        case ops.AddRMSNorm(weight=name, eps=eps):
            total = e.add(x[0], x[1])
            return total, rms_norm(e, total, name, eps, shapes)
        case ops.LayerNorm(weight=name, bias=bias, eps=eps):
            return (layer_norm(e, x[0], name, bias, eps, shapes),)
        case ops.Activation(kind=kind):
            return (e.narrow(activation(e, e.wide(x[0]), kind)),)
        case ops.GatedActivation(kind=kind):
            half = x[0].shape[1] // 2
            gate, up = e.wide(e.columns(x[0], 0, half)), e.wide(e.columns(x[0], half, half))
            return (e.narrow(e.mul(activation(e, gate, kind), up)),)
        case ops.Add():
            return (e.add(x[0], x[1]),)
        case ops.Mul():
            return (e.mul(x[0], x[1]),)
        case ops.Scale(factor=factor):
            return (_unary(e, x[0], wide, lambda v: e.mul(v, e.number(factor))),)
        case ops.SoftCap(cap=cap):
            return (
                _unary(
                    e, x[0], wide, lambda v: e.mul(e.activation(e.mul(v, e.number(1 / cap)), "TANH"), e.number(cap))
                ),
            )
    raise UnsupportedError(f"The TensorRT backend has no operation {type(op).__name__}; use another --backend.")


def rms_norm(e: Emitter, x: Tensor, name: str, eps: float, shapes: Shapes) -> Tensor:
    """x / sqrt(mean(x^2) + eps) * weight. TensorRT's own normalization layers subtract the mean, so this is spelt out; the
    builder makes one kernel of it, together with the sum before."""
    wide = e.wide(x)
    mean = e.reduce(e.mul(wide, wide), "AVG")
    inverse = e.unary(e.unary(e.add(mean, e.number(eps)), "SQRT"), "RECIP")
    return e.mul(e.narrow(e.mul(wide, inverse)), vector(e, name, shapes))


def layer_norm(e: Emitter, x: Tensor, name: str, bias: str | None, eps: float, shapes: Shapes) -> Tensor:
    scale = e.wide(vector(e, name, shapes))
    shift = e.wide(vector(e, bias, shapes)) if bias is not None else e.mul(scale, e.number(0.0))
    return e.narrow(e.layer_norm(e.wide(x), scale, shift, eps))


def activation(e: Emitter, x: Tensor, kind: ops.ActivationKind) -> Tensor:
    """In float32."""
    if kind == "silu":
        return e.mul(x, e.activation(x, "SIGMOID"))
    return e.activation(x, {"gelu": "GELU_ERF", "gelu_tanh": "GELU_TANH", "relu": "RELU"}[kind])


def vector(e: Emitter, name: str, shapes: Shapes) -> Tensor:
    """A parameter [n] as [1, n]."""
    return e.weight(Weight("", (name,), "plain", e.compute, (1, shapes[name][0])))


def _unary(e: Emitter, x: Tensor, wide: bool, function: Callable[[Tensor], Tensor]) -> Tensor:
    y = function(x if wide else e.wide(x))
    return y if wide else e.narrow(y)
