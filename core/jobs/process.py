"""A running job's child process, as the service's event loop sees it."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from pathlib import Path

import msgspec

from core.errors import DesksideError, InternalError
from core.jobs.child import LOG_NAME
from core.jobs.frames import (
    END,
    FromChild,
    JobFailed,
    JobGranted,
    JobStart,
    JobStop,
    decode_from_child,
    encode,
)
from core.jobs.job import Job, JobKind
from core.pipes import PipeClosed
from core.spawn import Child, spawn


class JobProcess:
    """`on_frame` and then, exactly once, `on_end` are called on the loop: with the child's last frame, or with a JobFailed
    of ours if it died without one. By then the process is gone."""

    def __init__(
        self,
        job: Job,
        kind: JobKind,
        folder: Path,
        on_frame: Callable[[FromChild], None],
        on_end: Callable[[FromChild], None],
    ) -> None:
        """Raises Unavailable if it cannot be started, OSError if its folder cannot be made."""
        folder.mkdir(parents=True, exist_ok=True)
        self._kind = kind
        self._loop = asyncio.get_running_loop()
        self._on_frame, self._on_end = on_frame, on_end
        self._killer: asyncio.TimerHandle | None = None
        self.child: Child = spawn(kind.role, log=folder / LOG_NAME)
        self._start = JobStart(job.id, job.params, str(folder), job.attempts > 0 and kind.resumable)
        self._lock = threading.Lock()
        self._started = self._stopping = False
        threading.Thread(target=self._run, name=f"job-{job.id}", daemon=True).start()

    def stop(self, grace: float | None = None) -> None:
        """Ask it to stop; kill it if it has not after `grace` seconds (by default, those of its kind)."""
        with self._lock:
            self._stopping = True
            if self._started:
                self._send(JobStop())
        if self._killer is not None:
            self._killer.cancel()
        self._killer = self._loop.call_later(self._kind.grace if grace is None else grace, self._kill)

    def grant(self) -> None:
        """The child may have the GPU now."""
        self._send(JobGranted())

    def _kill(self) -> None:
        with contextlib.suppress(OSError):
            self.child.kill()

    def _send(self, frame: JobStart | JobStop | JobGranted) -> None:
        with contextlib.suppress(PipeClosed):  # it died: the reader is about to say so
            self.child.connection.send(encode(frame))

    def _run(self) -> None:
        """The thread of this process. The first frame may be larger than a pipe holds, so not even that is sent by the loop."""
        self._send(self._start)
        with self._lock:
            self._started = True
            if self._stopping:
                self._send(JobStop())
        self._read()

    def _read(self) -> None:
        """This thread alone receives, and it closes the child when all is over."""
        last: FromChild | None = None
        reason = ""
        try:
            while not isinstance(last, END):
                last = decode_from_child(self.child.connection.receive())
                if not isinstance(last, END):
                    self._loop.call_soon_threadsafe(self._on_frame, last)
            self.child.stop(self._kind.grace)
        except PipeClosed:
            self.child.stop(1.0)
            reason = self.child.describe_exit()
        except (msgspec.MsgspecError, DesksideError) as error:
            self.child.kill()
            reason = f"sent what nobody understands ({error})"
        except RuntimeError:  # the loop is closed: nobody is left to be told
            self.child.kill()
        if not isinstance(last, END):
            last = JobFailed(
                InternalError.code, f"The process of this job {reason} before it was done; resume to try again."
            )
        self.child.close()
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._ended, last)

    def _ended(self, last: FromChild) -> None:
        if self._killer is not None:
            self._killer.cancel()
        self._on_end(last)
