"""One file of a download on disk, so that whatever ends the process, the next one goes on where the bytes were.

    <hash>.part        the bytes so far
    <hash>.part.json   {"size", "etag", "done"}: `done` bytes of the part are certainly on the disk; `etag` is the server's
    <hash>             the whole file, verified: its name is its content's hash

`hash` is a sha256 (64 hex digits) or a git blob id (40): sha1 of "blob <size>\\0" and the content.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO

from core.errors import DiskFull, InternalError, Unavailable
from core.library.files import sync_folder, write_json
from core.library.hub import RemoteFile

_CHUNK = 1 << 20
_SAVE_BYTES = 64 << 20
_SAVE_SECONDS = 2.0
_FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))


class Part:
    """`done`: bytes so far. Used by one thread, but for `abandon`: after that nothing is written any more."""

    def __init__(self, folder: Path, file: RemoteFile) -> None:
        self.file = file
        self.whole = folder / file.hash
        self._path = folder / f"{file.hash}.part"
        self._state = folder / f"{file.hash}.part.json"
        self._gate = threading.Lock()
        self._abandoned = False
        self._out: IO[bytes] | None = None
        self._saved = (0, 0.0)  # done, time
        self._digest = new_digest(file)
        self.done = 0
        self.etag: str | None = None

    def open(self, check: Callable[[], None]) -> int:
        """Go on where a former process stopped; returns how many bytes are there. `check` may raise to stop."""
        done, self.etag = self._read_state()
        try:
            self._out = self._path.open("r+b" if done else "w+b", buffering=0)
            self.done = 0
            while self.done < done:
                check()
                data = self._out.read(min(_CHUNK, done - self.done))
                if not data:  # shorter than it was: somebody's hand, or a disk repair
                    break
                self._digest.update(data)
                self.done += len(data)
            self._out.seek(self.done)
            self._out.truncate()
        except OSError as error:
            raise disk_error(error, self._path, self.file.size) from error
        self._saved = (self.done, time.monotonic())
        return self.done

    def write(self, data: bytes) -> None:
        """Append. Raises DiskFull, keeping what is there; ValueError for more bytes than the file has."""
        if self.done + len(data) > self.file.size:
            raise ValueError("more bytes than the file has")
        with self._gate:
            if self._abandoned:
                return
            assert self._out is not None
            view = memoryview(data)
            try:
                while view:
                    written = self._out.write(view) or 0
                    self._digest.update(view[:written])
                    self.done += written
                    view = view[written:]
            except OSError as error:
                self._save()
                raise disk_error(error, self._path, self.file.size - self.done) from error
            since, at = self._saved
            if self.done - since >= _SAVE_BYTES or time.monotonic() - at >= _SAVE_SECONDS:
                self._save()

    def restart(self) -> None:
        """Throw away what is there: the server does not continue it, or it is wrong."""
        with self._gate:
            if self._abandoned:
                return
            assert self._out is not None
            try:
                self._out.seek(0)
                self._out.truncate()
            except OSError as error:
                raise disk_error(error, self._path, self.file.size) from error
            self._digest = new_digest(self.file)
            self.done, self.etag = 0, None
            self._save()

    def finish(self) -> bool:
        """Verify; rename to the hash. False, and all is thrown away, for a wrong hash."""
        if self.done != self.file.size:
            raise InternalError(f"{self._path} has {self.done} of {self.file.size} bytes.")
        if self._digest.hexdigest() != self.file.hash:
            self.restart()
            return False
        with self._gate:
            if self._abandoned:
                return True
            assert self._out is not None
            try:
                os.fsync(self._out.fileno())
                self._out.close()
                os.replace(self._path, self.whole)
                sync_folder(self.whole.parent)
            except OSError as error:
                raise disk_error(error, self._path, 0) from error
            with suppress(OSError):
                self._state.unlink()
        return True

    def abandon(self) -> None:
        """From any thread: save and close; whatever its own thread still does has no effect. Idempotent."""
        with self._gate:
            if not self._abandoned:
                self._abandoned = True
                if self._out is not None and not self._out.closed:
                    self._save()
                    self._out.close()

    def _save(self) -> None:
        assert self._out is not None
        self._saved = (self.done, time.monotonic())
        # On a full disk the older state stays; it names fewer bytes, which are there as well.
        with suppress(OSError):
            os.fsync(self._out.fileno())
            write_json(self._state, {"size": self.file.size, "etag": self.etag, "done": self.done}, durable=False)

    def _read_state(self) -> tuple[int, str | None]:
        try:
            state = json.loads(self._state.read_text(encoding="utf-8"))
            done, etag = state["done"], state["etag"]
            if state["size"] != self.file.size or not isinstance(done, int) or not 0 <= done <= self.file.size:
                return 0, None
            if done > self._path.stat().st_size:
                return 0, None
            return done, etag if isinstance(etag, str) else None
        except (OSError, ValueError, KeyError, TypeError):
            return 0, None


def new_digest(file: RemoteFile) -> hashlib._Hash:
    """The hash that `file.hash` is of, before the first byte."""
    if len(file.hash) == 64:
        return hashlib.sha256()
    return hashlib.sha1(b"blob %d\0" % file.size, usedforsecurity=False)


def is_intact(path: Path, file: RemoteFile, check: Callable[[], None], read: Callable[[int], None]) -> bool:
    """Has the file at `path` the size and hash of `file`? Reads all of it; `read(n)` tells of n bytes."""
    digest = new_digest(file)
    try:
        if path.is_symlink() or path.stat().st_size != file.size:
            return False
        with path.open("rb", buffering=0) as source:
            while data := source.read(_CHUNK):
                check()
                digest.update(data)
                read(len(data))
    except OSError:
        return False
    return digest.hexdigest() == file.hash


def disk_error(error: OSError, path: Path, missing: int) -> DiskFull | Unavailable:
    """A failed write in words. `missing`: bytes this file still needs."""
    if error.errno in _FULL:
        return DiskFull(
            f"The disk with {path.parent} is full: this file alone needs another {missing / 1e9:,.2f} GB; free some space and "
            f"start the download again, it goes on where it stopped."
        )
    if error.errno == errno.EFBIG:
        return DiskFull(
            f"The file system with {path.parent} cannot hold a file this large (FAT32 ends at 4 GB); move models and engines "
            f"to another disk (Settings, Storage)."
        )
    return Unavailable(
        f"{path} cannot be written ({error.strerror}); correct its permissions, or choose another folder for models."
    )
