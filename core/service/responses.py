"""/v1/responses: a chat in the form of OpenAI's Responses API, whole or as its typed events."""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncGenerator
from typing import Any

from pydantic import Field

from core.errors import InvalidRequest
from core.generation import Delta
from core.protocol import FinishReason, Progress
from core.schemas import (
    ChatRequest,
    CompletionDetails,
    ErrorReply,
    Function,
    Message,
    NamedFunction,
    NamedTool,
    PromptDetails,
    Response,
    ResponsesRequest,
    ResponseUsage,
    Sampling,
    Tool,
)
from core.service.answers import Part, PartKind
from core.service.chat import Caller, ChatRun, begin_chat, content_logprobs, progress_event
from core.service.parameters import grammar_source
from core.service.runs import Usage
from core.service.sse import event
from core.service.state import Service

_TEXT_PARTS = {"input_text", "output_text", "text"}


class Responding:
    """One request to /v1/responses."""

    def __init__(self, service: Service, body: ResponsesRequest, caller: Caller) -> None:
        self._service = service
        self._body = body
        self._caller = caller
        self._id = f"resp_{secrets.token_hex(16)}"
        self._created = int(time.time())
        self._sequence = 0
        self._model = body.model or ""
        self._output: list[dict[str, Any]] = []
        self._open: _Item | None = None
        self._cut = False
        self._usage: ResponseUsage | None = None

    async def response(self) -> Response:
        """The answer in one piece."""
        async for _ in self._run():
            pass
        return self._response(self._status)

    async def events(self) -> AsyncGenerator[bytes, None]:
        """The answer as events, ending with response.completed or response.incomplete."""
        async for written in self._run():
            if written:
                yield written

    def error_event(self, error: ErrorReply) -> bytes:
        """response.failed, with what was generated until then."""
        closed = self._close("incomplete")
        reply = self._response("failed")
        reply.error = {"code": error.error.code or "server_error", "message": error.error.message}
        return closed + self._event("response.failed", response=reply.model_dump())

    @property
    def _status(self) -> str:
        return "incomplete" if self._cut else "completed"

    async def _run(self) -> AsyncGenerator[bytes, None]:
        body = chat_request(self._body)
        service = self._service
        with service.admission.enter(self._caller.name, 1):
            chat = await self._begin(body)
            self._model = chat.model.name
            reply = self._response("in_progress").model_dump()
            head = self._event("response.created", response=reply) + self._event("response.in_progress", response=reply)
            shown: Progress | None = None
            async for deltas in chat.run.batches():
                out = [head]
                head = b""
                progress = chat.run.progress
                if progress is not None and progress is not shown:
                    shown = progress
                    out.append(progress_event(progress))
                out += [self._write(chat, delta) for delta in deltas]
                yield b"".join(out)
            self._usage = _usage(chat.run.usage, chat.answers[0].reasoning_tokens)
            closed = self._close(self._status)
            yield closed + self._event(f"response.{self._status}", response=self._response(self._status).model_dump())

    async def _begin(self, body: ChatRequest) -> ChatRun:
        return await begin_chat(self._service, body, self._caller)

    # --- parts to items and events -------------------------------------------------------------------------------------

    def _write(self, chat: ChatRun, delta: Delta) -> bytes:
        answer = chat.answers[0]
        parts = answer.feed(delta)
        if delta.finish_reason is not None:
            parts += answer.finish()
            self._cut = delta.finish_reason is FinishReason.LENGTH
        logprobs = [entry.model_dump() for entry in content_logprobs(chat.model.prompts.tokenizer, delta)]
        out = []
        for part in parts:
            out.append(self._part(part, logprobs))
            logprobs = []
        return b"".join(out)

    def _part(self, part: Part, logprobs: list[dict[str, Any]]) -> bytes:
        kind = {PartKind.CONTENT: "message", PartKind.REASONING: "reasoning"}.get(part.kind, "function_call")
        out = b""
        item = self._open
        if item is None or item.kind != kind or part.kind is PartKind.CALL:
            out = self._close("completed")
            item = self._open = _Item(kind, len(self._output), part)
            self._output.append(item.value("in_progress"))
            out += self._event("response.output_item.added", output_index=item.index, item=item.value("in_progress"))
            if kind != "function_call":
                out += self._event("response.content_part.added", **item.place, part=item.content(""))
        item.text += part.text
        if not part.text:
            return out
        if kind == "message":
            item.logprobs += logprobs
            return out + self._event("response.output_text.delta", **item.place, delta=part.text, logprobs=logprobs)
        if kind == "reasoning":
            return out + self._event("response.reasoning_text.delta", **item.place, delta=part.text)
        return out + self._event("response.function_call_arguments.delta", **item.call_place, delta=part.text)

    def _close(self, status: str) -> bytes:
        """End the item that is open, if one is."""
        item, self._open = self._open, None
        if item is None:
            return b""
        value = item.value(status)
        self._output[item.index] = value
        if item.kind == "message":
            done = self._event("response.output_text.done", **item.place, text=item.text, logprobs=item.logprobs)
        elif item.kind == "reasoning":
            done = self._event("response.reasoning_text.done", **item.place, text=item.text)
        else:
            done = self._event(
                "response.function_call_arguments.done", **item.call_place, name=item.name, arguments=item.text
            )
        if item.kind != "function_call":
            done += self._event("response.content_part.done", **item.place, part=item.content(item.text))
        return done + self._event("response.output_item.done", output_index=item.index, item=value)

    def _event(self, kind: str, **data: Any) -> bytes:
        number = self._sequence
        self._sequence += 1
        return event({"type": kind, "sequence_number": number, **data}, kind)

    def _response(self, status: str) -> _FullResponse:
        body = self._body
        form = body.text.format if body.text is not None else None
        return _FullResponse(
            id=self._id,
            created_at=self._created,
            status=status,  # type: ignore[arg-type]
            model=self._model,
            output=list(self._output),
            usage=self._usage,
            incomplete_details={"reason": "max_output_tokens"} if status == "incomplete" else None,
            instructions=body.instructions,
            max_output_tokens=body.max_output_tokens,
            metadata=body.metadata or {},
            temperature=body.temperature,
            top_p=body.top_p,
            tools=[tool.model_dump(exclude_unset=True) for tool in body.tools or []],
            tool_choice=body.tool_choice
            if isinstance(body.tool_choice, str)
            else body.tool_choice.model_dump()
            if body.tool_choice
            else "auto",
            text={"format": form.model_dump(by_alias=True) if form is not None else {"type": "text"}},
        )


class _FullResponse(Response):
    """With what the request asked, as the API echoes it."""

    instructions: str | None = None
    max_output_tokens: int | None = None
    metadata: dict[str, Any] = Field(default_factory=dict)
    parallel_tool_calls: bool = True
    previous_response_id: None = None
    store: bool = False
    temperature: float | None = None
    top_p: float | None = None
    tool_choice: Any = "auto"
    tools: list[dict[str, Any]] = Field(default_factory=list)
    truncation: str = "disabled"
    text: dict[str, Any] = Field(default_factory=dict)
    background: bool = False


class _Item:
    """One item of the output while it grows."""

    def __init__(self, kind: str, index: int, part: Part) -> None:
        self.kind = kind
        self.index = index
        self.text = ""
        self.name = part.name
        self.call_id = part.id
        self.logprobs: list[dict[str, Any]] = []
        prefix = {"message": "msg", "reasoning": "rs"}.get(kind, "fc")
        self.id = f"{prefix}_{secrets.token_hex(16)}"

    @property
    def place(self) -> dict[str, Any]:
        return {"item_id": self.id, "output_index": self.index, "content_index": 0}

    @property
    def call_place(self) -> dict[str, Any]:
        return {"item_id": self.id, "output_index": self.index}

    def content(self, text: str) -> dict[str, Any]:
        if self.kind == "reasoning":
            return {"type": "reasoning_text", "text": text}
        return {"type": "output_text", "text": text, "annotations": [], "logprobs": self.logprobs if text else []}

    def value(self, status: str) -> dict[str, Any]:
        """The item as it is now."""
        base: dict[str, Any] = {"id": self.id, "type": self.kind, "status": status}
        if self.kind == "message":
            return base | {"role": "assistant", "content": [self.content(self.text)] if self.text else []}
        if self.kind == "reasoning":
            return base | {"summary": [], "content": [self.content(self.text)] if self.text else []}
        return base | {"call_id": self.call_id, "name": self.name, "arguments": self.text}


def chat_request(body: ResponsesRequest) -> ChatRequest:
    """The chat that a request to /v1/responses stands for. Raises InvalidRequest for what has no such form."""
    if body.previous_response_id is not None:
        raise InvalidRequest(
            "previous_response_id is not supported: responses are not stored; send the whole conversation as input.",
            "previous_response_id",
        )
    if body.background:
        raise InvalidRequest("background is not supported; use a stream.", "background")
    if body.truncation == "auto":
        raise InvalidRequest("truncation 'auto' is not supported: nothing is cut silently here.", "truncation")
    if unknown := sorted(set(body.include or []) - {"message.output_text.logprobs", "reasoning.encrypted_content"}):
        raise InvalidRequest(f"include cannot hold '{unknown[0][:64]}' here.", "include")
    messages = [Message(role="system", content=body.instructions)] if body.instructions else []
    messages += input_messages(body.input)
    if not messages:
        raise InvalidRequest("input is empty; give text or at least one message.", "input")
    sampling = {name: getattr(body, name) for name in Sampling.model_fields}
    choice = body.tool_choice
    form = body.text.format if body.text is not None else None
    grammar_source(form)  # raises for what cannot be
    wants_logprobs = bool(body.top_logprobs) or "message.output_text.logprobs" in (body.include or [])
    return ChatRequest(
        **sampling,
        model=body.model,
        messages=messages,
        max_completion_tokens=body.max_output_tokens,
        logprobs=wants_logprobs or None,
        top_logprobs=(body.top_logprobs or 0) if wants_logprobs else None,
        response_format=_format(form),
        tools=None
        if body.tools is None
        else [
            Tool(type="function", function=Function(**tool.model_dump(exclude={"type"}, exclude_unset=True)))
            for tool in body.tools
        ],
        tool_choice=choice
        if choice is None or isinstance(choice, str)
        else NamedTool(type="function", function=NamedFunction(name=choice.name)),
        reasoning_effort=body.reasoning.effort if body.reasoning is not None else None,
        enable_thinking=body.enable_thinking,
    )


def _format(form: Any) -> Any:
    if form is None or form.type != "json_schema":
        return None if form is None else form.model_dump()
    return {"type": "json_schema", "json_schema": {"name": form.name, "schema": form.json_schema}}


def input_messages(items: str | list[dict[str, Any]]) -> list[Message]:
    """Input items as chat messages: messages, function calls and their outputs; reasoning is put before what it led to."""
    if isinstance(items, str):
        return [Message(role="user", content=items)]
    messages: list[Message] = []
    reasoning: str | None = None
    for number, item in enumerate(items, 1):
        kind = item.get("type", "message")
        if kind == "message":
            message: dict[str, Any] = {"role": item.get("role"), "content": _text(item.get("content"), number)}
            if message["role"] not in ("system", "developer", "user", "assistant"):
                raise InvalidRequest(f"Input item {number} has no role that a message can have.", "input")
        elif kind == "function_call":
            call = {
                "id": _field(item, "call_id", number),
                "type": "function",
                "function": {"name": _field(item, "name", number), "arguments": _field(item, "arguments", number)},
            }
            last = messages[-1] if messages else None
            if last is not None and last.role == "assistant" and reasoning is None:
                calls = (last.model_extra or {}).get("tool_calls", [])
                messages[-1] = Message(**(last.model_dump(exclude_unset=True) | {"tool_calls": [*calls, call]}))
                continue
            message = {"role": "assistant", "content": None, "tool_calls": [call]}
        elif kind == "function_call_output":
            output = _text(item.get("output"), number)
            message = {"role": "tool", "tool_call_id": _field(item, "call_id", number), "content": output}
        elif kind == "reasoning":
            reasoning = _text(item.get("content") or [], number)
            continue
        else:
            raise InvalidRequest(
                f"Input item {number} has the type {str(kind)[:64]!r}, which is not supported.", "input"
            )
        if reasoning and message["role"] == "assistant":
            message["reasoning_content"] = reasoning
        reasoning = None
        messages.append(Message(**message))
    return messages


def _text(content: Any, number: int) -> str:
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise InvalidRequest(f"Input item {number} has no content; send text.", "input")
    texts = []
    for part in content:
        kind = part.get("type") if isinstance(part, dict) else type(part).__name__
        if kind == "refusal" and isinstance(part.get("refusal"), str):
            texts.append(part["refusal"])
        elif kind in _TEXT_PARTS | {"reasoning_text"} and isinstance(part.get("text"), str):
            texts.append(part["text"])
        else:
            raise InvalidRequest(
                f"Input item {number} has a part of type {str(kind)[:64]!r}; this model reads text only.", "input"
            )
    return "\n".join(texts)


def _field(item: dict[str, Any], name: str, number: int) -> str:
    value = item.get(name)
    if not isinstance(value, str):
        raise InvalidRequest(f"Input item {number} has no text under '{name}'.", "input")
    return value


def _usage(usage: Usage, reasoning: int) -> ResponseUsage:
    return ResponseUsage(
        input_tokens=usage.prompt,
        input_tokens_details=PromptDetails(cached_tokens=usage.cached),
        output_tokens=usage.output,
        output_tokens_details=CompletionDetails(reasoning_tokens=reasoning),
        total_tokens=usage.prompt + usage.output,
    )
