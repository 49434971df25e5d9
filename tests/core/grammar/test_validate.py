"""Each refusal says what is wrong and where, and a hostile grammar costs a child process, never this one."""

from __future__ import annotations

import json
import threading
import time

import pytest

from core.errors import InvalidRequest
from core.grammar import GrammarSource
from core.grammar.compiler import Compiler
from core.grammar.guard import GrammarGuard
from core.grammar.source import MAX_CHARS, MAX_REGEX_CHARS
from core.grammar.validate import check
from core.text.tokenizer import Tokenizer
from engines.api.errors import ConstraintError


def nested(step: str, schema: object) -> str:
    return json.dumps({"type": "object", "properties": {"a/b": {"type": "array", step: schema}}})


REFUSED = [
    ("json_schema", "{", "not valid JSON"),
    ("json_schema", "3", "not a JSON object"),
    ("json_schema", "", "it is empty"),
    ("json_schema", '{"type":"array","items":' * 70 + "{}" + "}" * 70, "deeper than 64"),
    ("json_schema", "[" * 30000 + "]" * 30000, "deeper than 64"),
    ("json_schema", '"' + "x" * MAX_CHARS + '"', f"at most {MAX_CHARS}"),
    ("json_schema", '{"type": "text"}', "invalid type: text"),
    ("json_schema", nested("items", {"not": {"type": "string"}}), r"at '#/properties/a~1b/items': the keyword \"not\" is"),
    ("json_schema", nested("items", {"uniqueItems": True}), r"the keyword \"uniqueItems\" is not supported"),
    ("json_schema", nested("items", {"type": "string", "pattern": "(?=a)"}), "look-around"),
    ("json_schema", nested("items", {"type": "string", "format": "telepathy"}), "unknown format: telepathy"),
    ("json_schema", nested("items", {"$ref": "#/$defs/gone"}), "'#/\\$defs/gone', which does not exist"),
    ("json_schema", '{"$ref": "https://example.org/schema"}', "leads outside the schema"),
    ("json_schema", '{"type": "integer", "minimum": 5, "maximum": 3}', "nothing can satisfy it"),
    ("json_schema", '{"oneOf": [{"type": "string"}, {"type": "string", "maxLength": 3}]}', "use 'anyOf'"),
    ("json_schema", "false", "not a JSON object"),
    ("json_schema", '{"x-guidance": {"lenient": true}, "not": {}}', "not supported"),
    ("json_schema", r'{"const": "\ud800"}', "cannot be read"),
    ("json_schema", '{"const": NaN}', "cannot be read"),
    ("regex", "(a", "unclosed group, at character 1"),
    ("regex", r"ab(c)\1", "backreferences are not supported, at character 6"),
    ("regex", "a" * (MAX_REGEX_CHARS + 1), f"at most {MAX_REGEX_CHARS}"),
    ("regex", "a\0b", "NUL"),
    ("regex", "\ud800", "not valid Unicode"),
    ("lark", 'start: "a" other', 'line 1, column 8: unknown name: "other"'),
    ("lark", 'start: ("a"', "line 1, column"),
    ("lark", 'rule: "a"', "start"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "text", "says"), REFUSED)
def test_what_is_refused_and_how(kind: str, text: str, says: str) -> None:
    with pytest.raises(InvalidRequest, match=says) as caught:
        check(GrammarSource(kind, text))  # type: ignore[arg-type]
    assert caught.value.message.endswith(".")
    assert "\n" not in caught.value.message
    assert caught.value.param == {"json_schema": "response_format", "regex": "regex", "lark": "grammar"}[kind]


@pytest.mark.parametrize(
    "source",
    [
        GrammarSource("json_object"),
        GrammarSource("json_schema", "{}"),
        GrammarSource("json_schema", '{"type": "string", "title": "a name", "x-unknown": 1}'),
        GrammarSource("regex", "[a-z]+"),
        GrammarSource("lark", 'start: "a" rest\nrest: %json {"type": "integer"}'),
    ],
)
def test_what_is_accepted(source: GrammarSource, guard: GrammarGuard) -> None:
    check(source)
    guard.check(source)


@pytest.fixture(scope="module")
def guard() -> GrammarGuard:
    with GrammarGuard() as guard:
        yield guard  # type: ignore[misc]


def rule_chain(length: int) -> str:
    rules = [f"r{i}: r{i + 1}" for i in range(length)]
    return "\n".join(["start: r0", *rules, f'r{length}: "a"'])


def doubling(depth: int) -> str:
    tokens = [f"R{i}: R{i + 1} R{i + 1}" for i in range(depth)]
    return "\n".join(["start: R0", *tokens, f'R{depth}: "a"'])


HOSTILE = {
    "a chain of rules that overflows the stack": GrammarSource("lark", rule_chain(7000)),
    "tokens that double": GrammarSource("lark", doubling(400)),
    "a wheel of a million states": GrammarSource("json_schema", '{"type": "integer", "multipleOf": 1000003}'),
    "a special token": GrammarSource("lark", 'start: "a" <|im_start|>'),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_grammars_are_refused_in_time(name: str, guard: GrammarGuard, monkeypatch: pytest.MonkeyPatch) -> None:
    began = time.monotonic()
    with pytest.raises(InvalidRequest, match="cannot be used"):
        guard.check(HOSTILE[name])
    assert time.monotonic() - began < 30  # 2 s, and a start of the child, on a machine that may be busy
    with monkeypatch.context() as patch:
        patch.setattr(guard, "_try", lambda source: pytest.fail("it is not remembered"))
        with pytest.raises(InvalidRequest):
            guard.check(HOSTILE[name])
    guard.check(GrammarSource("regex", f"[a-z]{{1,{len(name)}}}"))  # and the next one is served


def test_a_killed_child_is_replaced() -> None:
    with GrammarGuard() as guard:
        guard.check(GrammarSource("regex", "a"))
        assert guard._child is not None
        guard._child.kill()
        guard.check(GrammarSource("regex", "b"))


def test_compiling_longer_than_the_limit_is_an_error_and_others_still_compile(tokenizer: Tokenizer) -> None:
    compiler = Compiler(tokenizer, tokenizer.vocab_size, tokenizer.eos_ids, seconds=0.2)
    with pytest.raises(ConstraintError, match="takes longer than"):
        compiler.compile(GrammarSource("json_schema", '{"type": "integer", "multipleOf": 50003}'))
    assert not compiler.compile(GrammarSource("regex", "a")).finished()
    for thread in threading.enumerate():
        if thread.name == "grammar":
            thread.join(60)


def test_a_bad_grammar_that_reaches_the_worker_is_an_error_there(compiler: Compiler) -> None:
    with pytest.raises(ConstraintError, match="unknown name"):
        compiler.compile(GrammarSource("lark", "start: nothing"))
    with pytest.raises(ConstraintError, match="cannot be compiled"):
        compiler.compile(GrammarSource("json_schema", '{"const": NaN}'))
    with pytest.raises(InvalidRequest):
        compiler.compile(GrammarSource("regex", "a" * (MAX_REGEX_CHARS + 1)))


def test_no_end_token_no_grammar(tokenizer: Tokenizer) -> None:
    with pytest.raises(ConstraintError, match="no end token"):
        Compiler(tokenizer, tokenizer.vocab_size, ())


def test_a_grammar_is_compiled_once(compiler: Compiler) -> None:
    source = GrammarSource("regex", "once[0-9]")
    assert compiler.compile(source)._root is compiler.compile(source)._root
