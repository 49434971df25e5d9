"""What the routes share: one `Service` per process."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any

import msgspec

from core.config import load_config
from core.errors import Busy, DesksideError, NotFound, Unavailable
from core.grammar.guard import GrammarGuard
from core.grammar.source import GrammarSource
from core.jobs.job import ENDED, Job, JobState
from core.jobs.kinds import MOVE
from core.jobs.manager import JobManager
from core.library.engines import find_engine
from core.library.installed import folders_of
from core.paths import Places
from core.schemas import JobReply, RemoveReply, ServiceEvent
from core.service.gpus import GpuWatch
from core.service.library import Library
from core.service.limits import Admission, Limits
from core.service.metrics import Metrics
from core.service.models import Models
from core.service.runs import Encoders
from core.service.sse import SlowReaders

EVENTS_KEPT = 256

log = logging.getLogger("deskside.service")


class Events:
    """State changes for whoever listens. A listener that does not read loses the oldest."""

    def __init__(self) -> None:
        self._listeners: set[asyncio.Queue[ServiceEvent | None]] = set()
        self._closed = False

    @property
    def listeners(self) -> int:
        return len(self._listeners)

    def publish(self, event: ServiceEvent) -> None:
        for queue in self._listeners:
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(event)

    def close(self) -> None:
        """End every listener's stream."""
        self._closed = True
        for queue in self._listeners:
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(None)

    async def listen(self) -> AsyncGenerator[ServiceEvent, None]:
        """Events from now on."""
        queue: asyncio.Queue[ServiceEvent | None] = asyncio.Queue(EVENTS_KEPT)
        self._listeners.add(queue)
        try:
            while not self._closed:
                change = await queue.get()
                if change is not None:
                    yield change
        finally:
            self._listeners.discard(queue)


class Service:
    """Everything a request may need. `stop` begins a graceful stop, with the seconds that open answers may take."""

    def __init__(
        self,
        models: Callable[[Callable[[str, str, str], None]], Models],
        *,
        token: str,
        version: str,
        address: str = "",
        limits: Limits | None = None,
        jobs: Callable[[Models], JobManager] | None = None,
        library: Library | None = None,
        lan: bool = False,
        stop: Callable[[float], None] | None = None,
    ) -> None:
        """`models`: makes the registry, given whom to tell of changes. `jobs`: makes their manager, not yet
        started. `lan`: other machines can reach it."""
        self.token = token
        self.version = version
        self.address = address
        self.lan = lan
        self.limits = limits or Limits()
        self.admission = Admission(self.limits)
        self.encoders = Encoders()
        self.grammars = GrammarGuard()
        self.slow_readers = SlowReaders(self.limits.blocked_seconds)
        self.metrics = Metrics()
        self.gpus = GpuWatch()
        self.events = Events()
        self.models = models(self._model_changed)
        self._jobs = jobs(self.models) if jobs is not None else None
        self.models.rebuild = self._rebuild
        self._rebuilt: dict[str, str] = {}  # engine -> the job that builds it anew
        self._library = library
        self.pid = os.getpid()
        self.started = time.monotonic()
        self.last_activity = time.monotonic()
        self.stopping = False
        self._stop = stop
        self._tasks: list[asyncio.Task[Any]] = []

    @property
    def jobs(self) -> JobManager:
        """Raises Unavailable in a service without any."""
        if self._jobs is None:
            raise Unavailable("This service runs no jobs.")
        return self._jobs

    @property
    def library(self) -> Library:
        """Raises Unavailable in a service without one."""
        if self._library is None:
            raise Unavailable("This service has no model library.")
        return self._library

    def job_reply(self, job: Job) -> JobReply:
        """A job as it is shown now."""
        fields = msgspec.structs.asdict(job)
        rate, eta = self.jobs.rate(job.id)
        shown = {"params": json.loads(job.params), "state": job.state.value, "rate": rate, "eta": eta}
        return JobReply(**fields | shown | {"note": self.jobs.note(job.id)})

    async def remove_model(self, name: str, unload: bool) -> RemoveReply:
        """`unload`: what is loaded of it, the model or engines of it, is unloaded before. Raises as
        `core.library.installed.remove_model`."""
        if unload:
            folders = await asyncio.to_thread(folders_of, name, self.library.places)
            for model in self.models.loaded:
                if folders and (model.name == name or model.folder in folders):
                    with contextlib.suppress(NotFound):  # somebody else unloaded it
                        await self.models.unload(model.name)
        await self.models.unloaded()
        return await self.library.remove(name)

    async def move_library(self, folder: str) -> Job:
        """Queue moving models and engines. Raises InvalidRequest, FilesUnusable, DiskFull, Busy: then nothing has changed."""
        target = await self.library.check_move(folder)
        self._check_no_move()
        await self._unload_library()
        return self.jobs.submit(MOVE.name, {"folder": target})

    async def use_library(self, folder: str) -> None:
        """Models and engines lie in `folder` from now on. Raises as `move_library`."""
        self._check_no_move()
        await self._unload_library()
        self._relocate(await self.library.use(folder))

    def _check_no_move(self) -> None:
        if self.jobs.list(MOVE.name, {JobState.QUEUED, JobState.RUNNING, JobState.PAUSED}):
            raise Busy("Models and engines are being moved already; wait for that, or cancel it first.")

    async def _unload_library(self) -> None:
        """Nothing of the library stays loaded. Raises Busy while an answer is being written, or a model loaded."""
        inside = [
            model for model in self.models.loaded if model.folder.is_relative_to(self.library.places.library_root)
        ]
        answering = [model.name for model in inside if model.open]
        if answering or self.models.loading:
            names = ", ".join(answering or self.models.loading)
            raise Busy(f"{names} is at work; wait until it is done, or stop it, then move models and engines.")
        for model in inside:
            await self.models.unload(model.name, 0.0)

    def _relocate(self, places: Places) -> None:
        self.models.places = self.library.places = places
        self.jobs.relocate(places)
        self.events.publish(ServiceEvent(kind="library"))

    async def _moved(self, job: Job) -> None:
        """The library changes its place in the middle of the job that moves it: before the old files are deleted."""
        if job.stage != "delete" and job.state not in ENDED:
            return
        config = await asyncio.to_thread(load_config, os.environ)
        if config.places != self.library.places:
            self._relocate(config.places)
        if job.state in (JobState.CANCELLED, JobState.DONE):
            await self.library.settle()

    @property
    def busy(self) -> bool:
        """True while something happens that nobody would want to be ended: answers, loading, jobs."""
        running = self._jobs.list(states={JobState.QUEUED, JobState.RUNNING}) if self._jobs is not None else []
        return bool(self.admission.total or self.models.busy or running)

    async def start(self) -> None:
        """Begin the background work, on the running loop."""
        if self._jobs is not None:
            await self._jobs.start()
            if self._library is not None and not self._jobs.list(
                MOVE.name, set(JobState) - {JobState.DONE, JobState.CANCELLED}
            ):
                await self._library.settle()
        work: list[Awaitable[None]] = [
            self.slow_readers.watch(),
            self.models.watch_idle(),
            self._watch_workers(),
            self._watch_jobs(),
        ]
        self._tasks = [asyncio.ensure_future(item) for item in work]

    async def close(self, grace: float = 0.0) -> None:
        """End everything; open answers may take `grace` seconds. Idempotent."""
        self.stopping = True
        self.events.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace + 10.0):
                await self.models.close(grace)
        if self._jobs is not None:
            jobs, self._jobs = self._jobs, None
            await jobs.close()
        self.encoders.close()
        await asyncio.to_thread(self.grammars.close)

    def request_stop(self, grace: float) -> None:
        self.stopping = True
        self.events.publish(ServiceEvent(kind="stopping", message="The service is stopping."))
        if self._stop is not None:
            self._stop(grace)

    async def check_grammar(self, source: GrammarSource | None) -> None:
        """Raises InvalidRequest for a grammar that cannot be used; tried in a child process."""
        if source is not None:
            await asyncio.to_thread(self.grammars.check, source)

    def check_accepting(self) -> None:
        """Raises Unavailable once the service is stopping."""
        if self.stopping:
            raise Unavailable("The service is stopping; start it again and repeat the request.")

    def gather_metrics(self) -> None:
        """What the workers last said of themselves, into `metrics`."""
        for model in self.models.loaded:
            if model.handle.last_status is not None:
                self.metrics.take_status(model.name, model.handle.last_status, model.handle.restarts)

    def _rebuild(self, name: str) -> str | None:
        """Build an engine anew that is not what it was; once, for what failed will fail again until something changes."""
        engine = find_engine(name, self.models.places)
        manifest = engine.manifest if engine is not None else None
        if manifest is None or self._jobs is None or self.stopping:
            return None
        job = self._rebuilt.get(manifest.key)
        if job is None:
            backend = manifest.backend if manifest.name.endswith(f"-{manifest.backend}") else "auto"
            params = {"model": manifest.model, "precision": manifest.precision, "backend": backend}
            try:
                job = self._rebuilt[manifest.key] = self.jobs.submit("build", params).id
            except DesksideError as error:
                log.warning("%s", error.message)
                return None
        state = self.jobs.get(job).state if job in {item.id for item in self.jobs.list("build")} else JobState.FAILED
        if state in (JobState.QUEUED, JobState.RUNNING):
            return f"It is being built again (job {job}); ask once more when that is done."
        return None

    async def _watch_jobs(self) -> None:
        if self._jobs is not None:
            shown: dict[str, tuple[Job, str]] = {}
            async for job in self._jobs.events():
                note = self.jobs.note(job.id)
                if shown.get(job.id) == (job, note):
                    continue  # it has only written more text
                shown[job.id] = (job, note)
                if job.state in ENDED:
                    del shown[job.id]
                if job.kind == MOVE.name:
                    await self._moved(job)
                self.events.publish(ServiceEvent(kind="job", job=self.job_reply(job)))
                if job.state is JobState.DONE and job.kind in ("pull", "build"):
                    self.events.publish(ServiceEvent(kind="library"))

    async def _watch_workers(self) -> None:
        while True:
            await asyncio.sleep(1.0)
            self.gather_metrics()

    def _model_changed(self, model: str, state: str, message: str) -> None:
        if state == "unloaded":
            self.metrics.unloaded(model)
        self.events.publish(ServiceEvent(kind="model", model=model, state=state, message=message))
