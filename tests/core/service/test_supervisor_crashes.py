"""Workers that die: their streams end in words, they come back, and a crash loop ends."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from core.errors import ModelUnusable, Unavailable
from core.protocol import Outcome
from core.service import handle as handle_module
from tests.waiting import PATIENCE, until

STUB = Path("stub")


def test_a_killed_worker_ends_its_streams_in_words_and_comes_back(workers: Any) -> None:
    async def main() -> None:
        async with workers.supervisor() as supervisor:
            handle = await supervisor.load(STUB, workers.stub(seconds_per_step=0.002))
            tasks = [asyncio.create_task(workers.ask(handle, max_tokens=8000, n=2)) for _ in range(3)]
            await until(lambda: workers.flowing(handle, 3))
            asked = asyncio.create_task(handle.update_weights(Path("nowhere")))
            workers.kill(handle)
            for story in await asyncio.gather(*tasks):
                assert (story.outcome, story.done.code) == (Outcome.FAILED, "engine_died")
                assert "signal 9 (SIGKILL)" in story.done.message
                assert story.done.output_tokens == story.tokens.total() > 0
            with pytest.raises((Unavailable, ModelUnusable)):
                await asked
            assert handle.state == "restarting"
            assert "SIGKILL" in handle.reason
            assert (await workers.ask(handle)).tokens[0] == 20
            assert (handle.state, handle.restarts, handle.reason) == ("ready", 1, "")

    workers.run(main)


@pytest.mark.parametrize(
    ("raises", "code"), [("device", "device_unusable"), ("memory", "device_unusable"), ("bug", "internal")]
)
def test_an_engine_that_fails_is_replaced(workers: Any, tmp_path: Path, raises: str, code: str) -> None:
    async def main() -> None:
        async with workers.supervisor(logs=tmp_path) as supervisor:
            options = workers.stub(raise_at=5, raises=raises, once=str(tmp_path / "failed"))
            handle = await supervisor.load(STUB, options)
            story = await workers.ask(handle, n=2)
            assert (story.outcome, story.done.code) == (Outcome.FAILED, code)
            assert story.tokens.total() == story.done.output_tokens > 0
            assert (await workers.ask(handle)).outcome is Outcome.COMPLETED
            assert handle.restarts == 1

    workers.run(main)


def test_a_crash_loop_ends_in_safe_mode_and_a_person_gets_out_of_it(workers: Any, tmp_path: Path) -> None:
    async def main() -> None:
        async with workers.supervisor() as supervisor:
            well = tmp_path / "well"
            handle = await supervisor.load(STUB, workers.stub(crash_at=2, once=str(well)))
            for crash in range(3):
                assert handle.state == "ready"
                well.unlink(missing_ok=True)
                assert (await workers.ask(handle)).done.code == "engine_died"
                await until(lambda: handle.state in ("ready", "safe_mode"))
                assert handle.state == ("safe_mode" if crash == 2 else "ready")
            started = time.monotonic()
            with pytest.raises(Unavailable, match=r"several times in a row.*SIGKILL") as refused:
                await workers.ask(handle)
            assert refused.value.retry_after is None
            assert time.monotonic() - started < PATIENCE / 2, "nobody waits for what does not come"
            await asyncio.sleep(0.3)
            assert (handle.state, handle.pid) == ("safe_mode", None), "it does not spin"
            handle.restart()
            assert (await workers.ask(handle)).outcome is Outcome.COMPLETED

    workers.run(main)


def test_one_completed_request_resets_counter_and_back_off(workers: Any, tmp_path: Path) -> None:
    async def main() -> None:
        async with workers.supervisor() as supervisor:
            handle = await supervisor.load(STUB, workers.stub())
            for _ in range(4):
                workers.kill(handle)
                await until(lambda: handle.state != "ready")
                assert (await workers.ask(handle)).outcome is Outcome.COMPLETED
                assert handle._policy.crashes == 0
            for state in ("restarting", "restarting", "safe_mode"):
                await until(lambda: handle.state == "ready")
                workers.kill(handle)
                await until(lambda: handle.state != "ready")
                assert handle.state == state

    workers.run(main)


def test_a_model_that_does_not_load_again_ends_in_safe_mode(workers: Any, tmp_path: Path) -> None:
    async def main() -> None:
        async with workers.supervisor() as supervisor:
            broken = tmp_path / "faulty_engine.py"
            handle = await supervisor.load(STUB, workers.stub(crash_at=10**9))
            handle._environ = {"PYTHONPATH": str(tmp_path)}  # its next process finds another engine
            broken.write_text("raise RuntimeError('the files are gone')")
            workers.kill(handle)
            await until(lambda: handle.state == "safe_mode")
            assert handle.restarts == 3

    workers.run(main)


def test_requests_wait_for_a_restart_but_not_for_ever(workers: Any) -> None:
    async def main() -> None:
        async with workers.supervisor(first_backoff_s=30.0, wait_s=0.2) as supervisor:
            handle = await supervisor.load(STUB, workers.stub())
            workers.kill(handle)
            await until(lambda: handle.state == "restarting")
            started = time.monotonic()
            with pytest.raises(Unavailable, match="is being started; retry in a moment") as refused:
                await workers.ask(handle)
            assert 0.2 <= time.monotonic() - started < 20
            assert refused.value.retry_after is not None
            assert 20 < refused.value.retry_after < 40
            with pytest.raises(Unavailable):
                await handle.status()
            handle.restart()
            await until(lambda: handle.state == "ready")
            assert (await workers.ask(handle)).outcome is Outcome.COMPLETED

    workers.run(main)


def test_not_more_than_so_many_wait_for_a_restart(workers: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handle_module, "MAX_WAITING", 2)

    async def main() -> None:
        async with workers.supervisor(first_backoff_s=0.5) as supervisor:
            handle = await supervisor.load(STUB, workers.stub())
            workers.kill(handle)
            await until(lambda: handle.state == "restarting")
            waiting = [asyncio.create_task(workers.ask(handle)) for _ in range(2)]
            await asyncio.sleep(0)
            with pytest.raises(Unavailable):
                await workers.ask(handle)
            assert {story.outcome for story in await asyncio.gather(*waiting)} == {Outcome.COMPLETED}

    workers.run(main)
