"""That the measure of turns can fail, and what it forgives."""

from __future__ import annotations

from time import thread_time

import pytest
from pytestqt.qtbot import QtBot

from tests.app import turns
from tests.app.turns import BASE, LIMIT, MOST, Turns, fixed_work

pytestmark = pytest.mark.alone


def busy(seconds: float) -> None:
    begun = thread_time()
    while thread_time() - begun < seconds:
        pass


def test_a_turn_that_is_too_long_each_time_fails(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "fixed_work", lambda: BASE)
    measured = Turns()
    rounds = measured.rounds()
    for _ in range(MOST):
        next(rounds)
        measured.does("work", lambda: busy(LIMIT + 0.0005))
        measured.does("less", lambda: busy(0.001))
    with pytest.raises(AssertionError, match=r"^{'work': \d+\.\d}, limit 16.0 ms"):
        next(rounds)


def test_it_is_forgiven_once_and_where_the_machine_is_as_slow(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "fixed_work", lambda: BASE)
    measured = Turns()
    for number in measured.rounds():
        measured.does("work", lambda number=number: busy(0.02 if number < 2 else 0.001))  # type: ignore[misc]
    monkeypatch.setattr(turns, "fixed_work", lambda: 2 * BASE)
    measured = Turns()
    for _ in measured.rounds():
        measured.does("work", lambda: busy(0.018))
    assert measured.limit == 2 * LIMIT
    monkeypatch.setattr(turns, "fixed_work", lambda: BASE / 2)
    for _ in (measured := Turns()).rounds():
        measured.does("work", lambda: None)
    assert measured.limit == LIMIT, "a quick machine is allowed no less"


def test_the_fixed_work_is_done(qtbot: QtBot) -> None:
    assert 0 < fixed_work() < 100 * BASE
