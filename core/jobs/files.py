"""Writing a file so that it is there whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
from collections.abc import Iterable
from pathlib import Path

from core.library.files import sync_folder

DISK_FULL = "disk_full"
_FULL = frozenset({errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)})


def is_disk_full(error: OSError) -> bool:
    """No space, or no quota, left."""
    return error.errno in _FULL


def write_whole(path: Path, chunks: Iterable[bytes]) -> None:
    """Write `chunks` to `path`: to a temporary file beside it, on the same volume, then renamed over it once it is on disk.

    Raises OSError, naming `path`; then `path` is as before and nothing else is left.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name[:100]}.{secrets.token_hex(4)}.part")
    try:
        with part.open("xb") as file:
            for chunk in chunks:
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            part.unlink()
        if isinstance(error, OSError) and error.errno is not None:
            raise OSError(error.errno, os.strerror(error.errno), str(path)) from error
        raise
    with contextlib.suppress(OSError):  # not every file system needs, or can do, that; the file is there
        sync_folder(path.parent)
