"""/v1/chat/completions: from the body to a Run, and its deltas in OpenAI's form, whole or as events."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any

import msgspec

from core.errors import InvalidRequest
from core.generation import Delta
from core.grammar.source import GrammarSource
from core.protocol import FinishReason, Progress, TokenLogprob
from core.schemas import (
    ChatChoice,
    ChatCompletion,
    ChatLogprobs,
    ChatMessage,
    ChatRequest,
    CompletionDetails,
    ContentLogprob,
    NamedTool,
    PromptDetails,
    TopLogprob,
)
from core.schemas import Progress as ProgressReply
from core.schemas import Usage as UsageReply
from core.service.answers import Answer, Part, PartKind
from core.service.models import LoadedModel
from core.service.parameters import (
    chars_of,
    grammar_source,
    plain,
    plain_tools,
    priority_of,
    sampling_params,
    stream_usage,
)
from core.service.runs import Run, Usage
from core.service.sse import DONE, encode, event
from core.service.state import Service
from core.text.prompt import Prompt
from core.text.reasoning import ReasoningSplitter, starts_inside
from core.text.tokenizer import Tokenizer
from core.text.tool_calls import ToolCallParser
from core.text.tool_formats import PLAIN

MAX_TOP_LOGPROBS = 20
PROGRESS_EVENT = "deskside.progress"
_FINISHED = (FinishReason.STOP, FinishReason.LENGTH)  # of any other end an error event tells


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks. `name`: for fairness. `progress`: its header asked for progress events."""

    name: str
    progress: bool = False


@dataclass(slots=True)
class ChatRun:
    """A chat under way: its run, and for each of the n samples what its text consists of."""

    run: Run
    answers: list[Answer]

    @property
    def model(self) -> LoadedModel:
        return self.run.model


async def begin_chat(service: Service, body: ChatRequest, caller: Caller) -> ChatRun:
    """Check, render, encode, and make ready to run. Raises what is wrong with the request."""
    if len(body.messages) > service.limits.max_messages:
        raise InvalidRequest(
            f"{len(body.messages)} messages were sent; at most {service.limits.max_messages} are taken.", "messages"
        )
    if body.max_tokens is not None and body.max_completion_tokens is not None:
        raise InvalidRequest("Give max_completion_tokens or max_tokens, not both.", "max_tokens")
    max_tokens = body.max_completion_tokens if body.max_tokens is None else body.max_tokens
    params = sampling_params(body, n=body.n, max_tokens=max_tokens, logprobs=_logprobs(body))
    tools = plain_tools(body.tools) if body.tool_choice != "none" else None
    forced = forced_call(body)
    grammar = grammar_source(body.response_format, body.grammar, body.regex)
    if grammar is not None and forced is not None:
        raise InvalidRequest("tool_choice forces a call, so there can be no grammar for the answer.", "tool_choice")
    grammar = grammar or forced
    await service.check_grammar(grammar)
    model = await service.models.get(body.model)
    variables = dict(body.chat_template_kwargs or {})
    thinking = body.enable_thinking
    if thinking is None and body.reasoning_effort in ("none", "minimal"):
        thinking = False
    if thinking is None and grammar is not None and "enable_thinking" not in variables:
        thinking = False  # a grammar says what the whole answer is
    if thinking is not None:
        variables["enable_thinking"] = thinking
    _check_variables(variables)
    messages = plain(body.messages)
    prompt = await service.encoders.run(
        chars_of(messages) + chars_of(tools or []),
        lambda: model.prompts.chat(
            messages, tools, continue_final_message=bool(body.continue_final_message), **variables
        ),
    )
    if grammar is None and model.style.hides_marks(bool(tools)):
        params = msgspec.structs.replace(params, skip_special_tokens=False)
    run = Run(
        model,
        prompt,
        params,
        service.limits,
        client=caller.name,
        priority=priority_of(body),
        grammar=grammar,
        wants_progress=caller.progress,
        metrics=service.metrics,
    )
    continued = messages[-1]["content"] if body.continue_final_message else ""
    answers = [_answer(body, model, prompt, continued, grammar, forced is not None) for _ in range(params.n)]
    return ChatRun(run, answers)


def forced_call(body: ChatRequest) -> GrammarSource | None:
    """tool_choice `required`, or a function's name, as a grammar: the answer is one call, as JSON, whatever form the model
    would have chosen. Raises InvalidRequest where there is no such function."""
    choice = body.tool_choice
    if choice is None or choice in ("auto", "none"):
        return None
    functions = [tool.function for tool in body.tools or []]
    if isinstance(choice, NamedTool):
        functions = [function for function in functions if function.name == choice.function.name]
    if not functions:
        raise InvalidRequest("tool_choice asks for a function that is not among tools.", "tool_choice")
    calls: list[dict[str, Any]] = [
        {
            "type": "object",
            "properties": {
                "name": {"const": function.name},
                "arguments": function.parameters or {"type": "object", "properties": {}, "additionalProperties": False},
            },
            "required": ["name", "arguments"],
            "additionalProperties": False,
        }
        for function in functions
    ]
    return GrammarSource("json_schema", json.dumps(calls[0] if len(calls) == 1 else {"anyOf": calls}))


def _answer(
    body: ChatRequest, model: LoadedModel, prompt: Prompt, continued: str, grammar: GrammarSource | None, forced: bool
) -> Answer:
    """What one sample's text may consist of. An answer that a grammar describes is content from its first character."""
    names = [tool.function.name for tool in body.tools or []]
    if forced:
        return Answer(parser=ToolCallParser(PLAIN, names))
    if grammar is not None:
        return Answer()
    splitter = parser = None
    markers = model.style.markers
    if markers is not None:
        inside = starts_inside(markers, prompt.text, continued)
        splitter = ReasoningSplitter(markers, inside, bool(continued))
    if names and body.tool_choice != "none":
        parser = ToolCallParser(model.style.tools, names)
    return Answer(splitter, parser, only_one_call=body.parallel_tool_calls is False)


async def chat_events(service: Service, body: ChatRequest, caller: Caller) -> AsyncGenerator[bytes, None]:
    """The answer as server-sent events, one piece of bytes for each batch of tokens."""
    with_usage = stream_usage(body.stream, body.stream_options)
    with service.admission.enter(caller.name, max(1, body.n or 1)):
        chat = await begin_chat(service, body, caller)
        writer = ChatWriter(chat, with_usage)
        shown: Progress | None = None
        async for deltas in chat.run.batches():
            written = writer.write(deltas)
            if chat.run.progress is not shown and chat.run.progress is not None:
                shown = chat.run.progress
                written = progress_event(shown) + written
            if written:
                yield written
        yield writer.end(chat.run.usage)


async def chat_completion(service: Service, body: ChatRequest, caller: Caller) -> ChatCompletion:
    """The answer in one piece."""
    stream_usage(body.stream, body.stream_options)
    with service.admission.enter(caller.name, max(1, body.n or 1)):
        chat = await begin_chat(service, body, Caller(caller.name))
        tokenizer = chat.model.prompts.tokenizer
        logprobs: list[list[ContentLogprob]] = [[] for _ in chat.answers]
        finish: list[str] = ["error"] * len(chat.answers)
        async for deltas in chat.run.batches():
            for delta in deltas:
                answer = chat.answers[delta.index]
                answer.collect(answer.feed(delta))
                logprobs[delta.index] += content_logprobs(tokenizer, delta)
                if delta.finish_reason is not None:
                    answer.collect(answer.finish())
                    finish[delta.index] = answer.finish_reason(delta.finish_reason)
    asked = chat.run.generation.params.logprobs is not None
    return ChatCompletion(
        id=f"chatcmpl-{secrets.token_hex(12)}",
        created=int(time.time()),
        model=chat.model.name,
        choices=[
            ChatChoice(
                index=index,
                message=ChatMessage(
                    content=answer.content if answer.content or not answer.calls else None,
                    reasoning_content=answer.reasoning or None,
                    tool_calls=answer.calls or None,
                ),
                logprobs=ChatLogprobs(content=logprobs[index]) if asked else None,
                finish_reason=finish[index],  # type: ignore[arg-type]
            )
            for index, answer in enumerate(chat.answers)
        ],
        usage=usage_reply(chat.run.usage, sum(answer.reasoning_tokens for answer in chat.answers)),
    )


class ChatWriter:
    """Deltas to chat.completion.chunk events. What does not change within a stream is encoded once."""

    def __init__(self, chat: ChatRun, with_usage: bool) -> None:
        self._answers = chat.answers
        self._tokenizer = chat.model.prompts.tokenizer
        head = {
            "id": f"chatcmpl-{secrets.token_hex(12)}",
            "object": "chat.completion.chunk",
            "created": int(time.time()),
            "model": chat.model.name,
        }
        self._head = b"data: " + encode(head)[:-1] + b',"choices":['
        self._tail = b"]%b}\n\n" % (b',"usage":null' if with_usage else b"")
        self._with_usage = with_usage
        self._logprobs = chat.run.generation.params.logprobs is not None
        self._plain = all(answer.is_plain for answer in chat.answers) and not self._logprobs
        self._text = [self._head + b'{"index":%d,"delta":{"content":' % index for index in range(len(chat.answers))]
        self._text_end = b'},"logprobs":null,"finish_reason":null}' + self._tail
        self._begun = [False] * len(chat.answers)

    def write(self, deltas: list[Delta]) -> bytes:
        """The events for a batch, in one piece. Text of one sample that came together goes out together."""
        out: list[bytes] = []
        index, text = -1, ""
        for delta in deltas:
            if not self._begun[delta.index]:
                self._begun[delta.index] = True
                out.append(self._chunk(delta.index, b'{"role":"assistant","content":""}'))
            if self._plain and delta.finish_reason is None:
                if delta.index != index and text:
                    out.append(self._text[index] + encode(text) + self._text_end)
                    text = ""
                index = delta.index
                text += delta.text
                continue
            if text:
                out.append(self._text[index] + encode(text) + self._text_end)
                text = ""
            self._slow(delta, out)
        if text:
            out.append(self._text[index] + encode(text) + self._text_end)
        return b"".join(out)

    def end(self, usage: Usage) -> bytes:
        """The last events of the stream."""
        if not self._with_usage:
            return DONE
        reply = usage_reply(usage, sum(answer.reasoning_tokens for answer in self._answers))
        return self._head + b'],"usage":%b}\n\n' % encode(reply.model_dump()) + DONE

    def _slow(self, delta: Delta, out: list[bytes]) -> None:
        answer = self._answers[delta.index]
        parts = answer.feed(delta)
        if delta.finish_reason is not None:
            parts += answer.finish()
        logprobs = b"null"
        if self._logprobs and delta.logprobs:
            content = [entry.model_dump() for entry in content_logprobs(self._tokenizer, delta)]
            logprobs = encode({"content": content, "refusal": None})
            if not parts:
                parts = [Part(PartKind.CONTENT, "")]
        for part in parts:
            out.append(self._chunk(delta.index, _delta_json(part), logprobs))
            logprobs = b"null"
        if delta.finish_reason in _FINISHED:
            reason = answer.finish_reason(delta.finish_reason)
            out.append(self._chunk(delta.index, b"{}", finish=encode(reason)))

    def _chunk(self, index: int, delta: bytes, logprobs: bytes = b"null", finish: bytes = b"null") -> bytes:
        choice = b'{"index":%d,"delta":%b,"logprobs":%b,"finish_reason":%b}' % (index, delta, logprobs, finish)
        return self._head + choice + self._tail


def _delta_json(part: Part) -> bytes:
    if part.kind is PartKind.CONTENT:
        return b'{"content":%b}' % encode(part.text)
    if part.kind is PartKind.REASONING:
        return b'{"reasoning_content":%b}' % encode(part.text)
    function: dict[str, str] = {"arguments": part.text}
    call: dict[str, object] = {"index": part.call, "function": function}
    if part.kind is PartKind.CALL:
        call = {"index": part.call, "id": part.id, "type": "function", "function": {"name": part.name, **function}}
    return encode({"tool_calls": [call]})


def progress_event(progress: Progress) -> bytes:
    reply = ProgressReply(computed=progress.computed, total=progress.total, cached=progress.cached)
    return event(reply.model_dump(), PROGRESS_EVENT)


def usage_reply(usage: Usage, reasoning: int = 0) -> UsageReply:
    return UsageReply(
        prompt_tokens=usage.prompt,
        completion_tokens=usage.output,
        total_tokens=usage.prompt + usage.output,
        prompt_tokens_details=PromptDetails(cached_tokens=usage.cached),
        completion_tokens_details=CompletionDetails(reasoning_tokens=reasoning),
    )


def content_logprobs(tokenizer: Tokenizer, delta: Delta) -> list[ContentLogprob]:
    """OpenAI's form; an end token, which has no text, is left out."""
    return [
        ContentLogprob(**_token(tokenizer, token, entry.logprob), top_logprobs=_top(tokenizer, entry))
        for token, entry in zip(delta.token_ids, delta.logprobs, strict=False)
    ]


def _top(tokenizer: Tokenizer, entry: TokenLogprob) -> list[TopLogprob]:
    return [TopLogprob(**_token(tokenizer, token, logprob)) for token, logprob in entry.top]


def _token(tokenizer: Tokenizer, token: int, logprob: float) -> dict[str, Any]:
    spelled = tokenizer.token_bytes(token)
    # -9999 as OpenAI writes it: JSON has no minus infinity
    return {"token": spelled.decode("utf-8", "replace"), "logprob": max(logprob, -9999.0), "bytes": list(spelled)}


def _logprobs(body: ChatRequest) -> int | None:
    if not body.logprobs:
        if body.top_logprobs is not None:
            raise InvalidRequest("top_logprobs needs logprobs to be true.", "top_logprobs")
        return None
    top = body.top_logprobs or 0
    if not 0 <= top <= MAX_TOP_LOGPROBS:
        raise InvalidRequest(f"top_logprobs is {top}; it must be from 0 to {MAX_TOP_LOGPROBS}.", "top_logprobs")
    return top


_TAKEN = {"messages", "tools", "documents", "add_generation_prompt", "continue_final_message", "self"}


def _check_variables(variables: dict[str, object]) -> None:
    wrong = sorted(_TAKEN & variables.keys())
    if wrong:
        raise InvalidRequest(f"chat_template_kwargs may not set '{wrong[0]}'.", "chat_template_kwargs")
