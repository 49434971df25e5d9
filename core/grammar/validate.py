"""Is this grammar usable? Every refusal is an InvalidRequest that names the place, in words of ours around llguidance's.

`check` runs llguidance in this process, where a hostile grammar can overflow the native stack: a service asks
`core.grammar.guard` instead, which does this in a child process. `LLM`, whose caller wrote the grammar, need not.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NoReturn

from llguidance import LLMatcher

from core.errors import InvalidRequest
from core.grammar.limits import parser_limits
from core.grammar.source import MAX_CHARS, MAX_DEPTH, MAX_REGEX_CHARS, GrammarSource

PARAMS = {"json_schema": "response_format", "json_object": "response_format", "regex": "regex", "lark": "grammar"}
NAMES = {"json_schema": "JSON schema", "json_object": "JSON schema", "regex": "regular expression", "lark": "grammar"}

# White space between tokens is one space, or a new line and its indentation: with more, a small model fills its answer with it.
_JSON_OPTIONS: Any = {"lenient": False, "coerce_one_of": False, "whitespace_pattern": r"\x20|\x0A\x20{0,16}"}

# Otherwise a mask is worked out from all the bytes that must follow, without end for /a+/ /a+/: a hang that no limit ends.
_NO_FORCING = '\n%llguidance {"no_forcing": true}\n'

_MAPS = ("properties", "patternProperties", "$defs", "definitions")
_LISTS = ("anyOf", "oneOf", "allOf", "prefixItems", "items")
_SINGLE = ("items", "additionalProperties", "additionalItems", "not")


def check(source: GrammarSource) -> None:
    """Raises InvalidRequest if the grammar is too large, malformed, or uses what is not supported."""
    check_text(source)
    schema = _schema(source)
    problem = _problem(_bare(source))
    if problem is None:
        return
    if schema is not None:
        _refuse_schema(schema, problem)
    refuse(source, _plain(problem))


def check_text(source: GrammarSource) -> None:
    """The part of `check` that needs no llguidance and is safe in any process: size, JSON, depth."""
    limit = MAX_REGEX_CHARS if source.kind == "regex" else MAX_CHARS
    if len(source.text) > limit:
        refuse(source, f"it has {len(source.text)} characters, and at most {limit} are allowed")
    if source.kind != "json_object" and not source.text.strip():
        refuse(source, "it is empty")
    try:
        source.text.encode()
    except UnicodeError:
        refuse(source, "it is not valid Unicode")
    if "\0" in source.text:
        refuse(source, "it holds a NUL character")
    _schema(source)


def to_llguidance(source: GrammarSource) -> str:
    """The grammar as llguidance takes it to make masks. Raises InvalidRequest for JSON that its reader refuses though
    Python's takes it (half of a surrogate pair, NaN)."""
    if source.kind == "lark":
        lark = source.text
    elif source.kind == "regex":
        lark = json.loads(LLMatcher.grammar_from_regex(source.text))["grammars"][0]["lark_grammar"]
    else:
        schema = json.loads(_bare(source))["grammars"][0]["json_schema"]
        lark = f"start: %json {json.dumps(schema)}"
    return LLMatcher.grammar_from_lark(lark + _NO_FORCING)


def _bare(source: GrammarSource) -> str:
    """The grammar alone, so that what is said of it is not said of what we put around it."""
    if source.kind == "regex":
        return LLMatcher.grammar_from_regex(source.text)
    if source.kind == "lark":
        return LLMatcher.grammar_from_lark(source.text)
    try:
        return _from_schema(source.text if source.kind == "json_schema" else '{"type": "object"}')
    except ValueError as error:
        refuse(source, f"it cannot be read ({error})")


def refuse(source: GrammarSource, reason: str) -> NoReturn:
    """Raises the InvalidRequest for `source`; `reason` completes the sentence."""
    raise InvalidRequest(f"The {NAMES[source.kind]} cannot be used: {reason}.", PARAMS[source.kind])


def _from_schema(schema: str) -> str:
    return LLMatcher.grammar_from_json_schema(schema, overrides=_JSON_OPTIONS)


def _problem(grammar: str) -> str | None:
    failed, messages = LLMatcher.validate_grammar_with_warnings(grammar, None, limits=parser_limits())
    return messages[0].strip() if failed else None


def _schema(source: GrammarSource) -> dict[str, Any] | None:
    """The parsed JSON Schema, None for other kinds. Raises InvalidRequest if it is none or nested too deeply."""
    if source.kind != "json_schema":
        return None
    try:
        schema = json.loads(source.text)
    except RecursionError:
        refuse(source, f"it is nested deeper than {MAX_DEPTH} levels")
    except ValueError as error:
        refuse(source, f"it is not valid JSON ({error})")
    if not isinstance(schema, dict):
        refuse(source, "it is not a JSON object")
    level: list[Any] = [schema]
    depth = 0
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            refuse(source, f"it is nested deeper than {MAX_DEPTH} levels")
        level = [item for value in level for item in _items(value)]
    return schema


def _items(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _refuse_schema(schema: dict[str, Any], problem: str) -> NoReturn:
    """With the place: the innermost subschema that has the same problem on its own."""
    # Definitions are compiled only where a $ref leads to them, so those of the root do no harm in a subschema.
    definitions = {key: schema[key] for key in ("$schema", "$defs", "definitions") if key in schema}
    place, node, descend = "", schema, True
    while descend:
        descend = False
        for step, child in _subschemas(node):
            if _problem(_from_schema(json.dumps(definitions | child))) == problem:
                place, node, descend = f"{place}/{step}", child, True
                break
    where = f"at '#{place}': " if place else ""
    raise InvalidRequest(f"The JSON schema cannot be used: {where}{_plain(problem)}.", PARAMS["json_schema"])


def _subschemas(node: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for key, value in node.items():
        inside: list[tuple[str, Any]] = []
        if key in _MAPS and isinstance(value, dict):
            inside = [(f"{key}/{name.replace('~', '~0').replace('/', '~1')}", child) for name, child in value.items()]
        elif key in _LISTS and isinstance(value, list):
            inside = [(f"{key}/{index}", child) for index, child in enumerate(value)]
        elif key in _SINGLE:
            inside = [(key, value)]
        yield from ((step, child) for step, child in inside if isinstance(child, dict))


_REWORDED: tuple[tuple[str, str], ...] = (
    (r"Unimplemented keys: \[(.*)\]", r"the keyword \1 is not supported"),
    (r"Unsatisfiable schema: (.*)", r"nothing can satisfy it (\1)"),
    (r"oneOf constraints are not supported.*", "'oneOf' is supported only where its alternatives exclude each other; use 'anyOf'"),
    (r"Resource '(.*)' is not present.*", r"'$ref' to '\1' leads outside the schema"),
    (r"Pointer '(.*)' does not exist.*", r"'$ref' leads to '#\1', which does not exist"),
    (r"schema too large|.*\(grammar\) too big.*|.*[Gg]rammar size.*", "it is too large or too complex"),
)  # fmt: skip


def _plain(problem: str) -> str:
    """llguidance's message as part of one sentence: no drawing of the place, no trailing stop."""
    for pattern, words in _REWORDED:
        if match := re.fullmatch(pattern, problem, re.DOTALL):
            return match.expand(words)
    error = re.search(r"^error: (.*)$", problem, re.MULTILINE)  # the last line of a regular expression's report
    position = re.match(r"(?:at )?(\d+)\((\d+)\): (.*)", problem)
    reason = error[1] if error else (position[3] if position else problem.splitlines()[0])
    reason = reason.strip().rstrip(".:")[:300]
    if position and not error:
        reason = f"line {position[1]}, column {position[2]}: {reason}"
    elif error and (drawn := re.search(r"^ {4}(?P<text>.*)\n {4}(?P<mark> *)\^", problem, re.MULTILINE)):
        reason = f"{reason}, at character {len(drawn['mark']) + 1}"
    return reason[:1].lower() + reason[1:]
