"""Top-k, top-p, min-p and typical sampling on one row: which candidates are left. Ids ascend in and out."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
Ids = NDArray[np.int64]
Filter = Callable[[NDArray[np.float32]], Ids]

# Top-p looks among so many of the most likely tokens first: nearly always enough, and far cheaper than sorting all.
_HEAD = 512


def top_k(logits: Float32, k: int) -> Ids:
    """Indices of the k greatest, ascending; of equals at the border, the lowest."""
    if k >= len(logits):
        return np.arange(len(logits))
    border = np.partition(logits, len(logits) - k)[len(logits) - k]
    above = np.flatnonzero(logits > border)
    level = np.flatnonzero(logits == border)[: k - len(above)]
    return np.sort(np.concatenate([above, level]))


def top_p(logits: Float32, p: float) -> Ids:
    """Indices of the smallest set with mass >= p (Holtzman et al. 2020): most likely first, the lower id of equals."""
    probs = probabilities(logits)
    head = top_k(logits, _HEAD)
    kept = _mass(head, -logits[head], probs, p)
    if kept is None and len(head) < len(logits):
        every = np.arange(len(logits))
        kept = _mass(every, -logits, probs, p)
    return np.arange(len(logits)) if kept is None else kept


def min_p(logits: Float32, p: float) -> Ids:
    """Indices of tokens at least `p` times as likely as the most likely one."""
    probs = probabilities(logits)
    return np.flatnonzero(probs >= p * probs.max())


def typical(logits: Float32, p: float) -> Ids:
    """Indices of the smallest set with mass >= p whose surprise is nearest to the entropy (Meister et al. 2022)."""
    probs = probabilities(logits)
    possible = np.flatnonzero(probs)
    surprise = -np.log(probs[possible])
    entropy = float((probs[possible] * surprise).sum())
    kept = _mass(possible, np.abs(surprise - entropy), probs, p)
    return possible if kept is None else kept


def probabilities(logits: Float32) -> Float64:
    """softmax in float64."""
    wide = logits.astype(np.float64)
    wide -= wide.max()
    np.exp(wide, out=wide)
    wide /= wide.sum()
    return wide


def _mass(candidates: Ids, keys: NDArray[np.floating], probs: Float64, p: float) -> Ids | None:
    """The first of `candidates` by ascending key (one for each) whose mass reaches p, sorted; None if together they do not."""
    order = candidates[np.argsort(keys, kind="stable")]
    mass = np.cumsum(probs[order])
    if mass[-1] < p:
        return None
    return np.sort(order[: int(np.searchsorted(mass, p)) + 1])
