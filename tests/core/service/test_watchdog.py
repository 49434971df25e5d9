"""Who hangs and who is only slow. Times are made up: the worker's clock is 1000 s ahead of the service's."""

from __future__ import annotations

from core.protocol import Deadlines, Events, Heartbeat, Hello, Phase
from core.service.watchdog import Watchdog

LIMITS = Deadlines(start_s=60.0, silence_s=30.0)


def beat(phase: Phase, now: float, started: float, deadline: float | None, step: int = 0) -> Heartbeat:
    return Heartbeat(phase, step, 1000 + now, 1000 + started, None if deadline is None else 1000 + deadline)


class Worker:
    """Asks the watchdog every quarter of a second, as the service does."""

    def __init__(self) -> None:
        self.dog = Watchdog(LIMITS, 0.0)
        self.now = 0.0

    def hear(self, frame: object) -> None:
        self.dog.heard(frame, self.now)

    def verdict(self, until: float) -> tuple[float, str] | None:
        while self.now < until:
            self.now += 0.25
            words = self.dog.overdue(self.now)
            if words:
                return self.now, words
        return None


def test_a_process_that_never_says_anything() -> None:
    worker = Worker()
    assert worker.verdict(100) == (60.25, "did not start within 60 s")


def test_a_slow_prefill_is_no_hang() -> None:
    worker = Worker()
    for now in range(100):
        worker.hear(beat(Phase.STEP, now, 0.0, 110.0, step=3))
        assert worker.verdict(now + 1) is None


def test_a_step_beyond_its_deadline_is_one_though_its_heart_beats() -> None:
    worker = Worker()
    worker.hear(beat(Phase.STEP, 0.0, 0.0, 30.0, step=17))
    assert worker.verdict(30) is None
    worker.hear(beat(Phase.STEP, 30.0, 0.0, 30.0, step=17))
    worker.hear(beat(Phase.STEP, 30.5, 0.0, 30.0, step=17))
    assert worker.verdict(40) == (30.25, "hung: step 17 took longer than 30 s")


def test_a_worker_that_falls_silent_in_a_step_gets_until_its_deadline() -> None:
    worker = Worker()
    worker.hear(beat(Phase.STEP, 0.0, 0.0, 30.0, step=17))
    assert worker.verdict(40) == (32.25, "hung: step 17 took longer than 30 s")


def test_a_worker_that_falls_silent_with_nothing_to_do() -> None:
    worker = Worker()
    worker.hear(beat(Phase.IDLE, 0.0, 0.0, None))
    assert worker.verdict(20) is None
    worker.hear(Hello(2))
    assert worker.verdict(100) == (50.25, "hung: nothing was heard of it for 30 s")


def test_events_count_as_life_where_heartbeats_are_late() -> None:
    worker = Worker()
    worker.hear(beat(Phase.STEP, 0.0, 0.0, 30.0, step=17))
    for now in range(10, 200, 10):
        assert worker.verdict(now) is None
        worker.hear(Events(()))
    assert worker.verdict(300) == (222.25, "hung: step 17 took longer than 30 s")


def test_each_phase_of_loading_has_its_own_deadline() -> None:
    for phase, words in (
        (Phase.LOAD, "loading"),
        (Phase.COMPILE, "compiling"),
        (Phase.CAPTURE, "capturing its graphs"),
        (Phase.UPDATE, "updating the weights"),
    ):
        worker = Worker()
        worker.hear(beat(phase, 0.0, 0.0, 100.0))
        assert worker.verdict(200) == (102.25, f"hung: {words} took longer than 100 s")


def test_a_service_that_stood_still_itself_listens_before_it_judges() -> None:
    worker = Worker()
    worker.hear(beat(Phase.STEP, 0.0, 0.0, 30.0))
    assert worker.verdict(1) is None
    worker.now = 500.0  # the machine slept
    assert worker.verdict(504) is None
    worker.hear(beat(Phase.STEP, 504.0, 503.0, 533.0))
    assert worker.verdict(510) is None
