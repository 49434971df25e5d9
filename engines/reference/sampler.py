"""Sampling as `engines.api.sampling.SamplerParams` writes it down, in that order, on the host.

Rows that only want the most likely token are done together; the others one by one. One case the order leaves open: where
`min_tokens` and the grammar together leave nothing (the grammar is complete and allows stop ids only), the grammar wins.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engines.api.errors import ContractError
from engines.api.random import gumbel_below, gumbel_each
from engines.api.sampling import Sampled, SamplerParams, TokenMasks
from engines.reference import filters
from engines.reference.slots import SlotState

Float32 = NDArray[np.float32]
Bits = NDArray[np.uint32]

# Bounds of `engines.api.random.gumbel`, from the least and the greatest u = 2^-24 and 1 - 2^-24, rounded outwards.
_GUMBEL_MIN = -2.82
_GUMBEL_MAX = 16.65
# Candidates up to which a row's noise is made id by id; beyond, that of all ids is cheaper.
_FEW = 2048


def sample(
    logits: Float32, slots: Sequence[SlotState], positions: Sequence[int], masks: TokenMasks | None = None
) -> Sampled:
    """One token per row of `logits` [L, vocab]; the slots' counts are left alone. `positions`: where each token will stand."""
    tokens = np.empty(len(logits), np.int32)
    allowed = _allowed(masks, len(logits), logits.shape[1])
    plain = [i for i, state in enumerate(slots) if i not in allowed and _is_greedy(state, positions[i])]
    if plain:
        rows = logits if len(plain) == len(logits) else logits[plain]
        tokens[plain] = rows.argmax(axis=1)
    drawn: list[_Draw] = []
    for i in sorted(set(range(len(logits))).difference(plain)):
        x = _adjusted(logits[i], slots[i], positions[i], allowed.get(i))
        if slots[i].params.temperature == 0:
            tokens[i] = x.argmax()
        else:
            drawn.append(_Draw(i, slots[i].params, positions[i], *_candidates(x, slots[i].params)))
    _draw(drawn, tokens)
    return _with_logprobs(tokens, logits, [state.params.logprobs for state in slots])


@dataclass(frozen=True, slots=True)
class _Draw:
    """A row whose token is still to be drawn among the candidates `ids`, ascending, with tempered `logits`."""

    row: int
    params: SamplerParams
    position: int
    ids: NDArray[np.int64]
    logits: Float32


def _draw(rows: Sequence[_Draw], tokens: NDArray[np.int32]) -> None:
    """Gumbel-max. Rows with few candidates get their noise together: most of its cost is in the calls."""
    few = [row for row in rows if len(row.ids) <= _FEW]
    if few:
        counts = [len(row.ids) for row in few]
        noise = gumbel_each(
            np.repeat(np.array([row.params.seed & 0xFFFFFFFFFFFFFFFF for row in few], np.uint64), counts),
            np.repeat(np.array([row.position for row in few]), counts),
            np.repeat(np.array([row.params.sample_index for row in few]), counts),
            np.concatenate([row.ids for row in few]),
        )
        for row, part in zip(few, np.split(noise, np.cumsum(counts)[:-1]), strict=True):
            tokens[row.row] = row.ids[np.argmax(row.logits + part)]
    for row in rows:
        if len(row.ids) > _FEW:
            noise = gumbel_below(row.params.seed, row.position, row.params.sample_index, int(row.ids[-1]) + 1)
            tokens[row.row] = row.ids[np.argmax(row.logits + noise[row.ids])]


def _allowed(masks: TokenMasks | None, count: int, vocab: int) -> dict[int, Bits]:
    if masks is None:
        return {}
    if masks.bits.dtype != np.uint32 or masks.bits.shape != (len(masks.rows), -(-vocab // 32)):
        raise ContractError(f"Grammar masks are uint32 [{len(masks.rows)}, {-(-vocab // 32)}], not {masks.bits.shape}.")
    rows = masks.rows.tolist()
    if len(set(rows)) != len(rows) or any(not 0 <= row < count for row in rows):
        raise ContractError(f"Grammar masks name logit rows {rows}; the step has {count}.")
    return dict(zip(rows, masks.bits, strict=True))


def _is_greedy(state: SlotState, position: int) -> bool:
    p = state.params
    return (
        p.temperature == 0
        and state.seen is None
        and state.counts is None
        and not p.logit_bias
        and not _too_short(state, position)
    )


def _too_short(state: SlotState, position: int) -> bool:
    return bool(state.params.stop_ids) and position - state.prompt_len < state.params.min_tokens


def _candidates(x: Float32, p: SamplerParams) -> tuple[NDArray[np.int64], Float32]:
    """Steps 5 and 6 on a row that may be overwritten: ids that are left, ascending, and their tempered logits. At least one."""
    x /= np.float32(p.temperature)
    ids = np.flatnonzero(x > -np.inf)
    if len(ids) == 0:  # NaN everywhere: the model has diverged, any token is as good
        return np.zeros(1, np.int64), np.zeros(1, np.float32)
    if len(ids) < len(x):
        x = x[ids]
    for keep in _filters(p):
        left = keep(x)
        ids, x = ids[left], x[left]
    # A token so far below the best that no noise can lift it above is left out before its noise is made.
    reach = np.flatnonzero(x >= x.max() - np.float32(_GUMBEL_MAX - _GUMBEL_MIN))
    if 0 < len(reach) < len(ids):
        ids, x = ids[reach], x[reach]
    return ids, x


def _filters(p: SamplerParams) -> list[filters.Filter]:
    chosen: list[filters.Filter] = []
    if p.top_k > 0:
        chosen.append(lambda x: filters.top_k(x, p.top_k))
    if p.top_p < 1:
        chosen.append(lambda x: filters.top_p(x, p.top_p))
    if p.min_p > 0:
        chosen.append(lambda x: filters.min_p(x, p.min_p))
    if p.typical_p < 1:
        chosen.append(lambda x: filters.typical(x, p.typical_p))
    return chosen


def _adjusted(logits: Float32, state: SlotState, position: int, bits: Bits | None) -> Float32:
    """Steps 1 to 4, on a copy."""
    p = state.params
    x = logits.copy()
    if state.seen is not None:
        penalty = np.float32(p.repetition_penalty)
        np.copyto(x, np.where(x > 0, x / penalty, x * penalty), where=state.seen)
    if state.counts is not None:
        used = np.flatnonzero(state.counts)
        x[used] -= np.float32(p.presence_penalty) + np.float32(p.frequency_penalty) * state.counts[used]
    for token, bias in p.logit_bias:
        x[token] += np.float32(bias)
    forbidden = None if bits is None else _forbidden(bits, len(x))
    if _too_short(state, position):
        stops = list(p.stop_ids)
        kept = x[stops]
        x[stops] = -np.inf
        if forbidden is not None and forbidden[np.isfinite(x)].all():
            x[stops] = kept
    if forbidden is not None:
        x[forbidden] = -np.inf
    return x


def _forbidden(bits: Bits, vocab: int) -> NDArray[np.bool_]:
    allowed = np.unpackbits(bits.astype("<u4").view(np.uint8), count=vocab, bitorder="little")
    if not allowed.any():
        raise ContractError("A grammar mask allows no token at all.")
    forbidden: NDArray[np.bool_] = allowed == 0
    return forbidden


def _with_logprobs(tokens: NDArray[np.int32], logits: Float32, wanted: Sequence[int | None]) -> Sampled:
    chosen = np.full(len(tokens), np.nan, np.float32)
    width = max((k for k in wanted if k is not None), default=0)
    top_ids = np.full((len(tokens), width), -1, np.int32)
    top = np.full((len(tokens), width), np.nan, np.float32)
    for i, k in enumerate(wanted):
        if k is None:
            continue
        row = logits[i].astype(np.float64)
        peak = float(row.max())
        norm = peak + math.log(float(np.exp(row - peak).sum()))
        chosen[i] = row[tokens[i]] - norm
        if k > 0:
            best = filters.top_k(logits[i], k)
            best = best[np.argsort(-logits[i][best], kind="stable")]
            top_ids[i, : len(best)] = best
            top[i, : len(best)] = row[best] - norm
    return Sampled(tokens, chosen, top_ids, top)
