"""Jobs in real processes: every one ends in exactly one way, whatever dies or fills up."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from core.errors import Busy, InvalidRequest, NotFound, Unavailable
from core.jobs import manager as manager_module
from core.jobs.job import ENDED, Job, JobState
from core.jobs.manager import JobManager
from core.jobs.store import JobStore
from core.paths import Places
from tests.core.jobs.conftest import opened, until
from tests.waiting import gone
from tests.waiting import until as until_true

NUMBERS = "".join(f"{i}\n" for i in range(5))


def test_a_job_runs_to_its_result(places: Places) -> None:
    async def main() -> None:
        async with opened(places) as manager:
            stream = manager.events()
            job = manager.submit("counts", {"steps": 5})
            seen: list[Job] = []
            async for now in stream:
                seen.append(now)
                if now.state in ENDED:
                    break
            end = seen[-1]
            assert end.state is JobState.DONE
            assert Path(end.result).read_text() == NUMBERS
            assert (end.done, end.total, end.stage) == (5, 5, "count")
            assert end.started is not None
            assert end.ended is not None
            assert end.created <= end.started <= end.ended <= end.updated
            progress = [now.done for now in seen if now.stage == "count"]
            assert progress == sorted(progress)
            assert {now.state for now in seen} >= {JobState.RUNNING, JobState.DONE}
            assert manager.get(job.id) == end
            manager.remove(job.id)
            with pytest.raises(NotFound):
                manager.get(job.id)
        assert not places.job(job.id).exists()

    asyncio.run(main())


def test_progress_never_goes_backward(places: Places, tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(places) as manager:
            stream = manager.events()
            manager.submit("backwards", {"seen": str(tmp_path / "seen")})
            seen: dict[str, list[tuple[int, int]]] = {"a": [], "b": []}
            async for now in stream:
                seen.setdefault(now.stage, []).append((now.done, now.total))
                (tmp_path / f"seen{len(seen['a'] + seen['b'])}").touch()
                if now.state in ENDED:
                    assert now.state is JobState.DONE
                    break
            assert seen["a"] == [(5, 10), (5, 10), (7, 10), (10, 10)]
            assert [done for done, _ in seen["b"]][:3] == [0, 4, 4]

    asyncio.run(main())


@pytest.mark.parametrize(
    ("name", "code", "says"),
    [
        ("refuses", "not_found", "There is no such model."),
        ("breaks", "internal", "fault in Deskside"),
        ("leaves", "internal", "ended with exit code 3 before it was done"),
        ("garbles", "internal", "nobody understands"),
        ("missing", "internal", "ended with exit code"),
    ],
)
def test_how_a_job_fails(name: str, code: str, says: str, places: Places) -> None:
    async def main() -> None:
        async with opened(places) as manager:
            end = await until(manager, manager.submit(name, {}))
            assert (end.state, end.code) == (JobState.FAILED, code)
            assert says in end.error
            if name == "breaks":
                assert "a fault of ours" not in end.error
                assert "ValueError: a fault of ours" in (places.job(end.id) / "log.txt").read_text()

    asyncio.run(main())


@pytest.mark.skipif(sys.platform == "win32", reason="kills with a signal")
def test_a_killed_process_fails_the_job_and_resume_goes_on(places: Places) -> None:
    async def main() -> None:
        async with opened(places) as manager:
            job = manager.submit("counts", {"steps": 5, "die_at": 3})
            end = await until(manager, job)
            assert end.state is JobState.FAILED
            assert "signal 9 (SIGKILL)" in end.error
            manager.resume(job.id)
            end = await until(manager, job)
            assert end.state is JobState.DONE
            assert end.error == ""
            assert end.attempts == 2
            assert Path(end.result).read_text() == NUMBERS

    asyncio.run(main())


@pytest.mark.parametrize("name", ["fills", "fills_once"])
def test_a_full_disk_pauses_or_fails_and_leaves_nothing_half_written(name: str, places: Places, tmp_path: Path) -> None:
    async def main() -> None:
        target, room = tmp_path / "models" / "big.bin", tmp_path / "room"
        async with opened(places) as manager:
            job = manager.submit(name, {"target": str(target), "room": str(room)})
            now = await until(manager, job, JobState.PAUSED, JobState.FAILED)
            assert now.state is (JobState.PAUSED if name == "fills" else JobState.FAILED)
            assert now.code == "disk_full"
            assert "no space left" in now.error
            assert str(target) in now.error
            assert list(target.parent.iterdir()) == []
            room.touch()
            manager.resume(job.id)
            assert (await until(manager, job)).state is JobState.DONE
            assert list(target.parent.iterdir()) == [target]
            assert target.stat().st_size == 10 << 20

    asyncio.run(main())


@pytest.mark.skipif(sys.platform != "linux", reason="mounts a tiny file system")
def test_a_really_full_file_system(places: Places, tmp_path: Path) -> None:
    mount = tmp_path / "tiny"
    mount.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", mount], capture_output=True)
    if done.returncode:
        pytest.skip("mounting is not permitted here")

    async def main() -> None:
        async with opened(places) as manager:
            job = manager.submit("fills", {"target": str(mount / "big.bin"), "room": "/"})
            now = await until(manager, job, JobState.PAUSED, JobState.FAILED)
            assert (now.state, now.code) == (JobState.PAUSED, "disk_full")
            assert list(mount.iterdir()) == []

    try:
        asyncio.run(main())
    finally:
        subprocess.run(["umount", mount], check=True)


def test_pause_and_resume(places: Places) -> None:
    async def main() -> None:
        async with opened(places) as manager:
            job = manager.submit("counts", {"steps": 60, "seconds": 0.02})
            while manager.get(job.id).done < 3:
                await asyncio.sleep(0.01)
            manager.pause(job.id)
            paused = await until(manager, job, JobState.PAUSED)
            await asyncio.sleep(0.2)
            assert manager.get(job.id) == paused
            assert manager.pause(job.id) == paused
            manager.resume(job.id)
            running = await until(manager, job, JobState.RUNNING)
            assert running.done >= paused.done
            manager.pause(job.id)
            manager.resume(job.id)  # while it is still stopping
            end = await until(manager, job)
            assert end.state is JobState.DONE
            assert len(Path(end.result).read_text().split()) == 60

    asyncio.run(main())


def test_what_cannot_be_paused_or_resumed_says_so(places: Places) -> None:
    async def main() -> None:
        async with opened(places, grace=0.5) as manager:
            job = manager.submit("counts_once", {"steps": 1000})
            behind = manager.submit("counts_once", {"steps": 1})
            with pytest.raises(InvalidRequest, match="cancel it instead"):
                manager.pause(job.id)
            with pytest.raises(InvalidRequest, match="cancel it first"):
                manager.remove(job.id)
            assert manager.pause(behind.id).state is JobState.PAUSED  # it had not begun
            manager.cancel(job.id)
            await until(manager, job)
            with pytest.raises(InvalidRequest, match="cancelled and cannot be resumed"):
                manager.resume(job.id)
            with pytest.raises(InvalidRequest, match="cannot be paused"):
                manager.pause(job.id)
            assert manager.cancel(job.id).state is JobState.CANCELLED
            assert manager.get(behind.id).state is JobState.PAUSED

    asyncio.run(main())


@pytest.mark.parametrize("name", ["deaf", "reads_nothing"])
def test_a_process_that_does_not_stop_is_killed(name: str, places: Places) -> None:
    async def main() -> None:
        async with opened(places) as manager:
            job = await until(manager, manager.submit(name, {"x": "y" * 60_000}), JobState.RUNNING)
            pid = manager._running[job.id].process.child.pid
            manager.cancel(job.id)
            assert (await until(manager, job)).state is JobState.CANCELLED
            with pytest.raises(ProcessLookupError):
                os.kill(pid, 0)

    asyncio.run(main())


def test_cancel_at_any_moment_ends_each_job_once(places: Places) -> None:
    chance = random.Random(7)

    async def main() -> None:
        async with opened(places) as manager:
            ends: dict[str, list[JobState]] = {}
            stream = manager.events()

            async def watch() -> None:
                async for now in stream:
                    if now.state in ENDED:
                        ends.setdefault(now.id, []).append(now.state)

            watcher = asyncio.create_task(watch())
            jobs = []
            for _ in range(10):
                job = manager.submit("counts", {"steps": 3, "seconds": 0.01})
                jobs.append(job)
                asyncio.get_running_loop().call_later(chance.random() * 0.9, manager.cancel, job.id)
                await asyncio.sleep(chance.random() * 0.1)
            for job in jobs:
                await until(manager, job)
            await asyncio.sleep(0.05)
            watcher.cancel()
            assert sorted(ends) == sorted(job.id for job in jobs)
            assert all(len(states) == 1 for states in ends.values())
            cancelled = [job for job in jobs if manager.get(job.id).state is JobState.CANCELLED]
            assert cancelled
        assert not any(places.job(job.id).exists() for job in cancelled)

    asyncio.run(main())


def test_at_most_so_many_of_a_kind_run_in_the_order_of_submission(places: Places) -> None:
    async def main() -> None:
        async with opened(places) as manager:
            stream = manager.events()
            jobs = [manager.submit("counts", {"steps": 3, "seconds": 0.02}) for _ in range(5)]
            other = manager.submit("counts_once", {"steps": 1})
            assert manager.get(other.id).state is JobState.RUNNING  # another kind has its own limit
            began: list[str] = []
            ended: set[str] = set()
            async for now in stream:
                assert len(manager.list("counts", {JobState.RUNNING})) <= 2
                if now.state is JobState.RUNNING and now.kind == "counts" and now.id not in began:
                    began.append(now.id)
                if now.state in ENDED:
                    ended.add(now.id)
                    if len(ended) == 6:
                        break
            assert began == [job.id for job in jobs]

    asyncio.run(main())


def test_the_queue_survives_a_restart_of_the_service(places: Places) -> None:
    async def first() -> list[str]:
        async with opened(places) as manager:
            long = manager.submit("counts", {"steps": 100_000, "seconds": 0.01})
            once = manager.submit("counts_once", {"steps": 100_000, "seconds": 0.01})
            queued = manager.submit("counts_once", {"steps": 2})
            paused = manager.submit("counts_once", {"steps": 2})
            manager.pause(paused.id)
            while manager.get(long.id).done < 2:
                await asyncio.sleep(0.01)
            return [long.id, once.id, queued.id, paused.id]

    async def second(ids: list[str]) -> None:
        long, once, queued, paused = ids
        async with opened(places) as manager:
            assert [job.id for job in manager.list()] == ids
            assert manager.get(long).state is JobState.RUNNING
            assert manager.get(long).attempts == 2
            assert manager.get(once).state is JobState.FAILED
            assert manager.get(once).code == "interrupted"
            assert manager.get(paused).state is JobState.PAUSED
            assert (await until(manager, manager.get(queued))).state is JobState.DONE
            before = manager.get(long).done
            assert before >= 2
            manager.cancel(long)
            await until(manager, manager.get(long))

    asyncio.run(second(asyncio.run(first())))


@pytest.mark.skipif(sys.platform == "win32", reason="kills with a signal")
def test_a_killed_service_leaves_no_process_and_its_queue_goes_on(places: Places, tmp_path: Path) -> None:
    code = f"""
import asyncio
from pathlib import Path
from core.jobs.manager import JobManager
from core.paths import Places
from tests.core.jobs.conftest import KINDS
async def main():
    manager = JobManager(Places.under(Path({str(places.data.parent)!r})), KINDS)
    await manager.start()
    a = manager.submit("counts", {{"steps": 100000, "seconds": 0.01}})
    b = manager.submit("counts_once", {{"steps": 100000, "seconds": 0.01}})
    while not (manager.get(a.id).done > 2 and manager.get(b.id).done > 2):
        await asyncio.sleep(0.01)
    print(*[running.process.child.pid for running in manager._running.values()], flush=True)
    await asyncio.sleep(600)
asyncio.run(main())
"""
    root = Path(__file__).resolve().parents[3]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join([str(root), os.environ["PYTHONPATH"]])}
    with subprocess.Popen([sys.executable, "-c", code], env=environ, stdout=subprocess.PIPE, text=True) as service:
        assert service.stdout is not None
        pids = [int(pid) for pid in service.stdout.readline().split()]
        service.send_signal(signal.SIGKILL)
    assert len(pids) == 2

    async def main() -> None:
        await until_true(lambda: all(map(gone, pids)))
        async with opened(places) as manager:
            resumed, failed = manager.list()
            assert resumed.state is JobState.RUNNING
            assert resumed.attempts == 2
            assert (failed.state, failed.code) == (JobState.FAILED, "interrupted")
            assert "resume to start it again" in failed.error
            manager.cancel(resumed.id)
            await until(manager, resumed)

    asyncio.run(main())


def test_bad_requests(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with opened(places) as manager:
            for kind, params, says in (
                ("nothing", {}, "no jobs of kind 'nothing'; the kinds are counts"),
                ("counts", {"x": "y" * 70_000}, "longer than"),
                ("counts", {"x": float("nan")}, "plain JSON"),
                ("counts", {"x": object()}, "plain JSON"),
            ):
                with pytest.raises(InvalidRequest, match=says):
                    manager.submit(kind, params)
            for act in (manager.get, manager.pause, manager.resume, manager.cancel, manager.remove):
                with pytest.raises(NotFound, match="no job"):
                    act("../../etc")
            monkeypatch.setattr(manager_module, "MAX_OPEN", 0)
            with pytest.raises(Busy):
                manager.submit("counts", {"steps": 1})
            assert manager.list() == []

    asyncio.run(main())


def test_a_job_ends_although_the_database_is_full(places: Places, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> Job:
        async with opened(places) as manager:
            job = manager.submit("counts", {"steps": 3})
            store = manager._store
            assert store is not None
            (pages,) = store._connection.execute("PRAGMA page_count").fetchone()
            store._connection.execute(f"PRAGMA max_page_count = {pages}")
            full = None
            for _ in range(50):
                try:
                    manager.submit("counts_once", {"text": "x" * 2000})
                except Unavailable as error:
                    full = error
            assert full is not None
            assert "full" in full.message
            before = len(manager.list())
            assert (await until(manager, job)).state is JobState.DONE
            assert len(manager.list()) == before
            for waiting in manager.list():
                manager.cancel(waiting.id)
            store._connection.execute("PRAGMA max_page_count = 100000")
            return manager.get(job.id)

    end = asyncio.run(main())
    (stored,) = [job for job in JobStore(places.jobs_db).load() if job.id == end.id]
    assert stored == end


def test_jobs_of_a_kind_that_this_version_lacks(places: Places) -> None:
    async def main() -> None:
        old = JobManager(places, [manager_module.JobKind("old", "job_roles_for_tests:main_counts", resumable=True)])
        await old.start()
        waiting = old.submit("old", {"steps": 1000})
        paused = old.pause(old.submit("old", {"steps": 1}).id)
        await old.close(0.2)
        async with opened(places) as manager:
            assert (manager.get(waiting.id).state, manager.get(waiting.id).code) == (JobState.FAILED, "unknown_kind")
            assert manager.get(paused.id).state is JobState.PAUSED
            with pytest.raises(InvalidRequest, match="no jobs of kind 'old'"):
                manager.resume(paused.id)
            assert manager.cancel(paused.id).state is JobState.CANCELLED

    asyncio.run(main())


def test_a_listener_that_lags_sees_the_last_of_every_job(places: Places) -> None:
    async def main() -> None:
        async with opened(places) as manager:
            slow, left = manager.events(), manager.events()
            await left.aclose()  # type: ignore[attr-defined]
            jobs = [manager.submit("counts", {"steps": 30, "seconds": 0.001}) for _ in range(3)]
            for job in jobs:
                await until(manager, job)
            held = manager._listeners._all[0].pending
            assert len(held) == 3  # not one for each of all the changes
            assert [(await anext(slow)).state for _ in jobs] == [JobState.DONE] * 3
        with pytest.raises(StopAsyncIteration):
            await anext(slow)

    asyncio.run(main())
