"""Tokenizers without a tokenizer.json (sentencepiece and older formats), converted through transformers, in memory.

The one module of the runtime that imports transformers, and only when such a folder is met. Code from a model folder is
never run, and nothing is fetched.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import version
from importlib.util import find_spec
from logging import ERROR
from pathlib import Path

import tokenizers

from core.errors import ModelUnusable
from core.text.special import read_json

SOURCES = ("tokenizer.model", "spiece.model", "sentencepiece.bpe.model", "vocab.json", "merges.txt", "vocab.txt")
_SETTINGS = ("tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "config.json")


def convert(folder: Path, cache_folder: Path | None = None) -> tokenizers.Tokenizer:
    """A `tokenizers.Tokenizer` for a folder that has none.

    With `cache_folder`, the result is kept there under a hash of its sources and of the converting versions.
    Raises ModelUnusable if there is no tokenizer at all, if it needs code from the folder, or if the conversion fails.
    """
    found = [name for name in SOURCES if (folder / name).is_file()]
    if not found:
        raise ModelUnusable(
            f"{folder} has no tokenizer: there is neither tokenizer.json nor tokenizer.model in it; download the model again."
        )
    remote = read_json(folder / "tokenizer_config.json").get("auto_map")
    if remote:
        code = remote.get("AutoTokenizer") if isinstance(remote, dict) else remote
        raise ModelUnusable(
            f"The tokenizer of {folder} needs code of its own ({code}), which is never run; "
            "use a copy of the model that has a tokenizer.json."
        )
    if find_spec("transformers") is None:  # the frozen application leaves it out
        raise ModelUnusable(
            f"The tokenizer of {folder} exists only as {found[0]}, which this installation cannot convert (it has no "
            "transformers); use a copy of the model that has a tokenizer.json."
        )
    cached = cache_folder / f"{_key(folder, found)}.json" if cache_folder is not None else None
    if cached is not None and cached.is_file():
        with suppress(Exception):  # an unreadable cache entry is converted again and replaced
            return tokenizers.Tokenizer.from_file(str(cached))
    raw = _through_transformers(folder, found[0])
    if cached is not None:
        _write(cached, raw.to_str())
    return raw


def _through_transformers(folder: Path, source: str) -> tokenizers.Tokenizer:
    try:
        with _quiet():
            from transformers import AutoTokenizer

            converted = AutoTokenizer.from_pretrained(str(folder), trust_remote_code=False, local_files_only=True)
        raw = getattr(converted, "backend_tokenizer", None)
    except Exception as error:  # whatever a converter of some model family raises on hostile or unknown input
        reason = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
        raise ModelUnusable(f"{folder / source} cannot be converted to a tokenizer: {reason}.") from error
    if not isinstance(raw, tokenizers.Tokenizer):
        raise ModelUnusable(f"{folder / source} cannot be converted: {type(converted).__name__} has no fast form.")
    return raw


@contextmanager
def _quiet() -> Iterator[None]:
    """No advisories about PyTorch, no warnings about defaults: they are not for the person who sees our output."""
    wanted = {"TRANSFORMERS_VERBOSITY": "error", "TRANSFORMERS_NO_ADVISORY_WARNINGS": "1", "HF_HUB_OFFLINE": "1"}
    import huggingface_hub.constants  # noqa: F401  (reads HF_HUB_OFFLINE once: imported below, it would be offline for ever)

    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from transformers.utils import logging

            level = logging.get_verbosity()
            logging.set_verbosity(ERROR)
            try:
                yield
            finally:
                logging.set_verbosity(level)
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _key(folder: Path, found: list[str]) -> str:
    digest = hashlib.sha256(f"{version('transformers')} {tokenizers.__version__}".encode())
    for name in (*found, *_SETTINGS):
        file = folder / name
        if file.is_file():
            digest.update(f"\0{name}\0{file.stat().st_size}\0".encode())
            digest.update(file.read_bytes())
    return digest.hexdigest()[:32]


def _write(target: Path, text: str) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=target.parent, suffix=".part")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(name, target)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise
