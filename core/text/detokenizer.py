"""Token ids to text, as they arrive: each piece once, in whole characters.

Guaranteed: every piece is whole code points, and the pieces plus `flush()` are exactly `Tokenizer.decode` of all the ids.
Only bytes that may still become a character are held back, so a token is never later than its own last byte. Graphemes are
not held together: a combining mark or the second half of a ZWJ emoji may come in the next piece, which a view that
concatenates (every one of ours) shows correctly; holding them back would delay every letter by a token.

Bytes that can never become a character turn into U+FFFD: one for each longest broken sequence with byte-level tokens, one for
each byte with `<0x..>` tokens, as `tokenizers` and sentencepiece do. One difference from `tokenizers` is deliberate: it spoils
a whole run of `<0x..>` tokens when one byte is wrong, so that nothing of a run could be shown before its end; we keep the
characters of the run that are whole, as sentencepiece does.
"""

from __future__ import annotations

from codecs import utf_8_decode
from collections.abc import Iterable

from core.text.pieces import DecodeRules, PieceTable

BROKEN = "\ufffd"


class Detokenizer:
    """One stream of ids. Made by `Tokenizer.detokenizer`; O(1) per token, amortized, whatever came before."""

    __slots__ = ("_at_start", "_first", "_pieces", "_rules", "_strip", "_tail")

    def __init__(self, rules: DecodeRules, pieces: PieceTable, first: PieceTable, *, continues: bool) -> None:
        """`continues`: the text goes on from a prompt, so that nothing is special about the first token."""
        self._rules = rules
        self._pieces = pieces
        self._first = first
        self._at_start = rules.first_differs and not continues
        self._strip = 0 if continues else rules.strip[1]
        self._tail = b""

    @property
    def pending(self) -> bool:
        """Whether bytes of an unfinished character are held back."""
        return bool(self._tail)

    def feed(self, token_id: int) -> str:
        """The text that this token completes; often its own, sometimes none."""
        piece = self._pieces[token_id]
        if piece is None:
            return ""
        if self._at_start:
            self._at_start = False
            piece = self._first[token_id] or ""
        text = piece if isinstance(piece, str) and not self._tail else self._bytes(piece)
        return self._stripped(text) if self._strip else text

    def feed_all(self, token_ids: Iterable[int]) -> str:
        """`feed` for each id, joined."""
        feed = self.feed
        return "".join([feed(token_id) for token_id in token_ids])

    def flush(self) -> str:
        """The end: an unfinished character becomes U+FFFD."""
        return self._stripped(self._end_run())

    def _bytes(self, piece: str | bytes) -> str:
        if isinstance(piece, str):  # whole text cannot finish a character that bytes began
            return self._end_run() + piece
        data = self._tail + piece
        text = ""
        while True:
            try:
                more, used = utf_8_decode(data, "strict", False)
            except UnicodeDecodeError as error:
                bad = error.end - error.start if self._rules.byte_fallback else 1
                text += data[: error.start].decode() + BROKEN * bad
                data = data[error.end :]
                continue
            self._tail = data[used:]
            return text + more

    def _end_run(self) -> str:
        tail, self._tail = self._tail, b""
        # Decoded, not counted: CPython also holds the first two bytes of a surrogate, which are two broken sequences.
        return BROKEN * len(tail) if self._rules.byte_fallback else tail.decode(errors="replace")

    def _stripped(self, text: str) -> str:
        char = self._rules.strip[0]
        while self._strip and text:
            if not text.startswith(char):
                self._strip = 0
                break
            text = text[len(char) :]
            self._strip -= 1
        return text
