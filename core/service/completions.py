"""/v1/completions: one or several plain prompts, each with n samples."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncGenerator
from typing import Any

from core.errors import InvalidRequest
from core.generation import Delta
from core.protocol import FinishReason
from core.schemas import Completion, CompletionChoice, CompletionLogprobs, CompletionRequest
from core.service.chat import Caller, progress_event, usage_reply
from core.service.models import LoadedModel
from core.service.parameters import chars_of, grammar_source, priority_of, sampling_params, stream_usage
from core.service.runs import Run, Usage
from core.service.sse import DONE, encode
from core.service.state import Service
from core.text.prompt import Prompt

DEFAULT_MAX_TOKENS = 16  # OpenAI's, for this route
MAX_LOGPROBS = 20


class CompletionRun:
    """The runs of a request, one for each prompt; choice = prompt * n + sample."""

    def __init__(self, model: LoadedModel, runs: list[Run], n: int, echo: list[str]) -> None:
        self.model = model
        self.runs = runs
        self.n = n
        self.echo = echo

    @property
    def usage(self) -> Usage:
        return sum((run.usage for run in self.runs), Usage())

    async def batches(self) -> AsyncGenerator[tuple[int, list[Delta]], None]:
        """(prompt, deltas) as they come, of all prompts at once. The first error ends all."""
        if len(self.runs) == 1:
            async for deltas in self.runs[0].batches():
                yield 0, deltas
            return
        queue: asyncio.Queue[tuple[int, list[Delta]] | None] = asyncio.Queue(2 * len(self.runs))

        async def drain(number: int, run: Run) -> None:
            async for deltas in run.batches():
                await queue.put((number, deltas))

        async def drain_all() -> None:
            try:
                async with asyncio.TaskGroup() as group:
                    for number, run in enumerate(self.runs):
                        group.create_task(drain(number, run))
            except ExceptionGroup as errors:
                raise errors.exceptions[0] from None
            finally:
                done.set()
                if not queue.full():
                    queue.put_nowait(None)

        done = asyncio.Event()
        work = asyncio.create_task(drain_all())
        try:
            while not (done.is_set() and queue.empty()):
                item = await queue.get()
                if item is not None:
                    yield item
            await work
        finally:
            work.cancel()
            await asyncio.wait({work})


async def begin_completion(service: Service, body: CompletionRequest, caller: Caller) -> CompletionRun:
    """Check, encode, and make ready to run."""
    if body.suffix:
        raise InvalidRequest("suffix is not supported: the models here only go on from a text.", "suffix")
    n = 1 if body.n is None else body.n
    if body.best_of is not None and body.best_of != n:
        raise InvalidRequest("best_of is not supported beyond n; ask for n answers and choose.", "best_of")
    if body.echo and body.logprobs is not None:
        raise InvalidRequest(
            "echo with logprobs is not supported: log-probabilities of the prompt are not kept.", "echo"
        )
    if body.logprobs is not None and not 0 <= body.logprobs <= MAX_LOGPROBS:
        raise InvalidRequest(f"logprobs is {body.logprobs}; it must be from 0 to {MAX_LOGPROBS}.", "logprobs")
    max_tokens = DEFAULT_MAX_TOKENS if body.max_tokens is None else body.max_tokens
    params = sampling_params(body, n=body.n, max_tokens=max_tokens, logprobs=body.logprobs)
    grammar = grammar_source(body.response_format, body.grammar, body.regex)
    await service.check_grammar(grammar)
    prompts = split_prompts(body.prompt)
    model = await service.models.get(body.model)
    builder = model.prompts

    def encode_all() -> list[Prompt]:
        return [builder.text(prompt) if isinstance(prompt, str) else builder.ids(prompt) for prompt in prompts]

    encoded = await service.encoders.run(chars_of(body.prompt), encode_all)
    runs = [
        Run(
            model,
            prompt,
            params,
            service.limits,
            client=caller.name,
            priority=priority_of(body),
            grammar=grammar,
            wants_progress=caller.progress and len(encoded) == 1,
            metrics=service.metrics,
        )
        for prompt in encoded
    ]
    echo = []
    if body.echo:
        echo = [p if isinstance(p, str) else builder.tokenizer.decode(p, skip_special=False) for p in prompts]
    return CompletionRun(model, runs, params.n, echo)


def split_prompts(prompt: str | list[str] | list[int] | list[list[int]]) -> list[str | list[int]]:
    """The prompts of a request, each a text or token ids."""
    if isinstance(prompt, str):
        return [prompt]
    if not prompt:
        raise InvalidRequest("prompt is an empty list; give at least one prompt.", "prompt")
    if isinstance(prompt[0], int):
        return [prompt]
    return list(prompt)


def sequences_of(service: Service, body: CompletionRequest) -> int:
    """Answers that a request asks for. Raises InvalidRequest for too many prompts."""
    prompts = len(split_prompts(body.prompt))
    if prompts > service.limits.max_prompts:
        raise InvalidRequest(f"{prompts} prompts were sent; at most {service.limits.max_prompts} are taken.", "prompt")
    return prompts * max(1, body.n or 1)


async def completion_events(service: Service, body: CompletionRequest, caller: Caller) -> AsyncGenerator[bytes, None]:
    """The answers as server-sent events."""
    with_usage = stream_usage(body.stream, body.stream_options)
    with service.admission.enter(caller.name, sequences_of(service, body)):
        request = await begin_completion(service, body, caller)
        head = _head(request.model)
        begin = b"data: " + encode(head)[:-1] + b',"choices":['
        tail = b"]}\n\n"
        offsets: dict[int, int] = {}
        begun: set[int] = set()
        shown = None
        async for number, deltas in request.batches():
            out = []
            progress = request.runs[0].progress
            if progress is not None and progress is not shown:
                shown = progress
                out.append(progress_event(progress))
            for delta in deltas:
                choice = number * request.n + delta.index
                text = delta.text
                if choice not in begun:
                    begun.add(choice)
                    text = (request.echo[number] if request.echo else "") + text
                logprobs = b"null"
                if delta.logprobs:
                    reply = logprobs_reply(request.model, delta, offsets)
                    logprobs = encode(reply.model_dump())
                ended = delta.finish_reason in (FinishReason.STOP, FinishReason.LENGTH)  # else an error event tells
                finish = encode(delta.finish_reason) if ended else b"null"
                if text or delta.logprobs or ended:
                    out.append(
                        begin
                        + b'{"index":%d,"text":%b,"logprobs":%b,"finish_reason":%b}'
                        % (choice, encode(text), logprobs, finish)
                        + tail
                    )
            if out:
                yield b"".join(out)
        if with_usage:
            yield begin + b'],"usage":%b}\n\n' % encode(usage_reply(request.usage).model_dump()) + DONE
        else:
            yield DONE


async def completion(service: Service, body: CompletionRequest, caller: Caller) -> Completion:
    """All answers in one piece."""
    stream_usage(body.stream, body.stream_options)
    with service.admission.enter(caller.name, sequences_of(service, body)):
        request = await begin_completion(service, body, Caller(caller.name))
        choices = [
            CompletionChoice(index=index, text=request.echo[index // request.n] if request.echo else "")
            for index in range(len(request.runs) * request.n)
        ]
        offsets: dict[int, int] = {}
        async for number, deltas in request.batches():
            for delta in deltas:
                choice = choices[number * request.n + delta.index]
                if delta.logprobs:
                    more = logprobs_reply(request.model, delta, offsets, choice.index)
                    choice.logprobs = _joined(choice.logprobs, more)
                choice.text += delta.text
                if delta.finish_reason is not None:
                    choice.finish_reason = delta.finish_reason.value
    return Completion(**_head(request.model), choices=choices, usage=usage_reply(request.usage))


def logprobs_reply(
    model: LoadedModel, delta: Delta, offsets: dict[int, int], choice: int | None = None
) -> CompletionLogprobs:
    """The old form. `offsets`: characters of tokens so far, by choice; carried along."""
    tokenizer = model.prompts.tokenizer
    key = delta.index if choice is None else choice
    tokens, values, tops, places = [], [], [], []
    for token, entry in zip(delta.token_ids, delta.logprobs, strict=False):
        text = tokenizer.token_bytes(token).decode("utf-8", "replace")
        tokens.append(text)
        values.append(max(entry.logprob, -9999.0))
        tops.append(
            {tokenizer.token_bytes(top).decode("utf-8", "replace"): max(value, -9999.0) for top, value in entry.top}
        )
        places.append(offsets.get(key, 0))
        offsets[key] = places[-1] + len(text)
    return CompletionLogprobs(tokens=tokens, token_logprobs=values, top_logprobs=tops, text_offset=places)


def _joined(old: CompletionLogprobs | None, new: CompletionLogprobs) -> CompletionLogprobs:
    if old is None:
        return new
    return CompletionLogprobs(
        tokens=old.tokens + new.tokens,
        token_logprobs=old.token_logprobs + new.token_logprobs,
        top_logprobs=(old.top_logprobs or []) + (new.top_logprobs or []),
        text_offset=old.text_offset + new.text_offset,
    )


def _head(model: LoadedModel) -> dict[str, Any]:
    return {
        "id": f"cmpl-{secrets.token_hex(12)}",
        "object": "text_completion",
        "created": int(time.time()),
        "model": model.name,
    }
