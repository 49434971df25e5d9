"""Linear layers: right, and the same bits for a token whatever stands beside it."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from engines.reference.linear import Linear
from engines.reference.workers import Workers, _Job

SHAPES = [(1, 1), (3, 5), (64, 64), (97, 24), (130, 768), (67, 3000), (5, 20000)]  # [out, in]


def layer(out: int, width: int, threads: int = 1, bias: bool = True) -> tuple[Linear, np.ndarray, Workers]:
    rng = np.random.default_rng(out * 31 + width)
    weight = rng.standard_normal((out, width), dtype=np.float32)
    workers = Workers(threads)
    added = rng.standard_normal(out, dtype=np.float32) if bias else None
    return Linear(weight, added, workers), rng.standard_normal((989, width), dtype=np.float32), workers


@pytest.mark.parametrize(("out", "width"), SHAPES)
@pytest.mark.parametrize("bias", [False, True])
def test_matches_float64(out: int, width: int, bias: bool) -> None:
    linear, x, _ = layer(out, width, bias=bias)
    for count in (1, 19, 99):
        expected = x[:count].astype(np.float64) @ linear.weight.T.astype(np.float64)
        expected += 0 if linear.bias is None else linear.bias
        assert np.abs(linear(x[:count]) - expected).max() < 1e-6 * width**0.5 * 4


@pytest.mark.parametrize(("out", "width"), SHAPES)
def test_a_row_has_the_same_bits_in_any_company(out: int, width: int) -> None:
    linear, x, _ = layer(out, width)
    whole = linear(x)
    for first, end in ((0, 1), (988, 989), (0, 2), (7, 26), (5, 104), (63, 65), (0, 64), (1, 989)):
        np.testing.assert_array_equal(linear(x[first:end].copy()), whole[first:end])


def test_threads_do_not_change_bits() -> None:
    one, x, _ = layer(900, 768)
    two, _, workers = layer(900, 768, threads=3)
    try:
        for count in (1, 19, 989):
            np.testing.assert_array_equal(one(x[:count]), two(x[:count]))
    finally:
        workers.close()


def test_writing_into_the_weight_changes_the_layer() -> None:
    linear, x, _ = layer(97, 24, bias=False)
    linear.weight[...] = 0
    assert not linear(x[:3]).any()


def test_a_failure_in_a_helper_reaches_the_caller() -> None:
    workers = Workers(2)

    def part(first: int, end: int) -> None:
        if first > 0:
            raise MemoryError("no more")

    try:
        with pytest.raises(MemoryError, match="no more"):
            workers.split(part, 10)
        seen: list[tuple[int, int]] = []
        workers.split(lambda first, end: seen.append((first, end)), 5)
        assert sorted(seen) == [(i, i + 1) for i in range(5)]
    finally:
        workers.close()
        workers.close()


def test_a_helper_that_does_not_come_is_not_waited_for() -> None:
    """Its pieces are taken by the caller; what it finds later is an empty job that holds nothing."""
    workers = Workers(2)
    gate, inside = threading.Event(), threading.Event()

    def block(first: int, end: int) -> None:
        if threading.current_thread() is not threading.main_thread():
            inside.set()
            gate.wait(20)
        elif not inside.is_set():
            inside.wait(20)

    try:
        blocked = threading.Timer(0.2, gate.set)
        blocked.start()
        workers.split(block, 6)
        blocked.join()
        # Now keep the helper busy with a job of its own, and share out another.
        gate.clear()
        busy = _Job(lambda first, end: gate.wait(20) and None, 1, 1)
        workers._jobs[0].put(busy)
        seen: list[str] = []
        workers.split(lambda first, end: seen.append(threading.current_thread().name), 6)
        assert set(seen) == {"MainThread"}
        assert sum(1 for _ in seen) == 6
    finally:
        gate.set()
        workers.close()


def test_a_split_inside_a_part_stays_on_its_thread() -> None:
    workers = Workers(3)
    seen: list[tuple[int, int, bool]] = []

    def part(first: int, end: int) -> None:
        here = threading.get_ident()
        workers.split(lambda a, b: seen.append((a, b, threading.get_ident() == here)), 10)

    try:
        workers.split(part, 6)
        workers.split(part, 6)
    finally:
        workers.close()
    assert seen == [(0, 10, True)] * 12
