"""Where models and engines lie: how much that is, and whether another folder could hold them."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from core.config import settings
from core.errors import FilesUnusable, InvalidRequest
from core.library.files import tree_size
from core.library.locks import try_lock
from core.library.there import is_missing
from core.paths import Places

OURS = ("models", "engines")


@dataclass(frozen=True, slots=True)
class Storage:
    """`default`: the folder where they lie as long as none was chosen. Sizes and room in bytes. `missing`: the chosen folder is not
    there, as of a disk that is not connected; then all sizes are 0. `held_by`: the environment variable that chose it, "" for
    none."""

    folder: Path
    default: Path
    models: int
    engines: int
    free: int
    total: int
    missing: bool
    held_by: str


def storage_of(places: Places) -> Storage:
    """Reads the folders' listings: a moment for thousands of files."""
    root, missing = places.library_root, is_missing(places)
    free = total = 0
    with suppress(OSError):
        if not missing:
            usage = shutil.disk_usage(_existing(root))
            free, total = usage.free, usage.total
    return Storage(
        folder=root,
        default=places.data,
        models=0 if missing else tree_size(places.models),
        engines=0 if missing else tree_size(places.engines),
        free=free,
        total=total,
        missing=missing,
        held_by=held_by(),
    )


def held_by() -> str:
    """The environment variable that says where the library is, so that the setting has no say; "" if there is none."""
    variable = next(setting.env for setting in settings() if setting.name == "library")
    return variable if os.environ.get(variable) else ""


def check_target(target: Path, places: Places, *, empty: bool, ours: str = "") -> Path:
    """`target`, made if only its last part is missing, as a real path where models and engines can lie. `empty`: none may lie there
    yet, but in `ours`, which an earlier move has begun to fill.

    Raises InvalidRequest, FilesUnusable: one sentence. Leaves nothing behind."""
    text = str(target)
    if held_by():
        raise InvalidRequest(
            f"The environment variable {held_by()} says where models and engines lie; unset it, then choose.", "folder"
        )
    if not target.is_absolute() or not text.isprintable():
        raise InvalidRequest(f"{text!r} is no absolute folder; give its whole path.", "folder")
    try:
        target = target.resolve()
        return _checked(target, places, empty and str(target) != ours)
    except OSError as error:
        raise FilesUnusable(_why_not(target, error)) from error


def _checked(target: Path, places: Places, empty: bool) -> Path:
    root = places.library_root.resolve()
    if target == root:
        raise InvalidRequest(f"Models and engines lie in {target} already.", "folder")
    for name in OURS:
        if target.is_relative_to(root / name) or root.is_relative_to(target / name):
            raise InvalidRequest(
                f"{target} and {root / name} lie inside each other; choose a folder of its own.", "folder"
            )
    if target.is_relative_to(places.cache.resolve()):
        raise InvalidRequest(f"{target} is in the cache, which may be deleted at any time; choose another.", "folder")
    if target.exists() and not target.is_dir():
        raise InvalidRequest(f"{target} is a file; choose a folder.", "folder")
    if not target.parent.is_dir():
        raise FilesUnusable(f"There is no folder {target.parent}; connect its disk, or make the folder first.")
    if empty and any(_holds(target / name) for name in OURS):
        raise InvalidRequest(
            f"{target} holds models or engines already; choose an empty folder, or use it as it is without moving.",
            "folder",
        )
    made = not target.exists()
    try:
        target.mkdir(exist_ok=True)
        _try_writing(target)
    except BaseException:
        if made:
            with suppress(OSError):
                target.rmdir()
        raise
    return target


def _holds(folder: Path) -> bool:
    return folder.is_dir() and any(not item.name.startswith(".") for item in folder.iterdir())


def _try_writing(folder: Path) -> None:
    """A file that can be written and locked: engines in use are locked there. Raises OSError or Unavailable."""
    probe = folder / f".deskside-{secrets.token_hex(4)}"
    try:
        probe.write_bytes(b"x")
        lock = try_lock(probe, shared=False)
        if lock is not None:
            lock.release()
    finally:
        with suppress(OSError):
            probe.unlink()


def _why_not(target: Path, error: OSError) -> str:
    if error.errno == errno.EROFS:
        return f"{target} is on a disk that can only be read; choose another."
    if isinstance(error, PermissionError):
        return f"You have no permission to write to {target}; choose another folder, or correct its permissions."
    return f"{target} cannot be used ({error.strerror or error}); choose another folder."


def _existing(folder: Path) -> Path:
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder
