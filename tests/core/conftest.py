"""A driver for the engine loop over the stub engine: submits, runs, and records everything."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from core.protocol import Cancel, Done, Event, Finish, Outcome, Priority, Progress, SampleEnd, Submit, Tokens
from core.sampling import SamplingParams
from core.scheduler import PlannedStep
from core.worker.loop import EngineLoop, scheduler_config
from engines.stub import StubEngine

EOS = 0


class Driver:
    """`outputs[(request, index)]`: tokens; `ends`, `dones`: the events that closed them; `steps`: every applied step."""

    def __init__(self, engine: StubEngine, clock: Callable[[], float] | None = None, **policy: Any) -> None:
        self.engine = engine
        self.steps: list[PlannedStep] = []
        extra = {"clock": clock} if clock else {}
        self.loop = EngineLoop(engine, scheduler_config(engine.spec, **policy), on_step=self.steps.append, **extra)
        self.outputs: dict[tuple[int, int], list[int]] = defaultdict(list)
        self.logprobs: dict[tuple[int, int], list[object]] = defaultdict(list)
        self.ends: dict[tuple[int, int], SampleEnd] = {}
        self.dones: dict[int, Done] = {}
        self.progress: dict[int, list[Progress]] = defaultdict(list)
        self.turns = 0

    @property
    def scheduler(self):
        return self.loop.scheduler

    def submit(
        self,
        request: int,
        prompt: Sequence[int],
        *,
        priority: Priority = Priority.INTERACTIVE,
        client: str = "",
        constraint: Callable[[], Any] | None = None,
        wants_progress: bool = False,
        **params: Any,
    ) -> None:
        sampling = SamplingParams(**({"seed": request, "temperature": 1.0} | params)).check()
        stop_ids = (() if sampling.ignore_eos else (EOS,)) + sampling.stop_token_ids
        frame = Submit(request, list(prompt), sampling, stop_ids, priority, client, wants_progress)
        self.loop.submit(frame, constraint)

    def cancel(self, request: int) -> None:
        self.record(self.loop.cancel(Cancel(request)))

    def finish(self, request: int, index: int, keep: int) -> None:
        self.record(self.loop.finish(Finish(request, index, keep)))

    def step(self) -> None:
        self.turns += 1
        self.record(self.loop.step())

    def record(self, events: list[Event]) -> None:
        for event in events:
            assert event.request not in self.dones, f"{event} came after Done"
            if isinstance(event, Tokens):
                assert (event.request, event.index) not in self.ends
                self.outputs[event.request, event.index] += event.ids
                self.logprobs[event.request, event.index] += event.logprobs
            elif isinstance(event, SampleEnd):
                assert (event.request, event.index) not in self.ends
                self.ends[event.request, event.index] = event
            elif isinstance(event, Done):
                self.dones[event.request] = event
            else:
                self.progress[event.request].append(event)

    def run(self, limit: int = 20_000) -> None:
        """Until nothing is left to do; then every page must be free or cached."""
        for _ in range(limit):
            if not self.loop.busy:
                self.scheduler.check()
                return
            self.step()
        raise AssertionError(f"not idle after {limit} steps")

    def completed(self, request: int) -> bool:
        return self.dones[request].outcome is Outcome.COMPLETED


@pytest.fixture
def make_driver() -> Callable[..., Driver]:
    def make(
        *, clock: Callable[[], float] | None = None, policy: dict[str, Any] | None = None, **engine: Any
    ) -> Driver:
        return Driver(StubEngine(**engine), clock, **(policy or {}))

    return make


@pytest.fixture(params=[0, 1], ids=["lookahead0", "lookahead1"])
def lookahead(request: pytest.FixtureRequest) -> int:
    return int(request.param)
