"""Layers that several families are built from, in the names that their parameters have in every family.

layers.<i>.attn_norm, layers.<i>.attn.{q,k,v,o}, layers.<i>.mlp_norm, layers.<i>.mlp.{gate,up,down}, embed, norm, lm_head
"""

from __future__ import annotations

from typing import Protocol

from engines.models.family import Source
from engines.network import ActivationKind, Builder, Rope, Value


class Heads(Protocol):
    """The part of a config that attention needs."""

    @property
    def hidden_size(self) -> int: ...
    @property
    def num_heads(self) -> int: ...
    @property
    def num_kv_heads(self) -> int: ...
    @property
    def head_dim(self) -> int: ...


def self_attention(
    b: Builder,
    x: Value,
    config: Heads,
    layer: int,
    *,
    qkv_bias: bool = False,
    out_bias: bool = False,
    scale: float | None = None,
    rope: Rope | None = None,
    qk_norm_eps: float | None = None,
    sliding_window: int | None = None,
) -> Value:
    """q, k, v projections of `x`, attention, output projection; `qk_norm_eps` asks for q_norm and k_norm (Qwen3)."""
    prefix = f"layers.{layer}.attn"
    kv_width = config.num_kv_heads * config.head_dim
    heads = b.attention(
        b.linear(x, f"{prefix}.q", config.num_heads * config.head_dim, bias=qkv_bias),
        b.linear(x, f"{prefix}.k", kv_width, bias=qkv_bias),
        b.linear(x, f"{prefix}.v", kv_width, bias=qkv_bias),
        layer=layer,
        num_heads=config.num_heads,
        num_kv_heads=config.num_kv_heads,
        head_dim=config.head_dim,
        scale=scale,
        rope=rope,
        qk_norm=None if qk_norm_eps is None else prefix,
        norm_eps=1e-6 if qk_norm_eps is None else qk_norm_eps,
        sliding_window=sliding_window,
    )
    return b.linear(heads, f"{prefix}.o", config.hidden_size, bias=out_bias)


def gated_mlp(
    b: Builder, x: Value, layer: int, intermediate: int, kind: ActivationKind, *, bias: bool = False
) -> Value:
    """down(kind(gate(x)) * up(x)) (Shazeer 2020)."""
    prefix = f"layers.{layer}.mlp"
    gate = b.activation(b.linear(x, f"{prefix}.gate", intermediate, bias=bias), kind)
    up = b.linear(x, f"{prefix}.up", intermediate, bias=bias)
    return b.linear(gate * up, f"{prefix}.down", x.width, bias=bias)


def plain_mlp(b: Builder, x: Value, layer: int, intermediate: int, kind: ActivationKind) -> Value:
    """down(kind(up(x))), with biases."""
    prefix = f"layers.{layer}.mlp"
    hidden = b.activation(b.linear(x, f"{prefix}.up", intermediate, bias=True), kind)
    return b.linear(hidden, f"{prefix}.down", x.width, bias=True)


def head(b: Builder, x: Value, vocab_size: int, *, tied: bool, bias: bool = False) -> Value:
    """Logits of the rows that are wanted, `x` being [L, hidden] after the last norm."""
    return b.linear(x, "lm_head", vocab_size, bias=bias, tied="embed.weight" if tied else None)


def llama_sources(tied: bool) -> dict[str, Source]:
    """Where Llama and the families that kept its names store their parameters; those a network lacks are not looked for."""
    names = {
        "layers.*.attn_norm": "input_layernorm",
        "layers.*.attn.q": "self_attn.q_proj",
        "layers.*.attn.k": "self_attn.k_proj",
        "layers.*.attn.v": "self_attn.v_proj",
        "layers.*.attn.o": "self_attn.o_proj",
        "layers.*.attn.q_norm": "self_attn.q_norm",
        "layers.*.attn.k_norm": "self_attn.k_norm",
        "layers.*.mlp_norm": "post_attention_layernorm",
        "layers.*.mlp.gate": "mlp.gate_proj",
        "layers.*.mlp.up": "mlp.up_proj",
        "layers.*.mlp.down": "mlp.down_proj",
    }
    sources = {
        f"{ours}.{kind}": Source(f"model.layers.*.{theirs}.{kind}")
        for ours, theirs in names.items()
        for kind in ("weight", "bias")
    }
    sources["embed.weight"] = Source("model.embed_tokens.weight", twins=("lm_head.weight",) if tied else ())
    sources["norm.weight"] = Source("model.norm.weight")
    sources["lm_head.weight"] = Source("lm_head.weight")
    return sources


LLAMA_IGNORED = (r"model\.layers\.\d+\.self_attn\.rotary_emb\.inv_freq", r"model\.rotary_emb\.inv_freq")
