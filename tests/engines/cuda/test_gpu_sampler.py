"""The sampler on a device against the reference's, row by row on the same logits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from engines.api import PlanRow, SamplerParams, SlotInit, StepPlan, TokenMasks
from engines.cuda.memory import StagingRing
from engines.cuda.sampling import Sampler
from engines.cuda.slots import Slots
from engines.reference import sampler as reference
from engines.reference.slots import SlotState

pytestmark = pytest.mark.gpu


def case(i: int, vocab: int, rng: np.random.Generator) -> SamplerParams:
    """A mix of everything, by number."""
    pick = lambda *options: options[int(rng.integers(len(options)))]  # noqa: E731
    ids = [int(x) for x in rng.choice(vocab, 5, replace=False)]
    return SamplerParams(
        temperature=pick(0.0, 0.7, 1.0, 1.3),
        top_k=pick(0, 0, 1, 5, 50, vocab + 1),
        top_p=pick(1.0, 1.0, 0.1, 0.9, 0.99),
        min_p=pick(0.0, 0.0, 0.05),
        typical_p=pick(1.0, 1.0, 0.5, 0.95),
        repetition_penalty=pick(1.0, 1.0, 1.3),
        presence_penalty=pick(0.0, 0.0, 0.5),
        frequency_penalty=pick(0.0, 0.0, 0.5),
        logit_bias=pick((), ((ids[0], 5.0), (ids[1], -100.0), (ids[0], 1.0))),
        min_tokens=pick(0, 8),
        stop_ids=(ids[2], ids[3]),
        seed=int(rng.integers(2**63)),
        sample_index=i % 3,
        logprobs=pick(None, None, 0, 1, 20),
    )


@pytest.mark.parametrize(("vocab", "rows"), [(97, 19), (1003, 99), (4096, 64), (32000, 99), (128256, 33)])
@pytest.mark.parametrize("masked", [False, True])
def test_sampler(gpu: Any, vocab: int, rows: int, masked: bool) -> None:
    rng = np.random.default_rng(vocab + rows)
    stride = -(-vocab // 8) * 8
    logits = np.full((rows, stride), np.nan, np.float32)
    logits[:, :vocab] = rng.standard_normal((rows, vocab)) * rng.choice([1.0, 3.0, 6.0], (rows, 1))
    logits[rows // 2, : vocab // 2] = logits[rows // 2, 0]  # many equals
    staging = StagingRing(gpu.driver, gpu.memory, gpu.stream, 4, 1 << 20)
    slots = Slots(rows, vocab, gpu.memory, staging)
    states = []
    starts = rng.integers(1, 9, rows)
    for i in range(rows):
        prompt, output = (rng.integers(0, vocab, n).astype(np.int32) for n in (starts[i], rng.integers(0, 12)))
        init = SlotInit(i, case(i, vocab, rng), prompt, output)
        slots.init(init)
        states.append(SlotState(init, vocab))
    order = rng.permutation(rows).astype(np.int32)
    lengths = rng.integers(8, 16, rows).tolist()
    plan = StepPlan.build(
        1,
        [
            PlanRow(int(s), n - 1, np.zeros(1, np.int32), np.array([1], np.int32), True, True)
            for s, n in zip(order, lengths, strict=True)
        ],
    )
    made = Sampler(
        gpu.driver, gpu.memory, staging, gpu.modules, gpu.stream, slots, plan=gpu.put(plan.buffer), logits=gpu.put(logits),
        stride=stride, vocab=vocab, max_rows=rows, max_top=32,
    )  # fmt: skip
    count, records = slots.flush()
    gpu.kernel("step", "init_slots")((count, 1, 1), 32, records, slots.params, slots.last_token)
    masks = None
    if masked:
        chosen = rng.permutation(rows)[: rows // 2].astype(np.int32)
        bits = rng.integers(0, 2**32, (len(chosen), -(-vocab // 32)), dtype=np.uint32)
        if vocab % 32:
            bits[:, -1] &= np.uint32((1 << vocab % 32) - 1)
        masks = TokenMasks(chosen, bits)
    found = made.collect(made.enqueue(plan.slots, plan.kv_len, masks))
    ordered = [states[s] for s in order]
    wanted = reference.sample(logits[:, :vocab].copy(), ordered, plan.kv_len.tolist(), masks)
    wrong = np.flatnonzero(found.token_ids != wanted.token_ids)
    detail = [(int(i), found.token_ids[i], wanted.token_ids[i], ordered[i].params) for i in wrong]
    assert len(wrong) <= rows // 100, detail  # a border of top-p decided by the last bit of a sum
    same = found.token_ids == wanted.token_ids
    np.testing.assert_allclose(found.logprobs[same], wanted.logprobs[same], atol=2e-4)
    np.testing.assert_array_equal(found.top_ids, wanted.top_ids)
    np.testing.assert_allclose(found.top_logprobs, wanted.top_logprobs, atol=2e-4)
    np.testing.assert_array_equal(gpu.get(slots.last_token, (rows,), np.int32)[order], found.token_ids)
    for i, slot in enumerate(order):
        state = states[slot]
        if state.seen is not None or state.counts is not None:
            bits16 = gpu.get(slots._counts[int(slot)], (vocab,), np.uint16)
            assert bits16[found.token_ids[i]] & 0x8000
            if state.counts is not None:
                state.count(int(found.token_ids[i]))
                np.testing.assert_array_equal(bits16 & 0x7FFF, state.counts)
    made.close()


@pytest.mark.parametrize(("vocab", "rows"), [(97, 1), (1003, 19), (128256, 1), (128256, 99)])
def test_plain_argmax(gpu: Any, vocab: int, rows: int) -> None:
    rng = np.random.default_rng(vocab)
    stride = -(-vocab // 8) * 8
    logits = np.full((rows, stride), np.nan, np.float32)
    logits[:, :vocab] = rng.integers(-50, 50, (rows, vocab))  # many equals: the lowest id wins
    staging = StagingRing(gpu.driver, gpu.memory, gpu.stream, 4, 1 << 20)
    slots = Slots(rows, vocab, gpu.memory, staging)
    for i in range(rows):
        slots.init(SlotInit(i, SamplerParams(temperature=0), np.array([1], np.int32), np.zeros(0, np.int32)))
    plan = StepPlan.build(
        1, [PlanRow(i, 3, np.zeros(1, np.int32), np.array([1], np.int32), True, True) for i in range(rows)]
    )
    made = Sampler(
        gpu.driver, gpu.memory, staging, gpu.modules, gpu.stream, slots, plan=gpu.put(plan.buffer), logits=gpu.put(logits),
        stride=stride, vocab=vocab, max_rows=rows, max_top=32,
    )  # fmt: skip
    count, records = slots.flush()
    gpu.kernel("step", "init_slots")((count, 1, 1), 32, records, slots.params, slots.last_token)
    for _ in range(3):
        found = made.collect(made.enqueue(plan.slots, plan.kv_len, None))
        np.testing.assert_array_equal(found.token_ids, logits[:, :vocab].argmax(axis=1))
    made.close()
