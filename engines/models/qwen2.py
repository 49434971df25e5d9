"""Qwen2 and Qwen2.5 (Yang et al. 2024): Llama's block with biases on q, k, v, and a window in the upper layers if asked."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from engines.models.config import ConfigReader
from engines.models.family import Family, Sources
from engines.models.heads import read_heads, read_layer_windows, read_rope
from engines.models.layers import LLAMA_IGNORED, gated_mlp, head, llama_sources, self_attention
from engines.network import ActivationKind, Builder, Network, Rope


@dataclass(frozen=True, slots=True)
class Qwen2Config:
    """`windows`: sliding window of each layer in tokens, None for full attention."""

    vocab_size: int
    max_context: int
    hidden_size: int
    num_layers: int
    num_heads: int
    num_kv_heads: int
    head_dim: int
    intermediate_size: int
    activation: ActivationKind
    norm_eps: float
    rope: Rope
    windows: tuple[int | None, ...]
    tied: bool


def read_config(r: ConfigReader) -> Qwen2Config:
    hidden_size, num_heads = r.integer("hidden_size"), r.integer("num_attention_heads")
    num_kv_heads, head_dim = read_heads(r, hidden_size, num_heads)
    rope, max_context = read_rope(r, head_dim, r.integer("max_position_embeddings"))
    num_layers = r.layers("num_hidden_layers")
    config = Qwen2Config(
        vocab_size=r.integer("vocab_size"),
        max_context=max_context,
        hidden_size=hidden_size,
        num_layers=num_layers,
        num_heads=num_heads,
        num_kv_heads=num_kv_heads,
        head_dim=head_dim,
        intermediate_size=r.integer("intermediate_size"),
        activation=r.activation("hidden_act"),
        norm_eps=r.number("rms_norm_eps"),
        rope=rope,
        windows=read_layer_windows(r, num_layers),
        tied=r.flag("tie_word_embeddings", False),
    )
    r.finish()
    return config


def define(c: Qwen2Config) -> Network:
    b = Builder()
    x = b.embedding(b.tokens, "embed", c.vocab_size, c.hidden_size)
    for i in range(c.num_layers):
        h = b.rms_norm(x, f"layers.{i}.attn_norm", c.norm_eps)
        x = x + self_attention(b, h, c, i, qkv_bias=True, rope=c.rope, sliding_window=c.windows[i])
        h = b.rms_norm(x, f"layers.{i}.mlp_norm", c.norm_eps)
        x = x + gated_mlp(b, h, i, c.intermediate_size, c.activation)
    x = b.rms_norm(b.gather_logits(x), "norm", c.norm_eps)
    return b.build(head(b, x, c.vocab_size, tied=c.tied))


def sources(c: Qwen2Config, names: Collection[str]) -> Sources:
    return llama_sources(c.tied)


FAMILY = Family(
    name="qwen2",
    architectures=("Qwen2ForCausalLM",),
    model_types=("qwen2",),
    read_config=read_config,
    define=define,
    sources=sources,
    ignored=LLAMA_IGNORED,
)
