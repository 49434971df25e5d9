"""The builder that models are written with: values you can add and multiply, layers that declare their parameters.

    b = Builder()
    x = b.embedding(b.tokens, "embed", vocab_size, hidden)
    h = b.rms_norm(x, "layers.0.attn_norm", eps)
    x = x + b.linear(h, "layers.0.attn.o", hidden)
    network = b.build(b.linear(b.gather_logits(x), "lm_head", vocab_size, tied="embed.weight"))

A layer called `name` owns the parameters `name.weight` and `name.bias`. Every width is checked where the line is written:
a mistake is a ContractError there, not a crash in a backend.
"""

from __future__ import annotations

from dataclasses import dataclass

from engines.api.errors import ContractError
from engines.network import ops
from engines.network.graph import Network, Node
from engines.network.infer import IDS, POSITIONS, TOKENS, Shape, infer


@dataclass(frozen=True, slots=True, eq=False)
class Value:
    """A value of the network under construction, [T, width] or, after `gather_logits`, [L, width]."""

    builder: Builder
    name: str
    shape: Shape

    @property
    def width(self) -> int:
        return self.shape.width

    def __add__(self, other: Value) -> Value:
        return self.builder.add(self, other)

    def __mul__(self, other: Value | float) -> Value:
        return self.builder.mul(self, other) if isinstance(other, Value) else self.builder.scale(self, other)

    __rmul__ = __mul__


class Builder:
    """Collects nodes in execution order. `tokens` and `positions` are the two inputs, [T] int32."""

    def __init__(self) -> None:
        self._nodes: list[Node] = []
        self._widths: dict[str, int] = {TOKENS: 0, POSITIONS: 0}
        self._params: dict[str, tuple[int, ...]] = {}
        self.tokens = Value(self, TOKENS, IDS)
        self.positions = Value(self, POSITIONS, IDS)

    def embedding(self, ids: Value, name: str, rows: int, width: int) -> Value:
        """Rows of `name.weight` [rows, width] at `ids`: of `tokens`, or of `positions` where positions are learned."""
        return self._apply(ops.Embedding(self._declare(f"{name}.weight", rows, width)), [ids], name)

    def linear(self, x: Value, name: str, out: int, *, bias: bool = False, tied: str | None = None) -> Value:
        """x @ weight.T + bias, [T, out]. `tied`: a parameter [out, in] declared before, in place of `name.weight`."""
        if tied is not None and tied not in self._params:
            raise ContractError(f"Linear {name} is tied to {tied}, which is not declared.")
        weight = tied or self._declare(f"{name}.weight", out, self._width(x))
        biases = (self._declare(f"{name}.bias", out),) if bias else ()
        result = self._apply(ops.Linear((weight,), biases), [x], name)
        if result.width != out:
            raise ContractError(f"Linear {name} makes {result.width} columns of {tied} where {out} are wanted.")
        return result

    def rms_norm(self, x: Value, name: str, eps: float) -> Value:
        """RMSNorm with `name.weight`."""
        return self._apply(ops.RMSNorm(self._declare(f"{name}.weight", self._width(x)), eps), [x], name)

    def layer_norm(self, x: Value, name: str, eps: float, *, bias: bool = True) -> Value:
        """LayerNorm with `name.weight` and, by default, `name.bias`."""
        weight = self._declare(f"{name}.weight", self._width(x))
        return self._apply(
            ops.LayerNorm(weight, self._declare(f"{name}.bias", x.width) if bias else None, eps), [x], name
        )

    def activation(self, x: Value, kind: ops.ActivationKind) -> Value:
        return self._apply(ops.Activation(kind), [x], kind)

    def add(self, a: Value, b: Value) -> Value:
        return self._apply(ops.Add(), [a, b], "add")

    def mul(self, a: Value, b: Value) -> Value:
        return self._apply(ops.Mul(), [a, b], "mul")

    def scale(self, x: Value, factor: float) -> Value:
        return self._apply(ops.Scale(float(factor)), [x], "scale")

    def soft_cap(self, x: Value, cap: float) -> Value:
        return self._apply(ops.SoftCap(float(cap)), [x], "soft_cap")

    def gather_logits(self, x: Value) -> Value:
        """[T, n] -> [L, n]: only the rows whose logits are wanted. Call it before the last norm and the head."""
        return self._apply(ops.GatherLogits(), [x], "logit_rows")

    def attention(
        self,
        q: Value,
        k: Value,
        v: Value,
        *,
        layer: int,
        num_heads: int,
        num_kv_heads: int,
        head_dim: int,
        scale: float | None = None,
        rope: ops.Rope | None = None,
        qk_norm: str | None = None,
        norm_eps: float = 1e-6,
        sliding_window: int | None = None,
        soft_cap: float | None = None,
        alibi: bool = False,
        sinks: str | None = None,
    ) -> Value:
        """Causal attention over the paged cache, [T, num_heads * head_dim]; layers are numbered 0, 1, 2 ... in order.

        `scale`: head_dim ** -0.5 unless given. `qk_norm`: RMSNorm of each head with `{qk_norm}.q_norm.weight` and
        `{qk_norm}.k_norm.weight` [head_dim]. `sinks`: name of the parameter [num_heads]. The rest: `engines.network.ops.Attention`.
        """
        expected = sum(isinstance(node.op, ops.Attention) for node in self._nodes)
        if layer != expected:
            raise ContractError(
                f"Attention of layer {layer} comes where layer {expected} is due: each has its own cache."
            )
        norms = [self._declare(f"{qk_norm}.{n}_norm.weight", head_dim) if qk_norm else None for n in ("q", "k")]
        op = ops.Attention(
            layer,
            num_heads,
            num_kv_heads,
            head_dim,
            head_dim**-0.5 if scale is None else scale,
            rope,
            norms[0],
            norms[1],
            norm_eps,
            sliding_window,
            soft_cap,
            alibi,
            None if sinks is None else self._declare(sinks, num_heads),
        )
        return self._apply(op, [q, k, v], f"attention.{layer}")

    def param(self, name: str, *shape: int) -> str:
        """Declare a parameter of a custom operation."""
        return self._declare(name, *shape)

    def custom(self, op: ops.Custom, *inputs: Value) -> tuple[Value, ...]:
        """Apply a user's operation; see `engines.network.custom_op`, whose result is the usual way to call this."""
        return self._apply_all(op, inputs, op.name)

    def build(self, logits: Value) -> Network:
        """The finished network. `logits` [L, vocab] is its output."""
        self._own(logits)
        if logits.shape.rows != "L":
            raise ContractError(f"Logits are {logits.shape}: call gather_logits before the head.")
        if not any(isinstance(node.op, ops.Attention) for node in self._nodes):
            raise ContractError("A network without attention has no cache to page: it is not a language model.")
        return Network(tuple(self._nodes), dict(self._widths), dict(self._params), logits.name)

    def _declare(self, name: str, *shape: int) -> str:
        if name in self._params:
            raise ContractError(
                f"Parameter {name} is declared twice: a name means one tensor (tie a linear with `tied`)."
            )
        if any(size < 1 for size in shape):
            raise ContractError(f"Parameter {name} has the impossible shape {shape}.")
        self._params[name] = shape
        return name

    def _width(self, value: Value) -> int:
        if self._own(value).width == 0:
            raise ContractError(f"A layer computes on numbers, not on {value.shape}: embed them first.")
        return value.width

    def _own(self, value: Value) -> Value:
        if value.builder is not self:
            raise ContractError(f"Value {value.name} belongs to another builder.")
        return value

    def _apply(self, op: ops.Op, inputs: list[Value], hint: str) -> Value:
        return self._apply_all(op, inputs, hint)[0]

    def _apply_all(self, op: ops.Op, inputs: list[Value] | tuple[Value, ...], hint: str) -> tuple[Value, ...]:
        shapes = infer(op, [self._own(value).shape for value in inputs], self._params)
        outputs = tuple(Value(self, self._name(hint, shape.width), shape) for shape in shapes)
        self._nodes.append(Node(op, tuple(value.name for value in inputs), tuple(value.name for value in outputs)))
        return outputs

    def _name(self, hint: str, width: int) -> str:
        name, n = hint, 1
        while name in self._widths:
            n += 1
            name = f"{hint}_{n}"
        self._widths[name] = width
        return name
