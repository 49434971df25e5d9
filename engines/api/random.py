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
_WEYL = np.array([[0x9E3779B9], [0xBB67AE85]], np.uint64)
_MASK = np.uint64(0xFFFFFFFF)
_SHIFT = np.uint64(32)


def philox4x32(counter: NDArray[np.uint32], key: tuple[int, int] | NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Ten rounds of Philox4x32. `counter` uint32 [N, 4], `key` two 32-bit words, or uint32 [N, 2] -> uint32 [N, 4]."""
    # Each word in the low half of a uint64; the key's words may carry above bit 32 until they are used.
    c = np.ascontiguousarray(counter.T).astype(np.uint64)
    k = np.asarray(key, np.uint64).T.reshape(2, -1)
    for _ in range(10):
        p0, p1 = c[0] * _M0, c[2] * _M1
        np.right_shift(p1, _SHIFT, out=c[0])
        c[0] ^= c[1]
        c[0] ^= k[0] & _MASK
        np.right_shift(p0, _SHIFT, out=c[2])
        c[2] ^= c[3]
        c[2] ^= k[1] & _MASK
        np.bitwise_and(p1, _MASK, out=c[1])
        np.bitwise_and(p0, _MASK, out=c[3])
        k = k + _WEYL
    return np.ascontiguousarray(c.T).astype(np.uint32)


def uniform(seed: int, position: int, sample_index: int, ids: NDArray[np.integer]) -> NDArray[np.float32]:
    """Uniform numbers in (0, 1) for the token ids `ids` [N] -> float32 [N]."""
    ids = np.asarray(ids, np.int64)
    blocks, inverse = np.unique(ids >> 2, return_inverse=True)
    words = _words(seed, position, sample_index, blocks)
    return _unit(words[inverse, ids & 3])


def gumbel(seed: int, position: int, sample_index: int, ids: NDArray[np.integer]) -> NDArray[np.float32]:
    """Standard Gumbel noise for the token ids `ids` [N] -> float32 [N]."""
    return _gumbel(uniform(seed, position, sample_index, ids))


def gumbel_below(seed: int, position: int, sample_index: int, count: int) -> NDArray[np.float32]:
    """`gumbel` of the ids 0 .. count - 1, faster -> float32 [count]."""
    words = _words(seed, position, sample_index, np.arange((count + 3) >> 2))
    return _gumbel(_unit(words.reshape(-1)[:count]))


def gumbel_each(
    seeds: NDArray[np.uint64],
    positions: NDArray[np.integer],
    sample_indices: NDArray[np.integer],
    ids: NDArray[np.integer],
) -> NDArray[np.float32]:
    """`gumbel` of many rows at once: element i is that of `ids[i]` with the i-th seed, position and sample index. All [N]."""
    ids = np.asarray(ids, np.int64)
    counter = np.zeros((len(ids), 4), np.uint32)
    counter[:, 0] = ids >> 2
    counter[:, 1] = positions
    counter[:, 2] = sample_indices
    key = np.stack([seeds & _MASK, seeds >> _SHIFT], axis=1).astype(np.uint32)
    return _gumbel(_unit(philox4x32(counter, key)[np.arange(len(ids)), ids & 3]))


def _words(seed: int, position: int, sample_index: int, blocks: NDArray[np.integer]) -> NDArray[np.uint32]:
    counter = np.zeros((len(blocks), 4), np.uint32)
    counter[:, 0] = blocks
    counter[:, 1] = position
    counter[:, 2] = sample_index
    return philox4x32(counter, (seed & 0xFFFFFFFF, (seed >> 32) & 0xFFFFFFFF))


def _unit(words: NDArray[np.uint32]) -> NDArray[np.float32]:
    u = (words >> np.uint32(9)).astype(np.float32)
    u += np.float32(0.5)
    u *= np.float32(2.0**-23)
    return u


def _gumbel(u: NDArray[np.float32]) -> NDArray[np.float32]:
    for _ in range(2):
        np.log(u, out=u)
        np.negative(u, out=u)
    return u
