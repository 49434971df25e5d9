"""Checkpoints of NVIDIA's TensorRT Model Optimizer (unified Hugging Face export): FP8 and NVFP4.

Source of the layout: TensorRT-Model-Optimizer, modelopt/torch/export/unified_export_hf.py, quant_utils.py and
modelopt/torch/quantization/qtensor/nvfp4_tensor.py; its settings in hf_quant_config.json or, converted, in config.json
(convert_hf_config.py) (github.com/NVIDIA/TensorRT-Model-Optimizer). A quantized module has

    FP8                         weight F8_E4M3 [out, in]; weight_scale fp32 [] (or [out]); input_scale fp32 []
    FP8_PER_CHANNEL_PER_TOKEN   weight F8_E4M3; weight_scale fp32 [out]; the input is scaled per token
    NVFP4                       weight U8 [out, in / 2], E2M1, the low nibble first; weight_scale F8_E4M3 [out, in / 16];
                                weight_scale_2 fp32 []; input_scale fp32 [], absent in weight-only checkpoints
    NVFP4_AWQ                   the same, and pre_quant_scale [in] unless it was folded into the norm before

weight = code * weight_scale (* weight_scale_2). Modules without weight_scale (`exclude_modules`) are plain. With an FP8 cache,
k_proj.k_scale and v_proj.v_scale are its scales.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from engines.network.schemes import NVFP4_BLOCK, Scheme
from engines.quantization.formats.format import (
    ForeignFormat,
    Loader,
    Packed,
    expect,
    loader,
    refuse,
    scale_loader,
)
from engines.weights import DType, WeightStore

_FLOATS: Final = (DType.FP32, DType.FP16, DType.BF16)
_NVFP4: Final = Scheme("nvfp4", "group", NVFP4_BLOCK)
_SCHEMES: Final = {
    "FP8": Scheme("fp8", "tensor", activations="fp8", activation_scale="static_tensor"),
    "FP8_PER_CHANNEL_PER_TOKEN": Scheme("fp8", "channel", activations="fp8", activation_scale="dynamic_token"),
    "NVFP4": _NVFP4,
    "NVFP4_AWQ": _NVFP4,
}


@dataclass(frozen=True, slots=True)
class ModelOptFormat(ForeignFormat):
    """`scheme` as the algorithm has it; tensors that are there or not decide the rest."""

    scheme: Scheme

    def find(self, store: WeightStore, name: str, out: int, width: int) -> Packed | None:
        module = name.removesuffix(".weight")
        if f"{module}.weight_scale" not in store:
            return None
        scheme = self._scheme(store, module)
        kinds = scheme.tensors(out, width)
        codes = expect(store, name, (kinds[""][0],), kinds[""][1])
        parts: dict[str, Loader] = {"": loader(store, codes, kinds[""][0], lambda data: data)}
        names = {codes}
        for suffix, theirs in (
            ("scale", "weight_scale"),
            ("scale2", "weight_scale_2"),
            ("input_scale", "input_scale"),
            ("pre_scale", "pre_quant_scale"),
        ):
            if suffix not in kinds:
                continue
            dtype, shape = kinds[suffix]
            shapes = (shape, (1,)) if shape == () else (shape, (*shape, 1)) if len(shape) == 1 else (shape,)
            full = expect(store, f"{module}.{theirs}", (dtype,) if dtype is DType.FP8_E4M3 else _FLOATS, *shapes)
            names.add(full)
            if dtype is DType.FP8_E4M3:
                parts[suffix] = loader(store, full, dtype, lambda data: data)
            else:
                parts[suffix] = scale_loader(store, full, shape)
        return Packed(scheme, parts, frozenset(names))

    def _scheme(self, store: WeightStore, module: str) -> Scheme:
        """The scheme of one module: NVFP4 rounds inputs where it has an input scale; FP8 scales may be per channel, and the
        input left as it is."""
        scheme, static = self.scheme, f"{module}.input_scale" in store
        if scheme.weights == "nvfp4":
            awq = f"{module}.pre_quant_scale" in store
            if static:
                scheme = replace(scheme, activations="nvfp4", activation_scale="static_tensor")
            return replace(scheme, pre_scale=awq)
        if scheme.activation_scale == "static_tensor":
            if not static:
                scheme = replace(scheme, activations=None, activation_scale=None)
            if store.shape(f"{module}.weight_scale") not in ((), (1,)):
                scheme = replace(scheme, per="channel")
        return scheme


def read_config(values: Mapping[str, Any], where: str) -> ModelOptFormat:
    """`values`: the contents of config.json's quantization_config, or the `quantization` of hf_quant_config.json. Raises
    UnsupportedError for other algorithms."""
    algorithm = values.get("quant_algo")
    if algorithm not in _SCHEMES:
        raise refuse(where, "quant_algo", algorithm, " or ".join(_SCHEMES))
    group = values.get("group_size")
    if _SCHEMES[algorithm].weights == "nvfp4" and group not in (None, NVFP4_BLOCK):
        raise refuse(where, "group_size", group, str(NVFP4_BLOCK))
    return ModelOptFormat(_SCHEMES[algorithm])
