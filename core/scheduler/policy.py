"""Who goes first, and how many tokens a step may take. Pure functions and one small estimator; no clocks."""

from __future__ import annotations

import bisect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from core.protocol import Priority
from core.scheduler.request import Sequence


@dataclass(frozen=True, slots=True)
class SchedulerConfig:
    """Limits and policy of one scheduler.

    `max_tokens`: packed tokens of one step. `num_slots`: sequences running at once. `target_step_s`: while an interactive
    request is generating, a step should not take longer, so that its text keeps flowing. `min_chunk`: prefill always gets at
    least this many tokens of a step. `batch_step_s`: how long a step of batch rows alone should take at most, for whoever
    comes meanwhile waits for its end. `slowdown`: while an interactive request generates, batch rows may make its steps so
    many times longer, on average, than they are without them; every `quiet_every`-th step has none, which tells how long that
    is. They come `min_batch` at a time or more. `batch_share`: of a step's prefill tokens, kept for batch requests where some
    wait. `patience_steps`: where no batch sequence gets on for so many steps, one is promoted. `quantum_tokens`: what a
    promoted sequence may compute before it can be preempted again. `max_waiting`: sequences that may wait; more are refused
    as Busy.
    """

    max_tokens: int
    num_slots: int
    max_context: int
    page_size: int
    target_step_s: float = 0.1
    min_chunk: int = 32
    batch_share: float = 0.125
    batch_step_s: float = 0.25
    slowdown: float = 1.5
    quiet_every: int = 16
    min_batch: int = 8
    patience_steps: int = 64
    quantum_tokens: int = 64
    max_waiting: int = 100_000


def rank(sequence: Sequence) -> tuple[int, int, int]:
    """Smaller goes first, and is preempted last. A promoted batch sequence ranks with the interactive ones."""
    return (int(sequence.batch and not sequence.quantum), sequence.arrival, sequence.index)


class WaitingQueue:
    """Sequences without a slot: by class, then by client, each client's in order of arrival.

    `peek` takes the promoted sequence first, then the first class that has any; within it the client with the fewest running
    sequences, so that one client with a thousand prompts does not hold up another's one. With W waiting, of C clients,
    `add` and `remove` take O(log W) steps, `oldest` one, and `peek` at most one for each client that has running sequences.
    """

    def __init__(self) -> None:
        self._queues: dict[Priority, dict[str, list[Sequence]]] = {priority: {} for priority in Priority}
        self._heads: dict[Priority, list[Sequence]] = {priority: [] for priority in Priority}  # by arrival
        self._promoted: Sequence | None = None
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Sequence]:
        for clients in self._queues.values():
            for queue in clients.values():
                yield from queue

    def add(self, sequence: Sequence) -> None:
        priority = sequence.request.priority
        queue = self._queues[priority].setdefault(sequence.request.client, [])
        heads = self._heads[priority]
        before = queue[0] if queue else None
        bisect.insort(queue, sequence, key=_arrival)
        if queue[0] is sequence:
            if before is not None:
                _take_out(heads, before)
            bisect.insort(heads, sequence, key=_arrival)
        self._count += 1

    def remove(self, sequence: Sequence) -> None:
        priority, client = sequence.request.priority, sequence.request.client
        clients, heads = self._queues[priority], self._heads[priority]
        queue = clients[client]
        was_head = queue[0] is sequence
        _take_out(queue, sequence)
        if was_head:
            _take_out(heads, sequence)
            if queue:
                bisect.insort(heads, queue[0], key=_arrival)
            else:
                del clients[client]
        if sequence is self._promoted:
            self._promoted = None
        self._count -= 1

    def promote(self, sequence: Sequence) -> None:
        """Let a waiting batch sequence be the next to go."""
        self._promoted = sequence

    def oldest(self, priority: Priority) -> Sequence | None:
        heads = self._heads[priority]
        return heads[0] if heads else None

    def peek(self, load: Mapping[str, int], priority: Priority) -> Sequence | None:
        """The next to admit of a class. `load`: running sequences per client."""
        promoted = self._promoted
        if priority is Priority.INTERACTIVE and promoted is not None:
            return promoted
        best, least = None, 0
        for head in self._heads[priority]:
            running = load.get(head.request.client, 0)
            if head is not promoted and (best is None or running < least):
                best, least = head, running
                if not running:
                    break
        return best


def _take_out(queue: list[Sequence], sequence: Sequence) -> None:
    """Remove a member of a list in order of arrival."""
    del queue[bisect.bisect_left(queue, _arrival(sequence), key=_arrival)]


def _arrival(sequence: Sequence) -> tuple[int, int]:
    return (sequence.arrival, sequence.index)


class StepTime:
    """time(step) = base + per_token * tokens, by least squares over recent steps (each counts `decay` times the next one)."""

    def __init__(self, decay: float = 0.95) -> None:
        self._decay = decay
        self._n = self._x = self._y = self._xx = self._xy = 0.0

    def observe(self, tokens: int, seconds: float) -> None:
        keep = self._decay
        self._n = keep * self._n + 1.0
        self._x = keep * self._x + tokens
        self._y = keep * self._y + seconds
        self._xx = keep * self._xx + tokens * tokens
        self._xy = keep * self._xy + tokens * seconds

    def tokens_within(self, seconds: float) -> int | None:
        """How many tokens a step of `seconds` can take; None while nothing is known."""
        line = self.line()
        return None if line is None else int((seconds - line[0]) / line[1])

    def line(self) -> tuple[float, float] | None:
        """(base, per token), both in seconds; the second is above 0. None while nothing is known."""
        if self._n == 0.0 or self._y <= 0.0:
            return None
        spread = self._n * self._xx - self._x * self._x
        slope = (self._n * self._xy - self._x * self._y) / spread if spread > 1e-9 * self._n * self._xx else 0.0
        if slope <= 0.0:  # all steps alike, or noise: blame the tokens for everything
            return 0.0, self._y / self._x
        return max(0.0, (self._y - slope * self._x) / self._n), slope


class Pace:
    """Whether batch rows may come along beside a chat: not before the seconds by which steps with them were longer than those
    without are worked off by what they are allowed, `slowdown` - 1 times a step without. What a step will cost is an estimate,
    which is wrong where a few rows more take another kernel; what it has cost is none."""

    def __init__(self, slowdown: float) -> None:
        self._share = slowdown - 1
        self._quiet: float | None = None  # seconds of a step without batch rows
        self._debt = 0.0

    @property
    def open(self) -> bool:
        return self._debt <= 0.0

    def observe(self, seconds: float, has_batch: bool) -> None:
        """A step that was planned to hold a token for each interactive request that generates, and batch rows or not."""
        if not has_batch:
            self._quiet = seconds if self._quiet is None else self._quiet + _WEIGHT * (seconds - self._quiet)
        if self._quiet is not None:
            allowed = self._share * self._quiet
            over = max(0.0, seconds - self._quiet) if has_batch else 0.0
            self._debt = min(max(self._debt + over - allowed, -allowed), _LONGEST_DEBT * allowed)


_WEIGHT = 0.25  # of the newest step
_LONGEST_DEBT = 64  # steps: a pause that had another cause is not paid for by the summary


def token_budget(config: SchedulerConfig, step_time: StepTime, interactive_decodes: int, decodes: int) -> int:
    """Tokens of the next step: all of `max_tokens`, or while an interactive request generates what fits `target_step_s`,
    never less than all decodes and one smallest chunk."""
    if not interactive_decodes:
        return config.max_tokens
    fits = step_time.tokens_within(config.target_step_s)
    if fits is None:
        return config.max_tokens
    return min(config.max_tokens, max(fits, decodes + config.min_chunk))


def alone_budget(config: SchedulerConfig, step_time: StepTime, decodes: int) -> int:
    """Of a step in which no interactive request generates yet, the tokens that batch rows may have."""
    fits = step_time.tokens_within(config.batch_step_s)
    return config.max_tokens if fits is None else min(config.max_tokens, max(fits, decodes + 2 * config.min_chunk))


def batch_allowance(config: SchedulerConfig, step_time: StepTime, interactive_decodes: int) -> float:
    """Of a step in which `interactive_decodes` requests generate, the tokens that batch rows may have on average: what makes
    it `slowdown` times as long, as far as steps are linear (see Pace). Less than `min_batch` means that many in some steps and
    none in others."""
    least = config.min_batch / config.quiet_every
    line = step_time.line()
    if line is None:
        return least
    base, per_token = line
    return max(least, (config.slowdown - 1) * (base + per_token * interactive_decodes) / per_token)
