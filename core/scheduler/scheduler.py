"""In-flight batching: every step mixes decodes and prefill chunks under one token budget; a finished sequence leaves and a
waiting one joins at the next step.

The loop calls `plan`, runs the step, and hands the samples to `apply`. With lookahead 1 the next `plan` comes before `apply`
of the step before: length stops are known ahead; a stop seen late leaves one row in flight, which is discarded, and only then
are the sequence's slot and pages released.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

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
    Priority,
    Progress,
    SampleEnd,
    Submit,
    TokenLogprob,
    Tokens,
)
from core.scheduler.pages import SequencePages
from core.scheduler.policy import SchedulerConfig, StepTime, WaitingQueue, rank, token_budget
from core.scheduler.request import Request, Sequence, State
from engines.api import PlanRow, Sampled, SlotInit, StepPlan, TokenConstraint
from engines.api.errors import ConstraintError


@dataclass(slots=True, eq=False)
class PlannedStep:
    """One step as planned. `rows[i]` is row i of the plan: the sequence, its tokens, and whether it is sampled.
    `inits` go to the engine before `forward`. `joined`: sequences admitted in it. `discarded` is counted by `apply`."""

    plan: StepPlan
    rows: list[tuple[Sequence, int, bool]]
    inits: list[SlotInit]
    joined: list[Sequence]
    has_constraint: bool
    discarded: int = 0


@dataclass(slots=True)
class _Draft:
    """The step being planned."""

    budget: int
    decodes: list[PlanRow] = field(default_factory=list)
    decode_rows: list[tuple[Sequence, int, bool]] = field(default_factory=list)
    chunks: list[PlanRow] = field(default_factory=list)
    chunk_rows: list[tuple[Sequence, int, bool]] = field(default_factory=list)
    chunk_slots: set[int] = field(default_factory=set)
    copies: list[tuple[int, int]] = field(default_factory=list)
    inits: list[SlotInit] = field(default_factory=list)
    joined: list[Sequence] = field(default_factory=list)


class _Ready(NamedTuple):
    """Running sequences that can have a row."""

    decodes: list[Sequence]
    batch_decodes: list[Sequence]
    prefills: list[Sequence]
    batch_prefills: list[Sequence]


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
        self.pages = SequencePages(num_pages, config.page_size, make_salt(*salt_parts))
        self.capacity = min(config.max_context, self.pages.pool.capacity * config.page_size)
        self.requests: dict[int, Request] = {}
        self.running: dict[Sequence, None] = {}
        self.waiting = WaitingQueue()
        self.step_time = StepTime()
        self.step = 0
        self.preemptions = 0
        self._forking: dict[Sequence, Sequence] = {}  # sample -> leader whose prefill it waits for
        self._free_slots = list(range(config.num_slots))
        self._arrivals = 0
        self._draft_slots: set[int] = set()
        self._load: Counter[str] = Counter()

    # --- requests in ---------------------------------------------------------------------------------------------------

    def submit(self, submit: Submit, make_constraint: Callable[[], TokenConstraint] | None = None) -> None:
        """Accept a request, or raise InvalidRequest, NeverFits or Busy and change nothing."""
        if submit.request in self.requests:
            raise InvalidRequest(f"Request {submit.request} is already running.")
        params, length = submit.params, len(submit.prompt_ids)
        if length == 0:
            raise InvalidRequest("The prompt is empty; give at least one token.", "prompt")
        if length >= self.capacity or (params.max_tokens is not None and length + params.max_tokens > self.capacity):
            raise NeverFits(self._never_fits(length, params.max_tokens), "max_tokens")
        if len(self.waiting) + len(self._forking) + params.n > self.config.max_waiting:
            raise Busy(
                f"{len(self.waiting)} sequences are waiting already, the limit is {self.config.max_waiting}; retry later."
            )
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
            sequence.progress_step = self.step
            request.sequences.append(sequence)
        self.requests[request.id] = request
        leader, *others = request.sequences
        self.waiting.add(leader)
        for sequence in others:
            self._forking[sequence] = leader

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
                self._release(sequence)
        for request in list(self.requests.values()):
            events += self._end_all(request, FinishReason.ERROR, code, message)
        return events

    def new_weights(self, weight_version: int) -> None:
        """After `Engine.update_weights`, with no step in flight: cached KV is void, running sequences start over by recompute."""
        for sequence in list(self.running):
            self._release(sequence)
            self.waiting.add(sequence)
        for sequence in [*self.waiting, *self._forking]:
            sequence.hashes.clear()
        self.pages.new_weights(make_salt(*self._salt_parts, weight_version))

    @property
    def idle(self) -> bool:
        return not self.requests and not self.running

    # --- one step ------------------------------------------------------------------------------------------------------

    def plan(self) -> PlannedStep | None:
        """The next step, or None if nothing can run now."""
        self._ready_forks()
        if not self.running and not len(self.waiting):
            return None
        self._promote()
        ready = self._ready()
        interactive, batch = len(ready[0]), len(ready[1])
        draft = _Draft(token_budget(self.config, self.step_time, interactive, interactive + batch))
        self._plan_rows(draft, ready)
        rows = draft.decode_rows + draft.chunk_rows
        if not rows:
            return None
        plan = StepPlan.build(self.step, draft.decodes + draft.chunks, draft.copies)
        self.step += 1
        has_constraint = any(sampled and sequence.constraint is not None for sequence, _, sampled in rows)
        return PlannedStep(plan, rows, draft.inits, draft.joined, has_constraint)

    def apply(self, planned: PlannedStep, sampled: Sampled, seconds: float | None = None) -> list[Event]:
        """Take one collected step, in the order planned. `seconds`: its duration, for the token budget."""
        if seconds is not None:
            self.step_time.observe(planned.plan.num_tokens, seconds)
        events: list[Event] = []
        token_ids = sampled.token_ids.tolist()
        at = -1
        page_size, step = self.config.page_size, self.step
        for sequence, count, is_sampled in planned.rows:
            at += is_sampled
            sequence.in_flight -= 1
            if sequence.state is not _RUNNING:
                planned.discarded += 1
                if not sequence.in_flight:
                    self._release(sequence)
                continue
            sequence.computed += count
            sequence.progress_step = step
            if is_sampled:
                self._take(sequence, token_ids[at], sampled, at, events)
            elif sequence.request.submit.wants_progress and sequence.index == 0:
                events.append(_progress(sequence))
            if sequence.computed >= (sequence.published + 1) * page_size or sequence.preempting or sequence.quantum:
                self._settle(sequence)
        return events

    def _take(self, sequence: Sequence, token: int, sampled: Sampled, at: int, events: list[Event]) -> None:
        """Append a sampled token, tell of it, and see whether it was the last."""
        request = sequence.request
        params = request.params
        if request.submit.wants_progress and not sequence.output_len and sequence.index == 0:
            events.append(_progress(sequence))
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
            self._preempt_now(sequence)

    # --- planning ------------------------------------------------------------------------------------------------------

    def _ready(self) -> _Ready:
        """Running sequences that can have a row: decodes and prefills, interactive and batch."""
        ready = _Ready([], [], [], [])
        for sequence in self.running:
            if sequence.state is not _RUNNING or sequence.preempting:
                continue
            batch = sequence.batch and not sequence.quantum
            if not sequence.live:
                (ready.batch_prefills if batch else ready.prefills).append(sequence)
            elif sequence.total + sequence.pending < sequence.max_total:
                (ready.batch_decodes if batch else ready.decodes).append(sequence)
        return ready

    def _plan_rows(self, draft: _Draft, ready: _Ready) -> None:
        """Class by class, so that an interactive request can still take slots and pages from batch rows not yet planned.
        Batch decodes, and a share of what is left for batch prefill, are kept out of the interactive prefill's reach."""
        self._draft_slots.clear()
        if len(self.waiting):
            self._load = Counter(sequence.request.client for sequence in self.running)
        self._plan_decodes(draft, ready.decodes)
        kept = len(ready.batch_decodes)
        if ready.batch_prefills or self.waiting.oldest(Priority.BATCH):
            kept += max(1, int((draft.budget - kept) * self.config.batch_share))
        blocked = self._plan_prefills(draft, ready.prefills, Priority.INTERACTIVE, kept, blocked=False)
        self._plan_decodes(draft, ready.batch_decodes)
        self._plan_prefills(draft, ready.batch_prefills, Priority.BATCH, 0, blocked)

    def _plan_prefills(
        self, draft: _Draft, prefills: list[Sequence], priority: Priority, kept: int, blocked: bool
    ) -> bool:
        """Chunks of running sequences, then admissions of one class, leaving `kept` tokens of the budget.
        True: the first in line cannot be admitted, and nobody overtakes it."""
        for sequence in sorted(prefills, key=rank):
            if draft.budget > kept and sequence.slot is not None and not sequence.preempting:
                self._add_chunk(draft, sequence, draft.budget - kept)
        while draft.budget > kept and not blocked:
            candidate = self.waiting.peek(self._load, priority)
            if candidate is None:
                break
            blocked = not self._admit(draft, candidate)
            if not blocked:
                self._add_chunk(draft, candidate, draft.budget - kept)
        return blocked

    def _plan_decodes(self, draft: _Draft, ready: list[Sequence]) -> None:
        """One token for each sequence that generates."""
        if self.pages.pool.available < len(ready):
            ready = sorted(ready, key=rank)  # the first may displace the last
        size = self.config.page_size
        for sequence in ready:
            slot, start = sequence.slot, sequence.planned
            if slot is None or sequence.preempting or draft.budget <= 0:
                continue  # gave way to one before it
            if start >= sequence.num_pages * size and not self._extend(sequence):
                continue  # stalls, holding what it has
            draft.decodes.append(PlanRow(slot, start, None, sequence.table[: sequence.num_pages], True, True))
            draft.decode_rows.append((sequence, 1, True))
            self._draft_slots.add(slot)
            sequence.planned = start + 1
            sequence.pending += 1
            sequence.in_flight += 1
            draft.budget -= 1

    def _add_chunk(self, draft: _Draft, sequence: Sequence, limit: int) -> None:
        assert sequence.slot is not None
        count = min(limit, sequence.total - sequence.planned)
        start = sequence.planned
        last = start + count == sequence.total
        pages = sequence.table[: self.pages.pages_for(start + count)]
        chunk = sequence.tokens[start : start + count]
        draft.chunks.append(PlanRow(sequence.slot, start, chunk, pages, last, False))
        draft.chunk_rows.append((sequence, count, last))
        draft.chunk_slots.add(sequence.slot)
        self._draft_slots.add(sequence.slot)
        sequence.planned += count
        sequence.in_flight += 1
        if last:
            sequence.pending += 1
            sequence.live = True
        draft.budget -= count

    def _admit(self, draft: _Draft, sequence: Sequence) -> bool:
        """Give a waiting sequence a slot and pages for all its known tokens; lower ranks make room for an interactive one."""
        if not self._free_slots and not self._make_room(sequence, pages=0):
            return False
        leader = sequence.request.sequences[0]
        # Copies come first in a step, so a leader whose prompt this very step writes cannot be copied from yet.
        written = leader is not sequence and leader.slot not in draft.chunk_slots
        shared = self.pages.forkable(sequence, leader) if written else []
        forks = bool(shared)
        if not forks:
            shared = self.pages.match(sequence)
        spare = min(len(self.running), self.pages.pool.capacity // 50)
        writable = shared[: (len(sequence.request.prompt) - 1) // self.config.page_size] if forks else shared
        missing = self.pages.shortfall(sequence, writable, spare)
        if missing > 0 and not self._make_room(sequence, pages=missing):
            return False
        if missing > 0 and not forks:
            shared = self.pages.match(sequence)  # making room may have evicted what was found
            if self.pages.shortfall(sequence, shared, 0) > 0:
                return False
        if forks and leader.slot is None:
            return False  # its leader was the one to make room; next time it goes by the prefix index
        self.waiting.remove(sequence)
        sequence.slot = heapq.heappop(self._free_slots)
        if forks:
            draft.copies += self.pages.fork(sequence, shared)
        else:
            self.pages.take(sequence, shared)
        sequence.state = State.RUNNING
        sequence.live = False
        self.running[sequence] = None
        request = sequence.request
        self._load[request.client] = self._load.get(request.client, 0) + 1
        if request.cached_tokens is None:
            request.cached_tokens = sequence.cached
        params = request.params.for_engine(tuple(sorted(request.stop_ids)), sequence.index)
        length = len(request.prompt)
        draft.inits.append(SlotInit(sequence.slot, params, request.prompt, sequence.tokens[length : sequence.total]))
        draft.joined.append(sequence)
        return True

    def _extend(self, sequence: Sequence) -> bool:
        return self.pages.extend(sequence) or (self._make_room(sequence, pages=1) and self.pages.extend(sequence))

    # --- making room ---------------------------------------------------------------------------------------------------

    def _make_room(self, sequence: Sequence, pages: int) -> bool:
        """Preempt sequences of lower rank, lowest first, until `pages` more pages (0: a slot) are there. A running sequence
        may displace any lower rank, a waiting one only a lower class. False: not now; rows in flight give back later."""
        own, waiting = rank(sequence), sequence.state is State.WAITING
        pool = self.pages.pool
        leaving = [s for s in self.running if s.preempting or s.state is State.FINISHED]
        coming = sum(s.num_pages for s in leaving)
        if leaving and coming >= pages:
            return False  # enough is on its way
        victims = [
            s
            for s in self.running
            if s.state is State.RUNNING
            and not s.preempting
            and s.slot not in self._draft_slots
            and (rank(s)[0] > own[0] if waiting else rank(s) > own)
        ]
        if waiting and sum(s.num_pages for s in victims) < pages - coming:
            return False  # would not be enough: let them work
        goal = pool.available + pages
        for victim in sorted(victims, key=rank, reverse=True):
            if victim.in_flight:
                victim.preempting = True
                coming += victim.num_pages
            else:
                self._preempt_now(victim)
            if pages == 0 or pool.available + coming >= goal:
                break
        return pool.available >= goal if pages else bool(self._free_slots)

    def _preempt_now(self, sequence: Sequence) -> None:
        """Back to waiting; its tokens stay, its KV is computed again (what is still published is found again)."""
        self.pages.publish(sequence)
        self._release(sequence)
        self.waiting.add(sequence)
        self.preemptions += 1

    def _promote(self) -> None:
        """A batch sequence that waited too long goes next and keeps its place for a quantum: batch work always progresses."""
        if any(s.quantum for s in self.running):
            return
        oldest = self.waiting.oldest(Priority.BATCH)
        if oldest and not oldest.quantum and self.step - oldest.progress_step >= self.config.patience_steps:
            oldest.quantum = oldest.total + self.config.quantum_tokens
            self.waiting.promote(oldest)
        elif oldest and oldest.quantum:
            self.waiting.promote(oldest)

    def _ready_forks(self) -> None:
        for sequence, leader in list(self._forking.items()):
            started = leader.planned >= len(leader.request.prompt) - 1 and leader.slot is not None
            if started or leader.output_len or leader.state is State.FINISHED:
                del self._forking[sequence]
                self.waiting.add(sequence)

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
        if sequence.state is State.WAITING and self._forking.pop(sequence, None) is None:
            self.waiting.remove(sequence)
        sequence.state = State.FINISHED
        if not sequence.in_flight:
            self._release(sequence)
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

    def _release(self, sequence: Sequence) -> None:
        """Slot and pages back. Idempotent."""
        self.pages.release(sequence)
        if sequence.slot is not None:
            heapq.heappush(self._free_slots, sequence.slot)
            sequence.slot = None
        self.running.pop(sequence, None)
        sequence.live = sequence.preempting = False
        sequence.pending = 0
        if sequence.state is State.RUNNING:
            sequence.state = State.WAITING

    def check(self) -> None:
        """Every invariant, slow: pages, lengths, slots; when idle, every page is free or cached. For tests and the idle check."""
        self.pages.pool.check()
        for sequence in [*self.running, *self.waiting, *self._forking]:
            sequence.check()
        held: dict[int, int] = {}
        for sequence in self.running:
            for page in sequence.pages.tolist():
                held[page] = held.get(page, 0) + 1
        pool = self.pages.pool
        wrong = [page for page in range(1, pool.num_pages) if pool.refs(page) != held.get(page, 0)]
        slots = sorted([*self._free_slots, *(s.slot for s in self.running if s.slot is not None)])
        if wrong or slots != list(range(self.config.num_slots)):
            raise InternalError(f"Pages {wrong[:8]} are held by nobody or too often, or slots are lost.")
        if self.idle and (pool.num_held or len(self.waiting)):
            raise InternalError(f"Idle, but {pool.num_held} pages are held.")


def _progress(sequence: Sequence) -> Progress:
    request = sequence.request
    length = len(request.prompt)
    return Progress(request.id, min(sequence.computed, length), length, request.cached_tokens or 0)


def _logprob(sampled: Sampled, at: int, count: int) -> TokenLogprob:
    top = zip(sampled.top_ids[at, :count].tolist(), sampled.top_logprobs[at, :count].tolist(), strict=True)
    return TokenLogprob(float(sampled.logprobs[at]), tuple(top))
