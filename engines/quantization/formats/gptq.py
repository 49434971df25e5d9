"""GPTQ checkpoints of AutoGPTQ and GPTQModel, 4 and 8 bits, without act-order.

Source of the layout: AutoGPTQ, auto_gptq/nn_modules/qlinear/qlinear_cuda_old.py, qlinear_exllama.py (github.com/AutoGPTQ/AutoGPTQ);
`checkpoint_format` "gptq_v2": GPTQModel (github.com/ModelCloud/GPTQModel). In place of `weight` [out, in], with p = 32 / bits:

    qweight  int32 [in / p, out]      p inputs to a word: bits i * bits .. of word [r, o] hold input r p + i
    qzeros   int32 [groups, out / p]  p outputs to a word, in order; "gptq" stores zero - 1, "gptq_v2" zero
    scales   fp16  [groups, out]
    g_idx    int32 [in]               the group of each input

and weight = (q - zero) * scale. With `sym` every zero is the middle of the range. Act-order (`desc_act`) sorts inputs into
groups by importance; only checkpoints whose g_idx is i // group_size all the same are read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.api.errors import UnsupportedError, WeightError
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
from engines.weights import DType, Tensor, WeightStore


@dataclass(frozen=True, slots=True)
class GptqFormat(ForeignFormat):
    """`offset`: what is added to stored zeros: 1, or 0 in gptq_v2."""

    bits: int
    group: int  # -1: one group of all columns
    symmetric: bool
    offset: int

    def find(self, store: WeightStore, name: str, out: int, width: int) -> Packed | None:
        module = name.removesuffix(".weight")
        if f"{module}.qweight" not in store:
            return None
        group = width if self.group == -1 else self.group
        scheme = Scheme("int4" if self.bits == 4 else "int8", "group", group, zero_points=not self.symmetric)
        _, (_, groups) = scheme.tensors(out, width)["scale"]
        words = 32 // self.bits
        codes = expect(store, f"{module}.qweight", (DType.INT32,), (width // words, out))
        zeros = expect(store, f"{module}.qzeros", (DType.INT32,), (groups, out // words))
        scales = expect(store, f"{module}.scales", (DType.FP16, DType.BF16), (groups, out))
        names = {codes, zeros, scales}
        if f"{module}.g_idx" in store:
            order = expect(store, f"{module}.g_idx", (DType.INT32,), (width,))
            names.add(order)
            if not np.array_equal(store.read(order).data, np.arange(width) // group):
                raise UnsupportedError(
                    f"{store.folder} is a GPTQ checkpoint with act-order (g_idx of {module} is not sequential), which is "
                    f"not read; use one quantized with desc_act off."
                )
        # AutoGPTQ wrote a bias of zeros for every linear; one that is not zero belongs to the network or is refused.
        if f"{module}.bias" in store and not np.any(store.read(f"{module}.bias").data):
            names.add(f"{module}.bias")
        parts: dict[str, Loader] = {
            "": loader(store, codes, DType.UINT8 if self.bits == 4 else DType.INT8, self._codes),
            "scale": self._checked(store, zeros, group_scale_loader(store, scales, lambda data: data.T)),
        }
        if scheme.zero_points:
            parts["zero"] = lambda: Tensor(zeros, DType.UINT8, self._zeros(store, zeros))
        return Packed(scheme, parts, frozenset(names))

    def _codes(self, words: NDArray[np.int32]) -> NDArray[np.generic]:
        """int32 [in / p, out] -> packed codes [out, in / 2], or int8 [out, in]."""
        rows, out = words.shape
        codes = unpack_words(words, self.bits).transpose(1, 0, 2).reshape(out, rows * 32 // self.bits)
        return pack_nibbles(codes) if self.bits == 4 else (codes ^ np.uint8(128)).view(np.int8)

    def _zeros(self, store: WeightStore, name: str) -> NDArray[np.uint8]:
        stored = unpack_words(store.read(name).data, self.bits)
        zeros = stored.reshape(len(stored), -1).T.astype(np.uint16) + self.offset
        if int(zeros.max(initial=0)) >= 1 << self.bits:
            raise UnsupportedError(
                f"{name} in {store.file(name)} has zero points beyond {self.bits} bits, which writers of this layout do not "
                f"agree on; use another checkpoint."
            )
        return np.ascontiguousarray(zeros.astype(np.uint8))

    def _checked(self, store: WeightStore, zeros: str, load: Loader) -> Loader:
        """`load`, after a look at the zero points that a symmetric checkpoint should all have in the middle."""

        def checked() -> Tensor:
            if self.symmetric and (self._zeros(store, zeros) != 1 << (self.bits - 1)).any():
                raise WeightError(
                    f"{zeros} in {store.file(zeros)} has zero points other than {1 << (self.bits - 1)}, though config.json "
                    f"says sym; use a consistent checkpoint."
                )
            return load()

        return checked


def unpack_words(words: NDArray[np.generic], bits: int) -> NDArray[np.uint8]:
    """int32 [n, m] -> codes [n, m, 32 / bits], the low bits first."""
    wide = words.view(np.uint32)
    codes = np.empty((*wide.shape, 32 // bits), np.uint8)
    for i in range(32 // bits):
        codes[..., i] = (wide >> np.uint32(bits * i)) & np.uint32((1 << bits) - 1)
    return codes


def read_config(values: Mapping[str, Any], where: str) -> GptqFormat:
    """Raises UnsupportedError for other widths, groups and formats. Act-order is looked for in the tensors."""
    bits, group, form = values.get("bits"), values.get("group_size", -1), values.get("checkpoint_format", "gptq")
    if bits not in (4, 8):
        raise refuse(where, "GPTQ bits", bits, "4 or 8")
    if type(group) is not int or (group != -1 and (group < 8 or group % 8)):
        raise refuse(where, "GPTQ group_size", group, "a multiple of 8, or -1,")
    if form not in ("gptq", "gptq_v2", None):
        raise refuse(where, "GPTQ checkpoint_format", form, "gptq or gptq_v2")
    if values.get("pack_dtype", "int32") != "int32":
        raise refuse(where, "GPTQ pack_dtype", values.get("pack_dtype"), "int32")
    sym = values.get("sym", True)
    if not isinstance(sym, bool):
        raise refuse(where, "GPTQ sym", sym, "true or false")
    return GptqFormat(bits, group, sym, 0 if form == "gptq_v2" else 1)
