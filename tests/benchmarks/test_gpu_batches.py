"""benchmarks/gpu_batches.py: lengths, groups, which batches are run and counted."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.gpu_batches import batch_that_fits, grouped, run_batches, summaries


def test_lengths_are_those_of_summaries_and_always_the_same() -> None:
    requests = summaries(4000, 8192)
    prompts, outputs = np.array(requests).T
    assert prompts.min() >= 128
    assert prompts.max() == 3000
    assert outputs.min() == 20
    assert outputs.max() == 250
    assert 1040 < np.median(prompts) < 1160
    assert 0.6 < ((prompts >= 630) & (prompts <= 1900)).mean() < 0.75
    assert 57 < np.median(outputs) < 63
    assert 0.06 < (outputs > 160).mean() < 0.1, "the long tail"
    assert summaries(300, 8192) == requests[:300]


def test_lengths_fit_the_context() -> None:
    assert max(prompt + out for prompt, out in summaries(4000, 2048)) < 2048


def test_groups_are_in_order_and_whole() -> None:
    requests = summaries(10, 8192)
    groups = grouped(requests, 4)
    assert [len(group) for group in groups] == [4, 4, 2]
    assert [request for group in groups for request in group] == requests
    assert grouped([], 4) == []


def test_a_batch_fits_its_longest_request_into_memory() -> None:
    requests = [(3000, 20), (128, 250)]
    # 16.1 GB of weights; a row of 2 * 3,250 * 2 * 32 * 8 * 128 = 426 MB of cache and 2 * 3,000 * 67,584 = 406 MB of activations.
    row, weights = 425_984_000 + 405_504_000, 16_060_514_304
    for rows, fits in ((0.9, 0), (1.1, 1), (7.9, 4), (8.1, 8), (100, 64)):
        assert batch_that_fits("llama-3-8b", requests, int((weights + rows * row) / 0.7)) == fits
    assert batch_that_fits("llama-2-70b", requests, 139 << 30) == 0


class Full(Exception):
    pass


class Generator:
    """Takes a second a batch; more than `room` rows do not fit from the `full_at`-th batch on."""

    def __init__(self, room: int = 100, full_at: int = 0) -> None:
        self.now, self.room, self.full_at = 0.0, room, full_at
        self.batches: list[tuple[list[int], int]] = []
        self.released = 0

    def generate(self, lengths: list[int], out: int) -> None:
        if len(lengths) > self.room and len(self.batches) >= self.full_at:
            raise Full
        self.now += 1
        self.batches.append((lengths, out))

    def release(self) -> None:
        self.released += 1

    def run(self, requests: list[tuple[int, int]], batch: int, limit: float) -> tuple[int, float, int]:
        return run_batches(requests, batch, self.generate, Full, self.release, lambda: self.now, limit)


REQUESTS = [(100 + i, i + 1) for i in range(10)]


def test_each_batch_generates_as_long_as_its_longest() -> None:
    generator = Generator()
    assert generator.run(REQUESTS, 4, 75.0) == (10, 3.0, 4)
    assert generator.batches == [([100, 101, 102, 103], 4), ([104, 105, 106, 107], 8), ([108, 109], 10)]


def test_no_batch_is_begun_that_would_end_too_late() -> None:
    assert Generator().run(REQUESTS, 2, 3.5) == (6, 3.0, 2)
    assert Generator().run(REQUESTS, 2, 0.5) == (2, 1.0, 2), "one batch at least"


def test_a_batch_that_does_not_fit_is_halved_and_all_is_measured_anew() -> None:
    generator = Generator(room=3, full_at=1)
    assert generator.run(REQUESTS, 6, 75.0) == (10, 4.0, 3)
    assert generator.released == 1
    assert [len(lengths) for lengths, _ in generator.batches] == [6, 3, 3, 3, 1]


def test_a_request_that_fits_nowhere_is_an_error() -> None:
    with pytest.raises(Full):
        Generator(room=0).run(REQUESTS, 4, 75.0)
