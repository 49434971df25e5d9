from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.markdown.segments import CODE_LINES, LIST_SIZE, MOST_LINE, Segment, Segmenter, segments

PIECES = [
    "word ",
    "\n",
    "\n\n",
    "```",
    "```py\n",
    "~~~\n",
    "- item\n",
    "  more\n",
    "$$",
    "\\[\n",
    "\\]\n",
    "| a |\n",
    "x" * 300,
    "    ",
    "\r\n",
]


def shape(found: list[Segment]) -> list[tuple[str, str]]:
    return [(each.kind, each.source) for each in found]


def test_text_and_code() -> None:
    found = segments("Before\n\n```python\nx = 1\n\ny = 2\n```\nAfter\n")
    assert shape(found) == [("text", "Before\n\n"), ("code", "x = 1\n\ny = 2\n"), ("text", "After\n")]
    assert found[1].language == "python"
    assert found[1].closed


def test_a_fence_that_is_still_open_is_code() -> None:
    found = segments("```\nno end")
    assert shape(found) == [("code", "no end")]
    assert not found[0].closed


@pytest.mark.parametrize("inner", ["```", "~~~~", "``` not a fence", "````x"])
def test_a_longer_fence_holds_others(inner: str) -> None:
    assert shape(segments(f"`````\n{inner}\n`````\n")) == [("code", inner + "\n")]


def test_no_cut_inside_a_list_or_a_formula() -> None:
    listing = "".join(f"- item {i} {'x' * 100}\n\n  more of it\n\n" for i in range(40))
    for segment in segments(listing):
        assert segment.source.startswith("- item")
    formula = "text\n\n$$\n" + "a + b\n\n" * 300 + "$$\n\nafter"
    assert sum("$$" in segment.source for segment in segments(formula)[:1]) == 1


@pytest.mark.parametrize("mark", ["- ", "{}. ", "* "])
def test_a_long_list_is_cut_between_its_items(mark: str) -> None:
    listing = "".join(f"{mark.format(number)}item with some words\n  and more of it\n" for number in range(1, 400))
    found = segments(listing)
    assert "".join(segment.source for segment in found) == listing
    assert len(found) > 5
    for segment in found:
        assert "item" in segment.source.splitlines()[0]
        assert len(segment.source) < LIST_SIZE + 100


def test_what_is_long_becomes_many_pieces_quickly() -> None:
    begun = time.perf_counter()
    for text in ("x" * 5_000_000, "line\n" * 10_000, "para\n\n" * 10_000, "```\n" + "code\n" * 10_000):
        found = segments(text)
        assert len(found) > 5
        assert max(len(each.source) for each in found) <= 45_000
        assert max(each.source.count("\n") for each in found) <= max(CODE_LINES, 3000)
    assert max(len(each.source) for each in segments("x" * 5_000_000)) == MOST_LINE
    assert time.perf_counter() - begun < 40  # a second; what is not linear takes minutes


@given(st.lists(st.sampled_from(PIECES), max_size=40))
def test_nothing_is_lost(pieces: list[str]) -> None:
    text = "".join(pieces)
    found = segments(text)
    starts = [each.start for each in found]
    assert starts == sorted(starts)
    kept = "".join(each.source for each in found)
    for word in ("word ", "item", "more", "x" * 300):
        assert kept.count(word) + sum(each.language.count(word) for each in found) >= text.count(word) - sum(
            each.language.count(word.strip()) for each in found
        )


@given(st.lists(st.sampled_from(PIECES), max_size=30), st.integers(1, 7))
def test_growing_gives_what_cutting_at_once_gives(pieces: list[str], step: int) -> None:
    text = "".join(pieces)
    grown = Segmenter()
    for start in range(0, len(text), step):
        first = grown.feed(text[start : start + step])
        assert 0 <= first <= max(0, len(grown.segments))
    assert grown.text == text
    assert shape(grown.segments) == shape(segments(text))
