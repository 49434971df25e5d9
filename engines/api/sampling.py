"""What a slot needs to know to sample: parameters already checked by `core`, in numbers only (no text)."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class SamplerParams:
    """Per-row sampler parameters, applied in the order written here.

    1. `repetition_penalty` r (> 0, 1 = off) on every id seen in prompt or output: logit > 0 ? logit / r : logit * r
       (Keskar et al. 2019, CTRL). `presence_penalty` and `frequency_penalty` (OpenAI's definition): on output ids only,
       logit -= presence + frequency * count.
    2. `logit_bias`: (token id, bias) added.
    3. `stop_ids` are masked to -inf while fewer than `min_tokens` tokens have been generated.
    4. The row's grammar mask, if any.
    5. `temperature` t: logits / t. t = 0 is greedy: argmax of the logits after step 4, lowest id wins ties, and 6 to 7 are skipped.
    6. `top_k` (0 = off), then `top_p` (1 = off; smallest set with mass >= top_p, Holtzman et al. 2020), then `min_p`
       (0 = off; p >= min_p * max p), then `typical_p` (1 = off; Meister et al. 2022). Each works on what the one before left,
       renormalized, and always leaves at least one token.
    7. Gumbel-max: argmax(logit + gumbel(seed, position, sample_index, id)); see `engines.api.random`.

    `logprobs`: None, or k >= 0: return the log-probability of the chosen token and the k most likely, from log_softmax of
    the model's own logits, before step 1.
    """

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    typical_p: float = 1.0
    repetition_penalty: float = 1.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    logit_bias: tuple[tuple[int, float], ...] = ()
    min_tokens: int = 0
    stop_ids: tuple[int, ...] = ()
    seed: int = 0
    sample_index: int = 0
    logprobs: int | None = None


@dataclass(frozen=True, slots=True)
class SlotInit:
    """What an engine keeps per slot, handed over on admission, fork and re-admission, before the first row that names the slot.

    `prompt_ids` int32 [P] and `output_ids` int32 [O]: the tokens known so far (penalty counts; the number of generated
    tokens at position p is p - P).
    """

    slot: int
    params: SamplerParams
    prompt_ids: NDArray[np.int32]
    output_ids: NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class TokenMasks:
    """Grammar masks of one step. `rows` int32 [M]: indices into the plan's logit rows; `bits` uint32 [M, ceil(vocab / 32)]:
    bit `id % 32` of word `id // 32` is 1 where the token is allowed."""

    rows: NDArray[np.int32]
    bits: NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class Sampled:
    """The host copy of one step's results, in the order of the plan's logit rows.

    `token_ids` int32 [L]; `logprobs` float32 [L] (NaN where not asked); `top_ids` int32 [L, K] and `top_logprobs`
    float32 [L, K], K the largest `logprobs` of the step's rows (unused columns: id -1, NaN).
    """

    token_ids: NDArray[np.int32]
    logprobs: NDArray[np.float32]
    top_ids: NDArray[np.int32] = field(default_factory=lambda: np.zeros((0, 0), np.int32))
    top_logprobs: NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, 0), np.float32))
