"""compressed-tensors checkpoints (llm-compressor): FP8 and INT8 weights with or without rounded inputs, INT4 weight-only.

Source of the layout: compressed-tensors, src/compressed_tensors/compressors (fp8_quantized.py, int_quantized.py, pack_quantized.py)
and quantization/quant_args.py (github.com/neuralmagic/compressed-tensors). One `config_groups` entry says for all linears
`weights` and `input_activations`: num_bits, type, strategy, dynamic, symmetric. A quantized module has, beside `weight_scale`,

    float-quantized, naive-quantized  weight F8_E4M3 [out, in]; weight_scale [1] or [] (tensor) or [out, 1] (channel)
    int-quantized, naive-quantized    weight I8 [out, in]; weight_scale as above
    pack-quantized                    weight_packed I32 [out, in / 8]: 8 inputs to a word, the low bits first, stored + 8;
                                      weight_scale [out, groups]; weight_shape I64 [2]
    input_scale [1] or []             where inputs are rounded with a static scale

weight = code * scale. Modules without weight_scale (`ignore`) are plain.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

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
    scale_loader,
)
from engines.quantization.formats.gptq import unpack_words
from engines.quantization.pack import pack_nibbles
from engines.weights import DType, WeightStore

_FLOATS = (DType.FP32, DType.FP16, DType.BF16)


@dataclass(frozen=True, slots=True)
class CompressedFormat(ForeignFormat):
    """`scheme` of every quantized linear; `packed`: the codes are in `weight_packed`."""

    scheme: Scheme
    packed: bool

    def find(self, store: WeightStore, name: str, out: int, width: int) -> Packed | None:
        module = name.removesuffix(".weight")
        if f"{module}.weight_scale" not in store:
            return None
        for stray in ("weight_zero_point", "weight_g_idx", "bitmask", "input_zero_point"):
            if f"{module}.{stray}" in store:
                raise UnsupportedError(
                    f"{store.folder} is a compressed-tensors checkpoint with {stray}, which is not read; use a symmetric, "
                    f"dense one without activation ordering."
                )
        scheme = self.scheme
        _, shape = scheme.tensors(out, width)["scale"]
        names: set[str] = set()
        if self.packed:
            codes = expect(store, f"{module}.weight_packed", (DType.INT32,), (out, -(-width // 8)))
            if width % 8:
                raise UnsupportedError(f"{codes} packs {width} inputs, which is not a multiple of 8; it is not read.")
            size = f"{module}.weight_shape"
            if size in store:
                names.add(size)
                if store.read(size).data.tolist() != [out, width]:
                    raise WeightError(
                        f"{size} in {store.file(size)} contradicts config.json, which makes it [{out}, {width}]."
                    )
            parts: dict[str, Loader] = {"": loader(store, codes, DType.UINT8, _nibbles)}
        else:
            kind = DType.FP8_E4M3 if scheme.weights == "fp8" else DType.INT8
            codes = expect(store, name, (kind,), (out, width))
            parts = {"": loader(store, codes, kind, lambda data: data)}
        scales = expect(store, f"{module}.weight_scale", _FLOATS, *_scale_shapes(scheme, shape))
        if scheme.group is None:
            parts["scale"] = scale_loader(store, scales, shape)
        else:
            parts["scale"] = group_scale_loader(store, scales, lambda data: data)
        names |= {codes, scales}
        if scheme.activation_scale == "static_tensor":
            given = expect(store, f"{module}.input_scale", _FLOATS, (), (1,))
            parts["input_scale"] = scale_loader(store, given, ())
            names.add(given)
        return Packed(scheme, parts, frozenset(names))


def _scale_shapes(scheme: Scheme, shape: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
    if scheme.per == "tensor":
        return ((), (1,), (1, 1))
    return (shape, (*shape, 1)) if scheme.per == "channel" else (shape,)


def _nibbles(words: NDArray[np.int32]) -> NDArray[np.uint8]:
    return pack_nibbles(unpack_words(words, 4).reshape(len(words), -1))


def read_config(values: Mapping[str, Any], where: str) -> CompressedFormat:
    """Raises UnsupportedError naming what of the format is not read."""
    for section in ("sparsity_config", "transform_config"):
        if values.get(section):
            raise refuse(where, section, values[section], "a checkpoint without it")
    groups = values.get("config_groups")
    if not isinstance(groups, Mapping) or len(groups) != 1:
        count = len(groups) if isinstance(groups, Mapping) else groups
        raise refuse(where, "config_groups", count, "one group for all linears")
    (group,) = groups.values()
    if not isinstance(group, Mapping) or not isinstance(group.get("weights"), Mapping):
        raise refuse(where, "config_groups", group, "a group with weights")
    weights, inputs = group["weights"], group.get("input_activations")
    form = group.get("format") or values.get("format")
    if form not in ("float-quantized", "int-quantized", "naive-quantized", "pack-quantized"):
        raise refuse(where, "format", form, "float-, int-, naive- or pack-quantized")
    if weights.get("symmetric") is False or weights.get("dynamic") or weights.get("actorder"):
        raise refuse(where, "weights", weights, "symmetric, static, without actorder")
    if inputs is not None and not isinstance(inputs, Mapping):
        raise refuse(where, "input_activations", inputs, "an object or null")
    if group.get("output_activations"):
        raise refuse(where, "output_activations", group["output_activations"], "null")
    return CompressedFormat(_scheme(weights, inputs, where), form == "pack-quantized")


def _scheme(weights: Mapping[str, Any], inputs: Mapping[str, Any] | None, where: str) -> Scheme:
    kind = (weights.get("type", "int"), weights.get("num_bits", 8))
    strategy = weights.get("strategy") or ("group" if (weights.get("group_size") or 0) > 0 else "tensor")
    if kind == ("int", 4) and inputs is None and strategy in ("group", "channel"):
        size = weights.get("group_size")
        if strategy == "channel":
            return Scheme("int4", "channel")
        if type(size) is int and size >= 8 and size % 8 == 0:
            return Scheme("int4", "group", size)
    if kind in (("float", 8), ("int", 8)) and strategy in ("tensor", "channel"):
        name: Literal["fp8", "int8"] = "fp8" if kind[0] == "float" else "int8"
        per: Literal["tensor", "channel"] = "tensor" if strategy == "tensor" else "channel"
        if inputs is None:
            return Scheme(name, per)
        same = (inputs.get("type", "int"), inputs.get("num_bits", 8)) == kind and inputs.get("symmetric") is not False
        if same and inputs.get("dynamic") is True and inputs.get("strategy") == "token":
            return Scheme(name, per, activations=name, activation_scale="dynamic_token")
        if same and not inputs.get("dynamic") and inputs.get("strategy", "tensor") in ("tensor", None):
            return Scheme(name, per, activations=name, activation_scale="static_tensor")
        raise refuse(
            where, "input_activations", dict(inputs), "dynamic per token, or static per tensor, in the weights' type,"
        )
    raise refuse(where, "weights", dict(weights), "fp8 or int8 per tensor or channel, or int4 weight-only,")
