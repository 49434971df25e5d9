"""GPT-J (Wang & Komatsuzaki 2021): attention and MLP in parallel on one norm, RoPE on part of each head, pairs interleaved."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from engines.api.errors import ConfigError
from engines.models.config import ConfigReader
from engines.models.family import Family, Source, Sources
from engines.models.heads import split_heads
from engines.models.layers import head, plain_mlp, self_attention
from engines.network import ActivationKind, Builder, Network, Rope


@dataclass(frozen=True, slots=True)
class GPTJConfig:
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
    tied: bool


def read_config(r: ConfigReader) -> GPTJConfig:
    hidden_size, num_heads = r.integer("n_embd"), r.integer("n_head")
    head_dim = split_heads(r, hidden_size, num_heads)
    rotary_dim = r.integer("rotary_dim")
    if rotary_dim % 2 or rotary_dim > head_dim:
        raise ConfigError(
            f"{r.path}: rotary_dim {rotary_dim} is not an even part of the {head_dim} dimensions of a head."
        )
    config = GPTJConfig(
        vocab_size=r.integer("vocab_size"),
        max_context=r.integer("n_positions"),
        hidden_size=hidden_size,
        num_layers=r.layers("n_layer"),
        num_heads=num_heads,
        num_kv_heads=num_heads,
        head_dim=head_dim,
        intermediate_size=r.optional_integer("n_inner") or 4 * hidden_size,
        activation=r.activation("activation_function"),
        norm_eps=r.number("layer_norm_epsilon"),
        rope=Rope(rotary_dim, theta=10000.0, interleaved=True),
        tied=r.flag("tie_word_embeddings", False),
    )
    r.expect("rotary", True)
    r.expect("scale_attn_weights", True)
    summary = (
        "summary_type",
        "summary_use_proj",
        "summary_activation",
        "summary_proj_to_labels",
        "summary_first_dropout",
    )
    r.finish(ignored=("n_ctx", *summary))
    return config


def define(c: GPTJConfig) -> Network:
    b = Builder()
    x = b.embedding(b.tokens, "embed", c.vocab_size, c.hidden_size)
    for i in range(c.num_layers):
        h = b.layer_norm(x, f"layers.{i}.norm", c.norm_eps)
        x = x + self_attention(b, h, c, i, rope=c.rope) + plain_mlp(b, h, i, c.intermediate_size, c.activation)
    x = b.layer_norm(b.gather_logits(x), "norm", c.norm_eps)
    return b.build(head(b, x, c.vocab_size, tied=c.tied, bias=True))


def sources(c: GPTJConfig, names: Collection[str]) -> Sources:
    table = {
        "embed.weight": Source("transformer.wte.weight", twins=("lm_head.weight",) if c.tied else ()),
        "lm_head.weight": Source("lm_head.weight"),
        "lm_head.bias": Source("lm_head.bias"),
    }
    for ours, theirs in (("q", "q_proj"), ("k", "k_proj"), ("v", "v_proj"), ("o", "out_proj")):
        table[f"layers.*.attn.{ours}.weight"] = Source(f"transformer.h.*.attn.{theirs}.weight")
    for kind in ("weight", "bias"):
        table[f"layers.*.norm.{kind}"] = Source(f"transformer.h.*.ln_1.{kind}")
        table[f"layers.*.mlp.up.{kind}"] = Source(f"transformer.h.*.mlp.fc_in.{kind}")
        table[f"layers.*.mlp.down.{kind}"] = Source(f"transformer.h.*.mlp.fc_out.{kind}")
        table[f"norm.{kind}"] = Source(f"transformer.ln_f.{kind}")
    return table


FAMILY = Family(
    name="gptj",
    architectures=("GPTJForCausalLM",),
    model_types=("gptj",),
    read_config=read_config,
    define=define,
    sources=sources,
    # The causal mask and the table of angles, saved as buffers.
    ignored=(r"transformer\.h\.\d+\.attn\.(bias|masked_bias|embed_positions)",),
)
