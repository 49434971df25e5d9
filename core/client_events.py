"""What a client makes of the service's bytes: server-sent events, typed events of a chat, errors."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pydantic import ValidationError

from core.errors import DesksideError, InternalError, InvalidRequest, UserError, from_code
from core.schemas import ChatChunk, ChatLogprobs, Completion, DocumentEvent, ErrorReply, Progress, ServiceEvent, Usage


class SseDecoder:
    """Server-sent events (WHATWG HTML, 9.2) out of bytes that may be cut anywhere."""

    def __init__(self) -> None:
        self._rest = b""
        self._name = ""
        self._data: list[bytes] = []

    def feed(self, data: bytes) -> list[tuple[str, bytes]]:
        """The (name, data) of every event that `data` completes; the name is "message" where none was given."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        events = []
        for raw in lines:
            line = raw.removesuffix(b"\r")
            field, _, value = line.partition(b":")
            value = value.removeprefix(b" ")
            if not line:
                if self._data:
                    events.append((self._name or "message", b"\n".join(self._data)))
                self._name, self._data = "", []
            elif field == b"data":
                self._data.append(value)
            elif field == b"event":
                self._name = value.decode("utf-8", "replace")
        return events


@dataclass(frozen=True, slots=True)
class Text:
    """More of the answer number `index`."""

    text: str
    index: int = 0
    logprobs: ChatLogprobs | None = None


@dataclass(frozen=True, slots=True)
class Reasoning:
    """More of what the model thinks before it answers."""

    text: str
    index: int = 0


@dataclass(frozen=True, slots=True)
class ToolCallPart:
    """Call number `call`: its first part has `id` and `name`; `arguments` add up to JSON text."""

    call: int
    arguments: str
    id: str | None = None
    name: str | None = None
    index: int = 0


@dataclass(frozen=True, slots=True)
class Prefill:
    """How far the prompt is computed, in tokens."""

    computed: int
    total: int
    cached: int


@dataclass(frozen=True, slots=True)
class Finished:
    """Answer number `index` is complete."""

    reason: str
    index: int = 0


@dataclass(frozen=True, slots=True)
class Used:
    """The last event: the tokens of the whole request."""

    usage: Usage


CompletionEvent = Text | Finished | Used
ChatEvent = Text | Reasoning | ToolCallPart | Prefill | Finished | Used


def chat_events(events: Iterable[tuple[str, bytes]]) -> Iterator[ChatEvent]:
    """The typed events of a streamed chat. Raises the error that ended it."""
    for name, data in events:
        if data == b"[DONE]":
            return
        if name == "deskside.progress":
            progress = Progress.model_validate_json(data)
            yield Prefill(progress.computed, progress.total, progress.cached)
            continue
        if data.startswith(b'{"error"'):
            raise error_from(data, 200)
        chunk = ChatChunk.model_validate_json(data)
        for choice in chunk.choices:
            delta, index = choice.delta, choice.index
            if delta.reasoning_content:
                yield Reasoning(delta.reasoning_content, index)
            if delta.content or choice.logprobs is not None:
                yield Text(delta.content or "", index, choice.logprobs)
            for call in delta.tool_calls or ():
                yield ToolCallPart(call.index, call.function.arguments or "", call.id, call.function.name, index)
            if choice.finish_reason is not None:
                yield Finished(choice.finish_reason, index)
        if chunk.usage is not None:
            yield Used(chunk.usage)


def completion_events(events: Iterable[tuple[str, bytes]]) -> Iterator[CompletionEvent]:
    """The typed events of a streamed completion. Raises the error that ended it."""
    for _, data in events:
        if data == b"[DONE]":
            return
        if data.startswith(b'{"error"'):
            raise error_from(data, 200)
        chunk = Completion.model_validate_json(data)
        for choice in chunk.choices:
            if choice.text:
                yield Text(choice.text, choice.index)
            if choice.finish_reason is not None:
                yield Finished(choice.finish_reason, choice.index)
        if chunk.usage is not None:
            yield Used(chunk.usage)


def service_event(data: bytes) -> ServiceEvent:
    return ServiceEvent.model_validate_json(data)


def document_event(data: bytes) -> DocumentEvent:
    """Raises the error that ended the stream."""
    if data.startswith(b'{"error"'):
        raise error_from(data, 200)
    return DocumentEvent.model_validate_json(data)


def error_from(content: bytes, status: int, retry_after: str | None = None) -> DesksideError:
    """The error that an answer describes, as the class of core.errors with its code."""
    try:
        body = ErrorReply.model_validate_json(content).error
    except ValidationError:
        return _unknown(content, status)
    error = from_code(body.code or "", body.message, body.param or "")
    if isinstance(error, InternalError) and 400 <= status < 500:
        error = InvalidRequest(body.message, body.param)  # a code that this version does not know
    if retry_after is not None and retry_after.isdecimal() and hasattr(error, "retry_after"):
        error.retry_after = float(retry_after)
    return error


def _unknown(content: bytes, status: int) -> DesksideError:
    try:
        message = json.loads(content)["error"]
    except (ValueError, KeyError, TypeError):
        message = f"The service answered with status {status}."
    return UserError(str(message)) if status < 500 else InternalError(str(message))
