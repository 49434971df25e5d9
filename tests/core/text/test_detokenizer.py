"""Pieces plus flush are the decoding of all ids, on every kind of tokenizer, and nothing waits longer than it must."""

from __future__ import annotations

import re
from itertools import groupby

import pytest
import tokenizers
from hypothesis import example, given
from hypothesis import strategies as st
from tokenizers import decoders, models

from core.errors import ModelUnusable
from core.text.pieces import BYTE_OF
from core.text.tokenizer import Tokenizer

KINDS = ["byte-level", "byte-fallback", "byte-fallback, kept space", "metaspace", "words"]
SPELLING = {byte: char for char, byte in BYTE_OF.items()}
INDEXES = st.lists(st.integers(0, 2**16), max_size=40)
TEXTS = st.text(st.one_of(st.characters(exclude_categories=["Cs"]), st.sampled_from(" \n​‍👨👩👧🇩🇪🏽é今€▁")), max_size=30)


def ids_of(tokenizer: Tokenizer, indexes: list[int]) -> list[int]:
    """Any ids, some of them (one in the vocabulary size plus five) without a token."""
    return [index % (tokenizer.vocab_size + 5) for index in indexes]


def broken_runs(tokenizer: Tokenizer, ids: list[int], skip: bool) -> bool:
    """Whether some run of `<0x..>` tokens is not whole UTF-8: there `tokenizers` gives up the whole run, and we do not."""
    tokens = [tokenizer.token_text(i) for i in ids if not (skip and i in tokenizer.special_ids)]
    shown = [token for token in tokens if token is not None]
    for is_byte, run in groupby(shown, key=lambda token: re.fullmatch(r"<0x[0-9A-F]{2}>", token) is not None):
        if is_byte:
            try:
                bytes(int(token[3:5], 16) for token in run).decode()
            except UnicodeDecodeError:
                return True
    return False


@pytest.mark.parametrize("kind", KINDS)
@given(indexes=INDEXES, skip=st.booleans())
def test_pieces_and_flush_are_what_tokenizers_decodes(
    kind: str, tokenizers_by_kind: dict[str, Tokenizer], indexes: list[int], skip: bool
) -> None:
    tokenizer = tokenizers_by_kind[kind]
    ids = ids_of(tokenizer, indexes)
    stream = tokenizer.detokenizer(skip)
    joined = "".join([*(stream.feed(i) for i in ids), stream.flush()])
    assert joined == tokenizer.decode(ids, skip)
    if "fallback" not in kind or not broken_runs(tokenizer, ids, skip):
        assert joined == tokenizer.raw.decode(ids, skip_special_tokens=skip)


@pytest.mark.parametrize("kind", KINDS)
@given(text=TEXTS)
def test_encoded_text_streams_in_whole_characters(
    kind: str, tokenizers_by_kind: dict[str, Tokenizer], text: str
) -> None:
    tokenizer = tokenizers_by_kind[kind]
    ids = tokenizer.encode(text)
    stream = tokenizer.detokenizer(skip_special=False)
    pieces = [stream.feed(i) for i in ids]
    assert not stream.pending
    assert "".join(pieces) + stream.flush() == tokenizer.raw.decode(ids, skip_special_tokens=False)
    if kind == "byte-level":
        assert "".join(pieces) == text  # no U+FFFD that was not in the text


@given(data=st.binary(max_size=24), after=st.booleans())
def test_any_bytes_in_fallback_tokens_keep_their_whole_characters(
    tokenizers_by_kind: dict[str, Tokenizer], data: bytes, after: bool
) -> None:
    tokenizer = tokenizers_by_kind["byte-fallback"]
    ids = [tokenizer.raw.token_to_id(f"<0x{byte:02X}>") for byte in data]
    ids += [tokenizer.raw.token_to_id("hello")] if after else []
    expected, rest = "", data
    while rest:
        size = next((n for n in (1, 2, 3, 4) if is_character(rest[:n])), 0)
        expected += rest[:size].decode() if size else "\ufffd"
        rest = rest[size or 1 :]
    expected += "hello" if after else ""
    assert tokenizer.decode(ids) == expected.removeprefix(" ")


def is_character(data: bytes) -> bool:
    try:
        return len(data.decode()) == 1
    except UnicodeDecodeError:
        return False


@given(
    st.lists(
        st.sampled_from([0x41, 0x80, 0x90, 0xA0, 0xBF, 0xC1, 0xC2, 0xE0, 0xE1, 0xED, 0xF0, 0xF4, 0xF5]), max_size=6
    )
)
@example([0xED, 0xA0])
@example([0xED, 0xA0, 0x80, 0x41])
def test_broken_bytes_are_replaced_as_tokenizers_does(
    tokenizers_by_kind: dict[str, Tokenizer], data: list[int]
) -> None:
    tokenizer = tokenizers_by_kind["byte-level"]
    ids = [token_id for byte in data if (token_id := tokenizer.token_id(SPELLING[byte])) is not None]
    assert len(ids) == len(data)
    assert tokenizer.decode(ids) == tokenizer.raw.decode(ids) == bytes(data).decode(errors="replace")


@pytest.mark.parametrize("text", ["👨‍👩‍👧‍👦", "今日は", "e\u0301", "🇩🇪", "한"])
def test_a_character_comes_with_its_last_byte(byte_level_tokenizer: Tokenizer, text: str) -> None:
    stream = byte_level_tokenizer.detokenizer()
    done = b""
    shown = ""
    for token_id in byte_level_tokenizer.encode(text):
        done += byte_level_tokenizer.token_bytes(token_id)
        shown += stream.feed(token_id)
        assert shown == done.decode(errors="ignore")  # all that is whole, at once; never a broken character
    assert shown == text


def test_an_unfinished_character_becomes_a_replacement_at_the_end(byte_level_tokenizer: Tokenizer) -> None:
    ids = byte_level_tokenizer.encode("€")
    assert len(ids) > 1
    stream = byte_level_tokenizer.detokenizer()
    assert [stream.feed(i) for i in ids[:-1]] == [""] * (len(ids) - 1)
    assert stream.pending
    assert stream.flush() == "\ufffd"
    assert stream.flush() == ""


def test_the_leading_space_of_sentencepiece(fallback_tokenizer: Tokenizer) -> None:
    ids = fallback_tokenizer.encode("hello hello")
    assert [fallback_tokenizer.token_text(i) for i in ids] == ["▁hello", "▁hello"]
    assert fallback_tokenizer.decode(ids) == "hello hello"
    assert fallback_tokenizer.decode(ids, continues=True) == " hello hello"  # as it goes on from a prompt


def test_special_tokens_are_skipped_or_shown(fallback_tokenizer: Tokenizer) -> None:
    ids = [1, *fallback_tokenizer.encode("hello"), 2]
    assert fallback_tokenizer.decode(ids) == "hello"
    assert fallback_tokenizer.decode(ids, skip_special=False) == "<s> hello</s>"


def test_a_skipped_token_does_not_break_a_character(fallback_tokenizer: Tokenizer) -> None:
    first, second = (fallback_tokenizer.token_id(f"<0x{byte:02X}>") for byte in "é".encode())
    assert first is not None
    assert second is not None
    assert fallback_tokenizer.decode([first, 2, second]) == "é"
    assert fallback_tokenizer.decode([first, 2, second], skip_special=False) == "\ufffd</s>\ufffd"


def test_ids_without_a_token_show_nothing(byte_level_tokenizer: Tokenizer) -> None:
    assert byte_level_tokenizer.decode([-1, 2**31, 2**40, 10**6]) == ""
    assert byte_level_tokenizer.token_bytes(10**6) == b""
    assert byte_level_tokenizer.token_text(-1) is None


@pytest.mark.parametrize(
    ("decoder", "step"),
    [
        (decoders.WordPiece(), "WordPiece"),
        (decoders.CTC(), "CTC"),
        (decoders.Sequence([decoders.Fuse(), decoders.Replace("a", "b")]), "Replace after Fuse"),
        (decoders.Sequence([decoders.ByteFallback(), decoders.Replace("a", "b")]), "Replace after ByteFallback"),
        (decoders.Sequence([decoders.Fuse(), decoders.Strip(" ", 0, 1)]), "Strip after Fuse"),
    ],
)
def test_a_decoder_that_cannot_be_streamed_is_refused_by_name(decoder: decoders.Decoder, step: str) -> None:
    raw = tokenizers.Tokenizer(models.BPE())
    raw.decoder = decoder
    with pytest.raises(ModelUnusable, match=f"x/y cannot be used: its decoder has the step {step}"):
        Tokenizer(raw, name="x/y")


def test_rarer_steps_read_each_token_as_tokenizers_does() -> None:
    vocab = {"xxaab": 0, " ab ": 1, "aaa": 2, "▁a": 3}
    raw = tokenizers.Tokenizer(models.BPE(vocab, []))
    for decoder in (
        decoders.Sequence([decoders.Replace(tokenizers.Regex("a+"), "o"), decoders.Strip(" ", 1, 1)]),
        decoders.Metaspace(prepend_scheme="never"),
        decoders.Sequence([decoders.Metaspace(prepend_scheme="first"), decoders.Fuse(), decoders.Strip("x", 1, 0)]),
    ):
        raw.decoder = decoder
        tokenizer = Tokenizer(raw)
        for ids in ([0, 1, 2, 3], [3, 3, 0], [1, 1], []):
            assert tokenizer.decode(ids) == raw.decode(ids)
