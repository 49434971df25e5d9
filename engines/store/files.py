"""Files of an engine folder: hashed, copied or shared, and made to last."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from engines.api.errors import Cancelled
from engines.api.manifest import MANIFEST_FILE, EngineFile

_CHUNK = 8 << 20
OnBytes = Callable[[int], None]


def describe_files(
    folder: Path, on_bytes: OnBytes = lambda count: None, cancelled: Callable[[], bool] = lambda: False
) -> tuple[EngineFile, ...]:
    """Every file below `folder` but the manifest, hashed. Raises Cancelled."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != MANIFEST_FILE)
    return tuple(describe_file(folder, path, on_bytes, cancelled) for path in paths)


def describe_file(
    folder: Path,
    path: Path,
    on_bytes: OnBytes = lambda count: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> EngineFile:
    stat = path.stat()
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            if cancelled():
                raise Cancelled("The build was stopped.")
            digest.update(chunk)
            on_bytes(len(chunk))
    return EngineFile(path.relative_to(folder).as_posix(), stat.st_size, digest.hexdigest(), stat.st_mtime_ns)


def take_file(source: Path, target: Path, *, share: bool, on_bytes: OnBytes, cancelled: Callable[[], bool]) -> None:
    """`target` with the content of `source`: by a hard link if it may be shared and the file system can, else a copy that is on
    the disk. Raises Cancelled, OSError naming `target`."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    if share:
        try:
            os.link(source.resolve(), target)
        except OSError:  # another volume, or no such thing there
            pass
        else:
            on_bytes(source.stat().st_size)
            return
    with source.open("rb") as reader, target.open("xb") as writer:
        while chunk := reader.read(_CHUNK):
            if cancelled():
                raise Cancelled("The build was stopped.")
            write_all(writer, chunk, target)
            on_bytes(len(chunk))
        writer.flush()
        os.fsync(writer.fileno())
    shutil.copystat(source, target)


def write_all(writer: object, data: bytes, target: Path) -> None:
    """`writer.write(data)`, with the file's name in the error: Python leaves it out."""
    try:
        writer.write(data)  # type: ignore[attr-defined]
    except OSError as error:
        raise OSError(error.errno, os.strerror(error.errno or 0), str(target)) from error


def write_whole(path: Path, data: bytes) -> None:
    """A small file: whole or not at all, and on the disk."""
    part = path.with_name(f".{path.name}.part")
    try:
        with part.open("wb") as file:
            write_all(file, data, path)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
