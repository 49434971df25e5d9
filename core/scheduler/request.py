"""What the scheduler knows of a request (`Request`: one prompt, n samples) and of each sample (`Sequence`).

Lengths of a sequence, in tokens, always 0 <= cached <= computed <= planned <= total + pending <= max_total:

    0        cached     computed      planned       total    + pending
    |----------|-----------|-------------|------------|---------|
    KV taken   KV written, KV that steps  tokens whose  sampled by a step
    from the   confirmed   in flight      ids are known that is not yet
    prefix     by collect  will write                   collected (at most 2
    index                                               at lookahead 1)
"""

from __future__ import annotations

import enum
import itertools
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from core.errors import InternalError
from core.protocol import Outcome, Priority, Submit
from core.sampling import SamplingParams
from engines.api import TokenConstraint

Int32 = NDArray[np.int32]


class State(enum.Enum):
    WAITING = "waiting"  # no slot, no pages
    RUNNING = "running"  # holds a slot and pages
    FINISHED = "finished"  # over for the user; slot and pages go back once nothing of it is in flight


class Sequence:
    """One sample of a request."""

    __slots__ = (
        "arrival",
        "batch",
        "cached",
        "computed",
        "constraint",
        "hashes",
        "in_flight",
        "index",
        "live",
        "max_total",
        "num_pages",
        "pages",
        "pending",
        "planned",
        "preempting",
        "progress_step",
        "published",
        "quantum",
        "reached",
        "request",
        "slot",
        "state",
        "table",
        "tokens",
        "total",
    )

    def __init__(self, request: Request, index: int, capacity: int, constraint: TokenConstraint | None) -> None:
        self.request = request
        self.index = index
        self.arrival = request.arrival
        self.batch = request.priority is Priority.BATCH
        self.constraint = constraint
        prompt = request.prompt
        self.max_total = min(capacity, len(prompt) + (request.params.max_tokens or capacity))
        self.tokens: Int32 = np.zeros(len(prompt) + min(64, self.max_total - len(prompt)), np.int32)
        self.tokens[: len(prompt)] = prompt
        self.total = len(prompt)
        self.cached = self.computed = self.planned = self.pending = 0
        self.in_flight = 0  # steps not yet collected that hold a row of this sequence
        self.state = State.WAITING
        self.preempting = False  # goes back to waiting once nothing of it is in flight
        self.slot: int | None = None
        self.table: Int32 = np.zeros(16, np.int32)
        self.num_pages: int
        self.pages: Int32  # the page table, int32 [num_pages]: a view of `table`; rows of a plan copy it
        self._set_pages(0)
        self.published = 0  # leading pages already offered to the prefix index
        self.hashes: list[bytes] = []  # chain hashes of the leading full pages, as far as they were needed
        self.live = False  # the slot holds the last sampled token: the next row is a decode
        self.reached = 0  # most that `computed` ever was; kept for batch sequences only
        self.progress_step = 0  # the step that last raised `reached`, or its arrival
        self.quantum = 0  # promoted while > 0: ranks as interactive until `computed` reaches this

    @property
    def horizon(self) -> int:
        """Tokens known or being sampled: what can be computed, in flight or not."""
        return self.total + self.pending

    @property
    def output_len(self) -> int:
        return self.total - len(self.request.prompt)

    def add_pages(self, pages: list[int]) -> None:
        end = self.num_pages + len(pages)
        if end > len(self.table):
            self.table = np.concatenate(
                [self.table, np.zeros(max(end, 2 * len(self.table)) - len(self.table), np.int32)]
            )
        self.table[self.num_pages : end] = pages
        self._set_pages(end)

    def drop_pages(self) -> None:
        """Hold no page any more; whoever calls has given them back."""
        self._set_pages(0)

    def _set_pages(self, count: int) -> None:
        self.num_pages = count
        self.pages = self.table[:count]

    def append(self, token: int) -> None:
        """Take a sampled token."""
        if self.total == len(self.tokens):
            grown = np.zeros(min(2 * self.total, self.max_total), np.int32)
            grown[: self.total] = self.tokens
            self.tokens = grown
        self.tokens[self.total] = token
        self.total += 1

    def check(self) -> None:
        """The chain of lengths, and what each state holds. For tests and the idle check."""
        chain = (0, self.cached, self.computed, self.planned, self.horizon, self.max_total)
        if any(a > b for a, b in itertools.pairwise(chain)):
            raise InternalError(f"Lengths of sequence {self.request.id}.{self.index} are out of order: {chain}.")
        holds = self.slot is not None or self.num_pages > 0
        if (self.state is State.WAITING and holds) or (self.state is State.RUNNING and self.slot is None):
            raise InternalError(f"Sequence {self.request.id}.{self.index} is {self.state.value} with slot {self.slot}.")


@dataclass(slots=True, eq=False)
class Request:
    """One Submit: a prompt and its samples. `open`: samples not yet finished."""

    id: int
    prompt: Int32
    submit: Submit
    arrival: int
    stop_ids: frozenset[int]
    sequences: list[Sequence] = field(default_factory=list)
    open: int = 0
    cached_tokens: int | None = None
    output_tokens: int = 0
    progress: int = 0  # prompt tokens last told of as computed
    outcome: Outcome = Outcome.COMPLETED
    code: str = ""
    message: str = ""
    params: SamplingParams = field(init=False)

    def __post_init__(self) -> None:
        self.params = self.submit.params

    @property
    def priority(self) -> Priority:
        return self.submit.priority

    @property
    def client(self) -> str:
        return self.submit.client
