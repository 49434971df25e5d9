"""What each token id adds to the text: the decoder of a tokenizer.json, compiled to a table of pieces.

A tokenizer.json names a chain of decoders that turns a list of tokens into text (`tokenizers`, module `decoders`). For every
chain that language models use, the text is a concatenation of one piece per token, apart from three things a `Detokenizer`
keeps track of: bytes that are not yet a whole character, what the very first token loses, and leading characters to strip.

    ByteLevel                                  GPT-2, Llama 3, Qwen, Falcon, ...: every piece is bytes
    Replace, ByteFallback, Fuse[, Strip]       sentencepiece BPE (Llama 2, Mistral, Gemma): text, or `<0x..>` for one byte
    Metaspace                                  sentencepiece Unigram: text
    (none)                                     word-level test vocabularies: tokens joined by a space

A piece is `str` when it is whole text, `bytes` when it may be part of a character, None when it shows nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import tokenizers
from tokenizers import decoders

from core.errors import ModelUnusable

Piece = str | bytes | None
TokenMap = Callable[[str, bool], str]


def _byte_alphabet() -> dict[str, int]:
    """GPT-2's byte alphabet: printable Latin-1 stands for itself, the other 68 bytes for U+0100 and up, in order."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    table = {chr(byte): byte for byte in printable}
    hidden = [byte for byte in range(256) if chr(byte) not in table]
    table.update({chr(256 + i): byte for i, byte in enumerate(hidden)})
    return table


BYTE_OF = _byte_alphabet()


@dataclass(slots=True)
class DecodeRules:
    """A decoder chain, read.

    `maps`: what happens to each token, in order. `byte_level`: tokens are spelled in GPT-2's byte alphabet.
    `byte_fallback`: `<0x41>` is one byte. `strip`: (character, how many) taken from the start of the whole text.
    `first_differs`: a token at the very start reads differently. `joiner`: put before every token but the first.
    """

    maps: list[TokenMap] = field(default_factory=list)
    byte_level: bool = False
    byte_fallback: bool = False
    strip: tuple[str, int] = ("", 0)
    first_differs: bool = False
    joiner: str = ""
    fused: bool = False

    @classmethod
    def of(cls, raw: tokenizers.Tokenizer, name: str) -> DecodeRules:
        """Read the decoder of `raw`. Raises ModelUnusable for a chain that cannot be streamed token by token."""
        rules = cls()
        if raw.decoder is None:
            rules.joiner = " "
            rules.first_differs = True
            return rules
        state: dict[str, Any] = json.loads(raw.decoder.__getstate__())
        for stage in state["decoders"] if state["type"] == "Sequence" else [state]:
            rules._add(stage, name)
        return rules

    def _add(self, stage: dict[str, Any], name: str) -> None:
        kind = stage["type"]
        if kind == "Fuse":
            self.fused = True
        elif kind == "Strip" and self.fused and stage["stop"] == 0 and not self.strip[1]:
            self.strip = (stage["content"], stage["start"])
        elif self.fused or self.byte_fallback:
            raise _unsupported(name, f"{kind} after {'Fuse' if self.fused else 'ByteFallback'}")
        elif kind == "ByteLevel":
            self.byte_level = self.fused = True
        elif kind == "ByteFallback":
            self.byte_fallback = True
        elif kind == "Metaspace":
            self._add_metaspace(stage["replacement"], stage["prepend_scheme"] != "never")
        elif kind == "Replace" and "String" in stage["pattern"]:
            old, new = stage["pattern"]["String"], stage["content"]
            self.maps.append(lambda token, first: token.replace(old, new))
        elif kind == "Replace":
            regex = decoders.Replace(tokenizers.Regex(stage["pattern"]["Regex"]), stage["content"])
            self.maps.append(lambda token, first: regex.decode([token]))
        elif kind == "Strip":
            each = decoders.Strip(stage["content"], stage["start"], stage["stop"])
            self.maps.append(lambda token, first: each.decode([token]))
        else:
            raise _unsupported(name, kind)

    def _add_metaspace(self, mark: str, drop_first: bool) -> None:
        self.first_differs |= drop_first
        self.maps.append(lambda token, first: token.replace(mark, "" if first and drop_first else " "))

    def piece(self, token: str, first: bool) -> str | bytes:
        """What `token` adds to the text; `first` when no token came before it."""
        for apply in self.maps:
            token = apply(token, first)
        if self.byte_level:
            try:
                return _whole(bytes([BYTE_OF[char] for char in token]))
            except KeyError:  # an added token, written in plain text
                return token
        if self.byte_fallback and len(token) == 6 and token.startswith("<0x") and token.endswith(">"):
            try:
                return bytes([int(token[3:5], 16)])
            except ValueError:
                return token
        return token if first else self.joiner + token


def _whole(data: bytes) -> str | bytes:
    """Text where the bytes are whole characters, else the bytes."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data


def _unsupported(name: str, what: str) -> ModelUnusable:
    return ModelUnusable(
        f"The tokenizer of {name} cannot be used: its decoder has the step {what}, which cannot be streamed token by token."
    )


class PieceTable(dict[int, Piece]):
    """id -> piece, filled as ids are met. Ids without a token, and special ones where they are skipped, are None."""

    def __init__(self, raw: tokenizers.Tokenizer, rules: DecodeRules, skip: frozenset[int], first: bool) -> None:
        super().__init__()
        self._raw = raw
        self._rules = rules
        self._skip = skip
        self._first = first

    def __missing__(self, token_id: int) -> Piece:
        token = None if token_id in self._skip or not 0 <= token_id < 2**32 else self._raw.id_to_token(token_id)
        piece = None if token is None else self._rules.piece(token, self._first)
        self[token_id] = piece
        return piece
