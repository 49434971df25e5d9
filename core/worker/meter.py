"""What a worker counts, and the Status it makes of that."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable

from core.protocol import Done, Event, Outcome, SequenceStatus, Status
from core.scheduler import PlannedStep, Scheduler

_MAX_SEQUENCES = 1024


class Meter:
    """Counters since the start, and rates since the last regular Status."""

    def __init__(self, scheduler: Scheduler, clock: Callable[[], float] = time.monotonic) -> None:
        self._scheduler = scheduler
        self._clock = clock
        self._prompt_tokens = self._cached_tokens = 0
        self._sampled = self._computed = 0
        self._outcomes = dict.fromkeys(Outcome, 0)
        self._since = clock()
        self._mark = (0, 0)
        self._steps = 0
        self._step_s = self._step_s_max = 0.0
        self.total_steps = 0

    @property
    def age(self) -> float:
        """Seconds since the last regular Status."""
        return self._clock() - self._since

    def step(self, planned: PlannedStep) -> None:
        """A step was applied."""
        plan = planned.plan
        self.total_steps += 1
        self._sampled += plan.num_logits - planned.discarded
        self._computed += plan.num_tokens - plan.num_decodes

    def turn(self, seconds: float) -> None:
        """A turn of the loop took `seconds`."""
        self._steps += 1
        self._step_s += seconds
        self._step_s_max = max(self._step_s_max, seconds)

    def events(self, events: Iterable[Event]) -> None:
        for event in events:
            if type(event) is Done:
                self._outcomes[event.outcome] += 1
                self._prompt_tokens += event.prompt_tokens
                self._cached_tokens += event.cached_tokens

    def status(self, ticket: int = 0, *, grammars: int = 0, weight_version: int = 0, detail: bool = False) -> Status:
        """The state now. Without a ticket it is a regular one, from which the next rates count."""
        scheduler = self._scheduler
        pool = scheduler.pages.pool
        seconds = max(self.age, 1e-9)
        status = Status(
            ticket=ticket,
            requests=len(scheduler.requests),
            running=len(scheduler.running),
            waiting=len(scheduler.waiting),
            grammars=grammars,
            pages_free=pool.num_free,
            pages_cached=pool.num_cached,
            pages_held=pool.num_held,
            slots_used=len(scheduler.running),
            steps=self.total_steps,
            preemptions=scheduler.preemptions,
            prompt_tokens=self._prompt_tokens,
            cached_tokens=self._cached_tokens,
            output_tokens=self._sampled,
            completed=self._outcomes[Outcome.COMPLETED],
            cancelled=self._outcomes[Outcome.CANCELLED],
            failed=self._outcomes[Outcome.FAILED],
            output_tokens_per_s=(self._sampled - self._mark[0]) / seconds,
            prompt_tokens_per_s=(self._computed - self._mark[1]) / seconds,
            step_s_mean=self._step_s / max(1, self._steps),
            step_s_max=self._step_s_max,
            weight_version=weight_version,
            sequences=self._sequences() if detail else (),
        )
        if not ticket:
            self.restart()
        return status

    def restart(self) -> None:
        """Rates count from now."""
        self._since = self._clock()
        self._mark = (self._sampled, self._computed)
        self._steps = 0
        self._step_s = self._step_s_max = 0.0

    def _sequences(self) -> tuple[SequenceStatus, ...]:
        scheduler = self._scheduler
        return tuple(
            SequenceStatus(
                request=sequence.request.id,
                index=sequence.index,
                state=sequence.state.value,
                prompt=len(sequence.request.prompt),
                cached=sequence.cached,
                computed=sequence.computed,
                total=sequence.total,
                max_total=sequence.max_total,
                pages=sequence.num_pages,
            )
            for sequence in itertools.islice((*scheduler.running, *scheduler.waiting), _MAX_SEQUENCES)
        )
