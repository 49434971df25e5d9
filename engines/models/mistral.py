"""Mistral 7B and its successors of the same shape (Jiang et al. 2023): Llama's block with a sliding attention window."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from engines.models.config import ConfigReader
from engines.models.family import Family, Sources
from engines.models.heads import read_heads, read_rope
from engines.models.layers import LLAMA_IGNORED, gated_mlp, head, llama_sources, self_attention
from engines.network import ActivationKind, Builder, Network, Rope


@dataclass(frozen=True, slots=True)
class MistralConfig:
    """`sliding_window` in tokens, None for full attention (from version 0.2 on)."""

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
    sliding_window: int | None
    tied: bool


def read_config(r: ConfigReader) -> MistralConfig:
    hidden_size, num_heads = r.integer("hidden_size"), r.integer("num_attention_heads")
    num_kv_heads, head_dim = read_heads(r, hidden_size, num_heads)
    rope, max_context = read_rope(r, head_dim, r.integer("max_position_embeddings"))
    config = MistralConfig(
        vocab_size=r.integer("vocab_size"),
        max_context=max_context,
        hidden_size=hidden_size,
        num_layers=r.layers("num_hidden_layers"),
        num_heads=num_heads,
        num_kv_heads=num_kv_heads,
        head_dim=head_dim,
        intermediate_size=r.integer("intermediate_size"),
        activation=r.activation("hidden_act"),
        norm_eps=r.number("rms_norm_eps"),
        rope=rope,
        # Absent means the 4096 of version 0.1, an explicit null none.
        sliding_window=r.optional_integer("sliding_window") if r.has("sliding_window") else 4096,
        tied=r.flag("tie_word_embeddings", False),
    )
    r.finish()
    return config


def define(c: MistralConfig) -> Network:
    b = Builder()
    x = b.embedding(b.tokens, "embed", c.vocab_size, c.hidden_size)
    for i in range(c.num_layers):
        h = b.rms_norm(x, f"layers.{i}.attn_norm", c.norm_eps)
        x = x + self_attention(b, h, c, i, rope=c.rope, sliding_window=c.sliding_window)
        h = b.rms_norm(x, f"layers.{i}.mlp_norm", c.norm_eps)
        x = x + gated_mlp(b, h, i, c.intermediate_size, c.activation)
    x = b.rms_norm(b.gather_logits(x), "norm", c.norm_eps)
    return b.build(head(b, x, c.vocab_size, tied=c.tied))


def sources(c: MistralConfig, names: Collection[str]) -> Sources:
    return llama_sources(c.tied)


FAMILY = Family(
    name="mistral",
    architectures=("MistralForCausalLM",),
    model_types=("mistral",),
    read_config=read_config,
    define=define,
    sources=sources,
    ignored=LLAMA_IGNORED,
)
