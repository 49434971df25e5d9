"""Stopping a worker, in whatever state it is, and a service that is killed."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from core.errors import Unavailable
from core.protocol import Outcome
from core.service.supervisor import EngineHandle
from tests.waiting import gone, until, wait_until

STUB = Path("stub")
ROOT = Path(__file__).parents[3]


def test_stopping_lets_streams_finish_within_the_grace(workers: Any) -> None:
    async def main() -> None:
        async with workers.supervisor() as supervisor:
            handle = await supervisor.load(STUB, workers.stub(seconds_per_step=0.005))
            short = asyncio.create_task(workers.ask(handle, max_tokens=20))
            long = asyncio.create_task(workers.ask(handle, max_tokens=8000))
            await until(lambda: handle.open == 2)
            pid = handle.pid
            started = time.monotonic()
            await asyncio.gather(supervisor.unload("stub", grace=1.0), _refused(workers, handle))
            assert 1.0 <= time.monotonic() - started < 20
            assert (await short).outcome is Outcome.COMPLETED
            assert (await long).outcome is Outcome.CANCELLED
            assert (handle.state, handle.pid) == ("stopped", None)
            assert gone(pid)
            await handle.stop()

    workers.run(main)


async def _refused(workers: Any, handle: EngineHandle) -> None:
    await asyncio.sleep(0.05)
    with pytest.raises(Unavailable, match="not loaded any more"):
        await workers.ask(handle)


def test_stopping_a_worker_that_hangs_does_not_take_for_ever(workers: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with workers.supervisor() as supervisor:
            handle = await supervisor.load(STUB, workers.stub(hang_at=2))
            task = asyncio.create_task(workers.ask(handle))
            await until(lambda: workers.flowing(handle, 1))
            started = time.monotonic()
            await supervisor.unload("stub", grace=0.1)
            assert time.monotonic() - started < 20
            assert (await task).outcome is Outcome.FAILED

    workers.run(main)


@pytest.mark.parametrize("state", ["restarting", "safe_mode"])
def test_stopping_while_there_is_no_worker(workers: Any, state: str) -> None:
    async def main() -> None:
        async with workers.supervisor(first_backoff_s=0.02 if state == "safe_mode" else 30.0) as supervisor:
            handle = await supervisor.load(STUB, workers.stub())
            for _ in range(3 if state == "safe_mode" else 1):
                await until(lambda: handle.state == "ready")
                workers.kill(handle)
                await until(lambda: handle.state != "ready")
            assert handle.state == state
            waiting = asyncio.create_task(workers.ask(handle))
            await asyncio.sleep(0.05)
            await asyncio.wait_for(supervisor.unload("stub", grace=60.0), 20)
            with pytest.raises(Unavailable):
                await waiting

    workers.run(main)


PARENT = """
import asyncio, json, sys
from pathlib import Path
from core.protocol import EngineOptions, Submit
from core.sampling import SamplingParams
from core.service.supervisor import Supervisor

async def main():
    handle = await Supervisor().load(Path("stub"), EngineOptions(target="engines.stub:StubEngine", arguments=sys.argv[1]))
    stream = handle.stream(Submit(1, [1, 2], SamplingParams(seed=1, max_tokens=900)))
    await anext(stream)
    print(handle.pid, flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


def test_a_killed_service_leaves_no_worker() -> None:
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", PARENT, '{"seconds_per_step": 0.05}']
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE) as service:
        assert service.stdout is not None
        pid = int(service.stdout.readline())
        assert not gone(pid)
        service.kill()
        wait_until(lambda: gone(pid), 20)
