"""The engine loop: schedule -> step -> emit. Synchronous; used by the worker process and, in the caller's process, by `LLM`."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.protocol import Cancel, Event, Finish, FinishReason, Submit
from core.scheduler import PlannedStep, Scheduler, SchedulerConfig
from core.scheduler.request import State
from engines.api import Engine, EngineSpec, TokenConstraint, TokenMasks
from engines.api.errors import ConstraintError


@dataclass(slots=True)
class _InFlight:
    planned: PlannedStep
    handle: Any
    started: float


def scheduler_config(spec: EngineSpec, **policy: Any) -> SchedulerConfig:
    """The scheduler's limits for an engine; `policy` overrides fields of SchedulerConfig."""
    limits = {
        "max_tokens": spec.max_tokens,
        "num_slots": spec.num_slots,
        "max_context": spec.max_context,
        "page_size": spec.kv.page_size,
    }
    return SchedulerConfig(**(limits | policy))


class EngineLoop:
    """One engine and its scheduler. Events come back from the call that caused them, in order."""

    def __init__(
        self,
        engine: Engine,
        config: SchedulerConfig | None = None,
        clock: Callable[[], float] = time.perf_counter,
        on_step: Callable[[PlannedStep], None] | None = None,
    ) -> None:
        spec = engine.spec
        self.engine = engine
        self.scheduler = Scheduler(
            config or scheduler_config(spec), spec.kv.num_pages, (spec.model_revision, spec.kv.kv_dtype)
        )
        self._clock = clock
        self._on_step = on_step
        self._on_plan: Callable[[PlannedStep], None] | None = None
        self._in_flight: _InFlight | None = None
        self._last_end = 0.0
        self._late: list[Event] = []  # of steps that were applied, not yet returned: the call failed after that

    def watch(self, on_plan: Callable[[PlannedStep], None], on_step: Callable[[PlannedStep], None]) -> None:
        """From now on `on_plan` sees each step before the engine does, and `on_step` after it was applied."""
        self._on_plan, self._on_step = on_plan, on_step

    @property
    def busy(self) -> bool:
        """True while a call of `step` has something to do."""
        return self._in_flight is not None or not self.scheduler.idle or bool(self._late)

    def submit(self, submit: Submit, make_constraint: Callable[[], TokenConstraint] | None = None) -> None:
        """Accept a request or raise (InvalidRequest, NeverFits, Busy)."""
        self.scheduler.submit(submit, make_constraint)

    def cancel(self, frame: Cancel) -> list[Event]:
        return self.scheduler.cancel(frame)

    def finish(self, frame: Finish) -> list[Event]:
        return self.scheduler.finish(frame)

    def step(self) -> list[Event]:
        """One turn: plan and start a step, collect the one that is due. [] when there is nothing to do.

        An engine error leaves the loop unusable: the caller ends every request with `abort`.
        """
        planned = self.scheduler.plan()
        started = self._start(planned) if planned else None
        # Kept in `_late` until this returns: what a step that is applied tells must reach its reader, also if the engine
        # fails right afterwards.
        events = self._late
        if self.engine.spec.lookahead == 0:
            if started:
                self.engine.sample(started.handle, self._masks(started.planned, events))
                events += self._collect(started)
        else:
            if started and not started.planned.has_constraint:
                self.engine.sample(started.handle)
            due, self._in_flight = self._in_flight, started
            if due:
                events += self._collect(due)
            if started and started.planned.has_constraint:
                self.engine.sample(started.handle, self._masks(started.planned, events))
        self._late = []
        return events

    def _start(self, planned: PlannedStep) -> _InFlight:
        if self._on_plan:
            self._on_plan(planned)
        started = self._clock()
        for init in planned.inits:
            self.engine.init_slot(init)
        return _InFlight(planned, self.engine.forward(planned.plan), started)

    def _collect(self, step: _InFlight) -> list[Event]:
        sampled = self.engine.collect(step.handle)
        end = self._clock()
        seconds = end - max(step.started, self._last_end)  # with one step in flight, the next started before this ended
        self._last_end = end
        events = self.scheduler.apply(step.planned, sampled, seconds)
        if self._on_step:
            self._on_step(step.planned)
        return events

    def _masks(self, planned: PlannedStep, events: list[Event]) -> TokenMasks | None:
        """Grammar masks of the sampled rows that have one. A row about to be discarded gets no mask: its token is not used.
        A grammar that cannot go on ends its sample, and its row is such a row."""
        if not planned.has_constraint:
            return None
        sampled = [sequence for sequence, _, is_sampled in planned.rows if is_sampled]
        rows: list[int] = []
        bits = np.zeros((len(sampled), -(-self.engine.spec.vocab_size // 32)), np.uint32)
        for row, sequence in enumerate(sampled):
            if sequence.constraint is None or sequence.state is State.FINISHED:
                continue
            try:
                sequence.constraint.mask(bits[len(rows)])
            except ConstraintError as error:
                events += self.scheduler.end(sequence, FinishReason.ERROR, code="constraint_failed", message=str(error))
                bits[len(rows)] = 0
            else:
                rows.append(row)
        return TokenMasks(np.array(rows, np.int32), bits[: len(rows)])

    def drain(self) -> list[Event]:
        """Collect the step in flight, if any, so that nothing runs on the engine."""
        due, self._in_flight = self._in_flight, None
        return self._collect(due) if due else []

    def update_weights(self, tensors: Mapping[str, NDArray[np.generic]]) -> tuple[int, list[Event]]:
        """New weights between steps. Cached KV is dropped and running sequences are recomputed with the new weights.
        Returns the weight version and the events of the step that was in flight. WeightError: nothing changed, and the next
        `step` returns these events."""
        events = self.drain()
        try:
            version = self.engine.update_weights(tensors)
        except BaseException:
            self._late += events
            raise
        self.scheduler.new_weights(version)
        return version, events

    def abort(self, code: str, message: str) -> list[Event]:
        """After an engine error: every open request ends with it."""
        self._in_flight = None
        events, self._late = self._late, []
        return events + self.scheduler.fail_all(code, message)

    def check_idle(self) -> None:
        """When idle, every page is free or cached. Raises InternalError."""
        if not self.busy:
            self.scheduler.check()
