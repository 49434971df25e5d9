from __future__ import annotations

import threading

from core.protocol import Deadlines, Heartbeat, Phase
from core.worker.pulse import Pulse, StepLimit
from tests.waiting import PATIENCE


def test_a_step_may_take_time_for_its_tokens() -> None:
    limit = StepLimit(Deadlines(step_s=30.0, token_s=2.0))
    assert limit.seconds(0) == 30.0
    assert limit.seconds(100) == 230.0
    limit.observe(10, 1.0)  # 0.1 s each
    assert limit.seconds(100) == 30.0 + 100 * 0.1 * 20
    for _ in range(400):
        limit.observe(100, 0.1)  # it got faster: what was slow is forgotten by and by
    assert 30.0 + 100 * 0.001 * 20 <= limit.seconds(100) < 33.0
    limit.observe(1, 5.0)
    assert limit.seconds(1) == 130.0


def test_beats_tell_the_phase_of_the_moment() -> None:
    beats: list[Heartbeat] = []
    enough = threading.Event()

    def send(beat: Heartbeat) -> None:
        beats.append(beat)
        if len([b for b in beats if b.phase is Phase.STEP]) > 2:
            enough.set()

    pulse = Pulse(send, 0.005)
    pulse.enter(Phase.LOAD, 9.0, tell=True)
    assert beats[-1].phase is Phase.LOAD
    assert beats[-1].deadline == beats[-1].started + 9.0
    pulse.enter(Phase.STEP, PATIENCE, step=17)
    assert enough.wait(PATIENCE)
    pulse.stop()
    last = beats[-1]
    assert (last.phase, last.step) == (Phase.STEP, 17)
    assert last.deadline is not None
    assert last.started < last.now < last.deadline
    count = len(beats)
    threading.Event().wait(0.03)
    assert len(beats) == count
