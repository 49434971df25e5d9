"""A model of the running service as documents use it (core.documents.model.TextModel), from a job's process."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from core import lifecycle
from core.client import AsyncClient, Client
from core.client_events import Finished, Text, Used
from core.documents.model import Written
from core.errors import Busy, DesksideError, Unavailable
from core.lifecycle import ServiceInfo
from core.paths import Places
from core.schemas import Completion
from core.text.prompt import PromptBuilder

AT_ONCE = 384  # requests open; the engine's slots are fewer, and the service lets a client have twice as many
TRIES = 6  # of a request that the engine's end, or too much work, interrupted
CHECK_EVERY = 0.1  # seconds
START_SECONDS = 60.0


def find_service(places: Places, check: Callable[[], None]) -> ServiceInfo:
    """The service that started this job; it may not listen yet. Raises Unavailable."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        check()
        info = lifecycle.find(places)
        if info is not None:
            return info
        if time.monotonic() > deadline:
            raise Unavailable("The Deskside service does not answer; resume the job when it runs.")
        time.sleep(0.1)


class ServedModel:
    """`check` is called ten times a second; what it raises ends what is being written, and cancels it in the engine."""

    def __init__(self, info: ServiceInfo, model: str, places: Places, check: Callable[[], None], client: str) -> None:
        """Loads the model, which may take a while. `client`: who asks, for fairness. Raises what loading raises."""
        self._info = info
        self._check = check
        self._client_name = client
        self.name = model
        with Client(info, client) as http:
            folder, self.context = _load(http, model)
        self.prompts = PromptBuilder.from_folder(folder, places.cache / "tokenizers")

    def write_many(
        self, prompts: Sequence[list[int]], max_tokens: int, on_done: Callable[[int, Written], None]
    ) -> None:
        asyncio.run(self._write_many(prompts, max_tokens, on_done))

    def write(self, prompt: list[int], max_tokens: int, *, interactive: bool) -> Iterator[str | Written]:
        cut, usage = False, None
        with Client(self._info, self._client_name) as http:
            fields = self._fields(max_tokens, "interactive" if interactive else "batch")
            for event in http.stream_complete(prompt, **fields):
                self._check()
                if isinstance(event, Text):
                    yield event.text
                elif isinstance(event, Finished):
                    cut = event.reason == "length"
                elif isinstance(event, Used):
                    usage = event.usage
        yield _written("", cut, usage)

    async def _write_many(
        self, prompts: Sequence[list[int]], max_tokens: int, on_done: Callable[[int, Written], None]
    ) -> None:
        room = asyncio.Semaphore(AT_ONCE)
        async with AsyncClient(self._info, self._client_name) as http:

            async def one(number: int, prompt: list[int]) -> None:
                async with room:
                    completion = await self._persist(http, prompt, max_tokens)
                choice = completion.choices[0]
                on_done(number, _written(choice.text, choice.finish_reason == "length", completion.usage))

            async def watch() -> None:
                while True:
                    self._check()
                    await asyncio.sleep(CHECK_EVERY)

            try:
                async with asyncio.TaskGroup() as group:
                    watcher = group.create_task(watch())
                    work = [group.create_task(one(number, prompt)) for number, prompt in enumerate(prompts)]
                    await asyncio.wait(work)
                    watcher.cancel()
            except* Exception as errors:
                raise _first(errors) from None

    async def _persist(self, http: AsyncClient, prompt: list[int], max_tokens: int) -> Completion:
        """A background request waits and tries again where an answer to a person would be given up."""
        for attempt in range(TRIES):
            try:
                return await http.complete(prompt, **self._fields(max_tokens, "batch"))
            except (Unavailable, Busy):
                if attempt + 1 == TRIES:
                    raise
                await asyncio.sleep(min(15.0, 2.0**attempt) * random.uniform(0.5, 1.0))
        raise AssertionError("unreachable")

    def _fields(self, max_tokens: int, priority: str) -> dict[str, Any]:
        return {"model": self.name, "max_tokens": max_tokens, "temperature": 0.0, "priority": priority}


def _load(http: Client, model: str) -> tuple[Path, int]:
    status = http.load(model)
    if status.context is None:
        raise Unavailable(f"The model '{model}' is not ready; resume the job in a moment.")
    return Path(status.folder), status.context


def _written(text: str, cut: bool, usage: Any) -> Written:
    if usage is None:
        return Written(text, cut=cut)
    return Written(text, usage.prompt_tokens, usage.prompt_tokens_details.cached_tokens, usage.completion_tokens, cut)


def _first(errors: BaseException) -> BaseException:
    """Of a group, the error that says most: one of ours, else any."""
    flat = list(_flat(errors))
    return next((error for error in flat if isinstance(error, DesksideError)), flat[0])


def _flat(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _flat(inner)
    else:
        yield error
