"""Real worker processes over the stub engine, driven by coroutines."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from core.protocol import EngineOptions, Submit
from core.sampling import SamplingParams
from core.service.supervisor import EngineHandle, Supervisor
from tests.waiting import PATIENCE

ROOT = Path(__file__).parents[3]
WORKER_TESTS = Path(__file__).parents[1] / "worker"
FAULTS = {"crash_at", "hang_at", "raise_at", "load_fault"}


class Workers:
    """What tests of the supervisor need; the fixture `workers` is one."""

    def __init__(self, soak: ModuleType) -> None:
        self.soak = soak
        self.environ = {"PYTHONPATH": str(WORKER_TESTS)}

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

    @staticmethod
    def run(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
        asyncio.run(asyncio.wait_for(main(), 100))

    @staticmethod
    def flowing(handle: EngineHandle, count: int) -> bool:
        """So many streams are open, and each has got tokens."""
        return handle.open == count and all(stream._sampled for stream in handle._streams.values())

    @staticmethod
    def kill(handle: EngineHandle) -> None:
        assert handle.pid is not None
        os.kill(handle.pid, signal.SIGKILL)

    async def ask(self, handle: EngineHandle, prompt: list[int] | None = None, **params: Any) -> Any:
        """Run a new request to its end: a scripts/soak.py `Story`."""
        frame = self.submit(handle.next_request_id(), prompt, **params)
        story = self.soak.Story()
        async with handle.stream(frame) as stream:
            async for batch in stream:
                story.take(batch)
        story.check(frame.params.n)
        return story

    @asynccontextmanager
    async def supervisor(self, **options: Any) -> AsyncIterator[Supervisor]:
        made = Supervisor(**({"environ": self.environ, "first_backoff_s": 0.05, "wait_s": PATIENCE} | options))
        try:
            yield made
        finally:
            await made.close()


@pytest.fixture(scope="session")
def workers() -> Workers:
    spec = importlib.util.spec_from_file_location("soak", ROOT / "scripts" / "soak.py")
    assert spec is not None
    assert spec.loader is not None
    soak = importlib.util.module_from_spec(spec)
    sys.modules["soak"] = soak  # dataclasses look their module up
    spec.loader.exec_module(soak)
    return Workers(soak)
