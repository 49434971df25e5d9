"""Reasoning and answer come apart the same way, however the stream was chopped."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.text.reasoning import ReasoningMarkers, ReasoningSplitter, find_markers, starts_inside

THINK = ReasoningMarkers("<think>", "</think>")


def run(pieces: list[str], inside: bool = False, continues: bool = False) -> tuple[str, str]:
    splitter = ReasoningSplitter(THINK, inside, continues)
    parts = [splitter.feed(piece) for piece in pieces]
    parts.append(splitter.finish())
    return "".join(part.reasoning for part in parts), "".join(part.text for part in parts)


WHOLE = [
    ("<think>\nA plan.\n</think>\n\nThe answer.", False, ("A plan.", "The answer.")),
    (" \n<think>a</think>b", False, ("a", "b")),
    ("No reasoning <think>here</think>.", False, ("", "No reasoning <think>here</think>.")),
    ("  blanks first", False, ("", "  blanks first")),
    ("<thin", False, ("", "<thin")),
    ("<think", False, ("", "<think")),
    ("<think>never ends </thin", False, ("never ends </thin", "")),
    ("<think>\n\n</think>\n\nHi.\n", False, ("", "Hi.\n")),
    ("<think></think><think>x</think>", False, ("", "<think>x</think>")),
    ("\nOpened already.\n\nTwo.</think>\nDone </think>.", True, ("Opened already.\n\nTwo.", "Done </think>.")),
    ("never closed\n", True, ("never closed", "")),
    ("a </think> b", False, ("", "a </think> b")),
    ("", True, ("", "")),
    ("<think>  </think>", False, ("", "")),
]


@pytest.mark.parametrize(("text", "inside", "expected"), WHOLE)
def test_parts_in_every_chopping_of_two_and_by_character(text: str, inside: bool, expected: tuple[str, str]) -> None:
    assert run([text], inside) == expected
    assert run(list(text), inside) == expected
    for cut in range(len(text) + 1):
        assert run([text[:cut], "", text[cut:]], inside) == expected


@given(
    st.lists(st.sampled_from(["<think>", "</think>", "<", "</", "think", ">", " ", "\n", "a", "b c"]), max_size=12),
    st.booleans(),
    st.lists(st.integers(0, 60), max_size=6),
)
def test_any_chopping_gives_the_same(words: list[str], inside: bool, cuts: list[int]) -> None:
    text = "".join(words)
    bounds = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    pieces = [text[a:b] for a, b in itertools.pairwise(bounds)]
    reasoning, answer = whole = run([text], inside)
    assert run(pieces, inside) == whole == run(list(text), inside)
    assert reasoning in text  # nothing invented
    assert answer in text
    assert reasoning == reasoning.strip()
    kept = (reasoning + answer).replace(" ", "").replace("\n", "")
    dropped = len("".join(text.split())) - len("".join(kept.split()))
    assert dropped in (0, len(THINK.open), len(THINK.close), len(THINK.open + THINK.close))  # markers at most


def test_reasoning_is_shown_as_it_comes() -> None:
    splitter = ReasoningSplitter(THINK, inside=True)
    assert splitter.feed("First ").reasoning == "First"
    assert splitter.feed("step").reasoning == " step"
    assert splitter.feed("</th").reasoning == ""
    assert splitter.feed("ink>\n\nYes").text == "Yes"
    assert splitter.feed(", it is").text == ", it is"


def test_continued_answers() -> None:
    assert starts_inside(THINK, "...", continued="<think>half a thought")
    assert not starts_inside(THINK, "...", continued="<think>a</think>half an answer")
    assert run([" and <think>so"], continues=True) == ("", " and <think>so")
    assert run([" on</think>x"], inside=True, continues=True) == (" on", "x")


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{% if '</think>' in content %}{{ content.split('</think>')[-1] }}{% endif %}", THINK),
        ("{{ '<think>\\n' if enable_thinking }}...</think>", THINK),
        ("[THINK]{{ x }}[/THINK] never <think> or </think>", ReasoningMarkers("[THINK]", "[/THINK]")),
        ("<|im_start|>{{ message.content }}<|im_end|>", None),
    ],
)
def test_markers_come_from_the_template(template: str, expected: ReasoningMarkers | None) -> None:
    assert find_markers(template) == expected


def test_what_the_generation_prompt_opened() -> None:
    assert starts_inside(THINK, "<|assistant|><think>\n")
    assert not starts_inside(THINK, "<|assistant|><think>\n\n</think>\n\n")  # enable_thinking=False
    assert not starts_inside(THINK, "<|user|>what is <think>?<|assistant|>")
