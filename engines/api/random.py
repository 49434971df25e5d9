"""Counter-based randomness: the same numbers on every backend, whatever else is in the batch.

Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"): four 32-bit words from a 128-bit counter
and a 64-bit key. A token's noise depends on nothing but the request's seed, the position of the token being sampled, the
index of the sample (n > 1) and the token id:

    key     = (seed mod 2^32, seed >> 32)
    counter = (id // 4, position, sample_index, 0)
    word    = philox(counter, key)[id % 4]
    u       = ((word >> 9) + 0.5) * 2^-23          in (0, 1), exactly representable in float32
    gumbel  = -log(-log(u))                        in float32

Sampling is argmax(logits + gumbel) over the tokens that are left (Gumbel-max).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_M0 = np.uint64(0xD2511F53)
_M1 = np.uint64(0xCD9E8D57)
_W0 = 0x9E3779B9
_W1 = 0xBB67AE85
_MASK = np.uint64(0xFFFFFFFF)
_SHIFT = np.uint64(32)


def philox4x32(counter: NDArray[np.uint32], key: tuple[int, int]) -> NDArray[np.uint32]:
    """Ten rounds of Philox4x32. `counter` uint32 [N, 4], `key` two 32-bit words -> uint32 [N, 4]."""
    c0, c1, c2, c3 = (counter[:, i].astype(np.uint64) for i in range(4))
    k0, k1 = key
    for _ in range(10):
        p0 = c0 * _M0
        p1 = c2 * _M1
        c0, c1, c2, c3 = (
            (p1 >> _SHIFT) ^ c1 ^ np.uint64(k0),
            p1 & _MASK,
            (p0 >> _SHIFT) ^ c3 ^ np.uint64(k1),
            p0 & _MASK,
        )
        k0 = (k0 + _W0) & 0xFFFFFFFF
        k1 = (k1 + _W1) & 0xFFFFFFFF
    return np.stack([c0, c1, c2, c3], axis=1).astype(np.uint32)


def uniform(seed: int, position: int, sample_index: int, ids: NDArray[np.integer]) -> NDArray[np.float32]:
    """Uniform numbers in (0, 1) for the token ids `ids` [N] -> float32 [N]."""
    ids = np.asarray(ids, np.int64)
    blocks, inverse = np.unique(ids // 4, return_inverse=True)
    counter = np.empty((len(blocks), 4), np.uint32)
    counter[:, 0] = blocks
    counter[:, 1] = position
    counter[:, 2] = sample_index
    counter[:, 3] = 0
    words = philox4x32(counter, (seed & 0xFFFFFFFF, (seed >> 32) & 0xFFFFFFFF))
    word = words[inverse, ids % 4]
    result: NDArray[np.float32] = ((word >> np.uint32(9)).astype(np.float32) + np.float32(0.5)) * np.float32(2.0**-23)
    return result


def gumbel(seed: int, position: int, sample_index: int, ids: NDArray[np.integer]) -> NDArray[np.float32]:
    """Standard Gumbel noise for the token ids `ids` [N] -> float32 [N]."""
    noise: NDArray[np.float32] = -np.log(-np.log(uniform(seed, position, sample_index, ids)))
    return noise
