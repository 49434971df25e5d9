"""Models of random weights in the real shape of known ones, without files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np

from engines.models import gptj, llama
from engines.network import Network, ops
from engines.network.schemes import SCHEMES, Scheme
from engines.quantization.floats import encode_e4m3
from engines.weights import DType, Tensor

# Vocabulary, context, hidden, layers, heads, KV heads, head size, intermediate, RoPE's base.
SHAPES = {
    "llama-3-8b": (128256, 8192, 4096, 32, 32, 8, 128, 14336, 500000.0),
    "llama-2-7b": (32000, 4096, 4096, 32, 32, 32, 128, 11008, 10000.0),
    "llama-2-70b": (32000, 4096, 8192, 80, 64, 8, 128, 28672, 10000.0),
    "llama-3.2-1b": (128256, 8192, 2048, 16, 32, 8, 64, 8192, 500000.0),
    # GPT-J was trained on 2,048; 128/2048 needs more positions, which its rotary embedding has.
    "gpt-j-6b": (50400, 4096, 4096, 28, 16, 16, 256, 16384, 10000.0),
    "tiny": (4096, 4096, 256, 4, 8, 4, 32, 768, 10000.0),
}
# Of the codes of random weights, as numbers: E4M3 around 16, bytes and nibbles of every value alike.
DEVIATION = {"fp8": 16.0, "int8": 73.9, "int4": 4.6}
FLOATS = {DType.FP32: np.float32, DType.FP16: np.float16}


@dataclass
class RandomModel:
    """Weights are slices of one random bank, scaled so that activations stay finite; codes of the layers' linears of another."""

    network: Network
    config: Any
    bank: np.ndarray
    codes: np.ndarray
    family: str = "llama"
    revision: str = "random"
    dtype: DType = DType.BF16
    taken: int = field(default=0)
    schemes: Mapping[str, Scheme] = field(default_factory=dict)
    kv_scales: None = None

    def load(self, param: str) -> Tensor:
        if param.endswith(".scale"):
            weight = param.removesuffix(".scale")
            scheme = self.schemes[weight]
            dtype, size = scheme.tensors(*self.network.params[weight])["scale"]
            return Tensor(param, dtype, np.full(size, 0.02 / DEVIATION[scheme.weights], FLOATS[dtype]))
        shape = self.network.params[param]
        if len(shape) == 1:
            return Tensor(param, DType.BF16, np.full(shape, 0 if param.endswith("bias") else 0x3F80, np.uint16))
        size, self.taken = int(np.prod(shape)), self.taken + 4099
        if param in self.schemes:
            start = self.taken % 65536
            dtype, shape = self.schemes[param].tensors(*shape)[""]
            size = int(np.prod(shape))
            codes = self.codes[start : start + size].reshape(shape)
            return Tensor(param, dtype, codes.view(np.int8) if dtype is DType.INT8 else codes)
        start = self.taken % 65536
        return Tensor(param, DType.BF16, self.bank[start : start + size].reshape(shape))

    def convert(self, param: str, stored: Tensor) -> Tensor:
        return stored

    def params_of(self, tensor: str) -> tuple[str, ...]:
        return ()


def llama_network(shape: str) -> Network:
    vocab, context, hidden, layers, heads, kv_heads, head_dim, ffn, theta = SHAPES[shape]
    rope = ops.Rope(head_dim, theta)
    sizes = (vocab, context, hidden, layers, heads, kv_heads, head_dim, ffn)
    return llama.define(llama.LlamaConfig(*sizes, "silu", 1e-5, rope, False, False, False))


def gptj_network(shape: str) -> Network:
    vocab, context, hidden, layers, heads, kv_heads, head_dim, ffn, theta = SHAPES[shape]
    rope = ops.Rope(64, theta, interleaved=True)
    sizes = (vocab, context, hidden, layers, heads, kv_heads, head_dim, ffn)
    return gptj.define(gptj.GPTJConfig(*sizes, "gelu_tanh", 1e-5, rope, False))


def random_model(shape: str, precision: str) -> RandomModel:
    vocab, context, hidden, *_, ffn, _ = SHAPES[shape]
    rng = np.random.default_rng(0)
    piece = (rng.standard_normal(1 << 22, np.float32) * 0.02).view(np.uint32) >> 16
    largest = max(vocab * hidden, ffn * hidden) + 65536
    bank = np.tile(piece.astype(np.uint16), -(-largest // len(piece)))
    network = gptj_network(shape) if shape.startswith("gpt-j") else llama_network(shape)
    about = SimpleNamespace(vocab_size=vocab, max_context=context)
    if precision == "bf16":
        return RandomModel(network, about, bank, bank)
    fp8 = SCHEMES[precision].weights == "fp8"
    piece8 = (
        encode_e4m3(rng.standard_normal(1 << 20).astype(np.float32) * 16)
        if fp8
        else rng.integers(0, 256, 1 << 20).astype(np.uint8)
    )
    codes = np.tile(piece8, -(-(ffn * hidden + 65536) // len(piece8)))
    linears = [w for node in network.nodes if isinstance(node.op, ops.Linear) for w in node.op.weights]
    schemes = {name: SCHEMES[precision] for name in linears if name != "lm_head.weight"}
    return RandomModel(network, about, bank, codes, schemes=schemes)
