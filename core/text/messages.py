"""Chat messages as they come from callers, checked and turned into the plain data that templates read."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from core.errors import InvalidRequest

ROLES = ("system", "developer", "user", "assistant", "tool")
_REASONING = ("reasoning_content", "thinking", "reasoning")  # names one field goes by, in the order they are believed
MAX_DEPTH = 64


def plain_messages(messages: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Fresh copies, safe to change: text parts joined, tool arguments parsed, reasoning under the names templates read.

    Raises InvalidRequest, naming the message by its number from 1, for what no template could use.
    """
    if isinstance(messages, (str, bytes, Mapping)) or not messages:
        raise InvalidRequest("A chat needs a list of at least one message with a role and content.", "messages")
    return [_message(message, number) for number, message in enumerate(messages, 1)]


def plain_data(value: Any, depth: int = 0) -> Any:
    """`value` rebuilt out of str, int, float, bool, None, list and dict, so that a template finds nothing else to call.

    Raises InvalidRequest for anything that JSON has no form for, or deeper than 64 levels.
    """
    if depth > MAX_DEPTH:
        raise InvalidRequest(f"The request is nested deeper than {MAX_DEPTH} levels.")
    if value is None or isinstance(value, bool):
        return value
    for kind in (str, int, float):
        if isinstance(value, kind):
            return value if type(value) is kind else kind(value)
    if isinstance(value, Mapping):
        return {str(key): plain_data(item, depth + 1) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain_data(item, depth + 1) for item in value]
    raise InvalidRequest(
        f"The request holds a {type(value).__name__}; only text, numbers, lists and objects can be sent."
    )


def _message(message: object, number: int) -> dict[str, Any]:
    if not isinstance(message, Mapping):
        raise InvalidRequest(
            f"Message {number} is a {type(message).__name__}, not an object with role and content.", "messages"
        )
    plain: dict[str, Any] = plain_data(message)
    role = plain.get("role")
    if role not in ROLES:
        raise InvalidRequest(f"Message {number} has the role {role!r}; use one of {', '.join(ROLES)}.", "messages")
    if "content" not in plain and not plain.get("tool_calls"):
        raise InvalidRequest(f"Message {number} ({role}) has no content.", "messages")
    if "content" in plain:
        plain["content"] = _content(plain["content"], number, role, bool(plain.get("tool_calls")))
    if isinstance(plain.get("tool_calls"), list):
        for call in plain["tool_calls"]:
            _parse_arguments(call)
    reasoning = next((plain[name] for name in _REASONING if plain.get(name) is not None), None)
    if reasoning is not None:
        plain = {"thinking": reasoning, **plain, "reasoning_content": reasoning}
    return plain


def _content(content: Any, number: int, role: str, has_calls: bool) -> str | None:
    if isinstance(content, str) or (content is None and has_calls):
        return content
    if isinstance(content, list):
        for part in content:
            if not isinstance(part, dict) or part.get("type") != "text" or not isinstance(part.get("text"), str):
                kind = part.get("type") if isinstance(part, dict) else type(part).__name__
                raise InvalidRequest(
                    f"Message {number} ({role}) has a part of type {kind!r}; this model reads text only.", "messages"
                )
        return "\n".join(part["text"] for part in content)
    raise InvalidRequest(
        f"Message {number} ({role}) has content of type {type(content).__name__}; send text.", "messages"
    )


def _parse_arguments(call: Any) -> None:
    """The OpenAI API sends arguments as JSON text; templates write them out themselves and want the object."""
    function = call.get("function") if isinstance(call, dict) else None
    target = function if isinstance(function, dict) else call
    if isinstance(target, dict) and isinstance(target.get("arguments"), str):
        try:
            parsed = json.loads(target["arguments"])
        except (ValueError, RecursionError):
            return
        if isinstance(parsed, dict):
            target["arguments"] = parsed
