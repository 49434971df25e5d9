"""AWQ checkpoints of AutoAWQ, version GEMM.

Source of the layout: AutoAWQ, awq/modules/linear/gemm.py, `WQLinear_GEMM` (github.com/casper-hansen/AutoAWQ). In place of
`weight` [out, in], with groups of `group_size` columns:

    qweight  int32 [in, out / 8]      8 outputs to a word: bits 4 i .. 4 i + 3 hold output 8 c + (0, 2, 4, 6, 1, 3, 5, 7)[i]
    qzeros   int32 [groups, out / 8]  packed the same way
    scales   fp16  [groups, out]

and weight = (q - zero) * scale, q and zero 0 .. 15. Activation-aware scales are folded into the layers before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from engines.network.schemes import Scheme
from engines.quantization.formats.format import (
    ForeignFormat,
    Loader,
    Packed,
    expect,
    group_scale_loader,
    loader,
    refuse,
)
from engines.quantization.pack import pack_nibbles
from engines.weights import DType, WeightStore

# Output 8 c + j lies in nibble _NIBBLE[j] of word c.
_NIBBLE: Final = (0, 4, 1, 5, 2, 6, 3, 7)


@dataclass(frozen=True, slots=True)
class AwqFormat(ForeignFormat):
    group: int  # -1: one group of all columns

    def find(self, store: WeightStore, name: str, out: int, width: int) -> Packed | None:
        module = name.removesuffix(".weight")
        if f"{module}.qweight" not in store:
            return None
        scheme = Scheme("int4", "group", width if self.group == -1 else self.group, zero_points=True)
        _, (_, groups) = scheme.tensors(out, width)["scale"]
        codes = expect(store, f"{module}.qweight", (DType.INT32,), (width, out // 8))
        zeros = expect(store, f"{module}.qzeros", (DType.INT32,), (groups, out // 8))
        scales = expect(store, f"{module}.scales", (DType.FP16, DType.BF16), (groups, out))
        parts: dict[str, Loader] = {
            "": loader(store, codes, DType.UINT8, lambda data: pack_nibbles(unpack_outputs(data).T)),
            "scale": group_scale_loader(store, scales, lambda data: data.T),
            "zero": loader(store, zeros, DType.UINT8, lambda data: np.ascontiguousarray(unpack_outputs(data).T)),
        }
        return Packed(scheme, parts, frozenset((codes, zeros, scales)))


def unpack_outputs(words: NDArray[np.int32]) -> NDArray[np.uint8]:
    """int32 [n, out / 8] -> codes 0 .. 15 [n, out]."""
    bits = words.view(np.uint32)
    codes = np.empty((*bits.shape, 8), np.uint8)
    for j, nibble in enumerate(_NIBBLE):
        codes[..., j] = (bits >> np.uint32(4 * nibble)) & np.uint32(15)
    return codes.reshape(len(bits), -1)


def read_config(values: Mapping[str, Any], where: str) -> AwqFormat:
    """Raises UnsupportedError for other versions, widths and groups."""
    version = values.get("version", "gemm")
    if not isinstance(version, str) or version.lower() != "gemm":
        raise refuse(where, "AWQ version", version, "gemm")
    if values.get("bits", values.get("w_bit", 4)) != 4:
        raise refuse(where, "AWQ bits", values.get("bits", values.get("w_bit")), "4")
    group = values.get("group_size", values.get("q_group_size", 128))
    if type(group) is not int or (group != -1 and (group < 8 or group % 8)):
        raise refuse(where, "AWQ group_size", group, "a multiple of 8, or -1,")
    return AwqFormat(group)
