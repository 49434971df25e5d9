"""A sample's stream: text, tokens and stop come out the same however the runtime batches tokens."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.text.stop import StopStrings
from core.text.stream import StopHit, TextDelta, TextStream
from core.text.tokenizer import Tokenizer

SENTENCE = "Hello, hello world! 今日は 👨‍👩‍👧‍👦 é\n\nUser: dog"


def run(
    tokenizer: Tokenizer, ids: list[int], sizes: list[int], stops: list[str], include: bool = False, min_tokens: int = 0
) -> tuple[str, list[int], list[float], StopHit | None]:
    """All deltas of a stream put together. Extras are the token's place in `ids`."""
    stream: TextStream[float] = TextStream(tokenizer.detokenizer(), StopStrings(stops), include, min_tokens)
    deltas: list[TextDelta[float]] = []
    at, turn = 0, 0
    while at < len(ids):
        size = sizes[turn % len(sizes)]
        deltas.append(stream.push(ids[at : at + size], [float(i) for i in range(at, min(at + size, len(ids)))]))
        at, turn = at + size, turn + 1
    deltas.append(stream.finish())
    hits = [delta.stop for delta in deltas if delta.stop is not None]
    assert len(hits) <= 1
    text = "".join(delta.text for delta in deltas)
    tokens = [token for delta in deltas for token in delta.token_ids]
    extras = [extra for delta in deltas for extra in delta.extras]
    return text, tokens, extras, hits[0] if hits else None


@given(
    st.lists(st.integers(0, 400), max_size=30),
    st.lists(st.text(st.sampled_from("aeo \n今\ufffd"), min_size=1, max_size=3), max_size=3),
    st.lists(st.integers(1, 5), min_size=1, max_size=4),
    st.booleans(),
    st.integers(0, 5),
)
def test_batching_changes_nothing_and_tokens_cover_the_text(
    tokenizers_by_kind: dict[str, Tokenizer],
    ids: list[int],
    stops: list[str],
    sizes: list[int],
    include: bool,
    least: int,
) -> None:
    tokenizer = tokenizers_by_kind["byte-level"]
    whole = run(tokenizer, ids, [len(ids) or 1], stops, include, least)
    assert run(tokenizer, ids, sizes, stops, include, least) == whole
    text, tokens, extras, hit = whole
    assert tokens == ids[: len(tokens)]
    assert extras == [float(i) for i in range(len(tokens))]
    if hit is None:
        assert tokens == ids
        assert text == tokenizer.decode(ids)
        return
    assert hit.keep_tokens == len(tokens)
    assert tokenizer.decode(ids).startswith(text)
    assert text.endswith(hit.stop) or not include
    flushed = tokenizer.decode(tokens)
    assert flushed.rstrip("\ufffd").startswith(text.rstrip("\ufffd"))  # enough tokens to make the text
    if tokens and "\ufffd" not in text:  # and not one more
        stream = tokenizer.detokenizer()
        assert len(stream.feed_all(tokens[:-1])) < len(text)


@pytest.mark.parametrize("sizes", [[1], [2, 3], [100]])
def test_a_stop_string_inside_a_sentence(byte_level_tokenizer: Tokenizer, sizes: list[int]) -> None:
    ids = byte_level_tokenizer.encode(SENTENCE)
    text, tokens, _, hit = run(byte_level_tokenizer, ids, sizes, ["\n\nUser:"])
    assert text == SENTENCE.split("\n\n")[0]
    assert byte_level_tokenizer.decode(tokens) == text
    assert hit == StopHit("\n\nUser:", len(tokens))


def test_a_stop_inside_a_token_keeps_that_token(fallback_tokenizer: Tokenizer) -> None:
    ids = fallback_tokenizer.encode("hello hello")
    text, tokens, _, hit = run(fallback_tokenizer, ids, [1], ["lo h"])
    assert (text, hit) == ("hel", StopHit("lo h", 1))
    assert tokens == ids[:1]


def test_a_stop_at_once_keeps_nothing(byte_level_tokenizer: Tokenizer) -> None:
    text, tokens, extras, hit = run(byte_level_tokenizer, byte_level_tokenizer.encode("dog"), [1], ["d"])
    assert (text, tokens, extras) == ("", [], [])
    assert hit == StopHit("d", 0)


def test_min_tokens_are_not_searched(byte_level_tokenizer: Tokenizer) -> None:
    ids = [byte_level_tokenizer.encode(char)[0] for char in "xxxxx"]
    assert run(byte_level_tokenizer, ids, [1], ["x"], min_tokens=3)[0] == "xxx"


def test_held_text_comes_with_its_tokens(byte_level_tokenizer: Tokenizer) -> None:
    ids = [byte_level_tokenizer.encode(char)[0] for char in "ab"]
    stream: TextStream[str] = TextStream(byte_level_tokenizer.detokenizer(), StopStrings(["abc"]))
    assert stream.push(ids, ["A", "B"]) == TextDelta("", [], [])
    assert stream.finish() == TextDelta("ab", ids, ["A", "B"])


def test_tokens_after_a_stop_are_dropped(byte_level_tokenizer: Tokenizer) -> None:
    ids = [byte_level_tokenizer.encode(char)[0] for char in "ab"]
    stream: TextStream[str] = TextStream(byte_level_tokenizer.detokenizer(), StopStrings(["b"]))
    assert stream.push(ids).stop == StopHit("b", 1)
    assert stream.push(ids) == TextDelta("", [], [])
    assert stream.finish() == TextDelta("", [], [])
    assert stream.stopped == StopHit("b", 1)


def test_skipped_tokens_come_out_at_the_end(byte_level_tokenizer: Tokenizer) -> None:
    ids = [*byte_level_tokenizer.encode("dog"), byte_level_tokenizer.eos_ids[0]]
    stream: TextStream[str] = TextStream(byte_level_tokenizer.detokenizer())
    first = stream.push(ids)
    last = stream.finish()
    assert first.text + last.text == "dog"
    assert first.token_ids + last.token_ids == ids


def test_an_extra_may_be_none(byte_level_tokenizer: Tokenizer) -> None:
    stream: TextStream[float | None] = TextStream(byte_level_tokenizer.detokenizer())
    ids = [byte_level_tokenizer.encode(char)[0] for char in "ab"]
    assert stream.push(ids, [None, 1.0]).extras == [None, 1.0]


def test_extras_of_another_length_are_a_bug(byte_level_tokenizer: Tokenizer) -> None:
    stream: TextStream[str] = TextStream(byte_level_tokenizer.detokenizer())
    with pytest.raises(ValueError, match="2 tokens came with 1 extras"):
        stream.push([1, 2], ["x"])
