"""Text to token ids and back, for one model folder.

A tokenizer.json goes straight through `tokenizers` (Rust; imports in 20 ms). Anything else is converted once, in memory, by
`core.text.convert`. Nothing is written into the model's folder.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import tokenizers

from core.errors import InvalidRequest, ModelUnusable
from core.text.detokenizer import Detokenizer
from core.text.pieces import DecodeRules, PieceTable
from core.text.special import SpecialTokens, read_special_tokens


class Tokenizer:
    """Encoder and decoder of one model. Safe to share between threads: after loading nothing but caches changes."""

    def __init__(
        self, raw: tokenizers.Tokenizer, special: SpecialTokens | None = None, name: str = "this model"
    ) -> None:
        """`raw` becomes ours: truncation and padding are switched off, for a prompt is never cut silently."""
        raw.no_truncation()
        raw.no_padding()
        self.raw = raw
        self.name = name
        self.special = special or SpecialTokens()
        self.special_ids = frozenset(i for i, token in raw.get_added_tokens_decoder().items() if token.special)
        self._rules = DecodeRules.of(raw, name)
        nothing: frozenset[int] = frozenset()
        self._shown = PieceTable(raw, self._rules, nothing, first=False)
        self._shown_first = PieceTable(raw, self._rules, nothing, first=True)
        self._kept = PieceTable(raw, self._rules, self.special_ids, first=False)
        self._kept_first = PieceTable(raw, self._rules, self.special_ids, first=True)

    @classmethod
    def from_folder(cls, path: str | Path, cache_folder: Path | None = None) -> Tokenizer:
        """The tokenizer of a Hugging Face checkpoint folder.

        `cache_folder`: where a converted tokenizer may be kept for next time; None keeps nothing.
        Raises ModelUnusable, naming file and reason, if there is none, if it is corrupt, or if it needs code of its own.
        """
        folder = Path(path)
        file = folder / "tokenizer.json"
        try:
            text = file.read_bytes() if file.exists() else None
        except OSError as error:
            raise ModelUnusable(f"{file} cannot be read: {error.strerror}.") from error
        if text is None:
            from core.text.convert import convert  # transformers: a second to import, so only where it is needed

            raw = convert(folder, cache_folder)
        else:
            raw = _parse(text, file)
        return cls(raw, read_special_tokens(folder, raw), str(folder))

    @property
    def vocab_size(self) -> int:
        """How many tokens there are, added ones included. A model's logits may be wider (padding)."""
        return self.raw.get_vocab_size(with_added_tokens=True)

    @property
    def bos_id(self) -> int | None:
        return self.special.bos_id

    @property
    def eos_ids(self) -> tuple[int, ...]:
        return self.special.eos_ids

    def encode(self, text: str, add_special_tokens: bool = False) -> list[int]:
        """Ids of `text`. `add_special_tokens`: with BOS and the like, as this model's files say.

        Raises InvalidRequest if `text` is not valid Unicode (a lone surrogate).
        """
        explicit = self.special.add_bos is not None or self.special.add_eos is not None
        try:
            # Unlike `encode` it lets go of the GIL, which a service needs, and leaves out offsets, which nobody does.
            (found,) = self.raw.encode_batch_fast([text], add_special_tokens=add_special_tokens and not explicit)
            ids = found.ids
        except (UnicodeError, TypeError) as error:
            raise InvalidRequest(
                f"The text cannot be tokenized: it is not valid Unicode ({error}).", "prompt"
            ) from error
        if add_special_tokens and explicit:
            if self.special.add_bos and self.bos_id is not None:
                ids.insert(0, self.bos_id)
            eos = self.token_id(self.special.named.get("eos_token", ""))
            if self.special.add_eos and eos is not None:
                ids.append(eos)
        return ids

    def decode(self, ids: Iterable[int], skip_special: bool = True, continues: bool = False) -> str:
        """The text of `ids`: what a `detokenizer` with the same arguments gives, in one piece."""
        stream = self.detokenizer(skip_special, continues)
        return stream.feed_all(ids) + stream.flush()

    def detokenizer(self, skip_special: bool = True, continues: bool = False) -> Detokenizer:
        """A new stream. `continues`: its text goes on from a prompt, so a leading space of the first token stays."""
        pieces, first = (self._kept, self._kept_first) if skip_special else (self._shown, self._shown_first)
        return Detokenizer(self._rules, pieces, first, continues=continues)

    def token_id(self, token: str) -> int | None:
        """The id of a raw token, None if there is none."""
        return self.raw.token_to_id(token)

    def token_text(self, token_id: int) -> str | None:
        """The raw token, as the vocabulary spells it ("Ġthe", "▁the", "<0x0A>"); None for an id without one."""
        return self.raw.id_to_token(token_id) if 0 <= token_id < 2**32 else None

    def token_bytes(self, token_id: int) -> bytes:
        """The bytes a token adds to a running text (`logprobs.bytes` of the OpenAI API); b"" for an id without a token."""
        piece = self._shown[token_id]
        return piece.encode() if isinstance(piece, str) else piece or b""

    def to_bytes(self, ids: Sequence[int]) -> bytes:
        """The bytes of a run of tokens, special ones shown, nothing stripped: equal ids-to-text in the strictest sense."""
        return b"".join([self.token_bytes(token_id) for token_id in ids])


def _parse(text: bytes, file: Path) -> tokenizers.Tokenizer:
    try:
        return tokenizers.Tokenizer.from_buffer(text)
    except Exception as error:  # `tokenizers` raises plain Exception for whatever its JSON reader finds
        reason = str(error).strip().rstrip(".").splitlines()[0] if str(error).strip() else "unreadable"
        raise ModelUnusable(f"{file} is not a usable tokenizer ({reason}); download the model again.") from error
