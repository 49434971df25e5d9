"""Every sampler parameter, in the order that `SamplerParams` writes down."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from engines.api import Sampled, SamplerParams, SlotInit, TokenMasks
from engines.api.errors import ContractError
from engines.api.random import gumbel
from engines.reference.sampler import sample
from engines.reference.slots import Slots, SlotState

VOCAB = 99


def state(prompt: list[int] | None = None, output: list[int] | None = None, **params: Any) -> SlotState:
    slots = Slots(1, VOCAB)
    prompt = [5] if prompt is None else prompt
    slots.init(SlotInit(0, SamplerParams(**params), np.array(prompt, np.int32), np.array(output or [], np.int32)))
    return slots[0]


def row(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(VOCAB).astype(np.float32) * 2


def draw(logits: np.ndarray, slot: SlotState, count: int, first: int = 1) -> np.ndarray:
    """Tokens sampled at `count` positions in turn."""
    rows = np.broadcast_to(logits, (count, VOCAB)).copy()
    return sample(rows, [slot] * count, list(range(first, first + count))).token_ids


def greedy(logits: np.ndarray, slot: SlotState, position: int = 1, masks: TokenMasks | None = None) -> int:
    return int(sample(logits[None], [slot], [position], masks).token_ids[0])


def mask_of(rows: dict[int, list[int]]) -> TokenMasks:
    bits = np.zeros((len(rows), -(-VOCAB // 32)), np.uint32)
    for i, allowed in enumerate(rows.values()):
        for token in allowed:
            bits[i, token // 32] |= np.uint32(1 << (token % 32))
    return TokenMasks(np.array(list(rows), np.int32), bits)


def frequencies_agree(tokens: np.ndarray, probs: np.ndarray) -> bool:
    """Each count within five standard deviations of its binomial expectation (and one)."""
    counts = np.bincount(tokens, minlength=len(probs))
    expected = probs * len(tokens)
    return bool((np.abs(counts - expected) <= 5 * np.sqrt(expected * (1 - probs)) + 1).all())


def softmax(x: np.ndarray) -> np.ndarray:
    weights = np.exp(x.astype(np.float64) - float(x.max()))
    return weights / weights.sum()


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_frequencies_are_softmax_of_the_tempered_logits(temperature: float) -> None:
    tokens = draw(row(), state(temperature=temperature, seed=7), 6000)
    assert frequencies_agree(tokens, softmax(row() / temperature))
    assert not frequencies_agree(tokens, softmax(row() / temperature * 1.3))


@pytest.mark.parametrize(
    "params", [{"top_k": 5}, {"top_p": 0.7}, {"min_p": 0.2}, {"typical_p": 0.6}, {"top_k": 30, "top_p": 0.8, "min_p": 0.1}]
)  # fmt: skip
def test_filtered_frequencies_are_the_renormalized_rest(params: dict[str, Any]) -> None:
    """Filters see tempered logits, each what the one before left, renormalized."""
    x = row(3) / np.float32(0.8)
    probs = softmax(x)
    if "top_k" in params:
        probs[np.argsort(-probs)[params["top_k"] :]] = 0
        probs /= probs.sum()
    if "top_p" in params:
        order = np.argsort(-probs)
        probs[order[int((np.cumsum(probs[order]) < params["top_p"]).sum()) + 1 :]] = 0
        probs /= probs.sum()
    if "min_p" in params:
        probs[probs < params["min_p"] * probs.max()] = 0
        probs /= probs.sum()
    if "typical_p" in params:
        distance = np.abs(-np.log(probs) + (probs * np.log(probs)).sum())
        order = np.argsort(distance)
        probs[order[int((np.cumsum(probs[order]) < params["typical_p"]).sum()) + 1 :]] = 0
        probs /= probs.sum()
    tokens = draw(row(3), state(temperature=0.8, seed=3, **params), 3000)
    assert set(tokens.tolist()) <= set(np.flatnonzero(probs).tolist())
    assert frequencies_agree(tokens, probs)


def test_a_sample_is_the_argmax_of_logits_and_published_noise() -> None:
    x = row(1)
    for position in range(1, 50):
        noise = gumbel(123456789012345, position, 2, np.arange(VOCAB))
        slot = state(temperature=0.7, seed=123456789012345, sample_index=2)
        assert greedy(x, slot, position) == int(np.argmax(x / np.float32(0.7) + noise))


def test_pruning_before_the_noise_changes_no_token() -> None:
    """A very peaked and very long-tailed row, against noise over every id."""
    rng = np.random.default_rng(0)
    for seed in range(300):
        x = (rng.standard_normal(VOCAB) * rng.choice([1, 8, 30])).astype(np.float32)
        expected = int(np.argmax(x + gumbel(seed, 9, 0, np.arange(VOCAB))))
        assert greedy(x, state(seed=seed), 9) == expected


def test_a_row_samples_the_same_in_any_company() -> None:
    states = [state(temperature=0), state(seed=1), state(seed=2, top_p=0.5), state(temperature=0, presence_penalty=1.0)]
    logits = np.stack([row(i) for i in range(4)])
    together = sample(logits, states, [9, 8, 7, 6]).token_ids.tolist()
    assert together == [greedy(logits[i], states[i], 9 - i) for i in range(4)]


def test_greedy_takes_the_lowest_id_of_equals_and_ignores_filters() -> None:
    x = np.zeros(VOCAB, np.float32)
    x[[40, 7, 90]] = 3
    assert greedy(x, state(temperature=0, top_k=1, top_p=0.01, seed=4)) == 7
    assert greedy(x, state(temperature=0, logit_bias=((3, 0.5),))) == 7


def test_repetition_penalty_divides_positive_and_multiplies_negative_logits() -> None:
    x = np.full(VOCAB, -4, np.float32)
    x[3], x[9], x[30], x[31] = 3.0, 1.4, 1.6, -1.0
    # 3 / 2 = 1.5 is still above 1.4, and not above 1.6; prompt and output count alike.
    assert greedy(x, state([3], [30], temperature=0, repetition_penalty=2.0)) == 3
    assert greedy(x, state([3], temperature=0, repetition_penalty=2.0)) == 30
    assert greedy(x, state([5], [3], temperature=0, repetition_penalty=2.0)) == 30
    low = np.full(VOCAB, -4, np.float32)
    low[31], low[32] = -1.0, -1.5
    assert greedy(low, state([31], temperature=0, repetition_penalty=1.4)) == 31
    assert greedy(low, state([31], temperature=0, repetition_penalty=2.0)) == 32


def test_presence_and_frequency_count_output_only() -> None:
    x = np.full(VOCAB, -4, np.float32)
    x[3], x[9] = 3.0, 2.0
    assert greedy(x, state([3, 3, 3], temperature=0, presence_penalty=1.5)) == 3
    assert greedy(x, state([5], [3], temperature=0, presence_penalty=0.9)) == 3
    assert greedy(x, state([5], [3], temperature=0, presence_penalty=1.5)) == 9
    assert greedy(x, state([5], [3], temperature=0, frequency_penalty=0.4)) == 3
    assert greedy(x, state([5], [3, 3, 3], temperature=0, frequency_penalty=0.4)) == 9
    assert greedy(x, state([5], [3, 9, 9], temperature=0, presence_penalty=-1.0)) == 3


def test_counts_follow_what_is_sampled() -> None:
    x = np.full(VOCAB, -4, np.float32)
    x[3], x[9] = 3.0, 2.0
    slot = state(temperature=0, frequency_penalty=0.6)
    chosen = []
    for position in range(1, 7):
        chosen.append(greedy(x, slot, position))
        slot.count(chosen[-1])
    assert chosen == [3, 3, 9, 3, 9, 3] or chosen == [3, 3, 9, 3, 3, 9]
    counted = [sum(1 for t in chosen[:i] if t == 3) for i in range(6)]
    expected = [3 if 3 - 0.6 * a > 2 - 0.6 * (i - a) else 9 for i, a in enumerate(counted)]
    assert chosen == expected


def test_bias_comes_after_penalties_and_before_the_mask() -> None:
    x = np.full(VOCAB, -4, np.float32)
    x[3], x[9] = 2.0, 1.0
    # 2 / 2 + 1.5 = 2.5 beats 1 + 1.4; were the bias penalized too, (2 + 1.5) / 2 = 1.75 would lose.
    slot = state([3], temperature=0, repetition_penalty=2.0, logit_bias=((3, 1.5), (9, 1.4)))
    assert greedy(x, slot) == 3
    assert greedy(x, slot, masks=mask_of({0: [9, 50]})) == 9
    assert greedy(x, state(temperature=0, logit_bias=((3, -100.0),))) == 9


def test_stop_ids_wait_for_min_tokens() -> None:
    x = np.full(VOCAB, -4, np.float32)
    x[3], x[4], x[9] = 3.0, 2.5, 2.0
    slot = state([1, 2], temperature=0, min_tokens=3, stop_ids=(3, 4))
    # The token at position p is number p - 2 + 1 of the output: the first three may not stop.
    assert [greedy(x, slot, position) for position in (2, 3, 4, 5, 6)] == [9, 9, 9, 3, 3]
    drawn = draw(x, state([1, 2], min_tokens=1000, stop_ids=(3, 4), seed=5), 900, first=2)
    assert not np.isin(drawn, [3, 4]).any()


def test_masks_leave_only_what_they_allow() -> None:
    logits = np.stack([row(1), row(2), row(3)])
    states = [state(temperature=0), state(seed=3), state(temperature=0)]
    free = sample(logits, states, [5, 5, 5]).token_ids
    for position in range(5, 40):
        masked = sample(logits, states, [position] * 3, mask_of({2: [0, 98], 1: [31, 32, 64]})).token_ids
        assert masked[0] == free[0]
        assert masked[1] in (31, 32, 64)
        assert masked[2] == (0 if logits[2, 0] >= logits[2, 98] else 98)


def test_a_complete_grammar_may_stop_before_min_tokens() -> None:
    slot = state([1], temperature=0, min_tokens=50, stop_ids=(3, 4))
    assert greedy(row(), slot, masks=mask_of({0: [3]})) == 3
    assert greedy(row(), slot, masks=mask_of({0: [3, 70]})) == 70


def test_masks_that_cannot_be_used_are_named() -> None:
    with pytest.raises(ContractError, match="no token at all"):
        greedy(row(), state(temperature=0), masks=mask_of({0: []}))
    with pytest.raises(ContractError, match="name logit rows"):
        greedy(row(), state(), masks=mask_of({1: [2]}))
    with pytest.raises(ContractError, match="uint32"):
        greedy(row(), state(), masks=TokenMasks(np.array([0], np.int32), np.zeros((1, 2), np.uint32)))


def test_logprobs_are_of_the_models_own_logits() -> None:
    logits = np.stack([row(1), row(2), row(3), row(4)])
    states = [
        state(temperature=0, logprobs=3),
        state(logprobs=None),
        state(temperature=0, logprobs=0, logit_bias=((17, 100.0),)),
        state(temperature=0.1, top_k=1, logprobs=5),
    ]
    got: Sampled = sample(logits, states, [5] * 4)
    assert got.top_ids.shape == got.top_logprobs.shape == (4, 5)
    for i, width in ((0, 3), (1, 0), (2, 0), (3, 5)):
        logprobs = np.log(softmax(logits[i]))
        best = np.argsort(-logits[i], kind="stable")[:width]
        assert got.top_ids[i].tolist() == best.tolist() + [-1] * (5 - width)
        np.testing.assert_allclose(got.top_logprobs[i, :width], logprobs[best], rtol=1e-6)
        assert np.isnan(got.top_logprobs[i, width:]).all()
        if i == 1:
            assert np.isnan(got.logprobs[i])
        else:
            np.testing.assert_allclose(got.logprobs[i], logprobs[got.token_ids[i]], rtol=1e-6)
    assert got.token_ids[2] == 17
    assert got.token_ids.dtype == np.int32


def test_nobody_asks_for_logprobs() -> None:
    got = sample(row()[None], [state(temperature=0)], [5])
    assert got.top_ids.shape == (1, 0)
    assert np.isnan(got.logprobs).all()
