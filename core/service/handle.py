"""One loaded model: a worker process that is kept alive, and the streams of the requests it works on.

    loading -> ready <-> restarting -> safe_mode -> (restart) restarting        any -> stopped

Whatever happens to the worker, each stream that was given out ends with exactly one Done. While no worker is ready, requests
wait at most `wait_s` seconds and at most MAX_WAITING at once, then they get Unavailable with `retry_after`; in safe mode and
once stopped they get it at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

import msgspec

from core.errors import (
    Busy,
    DesksideError,
    EngineDied,
    InternalError,
    Unavailable,
    UserError,
    from_code,
)
from core.grammar.source import GrammarSource
from core.protocol import (
    Cancel,
    Deadlines,
    Done,
    EngineOptions,
    Events,
    Fault,
    Finish,
    Frame,
    FromWorker,
    GetStatus,
    Heartbeat,
    Load,
    LoadProgress,
    Outcome,
    Ready,
    Shutdown,
    Status,
    Submit,
    UpdateWeights,
    WeightsUpdated,
)
from core.service.restarts import RestartPolicy
from core.service.streams import EventStream
from core.service.watchdog import Watchdog
from core.service.worker_process import Exit, WorkerProcess

State = Literal["loading", "ready", "restarting", "safe_mode", "stopped"]

WAIT_S = 15.0
MAX_WAITING = 256
MAX_UNSENT = 64 << 20  # bytes of requests that the worker did not take
STATUS_S = 10.0
WATCH_S = 0.25


class EngineHandle:
    """Used from one event loop. `state`, `reason` (why it is not ready), `info` (of the last load), `progress` (of the load
    going on), `last_status` and `heartbeat` are there to be looked at; `open` is the number of streams that have not ended."""

    def __init__(
        self,
        name: str,
        folder: Path,
        options: EngineOptions,
        *,
        deadlines: Deadlines | None = None,
        heartbeat_s: float = 0.5,
        log: Path | None = None,
        environ: Mapping[str, str] | None = None,
        policy: RestartPolicy | None = None,
        wait_s: float = WAIT_S,
        on_change: Callable[[EngineHandle], None] | None = None,
    ) -> None:
        self.name = name
        self.folder = folder
        self.options = options
        self.state: State = "loading"
        self.reason = ""
        self.info: Ready | None = None
        self.progress: LoadProgress | None = None
        self.last_status: Status | None = None
        self.heartbeat: Heartbeat | None = None
        self.restarts = 0
        self.idle_since = time.monotonic()
        self._load = Load(str(folder), options, deadlines or Deadlines(), heartbeat_s)
        self._log = log
        self._environ = environ
        self._policy = policy or RestartPolicy()
        self._wait_s = wait_s
        self._on_change = on_change or (lambda handle: None)
        self._ids = itertools.count(1)
        self._tickets = itertools.count(1)
        self._streams: dict[int, EventStream] = {}
        self._asked: dict[int, asyncio.Future[Status] | asyncio.Future[int]] = {}
        self._process: WorkerProcess | None = None
        self._watchdog = Watchdog(self._load.deadlines, 0.0)
        self._weights: Path | None = None  # of the last update: a restarted worker needs them too
        self._stopping = False
        self._waiting = 0
        self._retry_at = 0.0
        self._changed = asyncio.Event()
        self._wake = asyncio.Event()
        self._first: asyncio.Future[Ready] = asyncio.get_running_loop().create_future()
        self._task = asyncio.get_running_loop().create_task(self._run(), name=f"worker of {name}")

    @property
    def open(self) -> int:
        return len(self._streams)

    @property
    def pid(self) -> int | None:
        """Of the worker's process, if there is one."""
        return self._process.pid if self._process else None

    async def loaded(self) -> Ready:
        """Waits for the first load. Raises what made it fail: ModelUnusable, DeviceUnusable, Unavailable, ..."""
        return await asyncio.shield(self._first)

    # --- requests ------------------------------------------------------------------------------------------------------

    def next_request_id(self) -> int:
        return next(self._ids)

    def stream(self, submit: Submit, constraint: GrammarSource | None = None) -> EventStream:
        """Run a request; `constraint` becomes its grammar. See EventStream."""
        if constraint is not None:
            submit = msgspec.structs.replace(submit, grammar=constraint)
        return EventStream(submit, self._start, self._leave)

    def finish(self, request: int, index: int, keep_tokens: int) -> None:
        """A stop string ended sample `index`, of whose tokens the first `keep_tokens` count. Of an ended request: nothing."""
        if request in self._streams:
            self._send(Finish(request, index, keep_tokens))

    async def _start(self, stream: EventStream) -> None:
        if self.state != "ready":
            await self._wait_until_ready()
        if self._stopping or self._process is None:
            raise self._unavailable()
        if stream.request in self._streams:
            raise InternalError(f"Request id {stream.request} is in use.")
        if self._process.unsent > MAX_UNSENT:
            raise Busy(f"The engine of '{self.name}' has more requests than it can take; retry later.", 1.0)
        self._streams[stream.request] = stream
        self._send(stream.submit)  # if it is just dying, the stream ends with all others

    def _leave(self, stream: EventStream) -> None:
        if self._streams.get(stream.request) is stream:
            del self._streams[stream.request]
            self._touch()
            self._send(Cancel(stream.request))

    async def _wait_until_ready(self) -> None:
        if self._waiting >= MAX_WAITING:
            raise self._unavailable()
        self._waiting += 1
        try:
            async with asyncio.timeout(self._wait_s):
                while self.state != "ready":
                    if self._stopping or self.state in ("safe_mode", "stopped"):
                        raise self._unavailable()
                    await self._changed.wait()
        except TimeoutError:
            raise self._unavailable() from None
        finally:
            self._waiting -= 1

    def _unavailable(self) -> Unavailable:
        if self._stopping or self.state == "stopped":
            return Unavailable(f"The model '{self.name}' is not loaded any more; load it again.")
        if self.state == "safe_mode":
            return Unavailable(
                f"The engine of '{self.name}' failed several times in a row and is not started again by itself (the last time "
                f"it {self.reason}); restart or unload it, and see its log."
            )
        load_s = self.info.load_s if self.info else 5.0
        wait = max(0.0, self._retry_at - time.monotonic()) + max(1.0, load_s)
        return Unavailable(f"The engine of '{self.name}' is being started; retry in a moment.", round(wait, 1))

    # --- the model -----------------------------------------------------------------------------------------------------

    async def status(self, detail: bool = False) -> Status:
        """The worker's state now; `detail` with its sequences. Raises Unavailable when it does not answer."""
        future: asyncio.Future[Status] = asyncio.get_running_loop().create_future()
        ticket = self._ask(future)
        try:
            self._send(GetStatus(ticket, detail))
            async with asyncio.timeout(STATUS_S):
                return await future
        except TimeoutError:
            raise Unavailable(f"The engine of '{self.name}' is busy and does not answer; retry later.", 1.0) from None
        finally:
            self._asked.pop(ticket, None)

    async def update_weights(self, folder: Path) -> int:
        """Replace the weights by those of the checkpoint in `folder` (same names, shapes, dtypes), between two steps; what runs
        goes on with them. Returns the number of updates so far. ModelUnusable: nothing changed. A worker that is restarted
        later loads them too."""
        version = await self._update_weights(folder)
        self._weights = folder
        return version

    async def _update_weights(self, folder: Path) -> int:
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        ticket = self._ask(future)
        try:
            self._send(UpdateWeights(ticket, str(folder)))
            return await future
        finally:
            self._asked.pop(ticket, None)

    def _ask(self, future: asyncio.Future[Status] | asyncio.Future[int]) -> int:
        if self._process is None or self.info is None or self._stopping:
            raise self._unavailable()
        ticket = next(self._tickets)
        self._asked[ticket] = future
        return ticket

    def restart(self) -> None:
        """Leave safe mode, or skip the rest of a back-off."""
        if self.state in ("safe_mode", "restarting"):
            self._policy.reset()
            self._wake.set()
            self._set("restarting", self.reason)

    async def stop(self, grace: float = 0.0) -> None:
        """Take no more requests, let open ones finish for `grace` seconds, cancel the rest, end the worker. Idempotent."""
        first = not self._stopping
        self._stopping = True
        self._signal()
        self._wake.set()
        process = self._process
        if first and process is not None:
            if self.state == "ready":
                self._send(Shutdown(grace))
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(grace + 3.0):
                        await asyncio.shield(process.ended)
            process.kill()
        await asyncio.shield(self._task)

    def abandon(self) -> None:
        """As `stop` with no grace, without waiting."""
        self._stopping = True
        self._wake.set()
        if self._process is not None:
            self._process.kill()

    # --- the worker's life ---------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        try:
            while not self._stopping:
                end = await self._live()
                self._fail_all(end)
                if self._stopping or not self._first.done():
                    self._fail_first(end)
                    return
                delay = self._policy.crashed()
                self.restarts += 1
                self._wake.clear()
                if delay is None:
                    self._set("safe_mode", end.words)
                    await self._wake.wait()
                else:
                    self._retry_at = time.monotonic() + delay
                    self._set("restarting", end.words)
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(delay):
                            await self._wake.wait()
        finally:
            self._stopping = True
            if self._process is not None:
                self._process.kill()
            end = Exit("was stopped")
            self._fail_all(end)
            self._fail_first(end)
            self._set("stopped", self.reason)

    async def _live(self) -> Exit:
        """One process, from start to end."""
        loop = asyncio.get_running_loop()
        self.progress = self.heartbeat = None
        self._watchdog = watchdog = Watchdog(self._load.deadlines, loop.time())
        try:
            process = await WorkerProcess.start(self._load, self._take, self._log, self._environ)
        except DesksideError as error:
            return Exit(f"could not be started: {error.message}")
        self._process = process
        if self._stopping:
            process.kill()
        try:
            while not process.ended.done():
                await asyncio.wait([process.ended], timeout=WATCH_S)
                words = watchdog.overdue(loop.time())
                if words and not process.ended.done():
                    process.kill(words)
            return process.ended.result()
        finally:
            if not process.ended.done():
                process.kill()
            self._process = None

    def _take(self, frame: FromWorker) -> None:
        """Every frame of the worker."""
        self._watchdog.heard(frame, asyncio.get_running_loop().time())
        match frame:
            case Events():
                self._dispatch(frame)
            case Heartbeat():
                self.heartbeat = frame
            case Status():
                self.last_status = frame
                self._answer(frame.ticket, frame)
            case WeightsUpdated():
                self._answer(frame.ticket, from_code(frame.code, frame.message) if frame.code else frame.version)
            case LoadProgress():
                self.progress = frame
                self._on_change(self)
            case Fault():  # it is about to end: send it nothing more
                if self.state == "ready" and not self._stopping:
                    self._set("restarting", f"failed: {frame.message}")
            case Ready():
                self.info = frame
                self.progress = None
                if self._weights is None:
                    self._became_ready(frame)
                else:
                    task = asyncio.get_running_loop().create_task(self._ready_with(self._weights, frame))
                    task.add_done_callback(lambda done: done.exception())
            case _:
                pass

    def _dispatch(self, frame: Events) -> None:
        streams = self._streams
        for event in frame.events:
            stream = streams.get(event.request)
            if stream is not None:
                stream.push(event)
                if type(event) is Done:
                    del streams[event.request]
                    self._touch()
                    if event.outcome is Outcome.COMPLETED:
                        self._policy.reset()

    async def _ready_with(self, weights: Path, info: Ready) -> None:
        process = self._process
        try:
            await self._update_weights(weights)
        except DesksideError as error:
            if process is not None:
                process.kill(f"could not load the updated weights again: {error.message}")
        else:
            self._became_ready(info)

    def _became_ready(self, info: Ready) -> None:
        if self._stopping:
            return
        self._set("ready", "")
        if not self._first.done():
            self._first.set_result(info)

    def _answer(self, ticket: int, answer: Status | int | DesksideError) -> None:
        future = self._asked.pop(ticket, None)
        if future is None or future.done():
            return
        if isinstance(answer, DesksideError):
            future.set_exception(answer)
        else:
            future.set_result(answer)  # type: ignore[arg-type]  # a ticket is answered by its own kind

    def _fail_all(self, end: Exit) -> None:
        """The worker is gone: end every stream and every question."""
        said = f" ({end.fault.message})" if end.fault and issubclass(type(_error(end)), UserError) else ""
        message = (
            f"During the answer the engine of '{self.name}' {end.words}{said}. What it had generated so far is kept; retry in a "
            f"moment."
        )
        streams, self._streams = self._streams, {}
        for stream in streams.values():
            stream.fail(EngineDied.code, message)
        asked, self._asked = self._asked, {}
        for future in asked.values():
            if not future.done():
                future.set_exception(Unavailable(f"The engine of '{self.name}' {end.words}; retry in a moment.", 2.0))
        self._touch()

    def _fail_first(self, end: Exit) -> None:
        if not self._first.done():
            self.reason = end.words
            self._first.set_exception(
                _error(end) or Unavailable(f"The engine of '{self.name}' {end.words} while loading.")
            )
            self._first.exception()  # nobody need be waiting

    def _send(self, frame: Frame) -> None:
        if self._process is not None:
            self._process.send(frame)

    def _touch(self) -> None:
        self.idle_since = time.monotonic()

    def _set(self, state: State, reason: str) -> None:
        self.state, self.reason = state, reason
        self._signal()
        self._on_change(self)

    def _signal(self) -> None:
        """Wake all that wait for a state."""
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()


def _error(end: Exit) -> DesksideError | None:
    """What the worker itself said."""
    return from_code(end.fault.code, end.fault.message) if end.fault else None
