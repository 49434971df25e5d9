"""Calls are found, streamed and told apart from text the same way, however the stream was chopped."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.text.tool_calls import ToolAnswer, ToolCallParser, ToolDelta
from core.text.tool_formats import HERMES, LLAMA, MISTRAL, PLAIN, ToolFormat, find_tool_format

NAMES = ("f", "get_weather")


def run(tool_format: ToolFormat, pieces: Iterable[str]) -> tuple[ToolAnswer, list[ToolDelta]]:
    numbers = itertools.count()
    parser = ToolCallParser(tool_format, NAMES, lambda: f"id{next(numbers)}")
    deltas = [parser.feed(piece) for piece in pieces]
    deltas.append(parser.finish())
    return parser.answer(), deltas


def calls(answer: ToolAnswer) -> list[tuple[str, object]]:
    return [(call.name, json.loads(call.arguments)) for call in answer.calls]


F = ("f", {"x": 1})
GOOD = [
    (HERMES, '<tool_call>\n{"name": "f", "arguments": {"x": 1}}\n</tool_call>', "", [F]),
    (HERMES, 'Let me see.\n<tool_call>{"name":"f","arguments":{"x":1}}</tool_call>\n', "Let me see.", [F]),
    (HERMES, '<tool_call>{"name":"f","arguments":{"x":1}}</tool_call>\n' * 2, "", [F, F]),
    (HERMES, '<tool_call>{"arguments": {"x": 1}, "name": "f"}</tool_call> So.', "So.", [F]),
    (HERMES, '<tool_call>{"name": "f", "arguments": {"x": 1}}', "", [F]),  # ended by the end token
    (HERMES, '<tool_call>{"name": "f", "arguments": {"x": 1}</tool_call>', "", [F]),  # a brace short
    (HERMES, '<tool_call>{"name": "f", "arguments": {"x": 1}}<tool_call>{"name": "f"}</tool_call>', "", [F, ("f", {})]),
    (HERMES, '<tool_call>[{"name":"f","arguments":{"x":1}}, {"name":"g"}]</tool_call>', "", [F, ("g", {})]),
    (HERMES, '<tool_call>{"name": "f", "arguments": "{\\"x\\": 1}"}</tool_call>', "", [F]),
    (HERMES, '<tool_call>{"type":"function","function":{"name":"f","arguments":{"x":1}}}</tool_call>', "", [F]),
    (HERMES, '<tool_call>{"name": "f", "arguments": {"x": "</tool_call>}{\\"[é"}}</tool_call>', "",
     [("f", {"x": '</tool_call>}{"[é'})]),
    (LLAMA, '{"name": "f", "parameters": {"x": 1}}', "", [F]),
    (LLAMA, '<|python_tag|>{"name": "f", "parameters": {"x": 1}}; {"name": "f", "parameters": {"x": 1}}', "", [F, F]),
    (LLAMA, ' {"type": "function", "name": "f", "parameters": {"x": 1}}', "", [F]),
    (MISTRAL, '[TOOL_CALLS] [{"name": "f", "arguments": {"x": 1}}, {"name": "g", "arguments": {}}]', "", [F, ("g", {})]),
    (MISTRAL, '[TOOL_CALLS]f[ARGS]{"x": 1}', "", [F]),
    (MISTRAL, 'Sure. [TOOL_CALLS]f{"x": 1}[TOOL_CALLS]g[CALL_ID]abc123def[ARGS]{"y": [{}]}', "Sure.",
     [F, ("g", {"y": [{}]})]),
    (PLAIN, '[{"name": "f", "arguments": {"x": 1}}, {"name": "get_weather", "arguments": {"city": "Köln"}}]', "",
     [F, ("get_weather", {"city": "Köln"})]),
]  # fmt: skip

TEXT = [
    (HERMES, "Nothing at all, 1 < 2, <tool>."),
    (HERMES, "<tool_call>not JSON</tool_call>"),
    (HERMES, '<tool_call>{"name": 3, "arguments": {}}</tool_call>'),
    (HERMES, '<tool_call>{"name": "f", "arguments": [1]}</tool_call>'),
    (HERMES, '<tool_call>{"name": "f", "arg'),
    (HERMES, "  <tool_call>"),
    (HERMES, "ends in a marker's start <tool_c"),
    (HERMES, '{"name": "f", "arguments": {}}'),
    (LLAMA, '{"name": "Ada", "parameters": {"x": 1}}'),
    (LLAMA, '{"answer": 42, "name": "f"}'),
    (LLAMA, 'See: {"name": "f", "parameters": {}}'),
    (LLAMA, "[1, 2]"),
    (PLAIN, "[]"),
    (PLAIN, '[{"name": "nobody"}]'),
    (PLAIN, "  {}\n"),
    (MISTRAL, "[TOOL_CALLS]no such thing [ARGS"),
    (MISTRAL, "[TOOL_CALLS][]"),
    (MISTRAL, "[TOOL_CALLS]" + "x" * 300 + "{}"),
]


@pytest.mark.parametrize(("tool_format", "text", "said", "expected"), GOOD)
def test_calls(tool_format: ToolFormat, text: str, said: str, expected: list[tuple[str, object]]) -> None:
    answer, _ = run(tool_format, [text])
    assert calls(answer) == expected
    assert answer.text.strip() == said
    assert [call.id for call in answer.calls] == [f"id{i}" for i in range(len(expected))]


@pytest.mark.parametrize(("tool_format", "text"), TEXT)
def test_what_is_no_call_stays_text_to_the_letter(tool_format: ToolFormat, text: str) -> None:
    answer, deltas = run(tool_format, [text])
    assert answer == ToolAnswer(text, [])
    assert "".join(delta.text for delta in deltas) == text
    assert not any(delta.calls for delta in deltas)


def test_a_bad_call_is_text_and_the_next_one_counts() -> None:
    text = '<tool_call>oops <tool_call>{"name":"f","arguments":{"x":1}}</tool_call> and <tool_call>{]</tool_call>'
    answer, _ = run(HERMES, [text])
    assert answer.text == "<tool_call>oops and <tool_call>{]</tool_call>"
    assert calls(answer) == [F]


@pytest.mark.parametrize("bad", ["{x: 1}}", '{"x": 1]', '{"x": tru}}', '{"x": "unterminated'])
def test_arguments_that_turn_out_bad_are_text_in_the_whole_answer(bad: str) -> None:
    text = f'<tool_call>{{"name": "f", "arguments": {bad}'
    answer, deltas = run(HERMES, list(text))
    assert answer.calls == []
    assert answer.text == text
    assert deltas[-1] == ToolDelta("", [])  # a stream was told of the call as it came, and is not told again


@pytest.mark.parametrize(("tool_format", "text", "said", "expected"), GOOD)
def test_a_stream_adds_up_to_the_answer(
    tool_format: ToolFormat, text: str, said: str, expected: list[tuple[str, object]]
) -> None:
    for pieces in ([text], list(text), re.findall(r"(?s).{1,7}", text)):
        answer, deltas = run(tool_format, pieces)
        assert "".join(delta.text for delta in deltas) == answer.text
        streamed: dict[int, list[str]] = {}
        for delta in deltas:
            for call in delta.calls:
                if call.id:
                    assert call.index not in streamed
                    assert call.index == len(streamed)
                    streamed[call.index] = [call.id, call.name, ""]
                streamed[call.index][2] += call.arguments
        assert list(map(tuple, streamed.values())) == [(c.id, c.name, c.arguments) for c in answer.calls]


def test_arguments_are_streamed_before_they_are_complete() -> None:
    parser = ToolCallParser(HERMES)
    assert parser.feed('<tool_call>{"name": "f", "argu').calls == []
    (first,) = parser.feed('ments": {"text": "on').calls
    assert (first.index, first.name, first.arguments) == (0, "f", '{"text": "on')
    assert re.fullmatch(r"call_[0-9a-f]{24}", first.id)
    (second,) = parser.feed("ce upon").calls
    assert (second.id, second.name, second.arguments) == ("", "", "ce upon")


def test_an_answer_in_json_is_not_held_back_once_it_is_no_call() -> None:
    parser = ToolCallParser(LLAMA, NAMES)
    assert parser.feed('{"title"').text == '{"title"'
    assert parser.feed(": 1").text == ": 1"


def test_ids_of_mistral_have_nine_letters_or_digits() -> None:
    parser = ToolCallParser(MISTRAL)
    parser.feed('[TOOL_CALLS]f{"x": 1}')
    assert re.fullmatch("[A-Za-z0-9]{9}", parser.answer().calls[0].id)


PARTS = [
    "<tool_call>", "</tool_call>", "[TOOL_CALLS]", "<|python_tag|>", "[ARGS]", "{", "}", "[", "]", '"name"', ":", '"f"', ",",
    '"arguments"', '{"x": 1}', '{"name": "f", "arguments": {"x": 1}}', " ", "\n", "a", "<", "tool", '"', "\\", ";", "12",
]  # fmt: skip


@settings(max_examples=300)
@given(
    st.sampled_from([HERMES, LLAMA, MISTRAL, PLAIN]),
    st.lists(st.sampled_from(PARTS), max_size=16),
    st.lists(st.integers(0, 200), max_size=8),
)
def test_any_chopping_gives_the_same_and_loses_nothing(
    tool_format: ToolFormat, words: list[str], cuts: list[int]
) -> None:
    text = "".join(words)
    bounds = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    answer, deltas = run(tool_format, [text])
    for pieces in ([text[a:b] for a, b in itertools.pairwise(bounds)], list(text)):
        again, parts = run(tool_format, pieces)
        assert again == answer
        assert "".join(delta.text for delta in parts) == "".join(delta.text for delta in deltas)
    for call in answer.calls:
        assert isinstance(json.loads(call.arguments), dict)
    if not answer.calls:
        assert answer.text == text


@given(st.dictionaries(st.text(max_size=5), st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=8),
       lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)), max_size=4),
       st.sampled_from([HERMES, MISTRAL]), st.booleans(), st.integers(0, 4))  # fmt: skip
def test_any_arguments_come_through(
    arguments: dict[str, object], tool_format: ToolFormat, ascii_only: bool, indent: int
) -> None:
    value = {"name": "f", "arguments": arguments}
    text = tool_format.marker + json.dumps(value, ensure_ascii=ascii_only, indent=indent or None) + tool_format.close
    answer, _ = run(tool_format, list(text))
    assert calls(answer) == [("f", arguments)]
    assert answer.text == ""


def test_the_format_comes_from_the_template() -> None:
    assert find_tool_format("{{ '<tool_call>\\n' }}") is HERMES
    assert find_tool_format("{{ '[TOOL_CALLS]' }}") is MISTRAL
    assert find_tool_format("{{ '<|python_tag|>' }}") is LLAMA
    assert find_tool_format("Environment: ipython") is LLAMA
    assert find_tool_format("{{ messages }}") is PLAIN
