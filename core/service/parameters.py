"""What a request's body says, in the terms of the runtime."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from core.errors import InvalidRequest
from core.grammar.source import GrammarSource
from core.protocol import Priority
from core.sampling import SamplingParams
from core.schemas import (
    JsonObjectFormat,
    JsonSchemaFormat,
    Message,
    ResponseSchemaFormat,
    Sampling,
    TextFormat,
    Tool,
)

_SAME = (
    "temperature",
    "top_p",
    "top_k",
    "min_p",
    "typical_p",
    "repetition_penalty",
    "presence_penalty",
    "frequency_penalty",
    "seed",
    "min_tokens",
    "ignore_eos",
    "include_stop",
    "skip_special_tokens",
)
Format = TextFormat | JsonObjectFormat | JsonSchemaFormat | ResponseSchemaFormat


def sampling_params(
    body: Sampling, *, n: int | None = None, max_tokens: int | None = None, logprobs: int | None = None
) -> SamplingParams:
    """SamplingParams of a body; what it leaves out keeps its default. Ranges are checked by SamplingParams.check."""
    given: dict[str, Any] = {name: getattr(body, name) for name in _SAME}
    given |= {"n": n, "max_tokens": max_tokens, "logprobs": logprobs}
    if body.stop is not None:
        given["stop"] = (body.stop,) if isinstance(body.stop, str) else tuple(body.stop)
    if body.stop_token_ids is not None:
        given["stop_token_ids"] = tuple(body.stop_token_ids)
    if body.logit_bias is not None:
        given["logit_bias"] = _biases(body.logit_bias)
    return SamplingParams(**{name: value for name, value in given.items() if value is not None})


def priority_of(body: Sampling) -> Priority:
    return Priority.BATCH if body.priority == "batch" else Priority.INTERACTIVE


def grammar_source(form: Format | None, grammar: str | None = None, regex: str | None = None) -> GrammarSource | None:
    """The one grammar that a request asks for, if any. Raises InvalidRequest where it asks for two."""
    found: list[GrammarSource] = []
    if isinstance(form, JsonObjectFormat):
        found.append(GrammarSource("json_object"))
    elif isinstance(form, JsonSchemaFormat):
        found.append(GrammarSource("json_schema", json.dumps(form.json_schema.json_schema)))
    elif isinstance(form, ResponseSchemaFormat):
        found.append(GrammarSource("json_schema", json.dumps(form.json_schema)))
    if grammar is not None:
        found.append(GrammarSource("lark", grammar))
    if regex is not None:
        found.append(GrammarSource("regex", regex))
    if len(found) > 1:
        raise InvalidRequest("Give one of response_format, grammar and regex, not several.", "response_format")
    return found[0] if found else None


def stream_usage(stream: bool | None, options: Any) -> bool:
    """Whether a stream ends with its usage. Raises InvalidRequest for stream_options without stream, as OpenAI does."""
    if options is not None and not stream:
        raise InvalidRequest(
            "stream_options is for streams only; set stream to true or leave it out.", "stream_options"
        )
    return bool(options is not None and options.include_usage)


def plain(messages: list[Message]) -> list[dict[str, Any]]:
    """Messages as `core.text` takes them: only what was sent, nulls left out except for content."""
    dumped = [message.model_dump(exclude_unset=True) for message in messages]
    return [
        {name: value for name, value in message.items() if value is not None or name == "content"} for message in dumped
    ]


def plain_tools(tools: list[Tool] | None) -> list[dict[str, Any]] | None:
    return [tool.model_dump(exclude_unset=True) for tool in tools] if tools else None


def chars_of(value: Any) -> int:
    """About how much text there is in messages or prompts, however nested."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, Mapping):
        return sum(chars_of(item) for item in value.values())
    if isinstance(value, list):
        return 4 * len(value) if value and isinstance(value[0], int) else sum(chars_of(item) for item in value)
    return 0


def _biases(biases: Mapping[str, float]) -> dict[int, float]:
    result = {}
    for token, bias in biases.items():
        if not (token.isascii() and token.isdecimal() and len(token) < 12):
            raise InvalidRequest(
                f"logit_bias names the token {token[:32]!r}; token ids are whole numbers.", "logit_bias"
            )
        result[int(token)] = bias
    return result
