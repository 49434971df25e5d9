"""Loaded models through their real worker processes: answers, endings, and what crashes and hangs leave."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.errors import DeviceUnusable, InternalError, InvalidRequest, ModelUnusable, NotFound, Unavailable
from core.protocol import Deadlines, FinishReason, GrammarSource, Outcome
from core.service import handle as handle_module
from core.service import worker_process as worker_process_module
from core.service.supervisor import EngineHandle, ModelEvent

STUB = Path("stub")
ROOT = Path(__file__).parents[3]


def run(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(asyncio.wait_for(main(), 60))


def gone(pid: int) -> bool:
    """True when no process, or only a zombie, has this id."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    try:
        os.kill(pid, 0)
    except OSError:
        return True
    return False


async def until(condition: Callable[[], bool], timeout: float = 10.0) -> None:
    async with asyncio.timeout(timeout):
        while not condition():
            await asyncio.sleep(0.005)


def flowing(handle: EngineHandle, count: int) -> bool:
    """So many streams are open, and each has got tokens."""
    return handle.open == count and all(stream._sampled for stream in handle._streams.values())


def kill(handle: EngineHandle) -> None:
    assert handle.pid is not None
    os.kill(handle.pid, signal.SIGKILL)


# --- answers ----------------------------------------------------------------------------------------------------------------


def test_streams_at_once(workers: Any) -> None:
    async def main() -> None:
        async with workers.supervisor() as supervisor:
            handle = await supervisor.load(STUB, workers.stub())
            assert handle.state == "ready"
            assert handle.info.num_slots == 16
            stories = await asyncio.gather(*(workers.ask(handle, n=2) for _ in range(30)))
            assert {story.outcome for story in stories} == {Outcome.COMPLETED}
            assert {story.tokens[index] for story in stories for index in (0, 1)} == {20}
            status = await handle.status()
            assert (status.completed, status.pages_held, handle.open) == (30, 0, 0)
            assert handle.last_status is not None

    run(main)


def test_leaving_a_stream_frees_its_pages(workers: Any) -> None:
    async def main() -> None:
        async with workers.supervisor() as supervisor:
            handle = await supervisor.load(STUB, workers.stub(seconds_per_step=0.005))
            async with handle.stream(workers.submit(handle.next_request_id(), max_tokens=8000, n=4)) as stream:
                await anext(stream)
            assert handle.open == 0
            status = await handle.status()
            assert (status.requests, status.running, status.pages_held, status.cancelled) == (0, 0, 0, 1)

    run(main)


def test_finish_ends_a_sample_and_leaves_the_others(workers: Any) -> None:
    async def main() -> None:
        async with workers.supervisor() as supervisor:
            handle = await supervisor.load(STUB, workers.stub(seconds_per_step=0.002))
            request = handle.next_request_id()
            story = workers.soak.Story()
            async with handle.stream(workers.submit(request, max_tokens=60, n=2)) as stream:
                async for batch in stream:
                    story.take(batch)
                    if story.tokens[0] >= 3 and 0 not in story.ends:
                        handle.finish(request, 0, 2)
            assert story.ends[0].reason is FinishReason.STOP
            assert story.ends[0].output_tokens == 2
            assert story.tokens[1] == 60
            handle.finish(request, 1, 2)

    run(main)


def test_a_refused_request_is_told_by_its_done(workers: Any) -> None:
    async def main() -> None:
        async with workers.supervisor() as supervisor:
            handle = await supervisor.load(STUB, workers.stub())
            story = await workers.ask(handle, max_tokens=100_000)
            assert (story.outcome, story.done.code) == (Outcome.FAILED, "context_length_exceeded")
            story = await workers.ask(handle, prompt=[5000])
            assert (story.done.code, story.done.param) == ("invalid_request", "prompt")
            assert (await workers.ask(handle)).outcome is Outcome.COMPLETED
            async with handle.stream(workers.submit(99, max_tokens=5000)) as first:
                await anext(first)
                with pytest.raises(InternalError, match="in use"):
                    await anext(handle.stream(workers.submit(99)))

    run(main)


def test_a_grammar_travels_with_its_request(workers: Any) -> None:
    async def main() -> None:
        async with workers.supervisor() as supervisor:
            handle = await supervisor.load(STUB, workers.stub())
            frame = workers.submit(handle.next_request_id())
            stream = handle.stream(frame, GrammarSource("regex", "a+"))
            assert stream.submit.grammar == GrammarSource("regex", "a+")
            story = workers.soak.Story()
            async for batch in stream:
                story.take(batch)
            assert story.outcome is Outcome.FAILED  # the stub has no tokenizer
            assert (await workers.ask(handle)).outcome is Outcome.COMPLETED

    run(main)


def test_a_slow_reader_stalls_nobody_and_gets_everything(workers: Any) -> None:
    async def main() -> None:
        async with workers.supervisor() as supervisor:
            handle = await supervisor.load(STUB, workers.stub())
            stream = handle.stream(workers.submit(handle.next_request_id(), max_tokens=1200))
            story = workers.soak.Story()
            story.take(await anext(stream))
            started = time.monotonic()
            await workers.ask(handle, max_tokens=100)
            assert time.monotonic() - started < 5
            await until(lambda: handle.open == 0)
            assert len(stream._events) < 150
            async for batch in stream:
                story.take(batch)
            assert story.tokens[0] == 1200

    run(main)


def test_several_models(workers: Any, tmp_path: Path) -> None:
    async def main() -> None:
        async with workers.supervisor(logs=tmp_path) as supervisor:
            first, again, second = await asyncio.gather(
                supervisor.load(STUB, workers.stub(), "org/a"),
                supervisor.load(STUB, workers.stub(num_slots=3), "org/a"),
                supervisor.load(STUB, workers.stub(num_slots=2), "b"),
            )
            assert first is again
            assert first.pid != second.pid
            assert sorted(supervisor.handles) == ["b", "org/a"]
            kill(first)
            assert (await workers.ask(second)).outcome is Outcome.COMPLETED
            with pytest.raises(InvalidRequest, match="Another model is loaded as 'b'"):
                await supervisor.load(Path("other"), workers.stub(), "b")
            await supervisor.unload("b")
            with pytest.raises(NotFound):
                await supervisor.unload("b")
            with pytest.raises(Unavailable, match="not loaded any more"):
                await workers.ask(second)
            assert (await workers.ask(first)).outcome is Outcome.COMPLETED
            assert sorted(file.name for file in tmp_path.iterdir()) == ["worker-b.log", "worker-org-a.log"]

    run(main)


# --- loading ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "error", "words"),
    [
        ("weights", ModelUnusable, "A fault for the tests"),
        ("device_memory", DeviceUnusable, "A fault for the tests"),
        ("bug", InternalError, "ZeroDivisionError"),
        ("crash", Unavailable, "SIGKILL.* while loading"),
    ],
)
def test_a_model_that_cannot_be_loaded_leaves_nothing(
    workers: Any, tmp_path: Path, fault: str, error: type[Exception], words: str
) -> None:
    async def main() -> None:
        async with workers.supervisor(logs=tmp_path) as supervisor:
            with pytest.raises(error, match=words):
                await supervisor.load(STUB, workers.stub(load_fault=fault))
            assert not supervisor.handles
            assert (await supervisor.load(STUB, workers.stub())).state == "ready"

    run(main)


def test_a_load_that_hangs_is_stopped(workers: Any) -> None:
    async def main() -> None:
        async with workers.supervisor(deadlines=Deadlines(load_s=0.5)) as supervisor:
            with pytest.raises(Unavailable, match=r"hung: loading took longer than 0\.5 s"):
                await supervisor.load(STUB, workers.stub(load_fault="hang"))

    run(main)


def test_a_load_that_nobody_waits_for_any_more_ends(workers: Any) -> None:
    async def main() -> None:
        async with workers.supervisor() as supervisor:
            task = asyncio.create_task(supervisor.load(STUB, workers.stub(load_fault="hang")))
            await until(lambda: bool(supervisor.handles) and supervisor.handles["stub"].pid is not None)
            handle = supervisor.handles["stub"]
            pid = handle.pid
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await until(lambda: handle.state == "stopped")
            assert gone(pid)
            assert not supervisor.handles

    run(main)


def test_a_process_that_cannot_be_started(workers: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: Any, **options: Any) -> Any:
        raise Unavailable("The worker process cannot be started (Too many open files).")

    monkeypatch.setattr(worker_process_module, "spawn", refuse)

    async def main() -> None:
        async with workers.supervisor() as supervisor:
            with pytest.raises(Unavailable, match="Too many open files"):
                await supervisor.load(STUB, workers.stub())

    run(main)


@pytest.mark.parametrize("side", ["service", "worker"])
def test_another_protocol_version_is_refused_in_words(
    workers: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, side: str
) -> None:
    if side == "service":
        monkeypatch.setattr(worker_process_module, "PROTOCOL_VERSION", 99)
        environ = workers.environ
    else:  # a worker of another installation
        (tmp_path / "sitecustomize.py").write_text("import core.protocol\ncore.protocol.PROTOCOL_VERSION = 99\n")
        environ = {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])}

    async def main() -> None:
        async with workers.supervisor(environ=environ) as supervisor:
            with pytest.raises(Unavailable, match=r"version 99.*restart it"):
                await supervisor.load(STUB, workers.stub())

    run(main)


# --- crashes ----------------------------------------------------------------------------------------------------------------


def test_a_killed_worker_ends_its_streams_in_words_and_comes_back(workers: Any) -> None:
    async def main() -> None:
        async with workers.supervisor() as supervisor:
            handle = await supervisor.load(STUB, workers.stub(seconds_per_step=0.002))
            tasks = [asyncio.create_task(workers.ask(handle, max_tokens=8000, n=2)) for _ in range(3)]
            await until(lambda: flowing(handle, 3))
            asked = asyncio.create_task(handle.update_weights(Path("nowhere")))
            kill(handle)
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

    run(main)


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

    run(main)


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
            assert time.monotonic() - started < 0.5, "nobody waits for what does not come"
            await asyncio.sleep(0.3)
            assert (handle.state, handle.pid) == ("safe_mode", None), "it does not spin"
            handle.restart()
            assert (await workers.ask(handle)).outcome is Outcome.COMPLETED

    run(main)


def test_one_completed_request_resets_counter_and_back_off(workers: Any, tmp_path: Path) -> None:
    async def main() -> None:
        async with workers.supervisor() as supervisor:
            handle = await supervisor.load(STUB, workers.stub())
            for _ in range(4):
                kill(handle)
                await until(lambda: handle.state != "ready")
                assert (await workers.ask(handle)).outcome is Outcome.COMPLETED
                assert handle._policy.crashes == 0
            for state in ("restarting", "restarting", "safe_mode"):
                await until(lambda: handle.state == "ready")
                kill(handle)
                await until(lambda: handle.state != "ready")
                assert handle.state == state

    run(main)


def test_a_model_that_does_not_load_again_ends_in_safe_mode(workers: Any, tmp_path: Path) -> None:
    async def main() -> None:
        async with workers.supervisor() as supervisor:
            broken = tmp_path / "faulty_engine.py"
            handle = await supervisor.load(STUB, workers.stub(crash_at=10**9))
            handle._environ = {"PYTHONPATH": str(tmp_path)}  # its next process finds another engine
            broken.write_text("raise RuntimeError('the files are gone')")
            kill(handle)
            await until(lambda: handle.state == "safe_mode")
            assert handle.restarts == 3

    run(main)


def test_requests_wait_for_a_restart_but_not_for_ever(workers: Any) -> None:
    async def main() -> None:
        async with workers.supervisor(first_backoff_s=30.0, wait_s=0.2) as supervisor:
            handle = await supervisor.load(STUB, workers.stub())
            kill(handle)
            await until(lambda: handle.state == "restarting")
            started = time.monotonic()
            with pytest.raises(Unavailable, match="is being started; retry in a moment") as refused:
                await workers.ask(handle)
            assert 0.2 <= time.monotonic() - started < 5
            assert refused.value.retry_after is not None
            assert 20 < refused.value.retry_after < 40
            with pytest.raises(Unavailable):
                await handle.status()
            handle.restart()
            await until(lambda: handle.state == "ready")
            assert (await workers.ask(handle)).outcome is Outcome.COMPLETED

    run(main)


def test_not_more_than_so_many_wait_for_a_restart(workers: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handle_module, "MAX_WAITING", 2)

    async def main() -> None:
        async with workers.supervisor(first_backoff_s=0.5) as supervisor:
            handle = await supervisor.load(STUB, workers.stub())
            kill(handle)
            await until(lambda: handle.state == "restarting")
            waiting = [asyncio.create_task(workers.ask(handle)) for _ in range(2)]
            await asyncio.sleep(0)
            with pytest.raises(Unavailable):
                await workers.ask(handle)
            assert {story.outcome for story in await asyncio.gather(*waiting)} == {Outcome.COMPLETED}

    run(main)


# --- hangs ------------------------------------------------------------------------------------------------------------------


def test_a_loop_that_hangs_is_killed_and_replaced(workers: Any, tmp_path: Path) -> None:
    async def main() -> None:
        deadlines = Deadlines(step_s=0.5, token_s=0.01)
        async with workers.supervisor(deadlines=deadlines, heartbeat_s=0.05) as supervisor:
            handle = await supervisor.load(STUB, workers.stub(hang_at=4, once=str(tmp_path / "hung")))
            started = time.monotonic()
            story = await workers.ask(handle)
            assert 0.5 < time.monotonic() - started < 10
            assert story.done.code == "engine_died"
            assert "hung: step 4 took longer than" in story.done.message
            assert story.tokens[0] == 4
            assert (await workers.ask(handle)).outcome is Outcome.COMPLETED

    run(main)


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

    run(main)


def test_a_slow_prefill_is_no_hang(workers: Any) -> None:
    async def main() -> None:
        deadlines = Deadlines(step_s=1.0, token_s=0.05)
        async with workers.supervisor(deadlines=deadlines, heartbeat_s=0.05) as supervisor:
            handle = await supervisor.load(STUB, workers.stub(seconds_per_token=0.01))
            story = await workers.ask(handle, prompt=[7] * 200, max_tokens=3)  # 2 s
            assert story.outcome is Outcome.COMPLETED
            assert handle.restarts == 0

    run(main)


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

    run(main)


# --- endings ----------------------------------------------------------------------------------------------------------------


def test_stopping_lets_streams_finish_within_the_grace(workers: Any) -> None:
    async def main() -> None:
        async with workers.supervisor() as supervisor:
            handle = await supervisor.load(STUB, workers.stub(seconds_per_step=0.005))
            short = asyncio.create_task(workers.ask(handle, max_tokens=20))
            long = asyncio.create_task(workers.ask(handle, max_tokens=8000))
            await until(lambda: handle.open == 2)
            pid = handle.pid
            started = time.monotonic()
            await asyncio.gather(supervisor.unload("stub", grace=1.5), _refused(workers, handle))
            assert 1.5 <= time.monotonic() - started < 4.5
            assert (await short).outcome is Outcome.COMPLETED
            assert (await long).outcome is Outcome.CANCELLED
            assert (handle.state, handle.pid) == ("stopped", None)
            assert gone(pid)
            await handle.stop()

    run(main)


async def _refused(workers: Any, handle: EngineHandle) -> None:
    await asyncio.sleep(0.05)
    with pytest.raises(Unavailable, match="not loaded any more"):
        await workers.ask(handle)


def test_stopping_a_worker_that_hangs_does_not_take_for_ever(workers: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with workers.supervisor() as supervisor:
            handle = await supervisor.load(STUB, workers.stub(hang_at=2))
            task = asyncio.create_task(workers.ask(handle))
            await until(lambda: flowing(handle, 1))
            started = time.monotonic()
            await supervisor.unload("stub", grace=0.1)
            assert time.monotonic() - started < 6
            assert (await task).outcome is Outcome.FAILED

    run(main)


@pytest.mark.parametrize("state", ["restarting", "safe_mode"])
def test_stopping_while_there_is_no_worker(workers: Any, state: str) -> None:
    async def main() -> None:
        async with workers.supervisor(first_backoff_s=0.02 if state == "safe_mode" else 30.0) as supervisor:
            handle = await supervisor.load(STUB, workers.stub())
            for _ in range(3 if state == "safe_mode" else 1):
                await until(lambda: handle.state == "ready")
                kill(handle)
                await until(lambda: handle.state != "ready")
            assert handle.state == state
            waiting = asyncio.create_task(workers.ask(handle))
            await asyncio.sleep(0.05)
            await asyncio.wait_for(supervisor.unload("stub", grace=5.0), 2)
            with pytest.raises(Unavailable):
                await waiting

    run(main)


def test_events_tell_what_happens(workers: Any) -> None:
    async def main() -> None:
        async with workers.supervisor() as supervisor:
            seen: list[ModelEvent] = []

            async def watch() -> None:
                async for event in supervisor.events():
                    seen.append(event)  # noqa: PERF401  (it is looked at meanwhile)

            watcher = asyncio.create_task(watch())
            await asyncio.sleep(0)
            handle = await supervisor.load(STUB, workers.stub())
            kill(handle)
            await until(lambda: handle.state == "restarting")
            await until(lambda: handle.state == "ready")
            await supervisor.unload("stub")
            await until(lambda: seen[-1].state == "stopped")
            watcher.cancel()
            states = [event.state for event in seen]
            assert states == ["loading", "ready", "restarting", "ready", "stopped"]
            assert "SIGKILL" in seen[2].reason

    run(main)


def write_checkpoint(folder: Path) -> Path:
    import json

    header = json.dumps({"stub": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    header += b" " * (-len(header) % 8)
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + np.zeros(1, "f4").tobytes())
    return folder


def test_updated_weights_survive_a_crash(workers: Any, tmp_path: Path) -> None:
    async def main() -> None:
        async with workers.supervisor() as supervisor:
            handle = await supervisor.load(STUB, workers.stub())
            before = await workers.ask(handle, seed=1)
            with pytest.raises(ModelUnusable, match="nowhere"):
                await handle.update_weights(tmp_path / "nowhere")
            assert await handle.update_weights(write_checkpoint(tmp_path / "new")) == 1
            after = await workers.ask(handle, seed=1)
            assert after.ids != before.ids
            kill(handle)
            await until(lambda: handle.state != "ready")
            assert (await workers.ask(handle, seed=1)).ids == after.ids
            assert (await handle.status()).weight_version == 1
            (tmp_path / "new" / "model.safetensors").unlink()
            kill(handle)
            await until(lambda: handle.state == "safe_mode")
            assert "could not load the updated weights again" in handle.reason

    run(main)


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
        killed = time.monotonic()
        while not gone(pid):
            assert time.monotonic() - killed < 2, "the worker outlived its service"
            time.sleep(0.01)
