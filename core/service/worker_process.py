"""One worker process as the service holds it: frames in and out without ever making the event loop wait, and its end."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from core.errors import InternalError
from core.outbox import Outbox
from core.pipes import FrameTooLarge, PipeClosed
from core.protocol import (
    PROTOCOL_VERSION,
    Fault,
    Frame,
    FromWorker,
    Hello,
    Load,
    ProtocolError,
    decode_from_worker,
    encode,
)
from core.spawn import Child, spawn

T = TypeVar("T")

# Between the end of its pipe and the end of the process; between SIGKILL and the end of the pipe.
_EXIT_S = 5.0
_KILL_S = 5.0


@dataclass(frozen=True, slots=True)
class Exit:
    """How a worker ended: `words` complete 'the engine ...'. `fault`: what it said itself, if it could."""

    words: str
    fault: Fault | None = None


class WorkerProcess:
    """Made by `start`. `on_frame` is called in the event loop with every frame but Hello; `ended` resolves once, when the
    process is gone, and no frame comes after that."""

    def __init__(self, child: Child, on_frame: Callable[[FromWorker], None]) -> None:
        self.ended: asyncio.Future[Exit] = asyncio.get_running_loop().create_future()
        self._loop = asyncio.get_running_loop()
        self._child = child
        self._on_frame = on_frame
        self._outbox = Outbox(child.connection, "to-worker")
        self._fault: Fault | None = None
        self._killed_for = ""
        self._reading = True
        self._at_end = False
        self._greeted = False
        self._reaping: asyncio.Task[None] | None = None
        if sys.platform == "win32":  # asyncio cannot watch a pipe there
            threading.Thread(target=self._read_in_thread, name="from-worker", daemon=True).start()
        else:
            self._loop.add_reader(child.connection.fileno(), self._readable)

    @classmethod
    async def start(
        cls,
        load: Load,
        on_frame: Callable[[FromWorker], None],
        log: Path | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> WorkerProcess:
        """Raises Unavailable when the system cannot start a process."""
        child = await in_thread(lambda: spawn("worker", environ=environ, log=log))
        process = cls(child, on_frame)
        process.send(Hello(PROTOCOL_VERSION))
        process.send(load)
        return process

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def unsent(self) -> int:
        """Bytes that the worker has not taken yet."""
        return self._outbox.pending

    def send(self, frame: Frame) -> bool:
        """Send soon. False: it is gone."""
        return self._outbox.put(encode(frame))

    def kill(self, why: str = "was stopped") -> None:
        """End it now; `ended` follows. `why` completes 'the engine ...'."""
        if self._killed_for or self.ended.done():
            return
        self._killed_for = why
        threading.Thread(target=self._child.kill, name="kill", daemon=True).start()
        # A process stuck in a driver does not even die of SIGKILL: then go on without it.
        self._loop.call_later(_KILL_S, self._lost)

    # --- reading -------------------------------------------------------------------------------------------------------

    def _readable(self) -> None:
        try:
            frames = self._child.connection.drain()
        except (PipeClosed, FrameTooLarge) as error:
            self._unreadable(error)
            return
        self._take(frames)

    def _read_in_thread(self) -> None:
        frames: list[bytes] = []
        while True:
            try:
                frames = [self._child.connection.receive(), *self._buffered()]
            except (PipeClosed, FrameTooLarge) as error:
                self._call(self._unreadable, error)
                return
            self._call(self._take, frames)

    def _buffered(self) -> list[bytes]:
        return self._child.connection.drain() if self._child.connection.wait(0) else []

    def _call(self, function: Callable[..., None], argument: object) -> None:
        with contextlib.suppress(RuntimeError):  # the event loop is closed
            self._loop.call_soon_threadsafe(function, argument)

    def _take(self, frames: list[bytes]) -> None:
        for data in frames:
            if self._killed_for:
                return
            try:
                frame = decode_from_worker(data)
                if not self._greeted:
                    self._greet(frame)
                    continue
                if isinstance(frame, Fault):
                    self._fault = frame
                    self._loop.call_later(_EXIT_S, self._overstayed)
                self._on_frame(frame)
            except ProtocolError as error:
                self.kill(f"was stopped: {error.message}")
                return

    def _greet(self, frame: FromWorker) -> None:
        if not isinstance(frame, Hello) or frame.version != PROTOCOL_VERSION:
            found = frame.version if isinstance(frame, Hello) else "none"
            raise ProtocolError(
                f"it speaks protocol version {found}, this service version {PROTOCOL_VERSION}, so Deskside was changed while it "
                f"ran; restart it"
            )
        self._greeted = True

    # --- its end -------------------------------------------------------------------------------------------------------

    def _overstayed(self) -> None:
        if not self.ended.done():
            self.kill("did not end after a fault")

    def _unreadable(self, error: InternalError) -> None:
        self._at_end = True
        if isinstance(error, FrameTooLarge):
            self.kill(f"was stopped: {error.message}")
        self._lost()

    def _lost(self) -> None:
        if self._reading:
            self._reading = False
            if sys.platform != "win32":
                self._loop.remove_reader(self._child.connection.fileno())
            self._reaping = self._loop.create_task(self._reap())

    async def _reap(self) -> None:
        child = self._child
        code = await in_thread(lambda: child.wait(_EXIT_S))
        if code is None:
            self._killed_for = self._killed_for or "closed its pipe, but did not end"
            threading.Thread(target=child.kill, name="kill", daemon=True).start()
            code = await in_thread(lambda: child.wait(_KILL_S))
        words = self._killed_for or child.describe_exit()
        if code is None:
            words += " (its process cannot be ended)"
        self._outbox.close()
        if code is not None and self._at_end:  # else, on Windows, a thread may still read
            child.close()
        if not self.ended.done():
            self.ended.set_result(Exit(words, self._fault))


async def in_thread(work: Callable[[], T]) -> T:
    """The result of `work`, from a daemon thread: unlike an executor's it cannot keep the service from ending."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: BaseException | None) -> None:
        if not future.done():
            if error is None:
                future.set_result(result)  # type: ignore[arg-type]
            else:
                future.set_exception(error)

    def run() -> None:
        try:
            outcome: tuple[T | None, BaseException | None] = (work(), None)
        except BaseException as error:
            outcome = (None, error)
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(settle, *outcome)

    threading.Thread(target=run, name="worker-process", daemon=True).start()
    return await future
