"""Stop strings: what is found does not depend on how the text arrives, and nothing is held that could not begin one."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InvalidRequest
from core.text.stop import MAX_STOP_CHARS, StopMatch, StopMatcher, StopStrings

SMALL = st.text("ab\n今", min_size=1, max_size=5)


def plain_search(text: str, stops: list[str]) -> StopMatch | None:
    """The definition: the match that ends first; of those, the longest."""
    for end in range(1, len(text) + 1):
        for stop in sorted(stops, key=len, reverse=True):
            if text[:end].endswith(stop):
                return StopMatch(stop, end - len(stop), end)
    return None


def cut(text: str, places: list[int]) -> list[str]:
    at = sorted(place % (len(text) + 1) for place in places)
    return [text[i:j] for i, j in zip([0, *at], [*at, len(text)], strict=True)]


@given(
    st.text("ab\n今", max_size=30), st.lists(SMALL, max_size=4), st.lists(st.integers(0, 99), max_size=8), st.booleans()
)
def test_any_cut_finds_what_a_plain_search_finds(text: str, stops: list[str], places: list[int], include: bool) -> None:
    expected = plain_search(text, stops)
    matcher = StopMatcher(StopStrings(stops), include)
    shown = ""
    for piece in cut(text, places):
        emitted, match = matcher.feed(piece)
        shown += emitted
        if match:
            break
        candidates = [n for stop in stops for n in range(len(stop)) if (shown + matcher.held).endswith(stop[:n])]
        assert len(matcher.held) == max(candidates, default=0)  # held back: exactly what may begin a stop string
    assert matcher.match == expected
    shown += matcher.flush()
    assert shown == (text if expected is None else text[: expected.end if include else expected.start])


def test_a_stop_string_across_three_pieces() -> None:
    matcher = StopMatcher(StopStrings(["</answer>"]))
    assert matcher.feed("fine</an") == ("fine", None)
    assert matcher.feed("swer") == ("", None)
    assert matcher.feed("> and more") == ("", StopMatch("</answer>", 4, 13))
    assert matcher.feed("more") == ("", StopMatch("</answer>", 4, 13))
    assert matcher.flush() == ""


def test_a_false_start_is_released() -> None:
    matcher = StopMatcher(StopStrings(["aab"]))
    assert matcher.feed("aaa") == ("a", None)
    assert matcher.feed("c") == ("aac", None)
    assert matcher.feed("aa") == ("", None)
    assert matcher.flush() == "aa"


def test_the_stop_string_can_be_kept() -> None:
    matcher = StopMatcher(StopStrings(["END"]), include=True)
    assert matcher.feed("the E") == ("the ", None)
    assert matcher.feed("ND.") == ("END", StopMatch("END", 4, 7))


def test_characters_that_mean_something_in_patterns() -> None:
    matcher = StopMatcher(StopStrings(["]", "^-", "\\"]))
    assert matcher.feed("a^b\\c") == ("a^b", StopMatch("\\", 3, 4))


def test_no_stop_strings_hold_nothing() -> None:
    assert StopMatcher(StopStrings([])).feed("anything") == ("anything", None)


@pytest.mark.parametrize(("stops", "words"), [([""], "is empty"), (["x", "y" * MAX_STOP_CHARS], "longer than 16384")])
def test_unusable_stop_strings_are_refused(stops: list[str], words: str) -> None:
    with pytest.raises(InvalidRequest, match=words) as caught:
        StopStrings(stops)
    assert caught.value.param == "stop"


def test_hostile_stop_strings_stay_linear() -> None:
    matcher = StopMatcher(StopStrings(["a" * 8000 + "b", "a" * 4000 + "c"]))
    begin = time.perf_counter()
    for _ in range(20_000):
        matcher.feed("aaaa")
    assert len(matcher.held) == 8000
    assert time.perf_counter() - begin < 30  # about 0.1 s; a search from scratch per piece takes minutes
