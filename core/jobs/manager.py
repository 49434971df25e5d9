"""The queue of jobs: who runs, who waits, what became of each. Used from the service's event loop only."""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
import shutil
import time
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from core.errors import Busy, InvalidRequest, NotFound, Unavailable
from core.jobs.files import DISK_FULL, is_disk_full
from core.jobs.frames import FromChild, JobAsk, JobFailed, JobNote, JobProgress, JobRelease, JobResult, JobText
from core.jobs.job import ENDED, Job, JobKind, JobState
from core.jobs.lease import FreeLease, Lease
from core.jobs.listeners import Listeners
from core.jobs.process import JobProcess
from core.jobs.rate import Rate
from core.jobs.store import JobStore
from core.paths import Places

MAX_PARAMS = 64 << 10
MAX_OPEN = 1000  # jobs that have not ended
KEPT = 500  # ended jobs in the list
MAX_TEXT = 4 << 20  # characters that a job may write for its readers
SAVE_EVERY = 1.0  # seconds between stored progress; what a state is, is stored at once

_log = logging.getLogger(__name__)


class _Running:
    """`wanted`: the state that its end shall lead to, if it was told to stop. `note`: what its process says to the user.
    `lease`: the task that waits for the GPU, then holds it."""

    def __init__(self, process: JobProcess, clock: Callable[[], float]) -> None:
        self.process = process
        self.wanted: JobState | None = None
        self.saved = 0.0
        self.note = ""
        self.rate = Rate(clock)
        self.lease: asyncio.Task[None] | None = None

    def release(self) -> None:
        """The GPU is free for others."""
        lease, self.lease = self.lease, None
        if lease is not None:
            lease.cancel()


class JobManager:
    """`start` first. Methods change a job at once where they can; a running one changes when its process is gone, which
    `events` tells."""

    def __init__(
        self,
        places: Places,
        kinds: Iterable[JobKind],
        clock: Callable[[], float] = time.time,
        lease: Lease | None = None,
    ) -> None:
        """`lease`: who gives the GPU to a job that asks for it; None: whoever asks gets it."""
        self._lease = lease or FreeLease()
        self._places = places
        self._kinds = {kind.name: kind for kind in kinds}
        self._clock = clock
        self._jobs: dict[str, Job] = {}
        self._running: dict[str, _Running] = {}
        self._texts: dict[str, str] = {}
        self._unsaved: set[str] = set()
        self._listeners = Listeners()
        self._discarding: set[asyncio.Future[None]] = set()
        self._idle = asyncio.Event()
        self._store: JobStore | None = None
        self._closing = False

    async def start(self) -> None:
        """Open the database and go on where the last service stopped. Raises Unavailable."""
        self._store = JobStore(self._places.jobs_db)
        for job in self._store.load():
            self._jobs[job.id] = job
            kind = self._kinds.get(job.kind)
            if job.state in ENDED or job.state is JobState.PAUSED:
                continue
            if kind is None:
                self._end(job, JobState.FAILED, "unknown_kind", f"This Deskside has no jobs of kind '{job.kind}'.")
            elif job.state is JobState.RUNNING and kind.resumable:
                self._set(job, state=JobState.QUEUED)
            elif job.state is JobState.RUNNING:
                self._end(job, JobState.FAILED, "interrupted", _INTERRUPTED)
        for note in self._store.notes:
            _log.warning("%s", note)
        self._prune()
        self._schedule()

    async def close(self, grace: float = 5.0) -> None:
        """Stop what runs: it is queued again for the next service where it can be resumed, else it has failed."""
        self._closing = True
        for job_id, running in self._running.items():
            resumable = self._kind(self._jobs[job_id]).resumable
            running.wanted = running.wanted or (JobState.QUEUED if resumable else JobState.FAILED)
            running.process.stop(grace)
        while self._running:
            self._idle.clear()
            await self._idle.wait()
        await asyncio.gather(*self._discarding)
        self._listeners.close()
        if self._store is not None:
            self._retry_unsaved()
            self._store.close()

    def relocate(self, places: Places) -> None:
        """Models and engines lie elsewhere from now on; the list of jobs stays where it is."""
        self._places = places

    def submit(self, kind: str, params: Mapping[str, Any]) -> Job:
        """Queue a job. Raises InvalidRequest (no such kind, params that are no JSON or too large), Busy, Unavailable (not
        stored: then there is no job)."""
        if kind not in self._kinds:
            raise InvalidRequest(f"There are no jobs of kind '{kind}'; the kinds are {', '.join(self._kinds)}.", "kind")
        try:
            text = json.dumps(dict(params), ensure_ascii=False, allow_nan=False)
        except (TypeError, ValueError, RecursionError) as error:
            raise InvalidRequest(f"The parameters of the job are not plain JSON ({error}).", "params") from error
        if len(text) > MAX_PARAMS:
            raise InvalidRequest(f"The parameters of the job are longer than {MAX_PARAMS} characters.", "params")
        if sum(job.state not in ENDED for job in self._jobs.values()) >= MAX_OPEN:
            raise Busy(f"{MAX_OPEN} jobs are waiting already; cancel some, or try again later.")
        now, store = self._clock(), self._opened()
        number = store.last_number() + 1
        job = Job(id=f"{kind}-{secrets.token_hex(6)}", kind=kind, params=text, number=number, created=now, updated=now)
        store.save(job)
        self._jobs[job.id] = job
        self._listeners.tell(job)
        self._schedule()
        return self._jobs[job.id]

    def get(self, job_id: str) -> Job:
        """Raises NotFound."""
        job = self._jobs.get(job_id)
        if job is None:
            raise NotFound(f"There is no job '{job_id[:200]}'.")
        return job

    def text(self, job_id: str) -> str:
        """What a job has written so far, for readers who follow it; kept while this service runs."""
        return self._texts.get(job_id, "")

    def note(self, job_id: str) -> str:
        """What the process of a running job says to the user; "" for nothing."""
        running = self._running.get(job_id)
        return running.note if running is not None else ""

    def rate(self, job_id: str) -> tuple[float | None, float | None]:
        """Units a second, and seconds until the end of the stage, of a running job, as far as known."""
        running = self._running.get(job_id)
        return running.rate.now(self._jobs[job_id]) if running is not None else (None, None)

    def list(self, kind: str | None = None, states: Collection[JobState] = ()) -> list[Job]:
        """In the order of submission."""
        return [
            job
            for job in self._jobs.values()
            if (kind is None or job.kind == kind) and (not states or job.state in states)
        ]

    def pause(self, job_id: str) -> Job:
        """Raises InvalidRequest for a job that has ended, or runs and cannot go on later."""
        job = self.get(job_id)
        running = self._running.get(job_id)
        if job.state is JobState.QUEUED:
            return self._set(job, state=JobState.PAUSED)
        if running is None or job.state in ENDED:
            if job.state is JobState.PAUSED:
                return job
            raise InvalidRequest(f"The job '{job_id}' is {job.state.value} and cannot be paused.")
        if not self._kind(job).resumable:
            raise InvalidRequest(f"A running job of kind '{job.kind}' cannot go on later; cancel it instead.")
        self._stop(running, JobState.PAUSED)
        return job

    def resume(self, job_id: str) -> Job:
        """Back into the queue, at its old place. Raises InvalidRequest for a job that is done or cancelled."""
        job = self.get(job_id)
        running = self._running.get(job_id)
        if running is not None and running.wanted is JobState.PAUSED:
            running.wanted = JobState.QUEUED  # it is stopping already
        elif job.state in (JobState.PAUSED, JobState.FAILED):
            if job.kind not in self._kinds:
                raise InvalidRequest(f"This Deskside has no jobs of kind '{job.kind}'.")
            self._set(job, state=JobState.QUEUED, code="", error="", ended=None)
            self._schedule()
        elif job.state in ENDED:
            raise InvalidRequest(f"The job '{job_id}' is {job.state.value} and cannot be resumed.")
        return self._jobs[job_id]

    def cancel(self, job_id: str) -> Job:
        """Nothing happens to a job that has ended, except that a failed one counts as cancelled. Its folder is removed."""
        job = self.get(job_id)
        running = self._running.get(job_id)
        if running is not None:
            self._stop(running, JobState.CANCELLED, grace=min(2.0, self._kind(job).grace))
        elif job.state not in (JobState.DONE, JobState.CANCELLED):
            self._end(job, JobState.CANCELLED)
        return self._jobs[job_id]

    def remove(self, job_id: str) -> None:
        """Forget a job that has ended, with its folder. Raises InvalidRequest if it has not."""
        job = self.get(job_id)
        if job.state not in ENDED:
            raise InvalidRequest(f"The job '{job_id}' is {job.state.value}; cancel it first.")
        self._opened().remove(job_id)
        del self._jobs[job_id]
        self._texts.pop(job_id, None)
        self._unsaved.discard(job_id)
        self._discard(job_id)

    def events(self) -> AsyncIterator[Job]:
        """Every change from now on, the latest of each job for who is slow, until closed. More text is a change too: then
        the snapshot is the same object as before."""
        return self._listeners.listen()

    # --- running -------------------------------------------------------------------------------------------------------

    def _schedule(self) -> None:
        """Start what may start, in the order of submission."""
        if self._closing:
            return
        busy: dict[str, int] = {}
        for job_id in self._running:
            busy[self._jobs[job_id].kind] = busy.get(self._jobs[job_id].kind, 0) + 1
        for job in list(self._jobs.values()):
            if job.state is JobState.QUEUED and busy.get(job.kind, 0) < self._kind(job).limit:
                self._begin(job)
                busy[job.kind] = busy.get(job.kind, 0) + (job.id in self._running)

    def _begin(self, job: Job) -> None:
        kind = self._kind(job)
        fresh: dict[str, Any] = {} if kind.resumable else {"stage": "", "done": 0, "total": 0}
        now = self._clock()
        try:
            process = JobProcess(
                job,
                kind,
                self._places.job(job.id),
                lambda frame: self._heard(job.id, frame),
                lambda frame: self._finished(job.id, frame),
            )
        except (OSError, Unavailable) as error:
            full = isinstance(error, OSError) and is_disk_full(error)
            self._failed(job, DISK_FULL if full else "unavailable", f"The job cannot be started: {error}")
            return
        self._running[job.id] = _Running(process, self._clock)
        self._set(job, state=JobState.RUNNING, attempts=job.attempts + 1, started=job.started or now, **fresh)

    def _heard(self, job_id: str, frame: FromChild) -> None:
        running = self._running[job_id]
        match frame:
            case JobProgress():
                self._progressed(job_id, frame)
            case JobText():
                self._texts[job_id] = (self._texts.get(job_id, "")[: max(0, frame.offset)] + frame.text)[:MAX_TEXT]
                self._listeners.tell(self._jobs[job_id])
            case JobNote():
                running.note = frame.text[:2000]
                self._listeners.tell(self._jobs[job_id])
            case JobAsk():
                running.release()
                running.lease = asyncio.get_running_loop().create_task(self._lend(job_id, running, frame.bytes))
            case JobRelease():
                running.release()
            case _:
                pass

    async def _lend(self, job_id: str, running: _Running, needed: int) -> None:
        """Holds the GPU for a job until cancelled."""

        def tell(text: str) -> None:
            running.note = text
            self._listeners.tell(self._jobs[job_id])

        async with self._lease(job_id, needed, tell):
            running.process.grant()
            await asyncio.Event().wait()

    def _progressed(self, job_id: str, frame: JobProgress) -> None:
        job, running = self._jobs[job_id], self._running[job_id]
        done, total = max(0, frame.done), max(0, frame.total)
        if frame.stage == job.stage:  # never backward, whatever a server or a retry says
            done, total = max(done, job.done), max(total, job.total)
        done = min(done, total) if total else done
        now = self._clock()
        save = frame.stage != job.stage or abs(now - running.saved) >= SAVE_EVERY
        running.saved = now if save else running.saved
        changed = self._set(job, save=save, stage=frame.stage[:200], done=done, total=total)
        running.rate.add(changed)

    def _finished(self, job_id: str, frame: FromChild) -> None:
        """Its process is gone. What it was told to become wins over what it said."""
        job, running = self._jobs[job_id], self._running.pop(job_id)
        running.release()
        if running.wanted is JobState.CANCELLED:
            self._end(job, JobState.CANCELLED)
        elif isinstance(frame, JobResult):
            total = max(job.total, job.done)
            self._end(job, JobState.DONE, result=frame.path, done=total, total=total)
        elif running.wanted is JobState.FAILED:
            self._end(job, JobState.FAILED, "interrupted", _INTERRUPTED)
        elif running.wanted is not None:
            self._set(job, state=running.wanted)
        elif isinstance(frame, JobFailed):
            self._failed(job, frame.code, frame.message)
        else:
            self._failed(job, "internal", "The process of this job stopped by itself; resume to try again.")
        self._idle.set()
        self._schedule()

    def _failed(self, job: Job, code: str, message: str) -> None:
        if code == DISK_FULL and self._kind(job).resumable:
            self._set(job, state=JobState.PAUSED, code=code, error=message)
        else:
            self._end(job, JobState.FAILED, code, message)

    def _stop(self, running: _Running, wanted: JobState, grace: float | None = None) -> None:
        if running.wanted is not JobState.CANCELLED:  # which nothing undoes
            running.wanted = wanted
            running.process.stop(grace)

    def _discard(self, job_id: str) -> None:
        """Its folder, in a thread: it may hold many gigabytes."""
        folders = (self._places.job(job_id), self._places.building(job_id))
        task = asyncio.get_running_loop().run_in_executor(None, _remove, *folders)
        self._discarding.add(task)
        task.add_done_callback(self._discarding.discard)

    def _kind(self, job: Job) -> JobKind:
        return self._kinds.get(job.kind) or JobKind(job.kind, "")

    # --- what is stored ------------------------------------------------------------------------------------------------

    def _end(self, job: Job, state: JobState, code: str = "", error: str = "", **fields: Any) -> None:
        self._set(job, state=state, code=code, error=error, ended=self._clock(), **fields)
        if state is JobState.CANCELLED:
            self._discard(job.id)

    def _set(self, job: Job, save: bool = True, **fields: Any) -> Job:
        job = self._jobs[job.id] = job.changed(self._clock(), **fields)
        if save:
            self._unsaved.add(job.id)
            self._retry_unsaved()
        self._listeners.tell(job)
        return job

    def _retry_unsaved(self) -> None:
        """A full disk must not stop a job from ending: what could not be stored is tried again with the next change."""
        for job_id in list(self._unsaved):
            try:
                self._opened().save(self._jobs[job_id])
                self._unsaved.discard(job_id)
            except Unavailable as error:
                _log.warning("%s", error.message)
                return

    def _opened(self) -> JobStore:
        if self._store is None:
            raise Unavailable("The list of jobs is not open yet.")
        return self._store

    def _prune(self) -> None:
        ended = [job for job in self._jobs.values() if job.state in ENDED]
        for job in sorted(ended, key=lambda job: job.ended or 0.0)[:-KEPT]:
            self.remove(job.id)


def _remove(*folders: Path) -> None:
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


_INTERRUPTED = (
    "Deskside was ended while this job ran, and such a job cannot go on in the middle; resume to start it again."
)
