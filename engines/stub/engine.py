"""StubEngine: a pool that stores token ids where a real engine stores keys and values.

The next token is a hash of every token that the row's page table leads to, mixed with the request's seed and the position.
So a wrong page, a lost copy, a stale slot or a row out of order changes the text, and reading a position that nobody wrote
is a ContractError. `check=False` leaves out reading back and checking: then it answers instantly, and what is measured is
everything around it.
"""

from __future__ import annotations

import time
import zlib
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engines.api import FROM_SLOT, Engine, EngineSpec, KVSpec, Sampled, SlotInit, StepPlan, TokenMasks
from engines.api.errors import ContractError, WeightError

_UNWRITTEN = -1


@dataclass(slots=True)
class StubStep:
    """A step on its way: the plan, the hash of each logit row, and the sampled ids once `sample` was called."""

    plan: StepPlan
    digests: list[int]
    ready_at: float
    ids: NDArray[np.int32] | None = None


class StubEngine(Engine):
    """`seconds_per_step` and `seconds_per_token` make `collect` wait as a device would; `stop_rate` is the share of
    sampled tokens that are `stop_id` (drawn by the same hash, so it is the same in every schedule). The last `keep_plans`
    plans are in `plans`."""

    def __init__(
        self,
        *,
        vocab_size: int = 1000,
        num_pages: int = 64,
        page_size: int = 16,
        num_slots: int = 8,
        max_tokens: int = 256,
        max_context: int = 4096,
        lookahead: int = 0,
        stop_id: int = 0,
        stop_rate: float = 0.0,
        seconds_per_step: float = 0.0,
        seconds_per_token: float = 0.0,
        check: bool = True,
        keep_plans: int = 100_000,
    ) -> None:
        kv = KVSpec(page_size, 4 * page_size, num_pages, "int32")
        self.spec = EngineSpec(
            model="stub",
            backend="stub",
            precision="int32",
            vocab_size=vocab_size,
            max_context=max_context,
            max_tokens=max_tokens,
            num_slots=num_slots,
            lookahead=lookahead,
            kv=kv,
            model_revision="stub",
        )
        self.plans: deque[StepPlan] = deque(maxlen=keep_plans if check else 1)
        self._pool = np.full((num_pages, page_size), _UNWRITTEN, np.int32)
        self._last: list[int] = [_UNWRITTEN] * num_slots
        self._inits: list[SlotInit | None] = [None] * num_slots
        self._stop_id = stop_id
        self._stop_below = int(stop_rate * 2**32)
        self._seconds = (seconds_per_step, seconds_per_token)
        self._check = check
        self._version = 0
        self._uncollected: deque[StubStep] = deque()

    @property
    def weight_version(self) -> int:
        return self._version

    def init_slot(self, init: SlotInit) -> None:
        self._inits[init.slot] = init
        self._last[init.slot] = _UNWRITTEN

    def forward(self, plan: StepPlan) -> StubStep:
        if len(self._uncollected) > self.spec.lookahead:
            raise ContractError(f"{len(self._uncollected)} steps are in flight at lookahead {self.spec.lookahead}.")
        per_step, per_token = self._seconds
        ready_at = time.perf_counter() + per_step + per_token * plan.num_tokens if per_step or per_token else 0.0
        if self._uncollected and ready_at:
            ready_at = max(ready_at, self._uncollected[-1].ready_at + per_step)
        step = StubStep(plan, self._run(plan) if self._check else plan.kv_len[plan.logit_row].tolist(), ready_at)
        self.plans.append(plan)
        self._uncollected.append(step)
        return step

    def _run(self, plan: StepPlan) -> list[int]:
        """Apply copies, write tokens, and hash what each logit row's page table leads to."""
        spec = self.spec
        size = spec.kv.page_size
        plan.check(page_size=size, num_pages=spec.kv.num_pages, num_slots=spec.num_slots, vocab_size=spec.vocab_size)
        if plan.num_tokens > spec.max_tokens:
            raise ContractError(f"{plan.num_tokens} tokens in a step of at most {spec.max_tokens}.")
        for source, destination in plan.page_copies.tolist():
            self._pool[destination] = self._pool[source]
        for row in range(plan.num_rows):
            packed, pages, slot = plan.row_tokens(row), plan.row_pages(row), int(plan.slots[row])
            tokens = plan.tokens[packed].copy()
            if tokens[-1] == FROM_SLOT:
                if self._last[slot] == _UNWRITTEN:
                    raise ContractError(f"Slot {slot} has no sampled token to go on from.")
                tokens[-1] = self._last[slot]
            positions = plan.positions[packed]
            self._pool[pages[positions // size], positions % size] = tokens
        digests = []
        for row in plan.logit_row.tolist():
            context = self._pool[plan.row_pages(row)].reshape(-1)[: int(plan.kv_len[row])]
            if (context == _UNWRITTEN).any():
                raise ContractError(f"Row {row} reads a position that nobody wrote.")
            digests.append(zlib.crc32(context.tobytes()))
        return digests

    def sample(self, step: StubStep, masks: TokenMasks | None = None) -> None:
        if step.ids is not None:
            raise ContractError("A step was sampled twice.")
        plan = step.plan
        masked = dict(zip(masks.rows.tolist(), masks.bits, strict=True)) if masks else {}
        ids = np.empty(plan.num_logits, np.int32)
        for i, (row, digest) in enumerate(zip(plan.logit_row.tolist(), step.digests, strict=True)):
            slot = int(plan.slots[row])
            ids[i] = self._last[slot] = self._choose(slot, digest, int(plan.kv_len[row]), masked.get(i))
        step.ids = ids

    def _choose(self, slot: int, digest: int, position: int, bits: NDArray[np.uint32] | None) -> int:
        init = self._inits[slot]
        if init is None:
            raise ContractError(f"Slot {slot} was never set up.")
        params = init.params
        key = f"{digest}.{params.seed}.{params.sample_index}.{position}.{self._version}".encode()
        draw = zlib.crc32(key)
        token = draw % self.spec.vocab_size
        generated = position - len(init.prompt_ids)
        if zlib.adler32(key) * 2654435761 % 2**32 < self._stop_below:
            token = self._stop_id
        if bits is not None:
            allowed = np.flatnonzero(np.unpackbits(bits.view(np.uint8), bitorder="little"))
            token = int(allowed[draw % len(allowed)])
        if token in params.stop_ids and generated < params.min_tokens:
            token = next(i for i in range(self.spec.vocab_size) if i not in params.stop_ids)
        return token

    def collect(self, step: StubStep) -> Sampled:
        if step.ids is None or not self._uncollected or self._uncollected.popleft() is not step:
            raise ContractError("Steps are collected once each, in order, after sampling.")
        wait = step.ready_at - time.perf_counter() if step.ready_at else 0.0
        if wait > 0:
            time.sleep(wait)
        return self._sampled(step.plan, step.ids)

    def _sampled(self, plan: StepPlan, ids: NDArray[np.int32]) -> Sampled:
        wanted = [init.params.logprobs for slot in plan.slots.tolist() if (init := self._inits[slot])]
        most = max((count for count in wanted if count is not None), default=0)
        shape = (len(ids), most)
        return Sampled(
            ids, np.zeros(len(ids), np.float32), np.broadcast_to(ids[:, None], shape), np.zeros(shape, np.float32)
        )

    def update_weights(self, tensors: Mapping[str, NDArray[np.generic]]) -> int:
        if self._uncollected:
            raise ContractError("Weights change between steps only.")
        if set(tensors) != {"stub"}:
            raise WeightError("The stub engine has one tensor, named stub.")
        self._version += 1
        return self._version

    def close(self) -> None:
        self._uncollected.clear()
