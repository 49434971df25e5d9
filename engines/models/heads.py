"""Config keys that several families read the same way: heads, and rotary embedding in its old and new spelling."""

from __future__ import annotations

from engines.api.errors import ConfigError
from engines.models.config import ConfigReader
from engines.network import Rope, RopeScaling
from engines.network.rope import yarn_attention_factor

_ROPE_TYPES = ("default", "linear", "llama3", "yarn")


def read_heads(
    r: ConfigReader, hidden_size: int, num_heads: int, default_head_dim: int | None = None
) -> tuple[int, int]:
    """(num_kv_heads, head_dim). Heads share KV heads evenly; head_dim need not be hidden_size / num_heads."""
    num_kv_heads = r.integer("num_key_value_heads", num_heads)
    if num_heads % num_kv_heads:
        raise ConfigError(f"{r.path}: {num_heads} attention heads cannot share {num_kv_heads} key-value heads evenly.")
    head_dim = r.optional_integer("head_dim") or default_head_dim
    return num_kv_heads, head_dim or split_heads(r, hidden_size, num_heads)


def split_heads(r: ConfigReader, hidden_size: int, num_heads: int) -> int:
    """hidden_size / num_heads, where that is a whole number."""
    if hidden_size % num_heads:
        raise ConfigError(f"{r.path}: a hidden size of {hidden_size} does not divide into {num_heads} heads.")
    return hidden_size // num_heads


def read_rope(r: ConfigReader, head_dim: int, max_position: int) -> tuple[Rope, int]:
    """The rotary embedding, and the context it is good for: `max_position`, or more where yarn extends it.

    transformers 5 writes `rope_parameters` with everything in it; older versions `rope_theta` and `rope_scaling`.
    """
    new, old = r.section("rope_parameters"), r.section("rope_scaling")
    if new is not None and old is not None and r.raw("rope_parameters") != r.raw("rope_scaling"):
        raise ConfigError(f"{r.path} has both rope_parameters and rope_scaling, and they differ; keep one of them.")
    section = new or old or ConfigReader(r.path, {})
    theta = section.number("rope_theta", r.number("rope_theta", 10000.0, above=1.0), above=1.0)
    partial = section.number("partial_rotary_factor", r.number("partial_rotary_factor", 1.0))
    kind = section.text("rope_type", section.text("type", "default"))
    outer_original = r.optional_integer("original_max_position_embeddings")
    rotary_dim = int(head_dim * partial)
    if rotary_dim % 2 or not 0 < rotary_dim <= head_dim:
        raise ConfigError(
            f"{r.path}: rotary embedding of {rotary_dim} of {head_dim} dimensions is not an even part of them."
        )
    scaling = None
    if kind == "linear":
        scaling = RopeScaling("linear", section.number("factor"))
    elif kind == "llama3":
        scaling = RopeScaling(
            "llama3",
            section.number("factor"),
            outer_original or section.integer("original_max_position_embeddings", max_position),
            low_freq_factor=section.number("low_freq_factor"),
            high_freq_factor=section.number("high_freq_factor"),
        )
        if scaling.high_freq_factor <= scaling.low_freq_factor:
            raise section.wrong("high_freq_factor", "above low_freq_factor")
    elif kind == "yarn":
        original = outer_original or section.integer("original_max_position_embeddings", max_position)
        scaling = _read_yarn(section, original, max_position)
        max_position = max(max_position, int(original * scaling.factor))
    elif kind != "default":
        raise section.unsupported("rope_type" if section.has("rope_type") else "type", _ROPE_TYPES)
    if kind not in ("llama3", "yarn"):
        section.raw("original_max_position_embeddings")  # bookkeeping where nothing depends on it
    section.raw("type")
    section.finish()
    return Rope(rotary_dim, theta, scaling=scaling), max_position


def _read_yarn(section: ConfigReader, original: int, max_position: int) -> RopeScaling:
    factor = section.number("factor", max_position / original)
    inferred = yarn_attention_factor(
        factor, section.optional_number("mscale"), section.optional_number("mscale_all_dim")
    )
    return RopeScaling(
        "yarn",
        factor,
        original,
        beta_fast=section.number("beta_fast", 32.0),
        beta_slow=section.number("beta_slow", 1.0),
        truncate=section.flag("truncate", True),
        attention_factor=section.number("attention_factor", inferred),
    )


def read_layer_windows(r: ConfigReader, num_layers: int) -> tuple[int | None, ...]:
    """The sliding window of each layer in Qwen's configs, None for full attention: `layer_types` where it is written out,
    else full attention below `max_window_layers`, all of it only if `use_sliding_window`."""
    window = r.optional_integer("sliding_window")
    first = r.integer("max_window_layers", 28, minimum=0)
    types = r.raw("layer_types")
    if not r.flag("use_sliding_window", False):
        window = None
    if types is None:
        return tuple(window if i >= first else None for i in range(num_layers))
    if not isinstance(types, list) or len(types) != num_layers:
        raise r.wrong("layer_types", f"a list with one entry for each of {num_layers} layers")
    for kind in types:
        if kind not in ("full_attention", "sliding_attention"):
            raise r.unsupported("layer_types", ("full_attention", "sliding_attention"))
    if window is None and "sliding_attention" in types:
        raise ConfigError(
            f"{r.path}: layer_types has sliding_attention, but use_sliding_window or sliding_window is off."
        )
    return tuple(window if kind == "sliding_attention" else None for kind in types)
