"""Which sequence holds what: slots, pages, places in the queue. The primitives that planning and settling are made of."""

from __future__ import annotations

import heapq

from core.errors import InternalError
from core.protocol import Priority
from core.scheduler.pages import SequencePages
from core.scheduler.policy import SchedulerConfig, WaitingQueue
from core.scheduler.request import Sequence, State


class Roster:
    """Every sequence that is not over: running (slot and pages), waiting (neither), or forking (waiting for the prefill of its
    request's first sample, from whose pages it will copy). `step` counts planned steps."""

    def __init__(self, config: SchedulerConfig, num_pages: int, salt: bytes) -> None:
        self.config = config
        self.pages = SequencePages(num_pages, config.page_size, salt)
        self.running: dict[Sequence, None] = {}
        self.waiting = WaitingQueue()
        self.forking: dict[Sequence, list[Sequence]] = {}  # leader -> the other samples of its request
        self.num_forking = 0
        self.step = 0
        self.preemptions = 0
        self._free_slots = list(range(config.num_slots))

    @property
    def num_free_slots(self) -> int:
        return len(self._free_slots)

    def seat(self, sequence: Sequence) -> int:
        """Take a waiting sequence out of the queue into the lowest free slot."""
        self.waiting.remove(sequence)
        slot = heapq.heappop(self._free_slots)
        sequence.slot = slot
        sequence.state = State.RUNNING
        sequence.live = False
        self.running[sequence] = None
        return slot

    def wait_for(self, leader: Sequence, others: list[Sequence]) -> None:
        """Samples that wait for the prefill of their request's first."""
        if others:
            self.forking[leader] = others
            self.num_forking += len(others)

    def leave_queue(self, sequence: Sequence) -> None:
        """A waiting or forking sequence is over."""
        leader = sequence.request.sequences[0]
        others = self.forking.get(leader, [])
        if sequence in others:
            others.remove(sequence)
            self.num_forking -= 1
        else:
            self.waiting.remove(sequence)

    def release(self, sequence: Sequence) -> None:
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

    def preempt(self, sequence: Sequence) -> None:
        """Back to waiting; its tokens stay, its KV is computed again (what is still published is found again)."""
        self.pages.publish(sequence)
        self.release(sequence)
        self.waiting.add(sequence)
        self.preemptions += 1

    def promote(self) -> None:
        """Where no batch sequence gets on, the one that waits longest goes next and keeps its place for a quantum: batch work
        always progresses. While some of it does, the rest waits its turn: nobody loses KV for it."""
        oldest = self.waiting.oldest(Priority.BATCH)
        if oldest is None or not (self.running or self.waiting.oldest(Priority.INTERACTIVE)):
            return  # none waits, or nobody is in its way
        since = self.step - self.config.patience_steps
        for sequence in self.running:
            if sequence.quantum or (sequence.batch and (sequence.in_flight or sequence.progress_step > since)):
                return
        if oldest.quantum:
            self.waiting.promote(oldest)
        elif oldest.progress_step <= since:
            oldest.quantum = oldest.total + self.config.quantum_tokens
            self.waiting.promote(oldest)

    def ready_forks(self) -> None:
        """Let samples go whose leader has planned the prompt. O(running), however many wait."""
        if self.forking:
            for leader in [leader for leader in self.running if leader in self.forking]:
                if leader.planned >= len(leader.request.prompt) - 1 or leader.output_len:
                    self.free_forks(leader)

    def free_forks(self, leader: Sequence) -> None:
        """Samples that waited for `leader` wait for a slot now."""
        for sequence in self.forking.pop(leader, ()):
            self.num_forking -= 1
            self.waiting.add(sequence)

    def drop_kv(self, salt: bytes) -> None:
        """Nothing computed so far counts any more: running sequences wait again, cached pages are free. Nothing is in flight."""
        for sequence in list(self.running):
            self.release(sequence)
            self.waiting.add(sequence)
        for sequence in [*self.waiting, *self._forks()]:
            sequence.hashes.clear()
        self.pages.new_weights(salt)

    def _forks(self) -> list[Sequence]:
        return [sequence for others in self.forking.values() for sequence in others]

    def check(self) -> None:
        """Every invariant, slow: pages, lengths, slots; when idle, every page is free or cached. For tests and the idle check."""
        self.pages.pool.check()
        for sequence in [*self.running, *self.waiting, *self._forks()]:
            sequence.check()
        held: dict[int, int] = {}
        for sequence in self.running:
            for page in sequence.pages.tolist():
                held[page] = held.get(page, 0) + 1
        pool = self.pages.pool
        if self.num_forking != len(self._forks()):
            raise InternalError(f"{self.num_forking} samples are counted as forking, {len(self._forks())} are.")
        wrong = [page for page in range(1, pool.num_pages) if pool.refs(page) != held.get(page, 0)]
        slots = sorted([*self._free_slots, *(s.slot for s in self.running if s.slot is not None)])
        if wrong or slots != list(range(self.config.num_slots)):
            raise InternalError(f"Pages {wrong[:8]} are held by nobody or too often, or slots are lost.")
