"""A request's life in the service: admission -> Submit -> events -> deltas of text. What an API makes of the deltas is
its own business (chat.py, completions.py, responses.py, triton.py).

Closing the iterator at any point, which a disconnect does, cancels the request in the worker; a stop string found in the
text ends the sample there.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from core.errors import InvalidRequest, NeverFits, Unavailable, from_code
from core.generation import Delta, Generation
from core.grammar.source import GrammarSource
from core.protocol import FinishReason, Outcome, Priority, Progress, Tokens
from core.sampling import SamplingParams
from core.service.limits import Limits
from core.service.metrics import Metrics
from core.service.models import LoadedModel
from core.service.streams import merged
from core.text.prompt import Prompt

T = TypeVar("T")
INLINE_CHARS = 4096  # below this, rendering and encoding take less than handing them to a thread is worth


class Encoders:
    """A few threads for templates and tokenizers (which release the GIL), so that a long prompt does not stall others."""

    def __init__(self, threads: int = 2) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="encode")

    async def run(self, chars: int, work: Callable[[], T]) -> T:
        """The result of `work`, here if it is small, else in a thread."""
        if chars < INLINE_CHARS:
            return work()
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one request, or of several added up."""

    prompt: int = 0
    cached: int = 0
    output: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(self.prompt + other.prompt, self.cached + other.cached, self.output + other.output)


class Run:
    """One request on one model."""

    def __init__(
        self,
        model: LoadedModel,
        prompt: Prompt,
        params: SamplingParams,
        limits: Limits,
        *,
        client: str = "",
        priority: Priority = Priority.INTERACTIVE,
        grammar: GrammarSource | None = None,
        wants_progress: bool = False,
        metrics: Metrics,
    ) -> None:
        """`params` as given; checked and resolved here. Raises InvalidRequest, NeverFits, Unavailable."""
        info = model.ready
        resolved = params.check(info.vocab_size).resolve(model.defaults)
        check_fits(len(prompt.ids), resolved.max_tokens, info.capacity)
        if max(prompt.ids) >= info.vocab_size:
            raise InvalidRequest(
                f"The prompt holds token id {max(prompt.ids)}; this model's are below {info.vocab_size}.", "prompt"
            )
        self.model = model
        self.generation = Generation(
            model.handle.next_request_id(),
            prompt,
            resolved,
            model.prompts,
            priority=priority,
            client=client,
            wants_progress=wants_progress,
        )
        if grammar is not None:
            self.generation.submit = msgspec.structs.replace(self.generation.submit, grammar=grammar)
        self._limits = limits
        self._metrics = metrics
        self._expired = False

    @property
    def progress(self) -> Progress | None:
        """The last report on the prompt, where asked for."""
        return self.generation.progress

    @property
    def usage(self) -> Usage:
        """Known once the last batch was taken."""
        done = self.generation.done
        return Usage(done.prompt_tokens, done.cached_tokens, done.output_tokens) if done else Usage()

    async def batches(self) -> AsyncGenerator[list[Delta], None]:
        """What is new, each time something is: deltas of a batch in order (none where only `progress` changed).

        Raises the error that ended the request: EngineDied, Busy, NeverFits, InvalidRequest (grammar), Unavailable.
        """
        generation, model, metrics = self.generation, self.model, self._metrics
        handle = model.handle
        take = generation.take
        name = model.name
        outcome = Outcome.CANCELLED.value
        model.open += 1
        began = last = time.perf_counter()
        timer = asyncio.get_running_loop().call_later(self._limits.request_seconds, self._expire)
        metrics.started(name)
        stream = handle.stream(generation.submit)
        try:
            async for events in stream:
                deltas: list[Delta] = []
                tokens = 0
                for event in events if len(events) == 1 else merged(events):
                    if type(event) is Tokens:
                        tokens += len(event.ids)
                    deltas += take(event)
                if tokens:
                    now = time.perf_counter()
                    if last == began:
                        metrics.first_token(name, now - began, tokens)
                    else:
                        metrics.tokens(name, tokens, now - last)
                    last = now
                for finish in generation.take_finishes():
                    handle.finish(finish.request, finish.index, finish.keep_tokens)
                if self._expired:
                    deltas = [_as_length(delta) for delta in deltas]
                if deltas or generation.submit.wants_progress:
                    yield deltas
            done = generation.done
            if done is not None:
                outcome = done.outcome.value
                if done.outcome is Outcome.FAILED:
                    raise from_code(done.code, done.message, done.param)
            if done is None or done.outcome is Outcome.CANCELLED:
                raise Unavailable("The model was unloaded or the service stopped before this answer was complete.")
        finally:
            await stream.aclose()
            timer.cancel()
            model.open -= 1
            model.last_used = time.monotonic()
            metrics.ended(name, outcome)

    def _expire(self) -> None:
        """Time is up: the answers end where they are, with all that was generated."""
        self._expired = True
        request = self.generation.submit.request
        for index in range(self.generation.params.n):
            self.model.handle.finish(request, index, 2**31 - 1)


def check_fits(prompt_tokens: int, max_tokens: int | None, capacity: int) -> None:
    """The scheduler's rule, before anything is queued. Raises NeverFits with the numbers."""
    left = capacity - prompt_tokens
    if left > 0 and (max_tokens is None or max_tokens <= left):
        return
    wanted = f"{prompt_tokens} prompt tokens"
    if max_tokens is not None:
        wanted = f"{prompt_tokens} prompt tokens and {max_tokens} of answer"
    hint = (
        f"max_tokens can be at most {left}"
        if left > 0
        else "shorten the conversation or take a model with more context"
    )
    raise NeverFits(
        f"{wanted} do not fit the {capacity} tokens that this model can hold here; {hint}.",
        "max_tokens" if left > 0 else "messages",
    )


def _as_length(delta: Delta) -> Delta:
    if delta.finish_reason is not FinishReason.STOP:
        return delta
    return Delta(delta.index, delta.text, delta.token_ids, delta.logprobs, FinishReason.LENGTH, None)
