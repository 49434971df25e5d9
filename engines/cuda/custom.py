"""A user's operation as a kernel: the text that is compiled around its `cuda_source`. See docs/custom-op.md."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Final

from engines.api.errors import ContractError, UnsupportedError
from engines.network import ops

# Threads of a block: there is one block per row.
CUSTOM_BLOCK: Final = 256


def custom_source(op: ops.Custom, widths: Sequence[int]) -> str:
    """The whole source: our header, the widths of the inputs and outputs as `in_0`, `out_0`, ..., the attributes under their own
    names with `attr_` before them, the user's text. Raises UnsupportedError for an operation without one."""
    if op.cuda_source is None:
        raise UnsupportedError(
            f"The custom operation {op.name} has no cuda_source; give it one, or use --backend reference."
        )
    lines = ['#include "common.cuh"', "typedef u16 elem;"]
    lines += [f"constexpr int in_{i} = {width};" for i, width in enumerate(widths)]
    outputs = op.infer_shape(*widths, **dict(op.attrs))
    lines += [f"constexpr int out_{i} = {width};" for i, width in enumerate(outputs)]
    lines += [_constant(op.name, name, value) for name, value in op.attrs]
    return "\n".join([*lines, f'#line 1 "{op.name}"', op.cuda_source, ""])


def _constant(op: str, name: str, value: object) -> str:
    match value:
        case bool():
            return f"constexpr bool attr_{name} = {str(value).lower()};"
        case int():
            return f"constexpr long long attr_{name} = {value}LL;"
        case float() if math.isfinite(value):
            return f"constexpr float attr_{name} = {value.hex()};"
        case str():
            return f"constexpr char attr_{name}[] = {json.dumps(value)};"
    raise ContractError(f"Attribute {name} of {op} is {value!r}, which CUDA C++ has no constant for.")
