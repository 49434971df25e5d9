"""How often an answer is shown, by what it costs to show it."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from app.chat.pace import FLUSH, MOST_DEBT, SHARE, SLOWEST, Pace


def run(cost: Callable[[int], float], seconds: float) -> tuple[list[float], float]:
    """The waits between pieces that cost so many seconds each, and the part of the time that was spent."""
    pace = Pace()
    now, worked, waits = 100.0, 7.0, []
    wait = pace.begin(now, worked)
    while now < 100.0 + seconds:
        waits.append(wait)
        now += wait
        wait = pace.shown(now, worked)
        worked += cost(len(waits))  # it is shown, and painted, before the next
    return waits, (worked - 7.0) / seconds


def test_what_is_cheap_is_shown_30_times_a_second() -> None:
    waits, part = run(lambda _: 0.0005, 10.0)
    assert set(waits) == {FLUSH}
    assert part < 1 / SHARE


def test_what_is_dear_takes_its_share_however_its_cost_changes() -> None:
    dice = random.Random(1)
    for cost in (
        lambda _: 0.002,
        lambda n: 0.02 if n % 12 == 0 else 0.001,
        lambda _: dice.choice([0.0003, 0.004, 0.008]),
    ):
        waits, part = run(cost, 20.0)
        assert FLUSH <= min(waits) <= max(waits) <= SLOWEST
        assert 0.8 / SHARE < part < 1.03 / SHARE


def test_an_answer_is_never_slower_than_four_times_a_second_and_is_quick_again_soon() -> None:
    waits, _ = run(lambda n: 1.0 if n < 5 else 0.0004, 10.0)
    assert max(waits) == SLOWEST
    assert sum(wait for wait in waits if wait == SLOWEST) < 5 * SLOWEST + MOST_DEBT + SLOWEST
    assert waits[-1] == FLUSH


def test_what_the_window_did_before_the_answer_does_not_count() -> None:
    pace = Pace()
    assert pace.begin(50.0, 40.0) == FLUSH
    assert pace.shown(50.0 + FLUSH, 40.0003) == pytest.approx(FLUSH)
