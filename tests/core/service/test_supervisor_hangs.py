"""Workers that stand still or talk nonsense are noticed, killed and replaced; slow ones are not."""

from __future__ import annotations

import os
import signal
import textwrap
import time
from pathlib import Path
from typing import Any

from core.protocol import Deadlines, Outcome
from tests.waiting import until

STUB = Path("stub")


def test_a_loop_that_hangs_is_killed_and_replaced(workers: Any, tmp_path: Path) -> None:
    async def main() -> None:
        deadlines = Deadlines(step_s=0.5, token_s=0.01)
        async with workers.supervisor(deadlines=deadlines, heartbeat_s=0.05) as supervisor:
            handle = await supervisor.load(STUB, workers.stub(hang_at=4, once=str(tmp_path / "hung")))
            started = time.monotonic()
            story = await workers.ask(handle)
            assert 0.5 < time.monotonic() - started < 30
            assert story.done.code == "engine_died"
            assert "hung: step 4 took longer than" in story.done.message
            assert story.tokens[0] == 4
            assert (await workers.ask(handle)).outcome is Outcome.COMPLETED

    workers.run(main)


def test_a_process_that_stands_still_is_killed_and_replaced(workers: Any) -> None:
    async def main() -> None:
        deadlines = Deadlines(silence_s=1.0)
        async with workers.supervisor(deadlines=deadlines, heartbeat_s=0.05) as supervisor:
            handle = await supervisor.load(STUB, workers.stub())
            await workers.ask(handle)
            await until(lambda: handle.heartbeat is not None and handle.heartbeat.phase == "idle")
            os.kill(handle.pid, signal.SIGSTOP)
            await until(lambda: handle.state == "restarting")
            assert handle.reason == "hung: nothing was heard of it for 1 s"
            assert (await workers.ask(handle)).outcome is Outcome.COMPLETED

    workers.run(main)


def test_a_slow_prefill_is_no_hang(workers: Any) -> None:
    async def main() -> None:
        deadlines = Deadlines(step_s=1.0, token_s=0.05)
        async with workers.supervisor(deadlines=deadlines, heartbeat_s=0.05) as supervisor:
            handle = await supervisor.load(STUB, workers.stub(seconds_per_token=0.01))
            story = await workers.ask(handle, prompt=[7] * 200, max_tokens=3)  # 2 s
            assert story.outcome is Outcome.COMPLETED
            assert handle.restarts == 0

    workers.run(main)


def test_what_a_worker_says_wrong_ends_it(workers: Any, tmp_path: Path) -> None:
    (tmp_path / "babbling.py").write_text(
        textwrap.dedent("""
        from engines.stub import StubEngine
        class Engine(StubEngine):
            def forward(self, plan):
                import gc
                from core.outbox import Outbox
                for box in (o for o in gc.get_objects() if type(o) is Outbox):
                    box.put(b"\\xc1 no frame")
                return super().forward(plan)
        """)
    )

    async def main() -> None:
        async with workers.supervisor(environ={"PYTHONPATH": str(tmp_path)}) as supervisor:
            options = workers.stub(seconds_per_step=0.05)
            options = type(options)(target="babbling:Engine", arguments=options.arguments)
            handle = await supervisor.load(STUB, options)
            story = await workers.ask(handle)
            assert story.done.code == "engine_died"
            assert "cannot be read" in story.done.message

    workers.run(main)
