"""Workers that cannot start, cannot load their model, or load for ever."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from core.errors import DeviceUnusable, InternalError, ModelUnusable, Unavailable
from core.protocol import Deadlines
from core.service import worker_process as worker_process_module
from tests.waiting import gone, until

STUB = Path("stub")
ROOT = Path(__file__).parents[3]


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

    workers.run(main)


def test_a_load_that_hangs_is_stopped(workers: Any) -> None:
    async def main() -> None:
        async with workers.supervisor(deadlines=Deadlines(load_s=0.5)) as supervisor:
            with pytest.raises(Unavailable, match=r"hung: loading took longer than 0\.5 s"):
                await supervisor.load(STUB, workers.stub(load_fault="hang"))

    workers.run(main)


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

    workers.run(main)


def test_a_process_that_cannot_be_started(workers: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: Any, **options: Any) -> Any:
        raise Unavailable("The worker process cannot be started (Too many open files).")

    monkeypatch.setattr(worker_process_module, "spawn", refuse)

    async def main() -> None:
        async with workers.supervisor() as supervisor:
            with pytest.raises(Unavailable, match="Too many open files"):
                await supervisor.load(STUB, workers.stub())

    workers.run(main)


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

    workers.run(main)
