"""Special tokens of a model folder: which begin and end a text, and what they are called in a chat template."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tokenizers

from core.errors import ModelUnusable

MAX_JSON_BYTES = 64 << 20
_NAMES = ("bos_token", "eos_token", "unk_token", "pad_token", "sep_token", "cls_token", "mask_token")


@dataclass(frozen=True, slots=True)
class SpecialTokens:
    """`named`: bos_token, eos_token, ... as text. `eos_ids`: every id that ends a text, in the order found.

    `add_bos`, `add_eos`: what tokenizer_config.json says explicitly, else None (the tokenizer.json decides).
    """

    named: dict[str, str] = field(default_factory=dict)
    bos_id: int | None = None
    eos_ids: tuple[int, ...] = ()
    add_bos: bool | None = None
    add_eos: bool | None = None


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object of a model folder, {} where there is no such file. Raises ModelUnusable if it is not an object."""
    try:
        if path.stat().st_size > MAX_JSON_BYTES:
            raise ModelUnusable(f"{path} cannot be used: it is larger than {MAX_JSON_BYTES >> 20} MiB.")
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ModelUnusable(f"{path} cannot be read: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:
        raise ModelUnusable(f"{path} is not valid JSON ({error}); download the model again.") from error
    if not isinstance(value, dict):
        raise ModelUnusable(f"{path} is not a JSON object; download the model again.")
    return value


def read_special_tokens(folder: Path, raw: tokenizers.Tokenizer) -> SpecialTokens:
    """From tokenizer_config.json, special_tokens_map.json, generation_config.json and config.json, in that order.

    Tokens that those files declare special and that the vocabulary holds are made special in `raw`, as transformers does.
    """
    config = read_json(folder / "tokenizer_config.json")
    fallback = read_json(folder / "special_tokens_map.json")
    named = {
        name: text
        for name in _NAMES
        if (text := token_text(config.get(name)) or token_text(fallback.get(name))) is not None
    }
    _declare(raw, config, named)
    model = read_json(folder / "config.json")
    sources = [read_json(folder / "generation_config.json"), model, model.get("text_config")]
    bos = raw.token_to_id(named["bos_token"]) if "bos_token" in named else None
    eos = raw.token_to_id(named["eos_token"]) if "eos_token" in named else None
    ends = [token_id for source in sources for token_id in _ids(source, "eos_token_id")]
    if eos is not None:
        ends.append(eos)
    begins = [token_id for source in sources for token_id in _ids(source, "bos_token_id")]
    if bos is None and begins and raw.id_to_token(begins[0]) is not None:
        bos = begins[0]
    return SpecialTokens(
        named=named,
        bos_id=bos,
        eos_ids=tuple(dict.fromkeys(ends)),
        add_bos=_flag(config, "add_bos_token"),
        add_eos=_flag(config, "add_eos_token"),
    )


def token_text(value: object) -> str | None:
    """A token of a config: its text, or an object that holds it under `content`."""
    if isinstance(value, Mapping):
        value = value.get("content")
    return value if isinstance(value, str) and value else None


def _flag(config: Mapping[str, Any], name: str) -> bool | None:
    value = config.get(name)
    return value if isinstance(value, bool) else None


def _ids(source: object, name: str) -> Iterator[int]:
    value = source.get(name) if isinstance(source, Mapping) else None
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, int) and not isinstance(item, bool) and 0 <= item < 2**32:
            yield item


def _declare(raw: tokenizers.Tokenizer, config: Mapping[str, Any], named: Mapping[str, str]) -> None:
    known = {token.content for token in raw.get_added_tokens_decoder().values() if token.special}
    added = config.get("added_tokens_decoder")
    entries = added.items() if isinstance(added, Mapping) else ()
    for key, entry in sorted((int(key), entry) for key, entry in entries if str(key).isdecimal()):
        text = token_text(entry)
        if text is None or not isinstance(entry, Mapping) or text in known:
            continue
        present = raw.token_to_id(text)
        if present == key or (present is None and raw.get_vocab_size() == key):  # never give a token another id
            special = bool(entry.get("special"))
            sides = {side: bool(entry.get(side)) for side in ("lstrip", "rstrip", "single_word")}
            token = tokenizers.AddedToken(text, normalized=bool(entry.get("normalized")), special=special, **sides)
            (raw.add_special_tokens if special else raw.add_tokens)([token])
            known |= {text} if special else set()
    for text in named.values():
        if text not in known and raw.token_to_id(text) is not None:
            raw.add_special_tokens([tokenizers.AddedToken(text, normalized=False, special=True)])
