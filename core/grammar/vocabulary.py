"""llguidance's own view of a tokenizer: the bytes of every token, which are special, which end a text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from llguidance import LLTokenizer, TokenizerWrapper
from numpy.typing import NDArray

if TYPE_CHECKING:
    from core.text.tokenizer import Tokenizer


def open_vocabulary(tokenizer: Tokenizer | str, vocab_size: int, eos_ids: Sequence[int]) -> LLTokenizer:
    """`tokenizer`: ours, or the text of a tokenizer.json. At least `vocab_size` ids; more if the tokenizer has more.

    Byte-level and byte-fallback vocabularies are read natively; any other through the bytes that our detokenizer gives.
    """
    json = tokenizer if isinstance(tokenizer, str) else tokenizer.raw.to_str()
    if isinstance(tokenizer, str):
        import tokenizers

        size = tokenizers.Tokenizer.from_str(json).get_vocab_size(with_added_tokens=True)
    else:
        size = tokenizer.vocab_size
    ends = list(eos_ids)
    try:
        return LLTokenizer(json, n_vocab=max(vocab_size, size), eos_token=ends)
    except ValueError:  # a decoder that llguidance does not know
        if isinstance(tokenizer, str):
            import tokenizers

            from core.text.tokenizer import Tokenizer

            tokenizer = Tokenizer(tokenizers.Tokenizer.from_str(json))
        return LLTokenizer(
            TokenizerWrapper(_Spelled(tokenizer, ends[0])), n_vocab=max(vocab_size, size), eos_token=ends
        )


def usable_tokens(vocabulary: LLTokenizer, vocab_size: int) -> NDArray[np.uint32]:
    """Bits of the ids below `vocab_size` that are ordinary tokens or end a text, uint32 [ceil(ids / 32)].

    A Lark grammar can name any id; a special token inside an answer could still end a turn or begin another.
    """
    ids = vocabulary.vocab_size
    ends = set(vocabulary.eos_tokens)
    usable = np.zeros(-(-ids // 32) * 32, np.uint8)
    usable[: min(ids, vocab_size)] = [
        token in ends or not vocabulary.is_special_token(token) for token in range(min(ids, vocab_size))
    ]
    return np.packbits(usable, bitorder="little").view(np.uint32)


def byte_vocabulary() -> LLTokenizer:
    """256 tokens of a byte each, and id 256 that ends a text: what a grammar is tried with where no model is at hand."""
    return LLTokenizer(TokenizerWrapper(_Bytes()), eos_token=256)


class _Spelled:
    """What TokenizerWrapper reads: every token as bytes, and an encoder of text that the grammar forces. Ours takes the
    longest token each time: the tokenizer's own may begin a text with a space that is not there."""

    bos_token_id = None

    def __init__(self, tokenizer: Tokenizer, eos_id: int) -> None:
        self.eos_token_id = eos_id
        self.tokens = [tokenizer.token_bytes(token_id) for token_id in range(tokenizer.vocab_size)]
        self.special_token_ids = sorted(tokenizer.special_ids)
        self._ids = {token: i for i, token in enumerate(self.tokens) if token and i not in tokenizer.special_ids}
        self._longest = max(map(len, self._ids), default=0)

    def __call__(self, text: str | bytes) -> list[int]:
        data = text.encode() if isinstance(text, str) else text
        ids = []
        while data:
            length = next((n for n in range(self._longest, 0, -1) if data[:n] in self._ids), 0)
            if not length:
                break  # no token for this character: nothing is forced from here on
            ids.append(self._ids[data[:length]])
            data = data[length:]
        return ids


class _Bytes:
    bos_token_id = None
    eos_token_id = 256
    tokens = (*(bytes([byte]) for byte in range(256)), b"<end>")
    special_token_ids = (256,)

    def __call__(self, text: str | bytes) -> list[int]:
        return list(text.encode() if isinstance(text, str) else text)
