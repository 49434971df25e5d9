from __future__ import annotations

import contextlib
import threading
from typing import Any

import pytest

from core.errors import Busy, DesksideError, InvalidRequest
from core.protocol import GrammarSource, Submit
from core.sampling import SamplingParams
from core.worker import grammars as grammars_module
from core.worker.grammars import Grammars
from tests.waiting import PATIENCE, wait_until


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


class Made:
    def copy(self) -> str:
        return "a copy"


def frame(request: int, text: str = "a") -> Submit:
    return Submit(request, [1], SamplingParams(), grammar=GrammarSource("regex", text))


def wait(grammars: Grammars, count: int) -> dict[int, Any]:
    out: dict[int, Any] = {}

    def arrived() -> bool:
        out.update({submit.request: outcome for submit, outcome in grammars.ready()})
        return len(out) >= count

    wait_until(arrived)
    assert len(out) == count
    return out


def test_two_are_compiled_at_once_and_the_rest_in_turn() -> None:
    gate, at_once, most = threading.Semaphore(0), [0], [0]
    lock = threading.Lock()

    def make(source: GrammarSource) -> Any:
        with lock:
            at_once[0] += 1
            most[0] = max(most[0], at_once[0])
        gate.acquire()
        with lock:
            at_once[0] -= 1
        return Made()

    grammars = Grammars(make, PATIENCE)
    for request in range(6):
        grammars.add(frame(request))
    assert grammars.ready() == []
    assert len(grammars) == 6
    gate.release(6)
    assert {outcome() for outcome in wait(grammars, 6).values()} == {"a copy"}
    assert most[0] == 2
    assert len(grammars) == 0


def test_compilers_that_never_end_are_given_up_and_do_not_pile_up() -> None:
    clock, release = Clock(), threading.Event()
    grammars = Grammars(lambda source: release.wait(PATIENCE) and Made(), 2.0, clock)  # type: ignore[arg-type,return-value]
    for request in range(4):
        grammars.add(frame(request))
        grammars.ready()
        clock.now += 2.1
        (outcome,) = grammars.ready()
        assert isinstance(outcome[1], InvalidRequest)
        assert "within 2 seconds" in outcome[1].message
    with pytest.raises(Busy, match="Too many grammars"):
        grammars.add(frame(5))
    release.set()

    def taken() -> bool:
        with contextlib.suppress(Busy):
            grammars.add(frame(6))
            return True
        return False

    wait_until(taken)
    assert callable(wait(grammars, 1)[6])


def test_not_more_than_so_many_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grammars_module, "_MAX_WAITING", 3)
    grammars = Grammars(lambda source: Made(), 1.0)  # type: ignore[arg-type,return-value]
    for request in range(3):
        grammars.add(frame(request))
    with pytest.raises(Busy):
        grammars.add(frame(4))
    assert [submit.request for submit in grammars.clear()] == [0, 1, 2]
    assert len(grammars) == 0


def test_errors_are_ours() -> None:
    def make(source: GrammarSource) -> Any:
        if source.text == "ours":
            raise InvalidRequest("No.", "response_format")
        return None

    grammars = Grammars(make, PATIENCE)
    grammars.add(frame(1, "ours"))
    grammars.add(frame(2, "nothing made"))
    outcomes = wait(grammars, 2)
    assert outcomes[1].param == "response_format"
    assert isinstance(outcomes[2], DesksideError)
