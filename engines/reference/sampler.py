"""Sampling as `engines.api.sampling.SamplerParams` writes it down, in that order, on the host.

Rows that only want the most likely token are done together; the others one by one. One case the order leaves open: where
`min_tokens` and the grammar together leave nothing (the grammar is complete and allows stop ids only), the grammar wins.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from engines.api.errors import ContractError
from engines.api.random import gumbel
from engines.api.sampling import Sampled, SamplerParams, TokenMasks
from engines.reference import filters
from engines.reference.slots import SlotState

Float32 = NDArray[np.float32]
Bits = NDArray[np.uint32]

# Bounds of `engines.api.random.gumbel`, from the least and the greatest u = 2^-24 and 1 - 2^-24, rounded outwards.
_GUMBEL_MIN = -2.82
_GUMBEL_MAX = 16.65


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
    for i in sorted(set(range(len(logits))).difference(plain)):
        tokens[i] = _sample_row(logits[i], slots[i], positions[i], allowed.get(i))
    return _with_logprobs(tokens, logits, [state.params.logprobs for state in slots])


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


def _sample_row(logits: Float32, state: SlotState, position: int, bits: Bits | None) -> int:
    p = state.params
    x = _adjusted(logits, state, position, bits)
    if p.temperature == 0:
        return int(x.argmax())
    x /= np.float32(p.temperature)
    ids = np.flatnonzero(x > -np.inf)
    if len(ids) < len(x):
        x = x[ids]
    if len(ids) == 0:  # NaN everywhere: the model has diverged, any token is as good
        return 0
    for keep in _filters(p):
        left = keep(x)
        ids, x = ids[left], x[left]
    # A token so far below the best that no noise can lift it above is left out before its noise is made.
    reach = np.flatnonzero(x >= x.max() - np.float32(_GUMBEL_MAX - _GUMBEL_MIN))
    if 0 < len(reach) < len(ids):
        ids, x = ids[reach], x[reach]
    return int(ids[np.argmax(x + gumbel(p.seed, position, p.sample_index, ids))])


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
