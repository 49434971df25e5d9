"""The engine on NumPy."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from engines.api.engine import Engine, EngineSpec, KVSpec
from engines.api.errors import ContractError, OutOfMemory, UnsupportedError
from engines.api.plan import FROM_SLOT, StepPlan
from engines.api.sampling import Sampled, SlotInit, TokenMasks
from engines.network.schemes import precision
from engines.passes import compile_program
from engines.reference import sampler
from engines.reference.kv import KVPool, bytes_per_page
from engines.reference.program import Runner
from engines.reference.slots import Slots
from engines.reference.step import RopeTables, Step
from engines.reference.weights import Parameters
from engines.reference.workers import Workers
from engines.weights.loaded import LoadedModel


class ReferenceEngine(Engine):
    """A model on the CPU, weights and cache in float32 (`kv_dtype` "auto") or the cache in FP8 ("fp8").

    `lookahead` is 0: every call does its work before it returns, so the loop is plan, `forward`, `sample`, `collect`, then
    the next plan. A step's handle is alive until `collect`.

    Give `num_pages` (the dummy page included) or `kv_bytes`, the most that the KV pool may take. `threads`: None for the cores
    this process may use; results do not depend on it. Weights are copied: `model` may be closed once this returns.
    """

    def __init__(
        self,
        model: LoadedModel,
        *,
        num_pages: int | None = None,
        kv_bytes: int | None = None,
        page_size: int = 16,
        num_slots: int = 64,
        max_tokens: int = 512,
        threads: int | None = None,
        kv_dtype: str = "auto",
    ) -> None:
        if kv_dtype not in ("auto", "fp32", "fp8"):
            raise UnsupportedError(f"The reference backend has a KV cache of fp32 or fp8, not {kv_dtype!r}.")
        kv_dtype = "fp32" if kv_dtype == "auto" else kv_dtype
        if (num_pages is None) == (kv_bytes is None):
            raise ContractError("Give either num_pages or kv_bytes.")
        if page_size < 1 or num_slots < 1 or max_tokens < 1:
            raise ContractError("page_size, num_slots and max_tokens are at least 1.")
        program = compile_program(model.network, model.schemes)
        layers = sorted(program.network.attention_layers(), key=lambda op: op.layer)
        page_bytes = bytes_per_page(layers, page_size, kv_dtype)
        pages = num_pages if num_pages is not None else (kv_bytes or 0) // page_bytes
        if pages < 2:
            raise OutOfMemory(
                f"The KV cache needs at least two pages of {page_bytes} bytes and was given {kv_bytes or pages * page_bytes} "
                f"bytes; give it more memory."
            )
        self.spec = EngineSpec(
            model=model.family,
            backend="reference",
            precision=precision(model.schemes) or "fp32",
            vocab_size=model.config.vocab_size,
            max_context=model.config.max_context,
            max_tokens=max_tokens,
            num_slots=num_slots,
            lookahead=0,
            kv=KVSpec(page_size, page_bytes, pages, kv_dtype),
            model_revision=model.revision,
        )
        self._workers = Workers(threads)
        self._params: Parameters | None = Parameters(model)
        self._pool = KVPool(layers, pages, page_size, kv_dtype, model.kv_scales)
        self._ropes = RopeTables(min(model.config.max_context, (pages - 1) * page_size))
        self._slots = Slots(num_slots, model.config.vocab_size)
        self._runner = Runner(program, self._params, self._pool, self._workers)
        self._weight_version = 0

    @property
    def weight_version(self) -> int:
        return self._weight_version

    def init_slot(self, init: SlotInit) -> None:
        self._alive()
        self._slots.init(init)

    def forward(self, plan: StepPlan) -> Step:
        """Run the step. Raises ContractError before anything is changed if the plan is malformed."""
        self._alive()
        spec = self.spec
        plan.check(
            page_size=spec.kv.page_size,
            num_pages=spec.kv.num_pages,
            num_slots=spec.num_slots,
            vocab_size=spec.vocab_size,
        )
        if plan.num_tokens > spec.max_tokens:
            raise ContractError(f"A step of {plan.num_tokens} tokens; this engine takes {spec.max_tokens}.")
        if int(plan.kv_len.max()) > spec.max_context:
            raise ContractError(f"A row of {plan.kv_len.max()} tokens; the model's context is {spec.max_context}.")
        tokens = plan.tokens.copy()
        last = plan.query_start[1:] - 1
        tokens[last] = np.where(tokens[last] == FROM_SLOT, self._slots.last_token[plan.slots], tokens[last])
        # Numbers outside float32 are the model's affair: they come out as inf or NaN logits, not as warnings.
        with np.errstate(all="ignore"):
            self._pool.copy_pages(plan.page_copies)
            step = Step(plan, tokens, self._pool.claim(plan), spec.kv.page_size, self._ropes, self._workers.threads)
            step.logits = self._runner(step)
        return step

    def sample(self, step: Step, masks: TokenMasks | None = None) -> None:
        self._alive()
        if step.logits is None:
            raise ContractError("A step is sampled once, after its forward.")
        plan = step.plan
        slots = plan.slots[plan.logit_row].tolist()
        states = [self._slots[slot] for slot in slots]
        with np.errstate(all="ignore"):
            step.sampled = sampler.sample(step.logits, states, plan.kv_len[plan.logit_row].tolist(), masks)
        step.logits = None
        for slot, state, token in zip(slots, states, step.sampled.token_ids.tolist(), strict=True):
            self._slots.last_token[slot] = token
            state.count(token)

    def collect(self, step: Step) -> Sampled:
        self._alive()
        if step.sampled is None:
            raise ContractError("A step is collected once, after it was sampled.")
        sampled, step.sampled = step.sampled, None
        return sampled

    def update_weights(self, tensors: Mapping[str, NDArray[np.generic]]) -> int:
        params = self._alive()
        params.write(params.check(tensors))
        self._weight_version += 1
        return self._weight_version

    def close(self) -> None:
        if self._params is not None:
            self._workers.close()
            self._params = None
            del self._runner, self._pool, self._slots, self._ropes

    def _alive(self) -> Parameters:
        if self._params is None:
            raise ContractError("The engine is closed.")
        return self._params
