"""In-flight batching: every step mixes decodes and prefill chunks under one token budget; a finished sequence leaves and a
waiting one joins at the next step.

The loop calls `plan`, runs the step, and hands the samples to `apply`. With lookahead 1 the next `plan` comes before `apply`
of the step before: length stops are known ahead; a stop seen late leaves one row in flight, which is discarded, and only then
are the sequence's slot and pages released.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from core.errors import Busy, InternalError, InvalidRequest, NeverFits
from core.kv.prefix import make_salt
from core.protocol import (
    Cancel,
    Done,
    Event,
    Finish,
    FinishReason,
    Outcome,
    Progress,
    SampleEnd,
    Submit,
    TokenLogprob,
    Tokens,
)
from core.scheduler.planner import PlannedStep, Planner
from core.scheduler.policy import SchedulerConfig, StepTime
from core.scheduler.request import Request, Sequence, State
from core.scheduler.roster import Roster
from engines.api import Sampled, TokenConstraint
from engines.api.errors import ConstraintError

_RUNNING = State.RUNNING


class Scheduler:
    """All requests of one engine. Not thread-safe: the loop owns it."""

    def __init__(self, config: SchedulerConfig, num_pages: int, salt_parts: tuple[object, ...] = ()) -> None:
        if not 1 <= config.num_slots <= config.max_tokens:
            raise InternalError(
                f"{config.num_slots} slots need a step of at least as many tokens, not {config.max_tokens}."
            )
        self.config = config
        self._salt_parts = salt_parts
        self.roster = Roster(config, num_pages, make_salt(*salt_parts))
        self.pages = self.roster.pages
        self.running = self.roster.running
        self.waiting = self.roster.waiting
        self.capacity = min(config.max_context, self.pages.pool.capacity * config.page_size)
        self.requests: dict[int, Request] = {}
        self.step_time = StepTime()
        self._planner = Planner(config, self.roster)
        self._arrivals = 0

    @property
    def preemptions(self) -> int:
        """Sequences that had to give back their pages so far."""
        return self.roster.preemptions

    # --- requests in ---------------------------------------------------------------------------------------------------

    def submit(self, submit: Submit, make_constraint: Callable[[], TokenConstraint] | None = None) -> None:
        """Accept a request, or raise InvalidRequest, NeverFits or Busy and change nothing."""
        if submit.request in self.requests:
            raise InvalidRequest(f"Request {submit.request} is already running.")
        params, length = submit.params, len(submit.prompt_ids)
        if length == 0:
            raise InvalidRequest("The prompt is empty; give at least one token.", "prompt")
        if length >= self.capacity or (params.max_tokens is not None and length + params.max_tokens > self.capacity):
            raise NeverFits(
                self._never_fits(length, params.max_tokens), "prompt" if length >= self.capacity else "max_tokens"
            )
        limit, waiting = self.config.max_waiting, len(self.waiting) + self.roster.num_forking
        if params.n > limit:
            raise InvalidRequest(f"n is {params.n}, but at most {limit} sequences may wait here; ask for fewer.", "n")
        if waiting + params.n > limit:
            raise Busy(f"{waiting} sequences are waiting already, the limit is {limit}; retry later.")
        request = Request(
            id=submit.request,
            prompt=np.array(submit.prompt_ids, np.int32),
            submit=submit,
            arrival=self._arrivals,
            stop_ids=frozenset(submit.stop_ids),
            open=params.n,
        )
        self._arrivals += 1
        for index in range(params.n):
            constraint = make_constraint() if make_constraint else None
            sequence = Sequence(request, index, self.capacity, constraint)
            sequence.progress_step = self.roster.step
            request.sequences.append(sequence)
        self.requests[request.id] = request
        leader, *others = request.sequences
        self.waiting.add(leader)
        self.roster.wait_for(leader, others)

    def _never_fits(self, length: int, max_tokens: int | None) -> str:
        wanted = f"{length} prompt tokens" + ("" if max_tokens is None else f" + max_tokens {max_tokens}")
        limit = f"the model's context of {self.config.max_context}"
        if self.capacity < self.config.max_context:
            limit = f"the {self.capacity} tokens that the KV cache holds here ({limit})"
        left = self.capacity - length
        hint = f"max_tokens can be at most {left}" if left > 0 else "shorten the prompt"
        return f"{wanted} do not fit {limit} with room for an answer; {hint}."

    def cancel(self, frame: Cancel) -> list[Event]:
        """End a request now. Unknown or finished: nothing happens."""
        request = self.requests.get(frame.request)
        return self._end_all(request, FinishReason.CANCELLED) if request else []

    def finish(self, frame: Finish) -> list[Event]:
        """The text layer ends a sample at a stop string; its first `keep_tokens` tokens count."""
        request = self.requests.get(frame.request)
        if request is None or not 0 <= frame.index < len(request.sequences):
            return []
        sequence = request.sequences[frame.index]
        if sequence.state is State.FINISHED:
            return []
        return self.end(sequence, FinishReason.STOP, output_tokens=min(frame.keep_tokens, sequence.output_len))

    def fail_all(self, code: str, message: str) -> list[Event]:
        """The engine died: every open request ends with this error, and nothing is in flight any more."""
        events: list[Event] = []
        for sequence in list(self.running):
            sequence.in_flight = 0
            if sequence.state is State.FINISHED:
                self.roster.release(sequence)
        for request in list(self.requests.values()):
            events += self._end_all(request, FinishReason.ERROR, code, message)
        return events

    def new_weights(self, weight_version: int) -> None:
        """After `Engine.update_weights`, with no step in flight: cached KV is void, running sequences start over by recompute."""
        self.roster.drop_kv(make_salt(*self._salt_parts, weight_version))

    @property
    def idle(self) -> bool:
        return not self.requests and not self.running

    # --- one step ------------------------------------------------------------------------------------------------------

    def plan(self) -> PlannedStep | None:
        """The next step, or None if nothing can run now."""
        return self._planner.plan(self.step_time)

    def apply(self, planned: PlannedStep, sampled: Sampled, seconds: float | None = None) -> list[Event]:
        """Take one collected step, in the order planned. `seconds`: its duration, for the token budget."""
        if seconds is not None:
            self.step_time.observe(planned.plan.num_tokens, seconds)
            if planned.beside_chat:
                self._planner.pace.observe(seconds, planned.has_batch)
        events: list[Event] = []
        token_ids = sampled.token_ids.tolist()
        at = -1
        page_size, step = self.config.page_size, self.roster.step
        for sequence, count, is_sampled in planned.rows:
            at += is_sampled
            sequence.in_flight -= 1
            if sequence.state is not _RUNNING:
                planned.discarded += 1
                if not sequence.in_flight:
                    self.roster.release(sequence)
                continue
            sequence.computed += count
            if sequence.batch and sequence.computed > sequence.reached:
                sequence.reached, sequence.progress_step = sequence.computed, step
            if is_sampled:
                self._take(sequence, token_ids[at], sampled, at, events)
            elif sequence.request.submit.wants_progress:
                _tell_progress(sequence, events)
            if sequence.computed >= (sequence.published + 1) * page_size or sequence.preempting or sequence.quantum:
                self._settle(sequence)
        return events

    def _take(self, sequence: Sequence, token: int, sampled: Sampled, at: int, events: list[Event]) -> None:
        """Append a sampled token, tell of it, and see whether it was the last."""
        request = sequence.request
        params = request.params
        if request.submit.wants_progress:
            _tell_progress(sequence, events)
        sequence.pending -= 1
        sequence.append(token)
        logprobs = () if params.logprobs is None else (_logprob(sampled, at, params.logprobs),)
        events.append(Tokens(request.id, sequence.index, (token,), logprobs))
        if token in request.stop_ids and sequence.output_len >= params.min_tokens:
            events += self.end(sequence, FinishReason.STOP, stop_token=token)
            return
        constraint = sequence.constraint
        if constraint is not None and self._constrained(sequence, constraint, token, events):
            return
        if sequence.total == sequence.max_total:
            events += self.end(sequence, FinishReason.LENGTH)

    def _constrained(self, sequence: Sequence, constraint: TokenConstraint, token: int, events: list[Event]) -> bool:
        """Advance the grammar. True if that ended the sample: complete, or broken."""
        try:
            constraint.advance(token)
            if not constraint.finished():
                return False
            events += self.end(sequence, FinishReason.STOP)
        except ConstraintError as error:
            events += self.end(sequence, FinishReason.ERROR, code="constraint_failed", message=str(error))
        return True

    def _settle(self, sequence: Sequence) -> None:
        """After a step of it was applied: publish full pages, end a quantum, carry out a preemption that had to wait."""
        if sequence.state is not State.RUNNING:
            return
        self.pages.publish(sequence)
        if sequence.quantum and sequence.computed >= sequence.quantum:
            sequence.quantum = 0
        if sequence.preempting and not sequence.in_flight:
            self.roster.preempt(sequence)

    # --- endings -------------------------------------------------------------------------------------------------------

    def end(
        self,
        sequence: Sequence,
        reason: FinishReason,
        *,
        output_tokens: int | None = None,
        stop_token: int | None = None,
        code: str = "",
        message: str = "",
    ) -> list[Event]:
        """End one sample; its slot and pages go back now, or once the step in flight is collected."""
        request = sequence.request
        if sequence.state is State.WAITING:
            self.roster.leave_queue(sequence)
        sequence.state = State.FINISHED
        if sequence in self.roster.forking:
            self.roster.free_forks(sequence)
        if not sequence.in_flight:
            self.roster.release(sequence)
        count = sequence.output_len if output_tokens is None else output_tokens
        request.output_tokens += count
        request.open -= 1
        if reason is FinishReason.CANCELLED:
            request.outcome = Outcome.CANCELLED
        elif reason is FinishReason.ERROR:
            request.outcome, request.code, request.message = Outcome.FAILED, code, message
        events: list[Event] = [SampleEnd(request.id, sequence.index, reason, count, stop_token)]
        if request.open == 0:
            del self.requests[request.id]
            cached = request.cached_tokens or 0
            usage = (len(request.prompt), cached, request.output_tokens)
            events.append(Done(request.id, request.outcome, *usage, request.code, request.message))
        return events

    def _end_all(self, request: Request, reason: FinishReason, code: str = "", message: str = "") -> list[Event]:
        events: list[Event] = []
        for sequence in request.sequences:
            if sequence.state is not State.FINISHED:
                events += self.end(sequence, reason, code=code, message=message)
        return events

    def check(self) -> None:
        """Every invariant, slow: pages, lengths, slots; when idle, every page is free or cached. For tests and the idle check."""
        self.roster.check()
        if self.idle and (self.pages.pool.num_held or len(self.waiting)):
            raise InternalError(f"Idle, but {self.pages.pool.num_held} pages are held.")


def _tell_progress(sequence: Sequence, events: list[Event]) -> None:
    """How much of the prompt is computed, where that is more than was told: what a preemption undoes is not told again."""
    request = sequence.request
    length = len(request.prompt)
    computed = min(sequence.computed, length)
    if sequence.index == 0 and computed > request.progress:
        request.progress = computed
        events.append(Progress(request.id, computed, length, request.cached_tokens or 0))


def _logprob(sampled: Sampled, at: int, count: int) -> TokenLogprob:
    top = zip(sampled.top_ids[at, :count].tolist(), sampled.top_logprobs[at, :count].tolist(), strict=True)
    return TokenLogprob(float(sampled.logprobs[at]), tuple(top))
