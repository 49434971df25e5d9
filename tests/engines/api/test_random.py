"""Philox against the known answers published with Random123, and what is built on it."""

from __future__ import annotations

import numpy as np
import pytest

from engines.api.random import gumbel, gumbel_below, gumbel_each, philox4x32, uniform

# Random123 1.14, tests/kat_vectors, philox4x32-10: counter, key, output.
KNOWN = [
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]


@pytest.mark.parametrize(("counter", "key", "expected"), KNOWN)
def test_known_answers(counter: tuple[int, ...], key: tuple[int, int], expected: tuple[int, ...]) -> None:
    words = philox4x32(np.array([counter, (1, 2, 3, 4), counter], np.uint32), key)
    assert words.dtype == np.uint32
    assert tuple(words[0].tolist()) == tuple(words[2].tolist()) == expected


def test_uniform_follows_the_written_definition() -> None:
    seed, position, sample = (7 << 32) | 9, 1234, 2
    ids = np.array([0, 1, 5, 4095, 31999])
    for id_, u in zip(ids.tolist(), uniform(seed, position, sample, ids).tolist(), strict=True):
        word = int(philox4x32(np.array([[id_ // 4, position, sample, 0]], np.uint32), (9, 7))[0, id_ % 4])
        assert u == ((word >> 9) + 0.5) * 2.0**-23


def test_noise_of_an_id_does_not_depend_on_the_other_ids() -> None:
    whole = gumbel(11, 5, 0, np.arange(989))
    for ids in (np.array([3]), np.array([988, 17, 17, 0]), np.arange(99, 700), np.arange(0, 989, 19)):
        np.testing.assert_array_equal(gumbel(11, 5, 0, ids), whole[ids])


@pytest.mark.parametrize("count", [1, 3, 4, 19, 99, 989, 32000])
def test_the_first_ids_at_once_have_the_same_noise(count: int) -> None:
    np.testing.assert_array_equal(gumbel_below(2**64 - 1, 5, 3, count), gumbel(2**64 - 1, 5, 3, np.arange(count)))


def test_rows_together_have_the_noise_of_each_row() -> None:
    rows = [(2**64 - 1, 7, 0, [3, 4, 989]), (5, 2**31 - 1, 9, [0]), (1 << 33, 0, 1, list(range(40)))]
    expected = np.concatenate([gumbel(seed, position, n, np.array(ids)) for seed, position, n, ids in rows])
    counts = [len(ids) for *_, ids in rows]
    seeds, positions, indices = (np.repeat(np.array(column, kind), counts) for column, kind in
                                 zip(list(zip(*rows, strict=True))[:3], (np.uint64, np.int64, np.int64), strict=True))  # fmt: skip
    together = gumbel_each(seeds, positions, indices, np.concatenate([ids for *_, ids in rows]))
    np.testing.assert_array_equal(together, expected)


def test_every_part_of_the_counter_matters() -> None:
    ids = np.arange(64)
    base = uniform(1, 2, 3, ids)
    for seed, position, sample in ((2, 2, 3), (1, 3, 3), (1, 2, 4), (1 | 1 << 32, 2, 3)):
        assert (uniform(seed, position, sample, ids) != base).mean() > 0.9


def test_uniform_stays_inside_the_unit_interval_and_is_even() -> None:
    u = uniform(0, 0, 0, np.arange(1 << 18)).astype(np.float64)
    assert u.min() > 0
    assert u.max() < 1
    share = np.histogram(u, bins=64, range=(0, 1))[0] / len(u)
    # Six standard deviations of a bin's share.
    assert np.abs(share - 1 / 64).max() < 6 * (1 / 64 / len(u)) ** 0.5
