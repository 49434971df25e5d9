"""Real worker processes over the stub engine, driven by coroutines."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from core.protocol import Done, EngineOptions, Event, Outcome, Progress, SampleEnd, Submit, Tokens
from core.sampling import SamplingParams
from core.service.supervisor import EngineHandle, Supervisor

WORKER_TESTS = Path(__file__).parents[1] / "worker"
FAULTS = {"crash_at", "hang_at", "raise_at", "load_fault"}


@dataclass
class Story:
    """Everything that one stream said, checked against the contract as it comes."""

    tokens: Counter[int] = field(default_factory=Counter)
    ids: dict[int, list[int]] = field(default_factory=dict)
    ends: dict[int, SampleEnd] = field(default_factory=dict)
    progress: list[Progress] = field(default_factory=list)
    done: Done | None = None

    def take(self, batch: tuple[Event, ...]) -> None:
        assert batch
        for event in batch:
            assert self.done is None, f"{event} came after Done"
            if isinstance(event, Tokens):
                assert event.index not in self.ends
                self.tokens[event.index] += len(event.ids)
                self.ids.setdefault(event.index, []).extend(event.ids)
            elif isinstance(event, SampleEnd):
                assert event.index not in self.ends
                self.ends[event.index] = event
            elif isinstance(event, Done):
                self.done = event
            else:
                self.progress.append(event)

    @property
    def outcome(self) -> Outcome:
        assert self.done is not None
        return self.done.outcome


class Workers:
    """What tests of the supervisor need; the fixture `workers` is one."""

    @staticmethod
    def stub(**arguments: Any) -> EngineOptions:
        """A stub engine with these arguments; with a fault among them, tests/core/worker/faulty_engine.py."""
        keywords = {"num_slots": 16, "num_pages": 2000, "max_context": 8192, **arguments}
        target = "faulty_engine:FaultyEngine" if FAULTS & set(keywords) else "engines.stub:StubEngine"
        return EngineOptions(target=target, arguments=json.dumps(keywords))

    @staticmethod
    def submit(request: int, prompt: list[int] | None = None, **params: Any) -> Submit:
        keywords = {"seed": request, "temperature": 1.0, "max_tokens": 20} | params
        return Submit(request, prompt or [1, 2, 3], SamplingParams(**keywords), ())

    @classmethod
    async def ask(cls, handle: EngineHandle, prompt: list[int] | None = None, **params: Any) -> Story:
        """Run a new request to its end."""
        return await cls.read(handle, cls.submit(handle.next_request_id(), prompt, **params))

    @staticmethod
    async def read(handle: EngineHandle, frame: Submit) -> Story:
        story = Story()
        async with handle.stream(frame) as stream:
            async for batch in stream:
                story.take(batch)
        assert story.done is not None
        return story

    @staticmethod
    @asynccontextmanager
    async def supervisor(**options: Any) -> AsyncIterator[Supervisor]:
        made = Supervisor(**({"environ": {"PYTHONPATH": str(WORKER_TESTS)}, "first_backoff_s": 0.05} | options))
        try:
            yield made
        finally:
            await made.close()


@pytest.fixture
def workers() -> Workers:
    return Workers()
