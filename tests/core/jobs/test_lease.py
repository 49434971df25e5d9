"""Jobs that ask for the GPU get it one after the other, give it back however they end, and say what they wait for."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from core.jobs.job import Job, JobState
from core.jobs.manager import JobManager
from core.jobs.rate import Rate
from core.paths import Places
from tests.core.jobs.conftest import KINDS
from tests.waiting import until


class OneAtATime:
    """`log`: who had it, and for how many bytes."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.log: list[tuple[str, int]] = []

    @contextlib.asynccontextmanager
    async def __call__(self, holder: str, needed: int, tell: Callable[[str], None]) -> AsyncIterator[None]:
        if self.lock.locked():
            tell("Waits for the GPU.")
        async with self.lock:
            self.log.append((holder, needed))
            tell("Has the GPU.")
            yield


def test_one_after_the_other_whatever_ends_them(places: Places, tmp_path: Path) -> None:
    async def main() -> None:
        lease = OneAtATime()
        manager = JobManager(places, KINDS, lease=lease)
        await manager.start()
        enough = tmp_path / "enough"

        def borrow(name: str) -> Job:
            return manager.submit("borrows", {"bytes": 7, "has": str(tmp_path / name), "enough": str(enough)})

        try:
            first = borrow("first")
            await until(lambda: (tmp_path / "first").exists())
            second = borrow("second")
            await until(lambda: manager.note(second.id) == "Waits for the GPU.")
            assert not (tmp_path / "second").exists()
            assert manager.note(first.id) == "Has the GPU."
            manager.cancel(first.id)
            await until(lambda: (tmp_path / "second").exists())
            await until(lambda: manager.get(first.id).state is JobState.CANCELLED)
            assert lease.log == [(first.id, 7), (second.id, 7)]
            enough.touch()
            await until(lambda: manager.get(second.id).stage == "after")
            await until(lambda: not lease.lock.locked())
            await until(lambda: manager.rate(second.id)[0] is not None)
            rate, eta = manager.rate(second.id)
            assert rate is not None
            assert eta is not None
            assert 1 < rate < 10
            assert 0 <= eta < 10
            await until(lambda: manager.get(second.id).state is JobState.DONE)
            assert manager.note(second.id) == ""
            assert manager.rate(second.id) == (None, None)
        finally:
            await manager.close()

    asyncio.run(main())


def test_a_rate_over_the_last_seconds() -> None:
    now = [0.0]
    rate = Rate(lambda: now[0])
    job = Job(id="x", kind="x", params="{}", number=1, created=0.0, updated=0.0, stage="a", total=1000)
    for second in range(30):
        now[0] = float(second)
        job = job.changed(now[0], done=10 * second if second < 15 else 150 + 30 * (second - 15))
        rate.add(job)
    speed, left = rate.now(job)
    assert speed is not None
    assert abs(speed - 30) < 3  # the last ten seconds, not all
    assert left is not None
    assert abs(left - (1000 - job.done) / speed) < 0.01
    assert rate.now(job.changed(now[0], stage="b")) == (None, None)
