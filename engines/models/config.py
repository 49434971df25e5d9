"""Reading config.json once, key by key, so that nothing in it is silently ignored.

A family asks for each key it knows, with type and range; `finish` then refuses every key that was not asked for, unless its
value says "off" or it is known to concern training or bookkeeping only.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any, Final, Protocol

from engines.api.errors import ConfigError, UnsupportedError
from engines.network import ActivationKind
from engines.weights.strict_json import brief, parse_json

_MAX_CONFIG_BYTES = 10_000_000
_MAX_LAYERS = 1024
_REQUIRED: Final = object()

# Keys that never change what a causal language model computes for given ids: training, bookkeeping, and the defaults of
# `generate` that older versions of transformers wrote into config.json.
_HARMLESS_KEYS = """
    architectures model_type torch_dtype dtype transformers_version _name_or_path name_or_path _commit_hash use_cache
    initializer_range initializer_factor attention_dropout hidden_dropout resid_pdrop embd_pdrop attn_pdrop dropout
    resid_dropout embd_dropout classifier_dropout gradient_checkpointing bos_token_id eos_token_id pad_token_id
    sep_token_id unk_token_id decoder_start_token_id auto_map task_specific_params id2label label2id num_labels
    problem_type finetuning_task _num_labels return_dict output_attentions output_hidden_states torchscript use_bfloat16
    pruned_heads tie_encoder_decoder is_encoder_decoder is_decoder cross_attention_hidden_size prefix
    tokenizer_class attn_implementation _attn_implementation _attn_implementation_autoset _attn_implementation_internal
    _flash_attn_2_enabled chunk_size_feed_forward max_length min_length do_sample early_stopping num_beams
    num_beam_groups diversity_penalty temperature top_k top_p typical_p repetition_penalty length_penalty
    no_repeat_ngram_size encoder_no_repeat_ngram_size bad_words_ids num_return_sequences output_scores
    return_dict_in_generate forced_bos_token_id forced_eos_token_id remove_invalid_values suppress_tokens
    begin_suppress_tokens exponential_decay_length_penalty tf_legacy_loss dataset
"""
_HARMLESS = frozenset(_HARMLESS_KEYS.split())

_ACTIVATIONS: dict[str, ActivationKind] = {
    "silu": "silu",
    "swish": "silu",
    "gelu": "gelu",
    "gelu_new": "gelu_tanh",
    "gelu_fast": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "relu": "relu",
}


class ModelConfig(Protocol):
    """What every family's config says, whatever else it holds. `max_context` in tokens."""

    @property
    def vocab_size(self) -> int: ...
    @property
    def max_context(self) -> int: ...
    @property
    def hidden_size(self) -> int: ...
    @property
    def num_layers(self) -> int: ...
    @property
    def num_heads(self) -> int: ...
    @property
    def num_kv_heads(self) -> int: ...
    @property
    def head_dim(self) -> int: ...


def read_json(path: Path) -> tuple[dict[str, Any], bytes]:
    """A JSON object and its bytes. Raises ConfigError naming the file."""
    try:
        if path.stat().st_size > _MAX_CONFIG_BYTES:
            raise ConfigError(f"{path} is larger than any configuration; download it again.")
        raw = path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"Cannot read {path}: {error.strerror}; choose the folder of a Hugging Face checkpoint."
        ) from error
    try:
        value = parse_json(raw)
    except ValueError as error:
        raise ConfigError(f"{path} is not valid JSON ({error}); download it again.") from None
    if not isinstance(value, dict):
        raise ConfigError(f"{path} is not a JSON object; download it again.")
    return value, raw


class ConfigReader:
    """Typed access to one JSON object, or one nested in it (`section`). An explicit null counts as absent."""

    def __init__(self, path: Path, values: dict[str, Any], prefix: str = "") -> None:
        self.path = path
        self._values = values
        self._prefix = prefix
        self._read: set[str] = set()

    def has(self, key: str) -> bool:
        """True if the key is there, null or not."""
        return key in self._values

    def raw(self, key: str) -> Any:
        """The value as it is, None if absent."""
        self._read.add(key)
        return self._values.get(key)

    def integer(self, key: str, default: int | object = _REQUIRED, *, minimum: int = 1) -> int:
        value = self._get(key, default)
        # 2048.0 is an int to JSON writers that know one kind of number; true is not.
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if type(value) is not int or not minimum <= value < 2**31:
            raise self.wrong(key, f"a whole number of at least {minimum}")
        return value

    def layers(self, key: str) -> int:
        """The number of layers; bounded, because a network of so many is about to be built in memory."""
        value = self.integer(key)
        if value > _MAX_LAYERS:
            raise self.wrong(key, f"at most {_MAX_LAYERS}")
        return value

    def optional_integer(self, key: str, *, minimum: int = 1) -> int | None:
        return None if self.raw(key) is None else self.integer(key, minimum=minimum)

    def number(self, key: str, default: float | object = _REQUIRED, *, above: float = 0.0) -> float:
        value = self._get(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not above < value < 1e30:
            raise self.wrong(key, f"a number above {above:g}")
        return float(value)

    def optional_number(self, key: str, *, above: float = 0.0) -> float | None:
        return None if self.raw(key) is None else self.number(key, above=above)

    def flag(self, key: str, default: bool | object = _REQUIRED) -> bool:
        value = self._get(key, default)
        if not isinstance(value, bool):
            raise self.wrong(key, "true or false")
        return value

    def text(self, key: str, default: str | object = _REQUIRED) -> str:
        value = self._get(key, default)
        if not isinstance(value, str):
            raise self.wrong(key, "a string")
        return value

    def activation(self, *keys: str) -> ActivationKind:
        """The first of `keys` that is there (the last is required)."""
        key = next((key for key in keys if self.raw(key) is not None), keys[-1])
        name = self.text(key)
        if name not in _ACTIVATIONS:
            raise self.unsupported(key, _ACTIVATIONS)
        return _ACTIVATIONS[name]

    def section(self, key: str) -> ConfigReader | None:
        """A nested object, None if absent or null."""
        value = self.raw(key)
        if value is None:
            return None
        if not isinstance(value, dict):
            raise self.wrong(key, "an object")
        return ConfigReader(self.path, value, f"{self._prefix}{key}.")

    def expect(self, key: str, *allowed: Any) -> None:
        """Refuse a value that is there and not in `allowed`."""
        value = self.raw(key)
        if value is not None and value not in allowed:
            raise self.unsupported(key, [str(item) for item in allowed])

    def finish(self, ignored: Collection[str] = ()) -> None:
        """Refuse what nobody asked for. `ignored`: keys that do not matter in this family."""
        for key, value in self._values.items():
            if key in self._read or key in ignored or value in (None, False, 0, "", [], {}):
                continue
            if not self._prefix and (key in _HARMLESS or key.startswith("unsloth_")):
                continue
            raise UnsupportedError(
                f"{self.path}: {self._prefix}{brief(key)} = {brief(value)} is an option this version does not know, and "
                f"ignoring it could give wrong answers; use a checkpoint without it."
            )

    def wrong(self, key: str, expected: str) -> ConfigError:
        return ConfigError(
            f"{self.path}: {self._prefix}{key} is {brief(self._values.get(key))!r} and must be {expected}."
        )

    def unsupported(self, key: str, supported: Collection[str]) -> UnsupportedError:
        return UnsupportedError(
            f"{self.path}: {self._prefix}{key} = {brief(self._values.get(key))!r} is not supported; "
            f"supported: {', '.join(supported)}."
        )

    def _get(self, key: str, default: object) -> Any:
        value = self.raw(key)
        if value is not None:
            return value
        if default is _REQUIRED:
            raise ConfigError(
                f"{self.path} has no {self._prefix}{key}, which this architecture needs; download it again."
            )
        return default
