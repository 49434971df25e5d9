"""Which files of a repository a model needs: an allow-list. No pickle, no code, nothing else is ever downloaded."""

from __future__ import annotations

import json
from collections.abc import Sequence

from core.errors import ModelUnusable
from core.library.hub import RemoteFile, RemoteModel
from core.library.names import check_file

SINGLE_FILE = "model.safetensors"
INDEX_FILE = "model.safetensors.index.json"
CONFIG_FILE = "config.json"

# fmt: off
SMALL_FILES = (
    CONFIG_FILE, "generation_config.json",
    "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
    "tokenizer.model", "spiece.model", "sentencepiece.bpe.model", "vocab.json", "merges.txt", "vocab.txt",
    "chat_template.jinja", "chat_template.json",
    "quantize_config.json", "quant_config.json", "hf_quant_config.json",
)
# fmt: on
MAX_SMALL_BYTES = 200_000_000  # the largest tokenizers have 35 MB
_PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".h5", ".msgpack")


def small_files(model: RemoteModel) -> list[RemoteFile]:
    """Everything but the weights, and the weights' index where it is needed to know them. Raises ModelUnusable."""
    by_path = {file.path: file for file in model.files}
    if CONFIG_FILE not in by_path:
        raise ModelUnusable(
            f"{model.repo} has no config.json; it is no model that can be run here, or only a part of one."
        )
    wanted = [*SMALL_FILES, *([] if SINGLE_FILE in by_path else [INDEX_FILE])]
    found = [by_path[path] for path in wanted if path in by_path]
    for file in found:
        if file.size > MAX_SMALL_BYTES:
            raise ModelUnusable(
                f"{file.path} of {model.repo} has {file.size / 1e6:,.0f} MB, more than any such file needs."
            )
    if SINGLE_FILE not in by_path and INDEX_FILE not in by_path:
        raise ModelUnusable(_no_weights(model))
    return found


def weight_files(model: RemoteModel, index: bytes | None) -> list[RemoteFile]:
    """The safetensors files. `index`: the content of INDEX_FILE where small_files lists it. Raises ModelUnusable."""
    by_path = {file.path: file for file in model.files}
    if index is None:
        return [by_path[SINGLE_FILE]]
    try:
        names = set(json.loads(index)["weight_map"].values())
        if not names or not all(isinstance(name, str) for name in names):
            raise ValueError("its weight_map names no files")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ModelUnusable(f"{INDEX_FILE} of {model.repo} cannot be used ({error}); the model is damaged.") from error
    shards = sorted(check_file(name, model.repo) for name in names)
    for shard in shards:
        if "/" in shard or not shard.endswith(".safetensors"):
            raise ModelUnusable(
                f"{INDEX_FILE} of {model.repo} names {shard[:80]!r}, which is no safetensors file beside it."
            )
        if shard not in by_path:
            raise ModelUnusable(
                f"{model.repo} lacks {shard[:80]!r}, which its {INDEX_FILE} names; its upload is not complete."
            )
    return [by_path[shard] for shard in shards]


def total_size(files: Sequence[RemoteFile]) -> int:
    """Bytes to have; a content that two files share counts once."""
    return sum({file.hash: file.size for file in files}.values())


def _no_weights(model: RemoteModel) -> str:
    names = [file.path for file in model.files]
    advice = "choose a repository with model.safetensors."
    if any(name.endswith(".gguf") for name in names):
        return f"{model.repo} has its weights as GGUF only; {advice}"
    if any(name.endswith(_PICKLES) for name in names):
        return f"{model.repo} has its weights as pickle only, which can run code and is never loaded; {advice}"
    if "adapter_model.safetensors" in names:
        return f"{model.repo} is an adapter (LoRA), not a whole model; {advice}"
    return f"{model.repo} has no safetensors weights; {advice}"
