"""From a folder to a model: which family it is, and everything checked that can be without reading weights."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from engines.api.errors import ConfigError, UnsupportedError
from engines.models import gpt2, gptj, llama, mistral, qwen2, qwen3
from engines.models.config import ConfigReader, ModelConfig, read_json
from engines.models.family import Family
from engines.models.model import Model, bind
from engines.passes import validate
from engines.quantization.formats.format import Format
from engines.quantization.formats.registry import MODELOPT_FILE, read_format, read_modelopt_file
from engines.weights import WeightStore
from engines.weights.strict_json import brief

FAMILIES: tuple[Family, ...] = (
    llama.FAMILY,
    mistral.FAMILY,
    qwen2.FAMILY,
    qwen3.FAMILY,
    gpt2.FAMILY,
    gptj.FAMILY,
)


def open_model(folder: Path, families: Sequence[Family] = FAMILIES) -> Model:
    """The model in `folder`, a Hugging Face checkpoint: config.json and safetensors. Reads headers, no weights.

    Raises ConfigError, UnsupportedError (what is refused, by name) or WeightError; `families` may add one's own.
    """
    values, raw = read_json(folder / "config.json")
    reader = ConfigReader(folder / "config.json", values)
    family = find_family(reader, families)
    if reader.raw("compression_config") is not None:
        raise UnsupportedError(
            f"{reader.path} has a compression_config, which this version does not read; use the unquantized checkpoint."
        )
    layout = find_layout(folder, reader)
    config: ModelConfig = family.read_config(reader)
    network = validate(family.define(config))
    store = WeightStore.open(folder)
    try:
        bound = bind(family, config, network, store, layout)
        digest = hashlib.sha256(raw + store.fingerprint.encode()).hexdigest()
        eos_ids = read_eos_ids(folder, reader, config.vocab_size)
    except BaseException:
        store.close()
        raise
    return Model(
        folder, family.name, config, network, bound.dtype, digest, eos_ids, bound.sources, store, bound.quantized, bound.kv_scales
    )  # fmt: skip


def find_layout(folder: Path, reader: ConfigReader) -> Format | None:
    """How the weights are quantized, by config.json or the file that ModelOpt writes beside it; None if they are not."""
    found = reader.raw("quantization_config")
    if found is not None:
        return read_format(found, str(reader.path))
    path = folder / MODELOPT_FILE
    return read_modelopt_file(read_json(path)[0], str(path)) if path.exists() else None


def find_family(reader: ConfigReader, families: Sequence[Family]) -> Family:
    """By `architectures`, or by `model_type` where that is absent."""
    supported = ", ".join(name for family in families for name in family.architectures)
    architectures, model_type = reader.raw("architectures"), reader.raw("model_type")
    if architectures:
        if not isinstance(architectures, list) or not isinstance(architectures[0], str):
            raise reader.wrong("architectures", "a list of names")
        found = [family for family in families if architectures[0] in family.architectures]
        named = architectures[0]
    elif isinstance(model_type, str):
        found = [family for family in families if model_type in family.model_types]
        named = model_type
    else:
        raise ConfigError(f"{reader.path} names neither architectures nor a model_type; download it again.")
    if not found:
        raise UnsupportedError(
            f"{reader.path}: the architecture {brief(named)!r} is not supported; supported: {supported}."
        )
    if model_type is not None and model_type not in found[0].model_types:
        raise ConfigError(
            f"{reader.path}: architecture {named} and model_type {brief(model_type)!r} contradict each other."
        )
    return found[0]


def read_eos_ids(folder: Path, reader: ConfigReader, vocab_size: int) -> tuple[int, ...]:
    """The end tokens of config.json and generation_config.json together (chat models often name theirs in the latter only).

    Ids outside the vocabulary are left out: they can never be sampled, and tiny configs inherit them from defaults.
    """
    ids = _eos(reader)
    path = folder / "generation_config.json"
    if path.exists():
        ids |= _eos(ConfigReader(path, read_json(path)[0]))
    return tuple(sorted(i for i in ids if i < vocab_size))


def _eos(reader: ConfigReader) -> set[int]:
    value: Any = reader.raw("eos_token_id")
    ids = [] if value is None else value if isinstance(value, list) else [value]
    # Some exporters write -1 for "none".
    if not all(type(i) is int and i >= -1 for i in ids):
        raise reader.wrong("eos_token_id", "a token id or a list of them")
    return {i for i in ids if i >= 0}
