"""GPT-2 (Radford et al. 2019): learned positions, LayerNorm, plain MLP, tied head; its linears stored [in, out] (Conv1D)."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from engines.models.config import ConfigReader
from engines.models.family import Array, Family, Source, Sources
from engines.models.heads import split_heads
from engines.models.layers import head, plain_mlp, self_attention
from engines.network import ActivationKind, Builder, Network


@dataclass(frozen=True, slots=True)
class GPT2Config:
    """`attention_scales`: what q.k is multiplied with in each layer."""

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
    attention_scales: tuple[float, ...]
    tied: bool


def read_config(r: ConfigReader) -> GPT2Config:
    hidden_size, num_heads, num_layers = r.integer("n_embd"), r.integer("n_head"), r.layers("n_layer")
    head_dim = split_heads(r, hidden_size, num_heads)
    scale = head_dim**-0.5 if r.flag("scale_attn_weights", True) else 1.0
    by_layer = r.flag("scale_attn_by_inverse_layer_idx", False)
    config = GPT2Config(
        vocab_size=r.integer("vocab_size"),
        max_context=r.integer("n_positions"),
        hidden_size=hidden_size,
        num_layers=num_layers,
        num_heads=num_heads,
        num_kv_heads=num_heads,
        head_dim=head_dim,
        intermediate_size=r.optional_integer("n_inner") or 4 * hidden_size,
        activation=r.activation("activation_function"),
        norm_eps=r.number("layer_norm_epsilon"),
        attention_scales=tuple(scale / (i + 1) if by_layer else scale for i in range(num_layers)),
        tied=r.flag("tie_word_embeddings", True),
    )
    summary = (
        "summary_type",
        "summary_use_proj",
        "summary_activation",
        "summary_proj_to_labels",
        "summary_first_dropout",
    )
    # reorder_and_upcast_attn chooses the precision of training; attention here is computed in fp32 in any case.
    r.finish(ignored=("n_ctx", "predict_special_tokens", "reorder_and_upcast_attn", *summary))
    return config


def define(c: GPT2Config) -> Network:
    b = Builder()
    x = b.embedding(b.tokens, "embed", c.vocab_size, c.hidden_size)
    x = x + b.embedding(b.positions, "positions", c.max_context, c.hidden_size)
    for i in range(c.num_layers):
        h = b.layer_norm(x, f"layers.{i}.attn_norm", c.norm_eps)
        x = x + self_attention(b, h, c, i, qkv_bias=True, out_bias=True, scale=c.attention_scales[i])
        h = b.layer_norm(x, f"layers.{i}.mlp_norm", c.norm_eps)
        x = x + plain_mlp(b, h, i, c.intermediate_size, c.activation)
    x = b.layer_norm(b.gather_logits(x), "norm", c.norm_eps)
    return b.build(head(b, x, c.vocab_size, tied=c.tied))


def sources(c: GPT2Config, names: Collection[str]) -> Sources:
    # OpenAI's own checkpoint holds the bare model, later ones the model inside a "transformer".
    p = "" if "wte.weight" in names else "transformer."
    h, inner = c.hidden_size, c.intermediate_size
    table = {
        "embed.weight": Source(f"{p}wte.weight", twins=("lm_head.weight",) if c.tied else ()),
        "positions.weight": Source(f"{p}wpe.weight"),
        "lm_head.weight": Source("lm_head.weight"),
        "layers.*.attn.o.weight": Source(f"{p}h.*.attn.c_proj.weight", (h, h), _transpose),
        "layers.*.attn.o.bias": Source(f"{p}h.*.attn.c_proj.bias"),
        "layers.*.mlp.up.weight": Source(f"{p}h.*.mlp.c_fc.weight", (h, inner), _transpose),
        "layers.*.mlp.up.bias": Source(f"{p}h.*.mlp.c_fc.bias"),
        "layers.*.mlp.down.weight": Source(f"{p}h.*.mlp.c_proj.weight", (inner, h), _transpose),
        "layers.*.mlp.down.bias": Source(f"{p}h.*.mlp.c_proj.bias"),
    }
    for i, name in enumerate(("q", "k", "v")):
        weight = Source(f"{p}h.*.attn.c_attn.weight", (h, 3 * h), _columns(i * h, (i + 1) * h))
        table[f"layers.*.attn.{name}.weight"] = weight
        table[f"layers.*.attn.{name}.bias"] = Source(f"{p}h.*.attn.c_attn.bias", (3 * h,), _columns(i * h, (i + 1) * h))
    for kind in ("weight", "bias"):
        table[f"layers.*.attn_norm.{kind}"] = Source(f"{p}h.*.ln_1.{kind}")
        table[f"layers.*.mlp_norm.{kind}"] = Source(f"{p}h.*.ln_2.{kind}")
        table[f"norm.{kind}"] = Source(f"{p}ln_f.{kind}")
    return table


def _transpose(stored: Array) -> Array:
    return stored.T


def _columns(start: int, stop: int) -> Callable[[Array], Array]:
    """Outputs start..stop of a Conv1D weight [in, out] as [out, in], or of its bias."""
    return lambda stored: stored[..., start:stop].T


FAMILY = Family(
    name="gpt2",
    architectures=("GPT2LMHeadModel",),
    model_types=("gpt2",),
    read_config=read_config,
    define=define,
    sources=sources,
    # The causal mask, saved as a buffer.
    ignored=(r"(transformer\.)?h\.\d+\.attn\.(bias|masked_bias)",),
)
