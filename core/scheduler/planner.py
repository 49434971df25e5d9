"""Planning one step: which sequences get rows, who is admitted, who has to make room."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

from core.protocol import Priority
from core.scheduler.policy import Pace, SchedulerConfig, StepTime, alone_budget, batch_allowance, rank, token_budget
from core.scheduler.request import Sequence, State
from core.scheduler.roster import Roster
from engines.api import PlanRow, SlotInit, StepPlan

_RUNNING = State.RUNNING


@dataclass(slots=True, eq=False)
class PlannedStep:
    """One step as planned. `rows[i]` is row i of the plan: the sequence, its tokens, and whether it is sampled.
    `inits` go to the engine before `forward`. `joined`: sequences admitted in it. `beside_chat`: interactive rows are decodes,
    one or more; `has_batch`: there are batch rows. `discarded` is counted by `apply`."""

    plan: StepPlan
    rows: list[tuple[Sequence, int, bool]]
    inits: list[SlotInit]
    joined: list[Sequence]
    has_constraint: bool
    beside_chat: bool = False
    has_batch: bool = False
    discarded: int = 0


@dataclass(slots=True)
class Draft:
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
    slots: set[int] = field(default_factory=set)


class _Ready(NamedTuple):
    """Running sequences that can have a row."""

    decodes: list[Sequence]
    batch_decodes: list[Sequence]
    prefills: list[Sequence]
    batch_prefills: list[Sequence]


def _is_batch(sequence: Sequence) -> bool:
    """A promoted batch sequence counts as interactive."""
    return sequence.batch and not sequence.quantum


class Planner:
    """Makes the steps of one roster."""

    def __init__(self, config: SchedulerConfig, roster: Roster) -> None:
        self.config = config
        self._roster = roster
        self._pages = roster.pages
        self._load: Counter[str] = Counter()
        self._batch_tokens = config.max_tokens  # that batch rows had in the last step that had any
        self._credit = 0.0  # tokens that batch rows may have beside a chat
        self.pace = Pace(config.slowdown)

    def plan(self, step_time: StepTime) -> PlannedStep | None:
        """The next step, or None if nothing can run now."""
        roster = self._roster
        roster.ready_forks()
        if not roster.running and not len(roster.waiting):
            return None
        roster.promote()
        ready = self._ready()
        decodes = len(ready.decodes) + len(ready.batch_decodes)
        draft = Draft(token_budget(self.config, step_time, len(ready.decodes), decodes))
        limit = draft.budget
        if ready.decodes:
            limit = self._beside_chat(step_time, len(ready.decodes))
        else:
            limit = min(limit, alone_budget(self.config, step_time, decodes))
            self._credit = 0.0
        self._plan_rows(draft, ready, limit)
        rows = draft.decode_rows + draft.chunk_rows
        if not rows:
            return None
        plan = StepPlan.build(roster.step, draft.decodes + draft.chunks, draft.copies)
        roster.step += 1
        has_constraint = any(sampled and sequence.constraint is not None for sequence, _, sampled in rows)
        beside_chat = bool(ready.decodes) and all(_is_batch(sequence) for sequence, _, _ in draft.chunk_rows)
        has_batch = any(_is_batch(sequence) for sequence, _, _ in rows)
        return PlannedStep(plan, rows, draft.inits, draft.joined, has_constraint, beside_chat, has_batch)

    def _beside_chat(self, step_time: StepTime, interactive_decodes: int) -> int:
        """Tokens for batch rows in this step. What is not used is kept for the next steps, within reason; and no step has more
        than twice as many as the last, lest one wrong estimate makes a long pause."""
        config = self.config
        allowance = batch_allowance(config, step_time, interactive_decodes)
        self._credit = min(self._credit + allowance, 2 * allowance + config.min_batch)
        if not self.pace.open or self._credit < config.min_batch or self._roster.step % config.quiet_every == 0:
            return 0
        return min(int(self._credit), 2 * self._batch_tokens + config.min_batch)

    def _ready(self) -> _Ready:
        """Running sequences that can have a row: decodes and prefills, interactive and batch."""
        ready = _Ready([], [], [], [])
        for sequence in self._roster.running:
            if sequence.state is not _RUNNING or sequence.preempting:
                continue
            batch = _is_batch(sequence)
            if not sequence.live:
                (ready.batch_prefills if batch else ready.prefills).append(sequence)
            elif sequence.total + sequence.pending < sequence.max_total:
                (ready.batch_decodes if batch else ready.decodes).append(sequence)
        return ready

    def _plan_rows(self, draft: Draft, ready: _Ready, limit: int) -> None:
        """Class by class, so that an interactive request can still take slots and pages from batch rows not yet planned.
        Batch decodes, and a share of what is left for batch prefill, are kept out of the interactive prefill's reach; batch
        rows have at most `limit` tokens in all."""
        if len(self._roster.waiting):
            self._load = Counter(sequence.request.client for sequence in self._roster.running)
        self._plan_decodes(draft, ready.decodes)
        kept = len(ready.batch_decodes)
        roster = self._roster
        if ready.batch_prefills or (roster.num_free_slots and roster.waiting.oldest(Priority.BATCH)):
            kept += max(1, int((draft.budget - kept) * self.config.batch_share))
        kept = min(kept, limit)
        blocked = self._plan_prefills(draft, ready.prefills, Priority.INTERACTIVE, kept, blocked=False)
        draft.budget = allowed = min(draft.budget, limit)
        self._plan_decodes(draft, ready.batch_decodes)
        self._plan_prefills(draft, ready.batch_prefills, Priority.BATCH, 0, blocked)
        if limit:
            self._batch_tokens = allowed - draft.budget
            self._credit = max(0.0, self._credit - self._batch_tokens)

    def _plan_prefills(
        self, draft: Draft, prefills: list[Sequence], priority: Priority, kept: int, blocked: bool
    ) -> bool:
        """Chunks of running sequences, then admissions of one class, leaving `kept` tokens of the budget.
        True: the first in line cannot be admitted, and nobody overtakes it."""
        for sequence in sorted(prefills, key=rank):
            if draft.budget > kept and sequence.slot is not None and not sequence.preempting:
                self._add_chunk(draft, sequence, draft.budget - kept)
        while draft.budget > kept and not blocked:
            candidate = self._roster.waiting.peek(self._load, priority)
            if candidate is None:
                break
            blocked = not self._admit(draft, candidate)
            if not blocked:
                self._add_chunk(draft, candidate, draft.budget - kept)
        return blocked

    def _plan_decodes(self, draft: Draft, ready: list[Sequence]) -> None:
        """One token for each sequence that generates."""
        if self._pages.pool.available < len(ready):
            ready = sorted(ready, key=rank)  # the first may displace the last
        size, budget = self.config.page_size, draft.budget
        add_row, add_plan_row, add_slot = draft.decode_rows.append, draft.decodes.append, draft.slots.add
        for sequence in ready:
            slot, start = sequence.slot, sequence.planned
            if slot is None or sequence.preempting or budget <= 0:
                continue  # gave way to one before it
            if start >= sequence.num_pages * size and not self._extend(draft, sequence):
                continue  # stalls, holding what it has
            add_plan_row(PlanRow(slot, start, None, sequence.pages, True, True))
            add_row((sequence, 1, True))
            add_slot(slot)
            sequence.planned = start + 1
            sequence.pending += 1
            sequence.in_flight += 1
            budget -= 1
        draft.budget = budget

    def _add_chunk(self, draft: Draft, sequence: Sequence, limit: int) -> None:
        assert sequence.slot is not None
        count = min(limit, sequence.total - sequence.planned)
        start = sequence.planned
        last = start + count == sequence.total
        pages = sequence.table[: self._pages.pages_for(start + count)]
        chunk = sequence.tokens[start : start + count]
        draft.chunks.append(PlanRow(sequence.slot, start, chunk, pages, last, False))
        draft.chunk_rows.append((sequence, count, last))
        draft.chunk_slots.add(sequence.slot)
        draft.slots.add(sequence.slot)
        sequence.planned += count
        sequence.in_flight += 1
        if last:
            sequence.pending += 1
            sequence.live = True
        draft.budget -= count

    def _admit(self, draft: Draft, sequence: Sequence) -> bool:
        """Give a waiting sequence a slot and pages for all its known tokens; lower ranks make room for an interactive one."""
        if not self._roster.num_free_slots and not self._make_room(draft, sequence, pages=0):
            return False
        leader = sequence.request.sequences[0]
        # Copies come first in a step, so a leader whose prompt this very step writes cannot be copied from yet.
        written = leader is not sequence and leader.slot not in draft.chunk_slots
        shared = self._pages.forkable(sequence, leader) if written else []
        forks = bool(shared)
        if not forks:
            shared = self._pages.match(sequence)
        spare = min(len(self._roster.running), self._pages.pool.capacity // 50)
        writable = shared[: (len(sequence.request.prompt) - 1) // self.config.page_size] if forks else shared
        missing = self._pages.shortfall(sequence, writable, spare)
        if missing > 0 and not self._make_room(draft, sequence, pages=missing):
            return False
        if missing > 0 and not forks:
            shared = self._pages.match(sequence)  # making room may have evicted what was found
            if self._pages.shortfall(sequence, shared, 0) > 0:
                return False
        if forks and leader.slot is None:
            return False  # its leader was the one to make room; next time it goes by the prefix index
        slot = self._roster.seat(sequence)
        if forks:
            draft.copies += self._pages.fork(sequence, shared)
            if leader.slot is not None:
                draft.slots.add(leader.slot)  # its part page is read by this step: it must not be handed out in it
        else:
            self._pages.take(sequence, shared)
        request = sequence.request
        self._load[request.client] = self._load.get(request.client, 0) + 1
        if request.cached_tokens is None:
            request.cached_tokens = sequence.cached
        params = request.params.for_engine(tuple(sorted(request.stop_ids)), sequence.index)
        length = len(request.prompt)
        draft.inits.append(SlotInit(slot, params, request.prompt, sequence.tokens[length : sequence.total]))
        draft.joined.append(sequence)
        return True

    def _extend(self, draft: Draft, sequence: Sequence) -> bool:
        return self._pages.extend(sequence) or (
            self._make_room(draft, sequence, pages=1) and self._pages.extend(sequence)
        )

    def _make_room(self, draft: Draft, sequence: Sequence, pages: int) -> bool:
        """Preempt sequences of lower rank, lowest first, until `pages` more pages (0: a slot) are there. A running sequence
        may displace any lower rank, a waiting one only a lower class. False: not now; rows in flight give back later."""
        own, waiting = rank(sequence), sequence.state is State.WAITING
        pool = self._pages.pool
        leaving = [s for s in self._roster.running if s.preempting or s.state is State.FINISHED]
        coming = sum(s.num_pages for s in leaving)
        if leaving and coming >= pages:
            return False  # enough is on its way
        victims = [
            s
            for s in self._roster.running
            if s.state is State.RUNNING
            and not s.preempting
            and s.slot not in draft.slots
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
                self._roster.preempt(victim)
            if pages == 0 or pool.available + coming >= goal:
                break
        return pool.available >= goal if pages else bool(self._roster.num_free_slots)
