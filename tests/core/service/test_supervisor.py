"""Loaded models through their real worker processes: answers, events, new weights."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.errors import InternalError, InvalidRequest, ModelUnusable, NotFound, Unavailable
from core.protocol import FinishReason, GrammarSource, Outcome
from core.service.supervisor import ModelEvent
from tests.waiting import until

STUB = Path("stub")


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

    workers.run(main)


def test_leaving_a_stream_frees_its_pages(workers: Any) -> None:
    async def main() -> None:
        async with workers.supervisor() as supervisor:
            handle = await supervisor.load(STUB, workers.stub(seconds_per_step=0.005))
            async with handle.stream(workers.submit(handle.next_request_id(), max_tokens=8000, n=4)) as stream:
                await anext(stream)
            assert handle.open == 0
            status = await handle.status()
            assert (status.requests, status.running, status.pages_held, status.cancelled) == (0, 0, 0, 1)

    workers.run(main)


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

    workers.run(main)


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

    workers.run(main)


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

    workers.run(main)


def test_a_slow_reader_stalls_nobody_and_gets_everything(workers: Any) -> None:
    async def main() -> None:
        async with workers.supervisor() as supervisor:
            handle = await supervisor.load(STUB, workers.stub())
            stream = handle.stream(workers.submit(handle.next_request_id(), max_tokens=1200))
            story = workers.soak.Story()
            story.take(await anext(stream))
            started = time.monotonic()
            await workers.ask(handle, max_tokens=100)
            assert time.monotonic() - started < 20
            await until(lambda: handle.open == 0)
            assert len(stream._events) < 150
            async for batch in stream:
                story.take(batch)
            assert story.tokens[0] == 1200

    workers.run(main)


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
            workers.kill(first)
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

    workers.run(main)


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
            workers.kill(handle)
            await until(lambda: handle.state == "restarting")
            await until(lambda: handle.state == "ready")
            await supervisor.unload("stub")
            await until(lambda: seen[-1].state == "stopped")
            watcher.cancel()
            states = [event.state for event in seen]
            assert states == ["loading", "ready", "restarting", "ready", "stopped"]
            assert "SIGKILL" in seen[2].reason

    workers.run(main)


def write_checkpoint(folder: Path) -> Path:

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
            workers.kill(handle)
            await until(lambda: handle.state != "ready")
            assert (await workers.ask(handle, seed=1)).ids == after.ids
            assert (await handle.status()).weight_version == 1
            (tmp_path / "new" / "model.safetensors").unlink()
            workers.kill(handle)
            await until(lambda: handle.state == "safe_mode")
            assert "could not load the updated weights again" in handle.reason

    workers.run(main)
