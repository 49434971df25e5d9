"""The child's side of a job. A kind's entry point is three lines:

def main(connection: Connection) -> None:
    run(connection, work)      # work(context) does the job and returns the path of its result, or None
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from core.errors import InternalError, UserError
from core.jobs.files import DISK_FULL, is_disk_full, write_whole
from core.jobs.frames import (
    FromChild,
    JobAsk,
    JobFailed,
    JobGranted,
    JobNote,
    JobProgress,
    JobRelease,
    JobResult,
    JobStart,
    JobStop,
    JobStopped,
    JobText,
    decode_to_child,
    encode,
)
from core.pipes import Connection, PipeClosed

INTERVAL = 0.1  # seconds between progress frames of one stage


class Stopped(Exception):
    """The service told the job to stop. Not an error: let it pass."""


class JobContext:
    """What `work` is given. `params`: the job's own; `folder`: its working folder; `resumed`: something may be in it."""

    def __init__(self, connection: Connection, start: JobStart) -> None:
        self.id = start.id
        self.params: dict[str, Any] = json.loads(start.params)
        self.folder = Path(start.folder)
        self.resumed = start.resumed
        self.stop = threading.Event()
        self._connection = connection
        self._granted = threading.Event()
        self._last = ("", 0.0)
        self._text, self._sent, self._text_time = "", 0, 0.0

    def progress(self, stage: str, done: int, total: int = 0) -> None:
        """Report, at most ten times a second but always a stage's begin and end. Raises Stopped if the job shall stop."""
        self.check()
        now = time.monotonic()
        last_stage, last_time = self._last
        if stage != last_stage or now - last_time >= INTERVAL or done == total:
            self._last = (stage, now)
            self.send(JobProgress(stage, done, total))

    def write(self, text: str) -> None:
        """More of the text that readers may follow while it is made; at most ten times a second, the rest by `flush`."""
        self.check()
        self._text += text
        if time.monotonic() - self._text_time >= INTERVAL:
            self.flush()

    def flush(self) -> None:
        """Send what `write` holds back."""
        if len(self._text) > self._sent:
            self.send(JobText(self._text[self._sent :], self._sent))
            self._sent, self._text_time = len(self._text), time.monotonic()

    def rewrite(self, text: str) -> None:
        """Another text instead of what was written so far."""
        self._text, self._sent, self._text_time = text, len(text), time.monotonic()
        self.send(JobText(text, 0))

    def check(self) -> None:
        """Raises Stopped if the job shall stop. Call it often."""
        if self.stop.is_set():
            raise Stopped

    def note(self, text: str) -> None:
        """Tell the user something while the job runs; "" takes it back."""
        self.send(JobNote(text))

    @contextlib.contextmanager
    def gpu(self, needed: int) -> Iterator[None]:
        """Inside, the GPU is this job's, with `needed` bytes free if the service can make them so. Raises Stopped."""
        self._granted.clear()
        self.send(JobAsk(needed))
        try:
            while not self._granted.wait(0.1):
                self.check()
            yield
        finally:
            self.send(JobRelease())

    def write_result(self, path: Path, chunks: Iterable[bytes]) -> Path:
        """A whole file or none, also when the disk is full (an OSError, which `run` turns into a sentence)."""
        write_whole(path, chunks)
        return path

    def send(self, frame: FromChild) -> None:
        self._connection.send(encode(frame))

    def listen(self) -> None:
        """Until the service closes its end."""
        try:
            while True:
                frame = decode_to_child(self._connection.receive())
                if isinstance(frame, JobStop):
                    self.stop.set()
                elif isinstance(frame, JobGranted):
                    self._granted.set()
        except PipeClosed:
            self.stop.set()


def run(connection: Connection, work: Callable[[JobContext], Path | None]) -> None:
    """Do the job that the first frame describes, and say how it ended."""
    start = decode_to_child(connection.receive())
    if not isinstance(start, JobStart):
        raise InternalError(f"A job began with {type(start).__name__}.")
    context = JobContext(connection, start)
    threading.Thread(target=context.listen, name="job-listener", daemon=True).start()
    context.send(_outcome(context, work))


def _outcome(context: JobContext, work: Callable[[JobContext], Path | None]) -> FromChild:
    try:
        path = work(context)
        return JobResult(str(path) if path is not None else "")
    except Stopped:
        return JobStopped()
    except UserError as error:
        return JobFailed(error.code, error.message)
    except OSError as error:
        traceback.print_exc()
        if is_disk_full(error):
            place = error.filename or context.folder
            return JobFailed(DISK_FULL, f"There is no space left on the disk of '{place}'; free some, then resume.")
        return JobFailed(
            "io_error", f"'{error.filename or context.folder}' cannot be used ({error.strerror or error})."
        )
    except Exception:
        traceback.print_exc()  # to the job's log
        log = context.folder / LOG_NAME
        return JobFailed("internal", f"The job failed because of a fault in Deskside; '{log}' has the details.")


LOG_NAME = "log.txt"
