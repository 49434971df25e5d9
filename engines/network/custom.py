"""Operations of the user's own: declared once, used in a definition like any other layer. See docs/custom-op.md."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from engines.api.errors import ContractError
from engines.network import ops
from engines.network.builder import Value


@dataclass(frozen=True, slots=True)
class CustomOp:
    """A declared operation. Calling it in a definition adds it to the network of its inputs."""

    name: str
    infer_shape: Callable[..., tuple[int, ...]]
    reference: Callable[..., Any]
    cuda_source: str | None = None

    def __call__(self, *inputs: Value, params: Sequence[str] = (), **attrs: bool | int | float | str) -> Value:
        """Apply to values of one builder; the one output. `params`: names declared with `Builder.param`; `attrs`: constants
        handed to `infer_shape` and `reference`."""
        outputs = self.outputs(*inputs, params=params, **attrs)
        if len(outputs) != 1:
            raise ContractError(
                f"Custom operation {self.name} has {len(outputs)} outputs: use {self.name}.outputs(...)."
            )
        return outputs[0]

    def outputs(
        self, *inputs: Value, params: Sequence[str] = (), **attrs: bool | int | float | str
    ) -> tuple[Value, ...]:
        """As a call, for an operation with several outputs."""
        if not inputs:
            raise ContractError(f"Custom operation {self.name} needs an input: it has as many rows as its inputs.")
        for key, value in attrs.items():
            if not isinstance(value, (bool, int, float, str)):
                raise ContractError(
                    f"Attribute {key} of {self.name} is a {type(value).__name__}: use a number or a string."
                )
        op = ops.Custom(
            self.name, self.infer_shape, self.reference, tuple(params), tuple(sorted(attrs.items())), self.cuda_source
        )
        return inputs[0].builder.custom(op, *inputs)


def custom_op(
    name: str,
    infer_shape: Callable[..., tuple[int, ...]],
    reference: Callable[..., Any],
    cuda_source: str | None = None,
) -> CustomOp:
    """Declare an operation that a network may use beside the built-in ones, without touching them.

    `infer_shape(*input_widths, **attrs)` returns the widths of the outputs, a tuple. `reference(*inputs, *params, **attrs)`
    takes float32 arrays [T, width], then the parameters as float32, and returns one float32 array or a tuple of them. It must
    treat every row alone: which other tokens are in the step is chance. `cuda_source`: CUDA C++ of the same operation.
    Raises ContractError for a name that is no identifier.
    """
    if not name.isidentifier():
        raise ContractError(f"{name!r} cannot name a custom operation: use letters, digits and underscores.")
    return CustomOp(name, infer_shape, reference, cuda_source)
