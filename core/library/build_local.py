"""A build without the service: the same child process, told what it needs from here. For the command line."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from core.errors import Busy, InternalError, from_code
from core.jobs.child import LOG_NAME
from core.jobs.frames import (
    JobAsk,
    JobFailed,
    JobGranted,
    JobNote,
    JobProgress,
    JobResult,
    JobStart,
    JobStop,
    JobStopped,
    decode_from_child,
    encode,
)
from core.library.locks import try_lock
from core.paths import Places
from core.pipes import PipeClosed
from core.spawn import spawn

BUILDING = ".building"
_GRACE = 15.0


def build_here(
    params: Mapping[str, Any],
    places: Places,
    on_progress: Callable[[str, int, int], None],
    on_note: Callable[[str], None],
) -> Path:
    """Returns the engine's folder. Ctrl+C stops the build: KeyboardInterrupt, with what is finished kept. Raises what went wrong,
    as the service would."""
    text = json.dumps(dict(params), sort_keys=True)
    folder = places.engines / BUILDING / hashlib.sha256(text.encode()).hexdigest()[:16]
    folder.mkdir(parents=True, exist_ok=True)
    lock = try_lock(folder.parent / f"{folder.name}.lock", shared=False)
    if lock is None:
        raise Busy("This very build is running already in another process; wait for that or stop it.")
    collect_building(places, keep=folder)
    with lock, spawn("build", log=folder / LOG_NAME) as child:
        send = child.connection.send
        try:
            send(encode(JobStart("build-here", text, str(folder), True)))
            while True:
                frame = decode_from_child(child.connection.receive())
                match frame:
                    case JobProgress(stage=stage, done=done, total=total):
                        on_progress(stage, done, total)
                    case JobNote(text=said):
                        on_note(said)
                    case JobAsk():
                        send(encode(JobGranted()))
                    case JobResult(path=path):
                        break
                    case JobFailed(code=code, message=message):
                        raise from_code(code, message)
                    case JobStopped():
                        raise KeyboardInterrupt
                    case _:
                        pass
        except KeyboardInterrupt:
            with suppress(PipeClosed):
                send(encode(JobStop()))
            child.stop(_GRACE)
            raise
        except PipeClosed:
            child.wait(5.0)
            raise InternalError(
                f"The process of the build {child.describe_exit()}; {folder / LOG_NAME} has the details."
            ) from None
    shutil.rmtree(folder, ignore_errors=True)
    return Path(path)


def collect_building(places: Places, keep: Path | None = None) -> None:
    """Remove the working folders of builds that nobody goes on with: not locked, and not touched for a week."""
    with suppress(OSError):
        for folder in (places.engines / BUILDING).iterdir():
            if folder == keep or not folder.is_dir() or time.time() - folder.stat().st_mtime < 7 * 86400:
                continue
            lock = try_lock(folder.parent / f"{folder.name}.lock", shared=False)
            if lock is not None:
                with lock:
                    shutil.rmtree(folder, ignore_errors=True)
