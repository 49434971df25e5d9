"""A manager over a throw-away home, and kinds of jobs that do what a test needs, in real child processes."""

from __future__ import annotations

import asyncio
import os
import textwrap
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from core.jobs.job import ENDED, Job, JobKind, JobState
from core.jobs.manager import JobManager
from core.paths import Places

ROLES = """
import errno, os, time
from pathlib import Path
from core.errors import NotFound
from core.jobs.child import run

def counts(context):
    '''Goes on from a file; `steps` steps of `seconds`; the result is a file with every number.'''
    state = context.folder / "state"
    at = int(state.read_text()) if context.resumed and state.exists() else 0
    total = context.params["steps"]
    while at < total:
        context.progress("count", at, total)
        time.sleep(context.params.get("seconds", 0.01))
        at += 1
        context.write_result(state, [str(at).encode()])
        if at == context.params.get("die_at") and not context.resumed:
            os.kill(os.getpid(), 9)
    context.progress("count", at, total)
    return context.write_result(context.folder / "result.txt", (f"{i}\\n".encode() for i in range(total)))

def fills(context):
    '''The disk is full after 2 MB, unless there is a file `room`.'''
    def chunks():
        for i in range(10):
            if i == 2 and not Path(context.params["room"]).exists():
                raise OSError(errno.ENOSPC, "No space left on device")
            yield bytes(1 << 20)
    return context.write_result(Path(context.params["target"]), chunks())

def backwards(context):
    '''Each step waits until the one before was `seen`: a file for each.'''
    steps = 0
    for stage, done, total in [("a", 5, 10), ("a", 3, 10), ("a", 7, 5), ("a", 99, 5), ("b", 0, 0), ("b", 4, 0), ("b", -1, 0)]:
        context.progress(stage, done, total)
        time.sleep(0.12)
        steps += 1
        while not Path(f"{context.params['seen']}{steps}").exists():
            time.sleep(0.01)

def borrows(context):
    '''Uses the GPU until there is a file `enough`; says when it has it.'''
    context.note("wants the GPU")
    with context.gpu(context.params["bytes"]):
        Path(context.params["has"]).write_text("yes")
        while not Path(context.params["enough"]).exists():
            context.check()
            time.sleep(0.01)
    context.progress("after", 0, 10)
    for done in range(11):
        context.progress("after", done, 10)
        time.sleep(0.2)

def refuses(context): raise NotFound("There is no such model.")
def breaks(context): raise ValueError("a fault of ours")
def deaf(context): time.sleep(600)
def leaves(context): os._exit(3)
def reads_nothing(connection): time.sleep(600)
def garbles(connection):
    connection.receive()
    connection.send(b"not a frame")
    time.sleep(600)

for name in ("counts", "fills", "backwards", "borrows", "refuses", "breaks", "deaf", "leaves"):
    globals()["main_" + name] = lambda connection, work=globals()[name]: run(connection, work)
"""


def kind(name: str, **options: object) -> JobKind:
    return JobKind(name, f"job_roles_for_tests:main_{name}", **options)  # type: ignore[arg-type]


KINDS = (
    kind("counts", resumable=True, limit=2),
    kind("fills", resumable=True),
    kind("backwards"),
    kind("borrows", limit=2),
    kind("refuses"),
    kind("breaks"),
    kind("leaves"),
    kind("deaf", grace=0.3),
    JobKind("counts_once", "job_roles_for_tests:main_counts"),
    JobKind("fills_once", "job_roles_for_tests:main_fills"),
    JobKind("garbles", "job_roles_for_tests:garbles"),
    JobKind("reads_nothing", "job_roles_for_tests:reads_nothing", grace=0.3),
    JobKind("missing", "no_such_module:main"),
)

Open = Callable[[], "asynccontextmanager[JobManager]"]


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Places:
    roles = tmp_path / "roles"
    roles.mkdir()
    (roles / "job_roles_for_tests.py").write_text(textwrap.dedent(ROLES), encoding="utf-8")
    path = [str(roles), *filter(None, [os.environ.get("PYTHONPATH")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path))
    return Places.under(tmp_path / "home with ü")


@asynccontextmanager
async def opened(places: Places, grace: float = 5.0) -> AsyncIterator[JobManager]:
    manager = JobManager(places, KINDS)
    await manager.start()
    try:
        yield manager
    finally:
        await manager.close(grace)


async def until(manager: JobManager, job: Job, *states: JobState, seconds: float = 30.0) -> Job:
    """The job once it is in one of `states`, by default an end."""

    async def wait() -> Job:
        wanted = states or tuple(ENDED)
        stream = manager.events()
        try:
            now = manager.get(job.id)
            if now.state in wanted:
                return now
            async for now in stream:
                if now.id == job.id and now.state in wanted:
                    return now
            raise AssertionError("the stream ended")
        finally:
            await stream.aclose()  # type: ignore[attr-defined]

    return await asyncio.wait_for(wait(), seconds)
