"""Checkpoints written in the layouts that other quantizers publish, by loops as plain as their descriptions.

`Foreign` is a small Llama whose linears a test turns into a layout, one tensor after the other, noting the values that the
layout stands for; `save` writes it. Nothing here uses the product's packing.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

HIDDEN, FFN, VOCAB, LAYERS = 32, 64, 48, 2
LINEARS = {
    "self_attn.q_proj": (32, 32),
    "self_attn.k_proj": (16, 32),
    "self_attn.v_proj": (16, 32),
    "self_attn.o_proj": (32, 32),
    "mlp.gate_proj": (64, 32),
    "mlp.up_proj": (64, 32),
    "mlp.down_proj": (32, 64),
}
E2M1 = [0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0]
_NAMES = {
    "uint16": "BF16",
    "float16": "F16",
    "float32": "F32",
    "int8": "I8",
    "uint8": "U8",
    "int32": "I32",
    "int64": "I64",
}


class Fp8:
    """Marks uint8 bytes that are F8_E4M3 to the file."""

    def __init__(self, codes: np.ndarray) -> None:
        self.codes = codes


def e4m3_value(code: int) -> float:
    """The definition of E4M3FN, one code at a time."""
    sign, exponent, mantissa = -1 if code & 128 else 1, (code >> 3) & 15, code & 7
    return sign * (mantissa * 2.0**-9 if exponent == 0 else (1 + mantissa / 8) * 2.0 ** (exponent - 7))


def e4m3_code(value: float) -> int:
    """The nearest code, by looking at all of them (ties to the even one)."""
    codes = list(range(127))
    best = min(codes, key=lambda c: (abs(e4m3_value(c) - min(abs(value), 448.0)), c & 1))
    return best | (128 if value < 0 else 0)


_CODES = np.array([e4m3_value(c) for c in range(127)])


def e4m3(values: np.ndarray) -> np.ndarray:
    """uint8 codes nearest to `values` (no ties here matter: the values read back are what is compared)."""
    near = np.abs(_CODES - np.minimum(np.abs(values), 448)[..., None]).argmin(axis=-1)
    return (near | np.where(values < 0, 128, 0)).astype(np.uint8)


def e4m3_values(codes: np.ndarray) -> np.ndarray:
    return np.vectorize(e4m3_value)(codes).astype(np.float64)


def e2m1(values: np.ndarray) -> np.ndarray:
    near = np.abs(np.array(E2M1) - np.abs(values)[..., None]).argmin(axis=-1)
    return (near | np.where(values < 0, 8, 0)).astype(np.uint8)


def e2m1_values(codes: np.ndarray) -> np.ndarray:
    table = np.array([*E2M1, *(-x for x in E2M1)])
    return table[codes]


class Foreign:
    """`tensors`: what will be in the file. `values`: module -> float64 [out, in] that its layout stands for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.rng = np.random.default_rng(7)
        self.values: dict[str, np.ndarray] = {}
        self.tensors: dict[str, Any] = {
            "model.embed_tokens.weight": self.normal(VOCAB, HIDDEN, 1.0),
            "model.norm.weight": np.ones(HIDDEN, np.float16),
            "lm_head.weight": self.normal(VOCAB, HIDDEN, 0.3),
        }
        self.modules = []
        for i in range(LAYERS):
            for norm in ("input_layernorm", "post_attention_layernorm"):
                self.tensors[f"model.layers.{i}.{norm}.weight"] = np.ones(HIDDEN, np.float16)
            self.modules += [(f"model.layers.{i}.{name}", shape) for name, shape in LINEARS.items()]
        self.config: dict[str, Any] = {
            "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": HIDDEN, "intermediate_size": FFN,
            "num_hidden_layers": LAYERS, "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": VOCAB,
            "max_position_embeddings": 64, "hidden_act": "silu", "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
            "tie_word_embeddings": False, "torch_dtype": "float16",
        }  # fmt: skip

    def normal(self, out: int, width: int, size: float = 0.2) -> np.ndarray:
        return (self.rng.standard_normal((out, width)) * size).astype(np.float16)

    def save(self, quantization: Any = None) -> Path:
        header: dict[str, object] = {}
        data = b""
        for name, tensor in self.tensors.items():
            array = tensor.codes if isinstance(tensor, Fp8) else tensor
            kind = "F8_E4M3" if isinstance(tensor, Fp8) else _NAMES[array.dtype.name]
            raw = np.ascontiguousarray(array).tobytes()
            header[name] = {
                "dtype": kind,
                "shape": list(array.shape),
                "data_offsets": [len(data), len(data) + len(raw)],
            }
            data += raw
        raw_header = json.dumps(header).encode()
        (self.folder / "model.safetensors").write_bytes(len(raw_header).to_bytes(8, "little") + raw_header + data)
        config = self.config if quantization is None else {**self.config, "quantization_config": quantization}
        (self.folder / "config.json").write_text(json.dumps(config))
        return self.folder

    # --- AutoAWQ, WQLinear_GEMM.from_linear -------------------------------------------------------------------------------

    def awq(self, group: int = 32) -> dict[str, Any]:
        for module, (out, width) in self.modules:
            codes = self.rng.integers(0, 16, (out, width))
            scales = self.rng.uniform(0.01, 0.1, (width // group, out)).astype(np.float16)
            zeros = self.rng.integers(0, 16, (width // group, out))
            self.tensors[f"{module}.qweight"] = self._awq_words(codes.T)
            self.tensors[f"{module}.qzeros"] = self._awq_words(zeros)
            self.tensors[f"{module}.scales"] = scales
            self.values[module] = np.array(
                [
                    [(codes[o, i] - zeros[i // group, o]) * float(scales[i // group, o]) for i in range(width)]
                    for o in range(out)
                ]
            )
        return {"quant_method": "awq", "bits": 4, "group_size": group, "zero_point": True, "version": "gemm"}

    @staticmethod
    def _awq_words(codes: np.ndarray) -> np.ndarray:
        words = np.zeros((codes.shape[0], codes.shape[1] // 8), np.uint32)
        for column in range(words.shape[1]):
            for i, j in enumerate([0, 2, 4, 6, 1, 3, 5, 7]):
                words[:, column] |= codes[:, column * 8 + j].astype(np.uint32) << np.uint32(4 * i)
        return words.view(np.int32)

    # --- AutoGPTQ, QuantLinear.pack ---------------------------------------------------------------------------------------

    def gptq(self, bits: int = 4, group: int = 32, sym: bool = True, v2: bool = False) -> dict[str, Any]:
        top, per = 1 << bits, 32 // bits
        for module, (out, width) in self.modules:
            codes = self.rng.integers(0, top, (width, out))
            groups = width // group
            scales = self.rng.uniform(0.01, 0.1, (groups, out)).astype(np.float16)
            zeros = np.full((groups, out), top // 2) if sym else self.rng.integers(1, top, (groups, out))
            words = np.zeros((width // per, out), np.uint32)
            for i in range(width):
                words[i // per] |= codes[i].astype(np.uint32) << np.uint32(bits * (i % per))
            stored = zeros if v2 else zeros - 1
            zero_words = np.zeros((groups, out // per), np.uint32)
            for o in range(out):
                zero_words[:, o // per] |= stored[:, o].astype(np.uint32) << np.uint32(bits * (o % per))
            self.tensors[f"{module}.qweight"] = words.view(np.int32)
            self.tensors[f"{module}.qzeros"] = zero_words.view(np.int32)
            self.tensors[f"{module}.scales"] = scales
            self.tensors[f"{module}.g_idx"] = np.array([i // group for i in range(width)], np.int32)
            self.tensors[f"{module}.bias"] = np.zeros(out, np.float16)
            self.values[module] = np.array(
                [
                    [(codes[i, o] - zeros[i // group, o]) * float(scales[i // group, o]) for i in range(width)]
                    for o in range(out)
                ]
            )
        config = {"quant_method": "gptq", "bits": bits, "group_size": group, "desc_act": False, "sym": sym}
        return {**config, "checkpoint_format": "gptq_v2"} if v2 else config

    # --- compressed-tensors -----------------------------------------------------------------------------------------------

    def compressed_fp8(self, per: str = "channel", static: bool = False) -> dict[str, Any]:
        for module, (out, width) in self.modules:
            w = self.normal(out, width).astype(np.float64)
            top = np.abs(w).max(axis=1, keepdims=True) if per == "channel" else np.abs(w).max().reshape(1)
            scale = (top / 448).astype(np.float32)
            codes = e4m3(w / scale)
            self.tensors[f"{module}.weight"] = Fp8(codes)
            self.tensors[f"{module}.weight_scale"] = scale
            if static:
                self.tensors[f"{module}.input_scale"] = np.array([0.01], np.float32)
            self.values[module] = e4m3_values(codes) * scale
        weights = {"num_bits": 8, "type": "float", "symmetric": True, "strategy": per, "dynamic": False}
        inputs: dict[str, Any] = {
            "num_bits": 8,
            "type": "float",
            "symmetric": True,
            "strategy": "token",
            "dynamic": True,
        }
        if static:
            inputs |= {"strategy": "tensor", "dynamic": False}
        return self.compressed("float-quantized", weights, inputs)

    def compressed_int8(self) -> dict[str, Any]:
        for module, (out, width) in self.modules:
            codes = self.rng.integers(-127, 128, (out, width)).astype(np.int8)
            scale = self.rng.uniform(1e-3, 2e-3, (out, 1)).astype(np.float32)
            self.tensors[f"{module}.weight"] = codes
            self.tensors[f"{module}.weight_scale"] = scale
            self.values[module] = codes * scale.astype(np.float64)
        args = {"num_bits": 8, "type": "int", "symmetric": True}
        return self.compressed(
            "int-quantized",
            {**args, "strategy": "channel", "dynamic": False},
            {**args, "strategy": "token", "dynamic": True},
        )

    def compressed_int4(self, group: int = 32) -> dict[str, Any]:
        for module, (out, width) in self.modules:
            codes = self.rng.integers(-8, 8, (out, width))
            scale = self.rng.uniform(0.01, 0.1, (out, width // group)).astype(np.float32).view(np.uint32) >> 16
            words = np.zeros((out, width // 8), np.uint32)
            for i in range(width):
                words[:, i // 8] |= (codes[:, i] + 8).astype(np.uint32) << np.uint32(4 * (i % 8))
            self.tensors[f"{module}.weight_packed"] = words.view(np.int32)
            self.tensors[f"{module}.weight_scale"] = scale.astype(np.uint16)  # bf16
            self.tensors[f"{module}.weight_shape"] = np.array([out, width], np.int64)
            wide = (scale.astype(np.uint32) << 16).view(np.float32).astype(np.float64)
            self.values[module] = codes * np.repeat(wide, group, axis=1)
        weights = {"num_bits": 4, "type": "int", "symmetric": True, "strategy": "group", "group_size": group}
        return self.compressed("pack-quantized", weights, None)

    @staticmethod
    def compressed(form: str, weights: dict[str, Any], inputs: dict[str, Any] | None) -> dict[str, Any]:
        group = {"targets": ["Linear"], "weights": weights, "input_activations": inputs, "output_activations": None}
        return {
            "quant_method": "compressed-tensors", "format": form, "quantization_status": "compressed",
            "config_groups": {"group_0": group}, "ignore": ["lm_head"], "kv_cache_scheme": None,
        }  # fmt: skip

    # --- TensorRT Model Optimizer -----------------------------------------------------------------------------------------

    def modelopt_fp8(self, per_channel: bool = False) -> dict[str, Any]:
        for module, (out, width) in self.modules:
            w = self.normal(out, width).astype(np.float64)
            top = np.abs(w).max(axis=1) if per_channel else np.abs(w).max()
            scale = np.asarray(top / 448, np.float32)
            codes = e4m3(w / (scale[:, None] if per_channel else scale))
            self.tensors[f"{module}.weight"] = Fp8(codes)
            self.tensors[f"{module}.weight_scale"] = scale
            if not per_channel:
                self.tensors[f"{module}.input_scale"] = np.array(0.01, np.float32)
            self.values[module] = e4m3_values(codes) * (scale[:, None] if per_channel else scale)
        algorithm = "FP8_PER_CHANNEL_PER_TOKEN" if per_channel else "FP8"
        return {"quant_method": "modelopt", "quant_algo": algorithm, "ignore": ["lm_head"]}

    def modelopt_nvfp4(self, inputs: bool = True, awq: bool = False) -> dict[str, Any]:
        for module, (out, width) in self.modules:
            w = self.normal(out, width).astype(np.float64)
            second = np.float32(np.abs(w).max() / (6 * 448))
            blocks = w.reshape(out, width // 16, 16)
            scale = e4m3(np.abs(blocks).max(axis=2) / (6 * float(second)))
            factor = e4m3_values(scale) * float(second)
            codes = e2m1(blocks / factor[..., None]).reshape(out, width)
            packed = np.zeros((out, width // 2), np.uint8)
            for i in range(width):
                packed[:, i // 2] |= codes[:, i] << np.uint8(4 * (i % 2))
            self.tensors[f"{module}.weight"] = packed
            self.tensors[f"{module}.weight_scale"] = Fp8(scale)
            self.tensors[f"{module}.weight_scale_2"] = np.asarray(second)
            if inputs:
                self.tensors[f"{module}.input_scale"] = np.array(0.002, np.float32)
            if awq:
                same = np.random.default_rng(width).uniform(0.5, 2, width)
                self.tensors[f"{module}.pre_quant_scale"] = same.astype(np.float16)
            self.values[module] = e2m1_values(codes) * np.repeat(factor, 16, axis=1)
        algorithm = "NVFP4_AWQ" if awq else "NVFP4"
        return {"quant_method": "modelopt", "quant_algo": algorithm, "group_size": 16, "exclude_modules": ["lm_head"]}


@pytest.fixture
def foreign(tmp_path: Path) -> Callable[[], Foreign]:
    """A new, empty checkpoint in a folder of its own each time."""
    count = iter(range(100))

    def make() -> Foreign:
        folder = tmp_path / f"foreign-{next(count)}"
        folder.mkdir()
        return Foreign(folder)

    return make


@pytest.fixture
def one_code() -> Callable[[float], int]:
    return e4m3_code
