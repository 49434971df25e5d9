"""The events of one request, from the one place that reads the worker's pipe to the one task that answers the client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from types import TracebackType
from typing import Any, Self

from core.protocol import (
    Done,
    Event,
    FinishReason,
    Outcome,
    Progress,
    SampleEnd,
    Submit,
    TokenLogprob,
    Tokens,
)

_MERGE_ABOVE = 64


class EventStream(AsyncIterator[tuple[Event, ...]]):
    """Batches of a request's events, as they come; the last batch ends with its one Done. The request starts with the first
    `anext`, which raises Unavailable or Busy where it cannot. A task that is cancelled while it waits loses no event.

    `aclose` before the end cancels the request; nothing can be had of the stream then. Whoever may leave early has to call
    it, or use `async with`.

    A reader that is slower than the engine finds its events merged: per sample one Tokens with all ids, and the last
    Progress. What waits is thus bounded by the request's own max_tokens, and the engine never waits for a reader.
    """

    def __init__(
        self,
        submit: Submit,
        start: Callable[[EventStream], Coroutine[Any, Any, None]],
        leave: Callable[[EventStream], None],
    ) -> None:
        """`start` has the request sent; `leave` is told once if the stream is closed before its Done."""
        self.submit = submit
        self.request = submit.request
        self._start = start
        self._leave = leave
        self._started = False
        self._events: list[Event] = []
        self._merge_above = _MERGE_ABOVE
        self._waiter: asyncio.Future[None] | None = None
        self._complete = False  # Done has arrived
        self._over = False  # nothing more comes out
        self._sampled: dict[int, int] = {}
        self._ended: dict[int, int] = {}
        self._cached = 0

    # --- the side of the pipe ------------------------------------------------------------------------------------------

    def push(self, event: Event) -> None:
        """An event arrived. Events after Done are dropped."""
        if self._complete:
            return
        kind = type(event)
        if kind is Tokens:
            self._sampled[event.index] = self._sampled.get(event.index, 0) + len(event.ids)  # type: ignore[union-attr]
        elif kind is SampleEnd:
            self._ended[event.index] = event.output_tokens  # type: ignore[union-attr]
        elif kind is Progress:
            self._cached = event.cached  # type: ignore[union-attr]
        else:
            self._complete = True
        events = self._events
        events.append(event)
        waiter = self._waiter
        if waiter is not None:
            if not waiter.done():
                waiter.set_result(None)
        elif len(events) > self._merge_above:
            self._events = merged(events)
            self._merge_above = 2 * len(self._events) + _MERGE_ABOVE

    def fail(self, code: str, message: str) -> None:
        """Nothing more will arrive: end every open sample and the request, which keeps what it has."""
        if self._complete:
            return
        for index in range(self.submit.params.n):
            if index not in self._ended:
                self.push(SampleEnd(self.request, index, FinishReason.ERROR, self._sampled.get(index, 0)))
        output = sum(self._ended.values())
        length = len(self.submit.prompt_ids)
        self.push(Done(self.request, Outcome.FAILED, length, self._cached, output, code, message))

    # --- the side of the reader ----------------------------------------------------------------------------------------

    async def __anext__(self) -> tuple[Event, ...]:
        if not self._started:
            self._started = True
            try:
                await self._start(self)
            except BaseException:
                self._over = self._complete = True
                raise
        while not self._events:
            if self._over:
                raise StopAsyncIteration
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        batch = tuple(self._events)
        self._events.clear()
        self._over = self._complete
        return batch

    async def aclose(self) -> None:
        """Idempotent."""
        self._close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def _close(self) -> None:
        left = self._started and not self._complete
        self._started = self._complete = self._over = True
        self._events.clear()
        if left:
            self._leave(self)


def merged(events: Iterable[Event]) -> list[Event]:
    """The same story in fewer events: the last Progress, one Tokens for each sample, the ends, and Done."""
    progress: list[Event] = []
    ids: dict[int, list[int]] = {}
    logprobs: dict[int, list[TokenLogprob]] = {}
    ends: list[Event] = []
    request = 0
    for event in events:
        request = event.request
        if isinstance(event, Tokens):
            ids.setdefault(event.index, []).extend(event.ids)
            logprobs.setdefault(event.index, []).extend(event.logprobs)
        elif isinstance(event, Progress):
            progress = [event]
        else:
            ends.append(event)
    runs = [Tokens(request, index, tuple(tokens), tuple(logprobs[index])) for index, tokens in ids.items()]
    return [*progress, *runs, *ends]
