"""Locks on model folders, held by processes and let go by the system whatever ends them.

Each installed model has two lock files in `models/.locks/`, which stay there for ever (a deleted lock file is a race):

    <key>.use     shared by every loaded engine; exclusive for whoever removes or replaces the folder
    <key>.pull    exclusive for the one process that downloads the model
    <key>.build   exclusive for the one process that builds the engine

Engines have them too, under `:<folder>`, which is no name of a model. Whoever holds any of these also shares `state/library.lock`,
which is exclusive for whoever moves the whole library (core.library.move).

POSIX: flock(2). Windows: LockFileEx.
"""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from core.errors import Busy, Unavailable
from core.library.manifest import links_to
from core.library.names import key_of
from core.library.there import check_there
from core.paths import Places

_AT = 1 << 30  # on Windows the locked byte must lie behind the content
_MAX_CONTENT = 64


class FolderLock:
    """A held lock, or several. Leaving `with`, `release` or the end of the process lets go of it."""

    def __init__(self, *fds: int) -> None:
        self._fds = fds

    def release(self) -> None:
        """Idempotent."""
        fds, self._fds = self._fds, ()
        for fd in fds:
            os.close(fd)

    def join(self, other: FolderLock) -> None:
        """Hold what `other` held, too."""
        self._fds, other._fds = self._fds + other._fds, ()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def try_lock(path: Path, *, shared: bool) -> FolderLock | None:
    """The lock, or None while somebody else's forbids it. Never waits. Raises Unavailable where files cannot be locked."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fd = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
        try:
            held = _lock(fd, shared)
            if held and not shared:
                _write_pid(fd)
        except BaseException:
            os.close(fd)
            raise
    except OSError as error:
        raise Unavailable(f"{path} cannot be locked ({error.strerror}); keep the models on a local disk.") from error
    if held:
        return FolderLock(fd)
    os.close(fd)
    return None


def try_model(
    name: str, places: Places, kind: Literal["use", "pull", "build"], *, shared: bool = False
) -> FolderLock | None:
    """A lock of one model or engine, None while somebody else's forbids it. Raises Busy while the library is being moved,
    FilesUnusable where it is not there."""
    library = share_library(places)
    try:
        lock = try_lock(lock_path(name, places, kind), shared=shared)
    except BaseException:
        library.release()
        raise
    if lock is None:
        library.release()
        return None
    lock.join(library)
    return lock


def share_library(places: Places) -> FolderLock:
    """Held while anything in the library is used or changed. Raises as `try_model`."""
    check_there(places)
    lock = try_lock(places.library_lock, shared=True)
    if lock is None:
        raise Busy("Models and engines are being moved to another folder; try again when that is done.")
    return lock


def own_library(places: Places) -> FolderLock:
    """What moving the library needs: nobody uses any of it. Raises Busy."""
    lock = try_lock(places.library_lock, shared=False)
    if lock is None:
        raise Busy(
            "A model is in use, being downloaded or being built; unload it, or wait for that, then move models and engines."
        )
    return lock


def use_model(folder: Path, places: Places) -> FolderLock | None:
    """What a loaded engine holds so that its files stay: a shared lock. Of a folder elsewhere, its links are held; None for one
    that nothing of ours leads to.

    Raises Busy while the model is being removed or replaced."""
    held = FolderLock()
    names = _names_of(folder.resolve(), places)
    for name in names:
        lock = try_model(name, places, "use", shared=True)
        if lock is None:
            held.release()
            raise Busy(f"{name.removeprefix(':')} is being removed or replaced; try again in a moment.")
        held.join(lock)
    return held if names else None


def engine_lock_name(folder: Path) -> str:
    """What the locks of an engine's folder are called."""
    return f":{folder.name}"


def _names_of(folder: Path, places: Places) -> list[str]:
    with contextlib.suppress(ValueError):
        return [folder.relative_to(places.models.resolve()).as_posix()]
    if folder.parent == places.engines.resolve():
        return [engine_lock_name(folder)]
    return links_to(folder, places.models)


def own_model(name: str, places: Places) -> FolderLock:
    """What removing or replacing needs: nobody has it loaded. Raises Busy."""
    lock = try_model(name, places, "use", shared=False)
    if lock is None:
        raise Busy(
            f"{name.removeprefix(':')} is in use by a running Deskside; unload it or end that program, then try again."
        )
    return lock


def lock_path(name: str, places: Places, kind: Literal["use", "pull", "build"]) -> Path:
    return places.model_locks / f"{key_of(name)}.{kind}"


def holder(path: Path) -> str:
    """Who holds the lock exclusively, as far as the file tells: ' (process 123)' or ''."""
    with contextlib.suppress(OSError, ValueError), path.open("rb") as file:
        return f" (process {int(file.read(_MAX_CONTENT))})"
    return ""


if sys.platform == "win32":
    from core.windows import lock_file

    def _lock(fd: int, shared: bool) -> bool:
        return lock_file(fd, shared=shared, at=_AT)

else:
    import fcntl

    def _lock(fd: int, shared: bool) -> bool:
        try:
            fcntl.flock(fd, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def _write_pid(fd: int) -> None:
    with contextlib.suppress(OSError):  # a full disk: the lock holds all the same
        os.ftruncate(fd, 0)
        os.write(fd, b"%d" % os.getpid())
