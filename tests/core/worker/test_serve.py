"""The worker's loop: what comes in, what goes out, and that an error ends what it has to end and nothing else."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.protocol import (
    Cancel,
    Deadlines,
    Done,
    Events,
    Finish,
    FinishReason,
    GetStatus,
    GrammarSource,
    Heartbeat,
    Hello,
    Outcome,
    Phase,
    SampleEnd,
    Shutdown,
    Status,
    Tokens,
    UpdateWeights,
    WeightsUpdated,
)
from core.worker import serve as serve_module
from engines.api.errors import ConstraintError, DeviceError, WeightError
from engines.stub import StubEngine
from tests.waiting import PATIENCE


def slow(**arguments: Any) -> StubEngine:
    return StubEngine(**({"seconds_per_step": 0.005, "num_pages": 1200} | arguments))


def test_all_events_of_a_step_travel_in_one_frame(make: Any) -> None:
    peer = make.serve(slow(num_slots=8))
    peer.send(*(make.submit(request, max_tokens=20) for request in range(1, 9)))
    for request in range(1, 9):
        assert peer.done(request).outcome is Outcome.COMPLETED
    batches = [frame.events for frame in peer.frames if isinstance(frame, Events)]
    assert max(len([e for e in batch if isinstance(e, Tokens)]) for batch in batches) == 8
    assert len(batches) < 40  # 160 tokens
    peer.send(Shutdown())
    assert peer.end() == 0


def test_cancel_and_finish(make: Any) -> None:
    peer = make.serve(slow())
    peer.send(make.submit(1, max_tokens=4000), make.submit(2, max_tokens=4000))
    peer.until(Events, lambda frame: any(isinstance(e, Tokens) and e.request == 2 for e in frame.events))
    peer.send(Cancel(1), Cancel(99), Finish(2, 0, 1), Finish(2, 7, 1), Finish(98, 0, 1))
    assert peer.done(1).outcome is Outcome.CANCELLED
    assert peer.done(2) == Done(2, Outcome.COMPLETED, 3, 0, 1)
    assert [e.reason for e in peer.events(2) if isinstance(e, SampleEnd)] == [FinishReason.STOP]


@pytest.mark.parametrize(
    ("change", "code", "param"),
    [
        ({"prompt": [1, 1000]}, "invalid_request", "prompt"),
        ({"prompt": [-1]}, "invalid_request", "prompt"),
        ({"prompt": [2**40]}, "invalid_request", "prompt"),
        ({"prompt": [1] * 4096}, "context_length_exceeded", "prompt"),
        ({"temperature": -1.0}, "invalid_request", "temperature"),
        ({"logit_bias": {5000: 1.0}}, "invalid_request", "logit_bias"),
        ({"n": 0}, "invalid_request", "n"),
    ],
)
def test_a_bad_request_ends_alone(make: Any, change: dict[str, Any], code: str, param: str) -> None:
    peer = make.serve(slow(num_pages=400))
    peer.send(make.submit(1, max_tokens=50), make.submit(2, **change))
    refused = peer.done(2)
    assert (refused.outcome, refused.code, refused.param) == (Outcome.FAILED, code, param)
    assert refused.message
    assert peer.events(2) == [refused]
    assert peer.done(1).output_tokens == 50


def test_memory_that_runs_out_for_one_request_ends_it_alone(make: Any) -> None:
    def change(loop: Any) -> None:
        submit = loop.scheduler.submit

        def limited(frame: Any, constraint: Any) -> None:
            if frame.request == 2:
                raise MemoryError
            submit(frame, constraint)

        loop.scheduler.submit = limited

    peer = make.serve(change=change)
    peer.send(make.submit(1), make.submit(2))
    assert peer.done(2).code == "device_unusable"
    assert peer.done(1).outcome is Outcome.COMPLETED


@pytest.mark.parametrize(
    ("error", "shown", "told", "exit_code"),
    [
        (DeviceError("The GPU fell off the bus."), "device_unusable", "device_unusable", 6),
        (MemoryError(), "device_unusable", "device_unusable", 6),
        (ZeroDivisionError("secret internals"), "internal", "internal", 70),
    ],
)
def test_a_dead_engine_ends_every_request_and_the_worker(
    make: Any, error: Exception, shown: str, told: str, exit_code: int
) -> None:
    class Dying(StubEngine):
        def collect(self, step: Any) -> Any:
            if len(self.plans) == 5:
                raise error
            return super().collect(step)

    peer = make.serve(Dying(num_slots=2, seconds_per_step=0.02))  # time to hear of all three
    peer.send(*(make.submit(request, n=2) for request in (1, 2, 3)))
    assert peer.end() == exit_code
    for request in (1, 2, 3):
        done = peer.done(request)
        assert (done.outcome, done.code) == (Outcome.FAILED, shown)
        assert "secret" not in done.message
        assert len([e for e in peer.events(request) if isinstance(e, SampleEnd)]) == 2
    assert peer.events(1)[0] == Tokens(1, 0, peer.events(1)[0].ids), "what was generated came before"
    assert [fault.code for fault in peer.faults] == [told]


def test_an_unknown_frame_ends_the_worker_in_words(make: Any) -> None:
    peer = make.serve(slow())
    peer.send(make.submit(1, max_tokens=4000))
    peer.until(Events)
    peer.connection.send(b"\x91\xa4What")
    assert peer.end() == 70
    assert peer.done(1).code == "internal"
    assert "cannot be read" in peer.faults[0].message


def test_a_frame_out_of_place_ends_the_worker(make: Any) -> None:
    peer = make.serve()
    peer.send(Hello(2))
    assert peer.end() == 70
    assert "Hello does not belong here" in peer.faults[0].message


def test_a_service_that_hangs_up_ends_the_worker(make: Any) -> None:
    peer = make.serve(slow())
    peer.send(make.submit(1, max_tokens=4000))
    peer.until(Events)
    peer.connection.end_sending()
    assert peer.end() == 0
    assert peer.done(1).outcome is Outcome.CANCELLED


def test_shutdown_lets_requests_finish_and_takes_no_more(make: Any) -> None:
    peer = make.serve(slow())
    peer.send(make.submit(1, max_tokens=50))
    peer.until(Events)
    peer.send(Shutdown(20.0), make.submit(2))
    assert peer.end() == 0
    assert peer.done(1).outcome is Outcome.COMPLETED
    assert peer.done(2).code == "unavailable"


def test_shutdown_cancels_what_takes_longer_than_its_grace(make: Any) -> None:
    peer = make.serve(slow())
    peer.send(make.submit(1, max_tokens=4000, n=2))
    peer.until(Events)
    started = time.monotonic()
    peer.send(Shutdown(0.2))
    assert peer.end() == 0
    assert 0.2 <= time.monotonic() - started < PATIENCE / 2
    assert peer.done(1).outcome is Outcome.CANCELLED


def test_lost_pages_are_reported_once_idle(make: Any) -> None:
    def lose(loop: Any) -> None:
        loop.scheduler.pages.pool.allocate(3)

    peer = make.serve(change=lose)
    peer.send(make.submit(1))
    assert peer.done(1).outcome is Outcome.COMPLETED
    assert peer.end() == 70
    assert "held by nobody" in peer.faults[0].message


def test_requests_that_can_never_be_planned_are_no_endless_loop(make: Any) -> None:
    def stall(loop: Any) -> None:
        loop.scheduler.plan = lambda: None

    peer = make.serve(change=stall, deadlines=Deadlines(step_s=0.2))
    peer.send(make.submit(1))
    assert peer.end() == 70
    assert peer.done(1).outcome is Outcome.FAILED
    assert "Nothing can be planned" in peer.faults[0].message


def test_status(make: Any) -> None:
    peer = make.serve(slow(num_slots=2, num_pages=300, page_size=4))
    peer.send(*(make.submit(request, prompt=[7] * 9, max_tokens=400 if request < 3 else 5) for request in (1, 2, 3)))
    peer.until(Events, lambda frame: any(e.request == 2 for e in frame.events))
    peer.send(GetStatus(5, detail=True))
    status = peer.until(Status, lambda status: status.ticket == 5)
    assert (status.requests, status.running, status.waiting, status.slots_used) == (3, 2, 1, 2)
    assert status.pages_free + status.pages_cached + status.pages_held == 299
    assert [s.request for s in status.sequences] == [1, 2, 3]
    assert status.sequences[0].state == "running"
    assert status.sequences[0].prompt == 9
    assert status.sequences[0].pages == -(-status.sequences[0].computed // 4)
    regular = peer.until(Status, lambda status: status.ticket == 0)
    assert regular.output_tokens_per_s > 0
    assert regular.step_s_mean > 0.004
    peer.send(Cancel(1), Cancel(2))
    peer.done(3)
    idle = peer.until(Status, lambda status: not status.requests)
    assert (idle.completed, idle.cancelled, idle.failed) == (1, 2, 0)
    assert idle.pages_held == 0
    assert idle.prompt_tokens == 27
    assert idle.output_tokens == sum(len(e.ids) for r in (1, 2, 3) for e in peer.events(r) if isinstance(e, Tokens))


def test_weights_are_replaced_between_steps(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[str] = []

    def update(loop: Any, folder: Any) -> Any:
        given.append(str(folder))
        if "bad" in folder.name:
            raise WeightError("bad/model.safetensors is cut short; download it again.")
        version, events = loop.update_weights({"stub": np.zeros(1)})
        return version, events, 0.5

    monkeypatch.setattr(serve_module, "update_weights", update)
    peer = make.serve(slow(lookahead=1))
    peer.send(make.submit(1, max_tokens=60))
    peer.until(Events)
    peer.send(UpdateWeights(7, "bad"), UpdateWeights(8, "good"))
    assert peer.until(WeightsUpdated) == WeightsUpdated(
        7, 0, 0.0, "model_damaged", "bad/model.safetensors is cut short; download it again."
    )
    assert peer.until(WeightsUpdated) == WeightsUpdated(8, 1, 0.5)
    assert given == ["bad", "good"]
    assert peer.done(1).output_tokens == 60
    assert Phase.UPDATE in [frame.phase for frame in peer.frames if isinstance(frame, Heartbeat)]


def test_a_device_that_fails_during_an_update_ends_the_worker(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def update(loop: Any, folder: Any) -> Any:
        raise DeviceError("The copy failed.")

    monkeypatch.setattr(serve_module, "update_weights", update)
    peer = make.serve()
    peer.send(UpdateWeights(7, "good"))
    assert peer.end() == 6


def test_a_service_that_does_not_read_stops_the_steps_and_after_a_while_the_worker(
    make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serve_module, "MAX_PENDING", 10_000)
    monkeypatch.setattr(serve_module, "BLOCKED_S", 0.5)
    engine = StubEngine(num_slots=8, num_pages=3000, max_context=5000)
    peer = make.serve(engine)
    peer.send(*(make.submit(request, max_tokens=4000) for request in range(1, 9)))
    assert peer.over.wait(PATIENCE)
    assert len(engine.plans) < 4000
    assert peer.end() == 70
    assert "read nothing for" in peer.faults[0].message
    assert peer.done(1).outcome is Outcome.FAILED


def test_a_service_that_reads_late_gets_everything(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serve_module, "MAX_PENDING", 10_000)
    peer = make.serve(StubEngine(num_slots=8, num_pages=3000, max_context=5000))
    peer.send(*(make.submit(request, max_tokens=1000) for request in range(1, 9)))
    time.sleep(0.5)
    for request in range(1, 9):
        assert peer.done(request).output_tokens == 1000
        assert sum(len(e.ids) for e in peer.events(request) if isinstance(e, Tokens)) == 1000


# --- grammars ---------------------------------------------------------------------------------------------------------------


class OnlyToken:
    """Allows one token, `length` times; `copies` counts what was made of it."""

    def __init__(self, token: int, length: int, fail: str = "") -> None:
        self.token, self.left, self.fail = token, length, fail

    def advance(self, token_id: int) -> None:
        assert token_id == self.token
        self.left -= 1

    def mask(self, bits: Any) -> None:
        if self.fail and self.left == 2:
            raise ConstraintError(self.fail)
        bits[self.token // 32] = 1 << (self.token % 32)

    def finished(self) -> bool:
        return self.left == 0

    def copy(self) -> OnlyToken:
        return OnlyToken(self.token, self.left, self.fail)

    def rebuild(self, token_ids: Any) -> None: ...


SOURCE = GrammarSource("regex", "a+")


def test_an_update_that_fails_loses_no_event(make: Any, tmp_path: Path) -> None:
    peer = make.serve(slow(lookahead=1))
    peer.send(make.submit(1, max_tokens=30))
    for ticket in range(20):
        peer.until(Events)
        peer.send(UpdateWeights(ticket, str(bad_checkpoint(tmp_path / str(ticket)))))
    assert peer.done(1).output_tokens == 30
    assert sum(len(e.ids) for e in peer.events(1) if isinstance(e, Tokens)) == 30
    peer.send(Shutdown())
    assert peer.end() == 0
    assert {f.code for f in peer.frames if isinstance(f, WeightsUpdated)} == {"model_damaged"}


def bad_checkpoint(folder: Path) -> Path:
    header = b'{"other": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}   '
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + bytes(4))
    return folder


@pytest.mark.parametrize("lookahead", [0, 1])
def test_a_grammar_is_compiled_beside_the_loop(make: Any, lookahead: int) -> None:
    release = threading.Event()

    def compile_slowly(source: Any) -> Any:
        assert source == SOURCE
        assert threading.current_thread() is not loop_thread[0]
        release.wait(PATIENCE)
        return OnlyToken(77, 4)

    loop_thread: list[Any] = []
    peer = make.serve(
        slow(lookahead=lookahead),
        make_constraint=compile_slowly,
        change=lambda loop: loop_thread.append(threading.current_thread()),
    )
    peer.send(make.submit(1, grammar=SOURCE, n=3, max_tokens=50), make.submit(2))
    assert peer.done(2).outcome is Outcome.COMPLETED, "nobody waits for the grammar of another"
    assert peer.events(1) == []
    release.set()
    assert peer.done(1).output_tokens == 12
    assert {i for e in peer.events(1) if isinstance(e, Tokens) for i in e.ids} == {77}


def test_waiting_for_a_grammar_is_no_step_that_takes_long(make: Any) -> None:
    release = threading.Event()
    peer = make.serve(make_constraint=lambda source: release.wait(PATIENCE) and OnlyToken(77, 4))
    peer.send(make.submit(1, max_tokens=200), make.submit(2, grammar=SOURCE))
    peer.done(1)
    time.sleep(0.3)
    peer.frames.clear()
    peer.until(Heartbeat, lambda beat: beat.phase is Phase.IDLE)
    peer.send(GetStatus(3))
    assert peer.until(Status, lambda status: status.ticket == 3).grammars == 1
    assert peer.until(Heartbeat).deadline is None
    release.set()
    assert peer.done(2).outcome is Outcome.COMPLETED


def test_a_request_can_be_cancelled_while_its_grammar_is_compiled(make: Any) -> None:
    release = threading.Event()

    def compile_slowly(source: Any) -> Any:
        release.wait(PATIENCE)
        return OnlyToken(77, 4)

    peer = make.serve(make_constraint=compile_slowly)
    peer.send(make.submit(1, grammar=SOURCE), Cancel(1))
    assert peer.done(1).outcome is Outcome.CANCELLED
    release.set()
    peer.send(make.submit(2, grammar=SOURCE), Shutdown(5.0))
    assert peer.end() == 0
    assert peer.done(2).outcome is Outcome.COMPLETED
    assert len(peer.events(1)) == 1


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (ConstraintError("The regular expression is not closed."), "invalid_request", "is not closed"),
        (RuntimeError("secret"), "internal", "could not be started"),
    ],
)
def test_a_grammar_that_fails_ends_its_request_alone(make: Any, error: Exception, code: str, words: str) -> None:
    def fail(source: Any) -> Any:
        raise error

    peer = make.serve(slow(), make_constraint=fail)
    peer.send(make.submit(2, max_tokens=40), make.submit(1, grammar=SOURCE))
    refused = peer.done(1)
    assert (refused.outcome, refused.code) == (Outcome.FAILED, code)
    assert words in refused.message
    assert "secret" not in refused.message
    assert peer.done(2).outcome is Outcome.COMPLETED


def test_a_grammar_that_takes_too_long_ends_its_request_alone(make: Any) -> None:
    release = threading.Event()
    peer = make.serve(make_constraint=lambda source: release.wait(PATIENCE), grammar_s=0.1)
    peer.send(make.submit(1, grammar=SOURCE), make.submit(2))
    assert peer.done(1).param == "response_format"
    assert peer.done(2).outcome is Outcome.COMPLETED
    release.set()


@pytest.mark.parametrize("lookahead", [0, 1])
def test_a_grammar_that_cannot_go_on_ends_its_request_alone(make: Any, lookahead: int) -> None:
    peer = make.serve(
        slow(lookahead=lookahead), make_constraint=lambda source: OnlyToken(77, 5, fail="Too many states.")
    )
    peer.send(make.submit(1, grammar=SOURCE, max_tokens=50), make.submit(2, max_tokens=50))
    done = peer.done(1)
    assert (done.outcome, done.code, done.message) == (Outcome.FAILED, "constraint_failed", "Too many states.")
    assert done.output_tokens == 3
    assert peer.done(2).output_tokens == 50
    peer.send(Shutdown())
    assert peer.end() == 0
