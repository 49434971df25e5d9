"""Moving models and engines to another folder, such as one on a second disk, so that nothing is lost whatever ends it.

    copy      every file to its place below the new folder; on the same volume a second name of the file instead
    check     what arrived is read back and compared
    (switch)  the setting `library`, by one rename: from here on the new folder counts
    delete    the old files, each only while its twin in the new folder is there

`state/moving.json` says from where to where. A move that was cut short goes on with the next call, or `settle` clears up: before
the switch the copies go, after it the originals.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from core.config import save_setting
from core.errors import Busy, DesksideError, DiskFull, FilesUnusable
from core.library.files import sync_folder, write_json
from core.library.locks import own_library
from core.library.storage import OURS, check_target
from core.library.there import check_there
from core.paths import Places

_CHUNK = 8 << 20
_SPARE = 256 << 20  # bytes left free besides
_ROUNDING_NS = 2 * 10**9  # exFAT keeps times in steps of two seconds
_PART = ".moving"

OnProgress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class _Item:
    """A file or a symbolic link below a root: `path` is relative. `inode`: of one with several names, else None."""

    path: Path
    size: int
    inode: tuple[int, int] | None


def check_move(target: Path, places: Places) -> Path:
    """`target` as a real path, if a move there can begin. Raises as `move_library`, but for what is in use."""
    record = _read_record(places)
    target = check_target(target, places, empty=True, ours=record[1] if record else "")
    check_there(places)
    _check_room(list(_walk(places.library_root)), places.library_root, target)
    return target


def move_library(target: Path, places: Places, on_progress: OnProgress = lambda stage, done, total: None) -> Places:
    """Move models and engines to `target`, and return the places from then on. `on_progress(stage, bytes, of bytes)` may raise to
    stop: then all is as before, but for copies that `settle` removes or the next call goes on with.

    Raises InvalidRequest (the folder cannot be used for this), Busy (something is in use), DiskFull, FilesUnusable."""
    target = check_move(target, places)
    source = places.library_root.resolve()
    with own_library(places):
        items = list(_walk(source))
        _check_room(items, source, target)
        try:
            _write_record(places, source, target)
            for name in OURS:
                (target / name).mkdir(parents=True, exist_ok=True)
            _copy(items, source, target, on_progress)
            _check(items, source, target, on_progress)
        except OSError as error:
            raise _in_words(error, target) from error
        moved = switch(target, places)
        _delete(source, target, on_progress)
        with suppress(OSError):
            places.move_record.unlink()
    return moved


def use_library(target: Path, places: Places) -> Places:
    """From now on models and engines lie in `target`, where there may be some already; those of before stay where they are.

    Raises as `move_library`."""
    if _read_record(places) is not None:
        raise Busy("Models and engines are being moved; wait for that, or cancel it first.")
    target = check_target(target, places, empty=False)
    with own_library(places):
        try:
            for name in OURS:
                (target / name).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _in_words(error, target) from error
        return switch(target, places)


def switch(target: Path, places: Places) -> Places:
    """The setting; returns the places with it."""
    default = target == places.data.resolve()
    save_setting(places, "library", "" if default else str(target))
    return replace(places, library=None if default else target)


def settle(places: Places) -> None:
    """Clear up after a move that was cut short and that nobody goes on with. Does nothing while one is under way, or while a disk
    of it is away; raises nothing."""
    record = _read_record(places)
    if record is None:
        return
    here = places.library_root.resolve()
    there = next((Path(at) for at in record if at != str(here)), None)
    with suppress(DesksideError, OSError):
        if str(here) not in record or there is None:  # another folder was chosen since
            places.move_record.unlink()
            return
        if not (here / OURS[0]).is_dir() or not there.is_dir():
            return
        with own_library(places):
            _delete(there, here)
            places.move_record.unlink()


def _write_record(places: Places, source: Path, target: Path) -> None:
    places.move_record.parent.mkdir(parents=True, exist_ok=True)
    write_json(places.move_record, {"from": str(source), "to": str(target)})


def _read_record(places: Places) -> tuple[str, str] | None:
    """(from, to) of a move that has not ended."""
    try:
        value = json.loads(places.move_record.read_text(encoding="utf-8"))
        return str(value["from"]), str(value["to"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _walk(root: Path) -> Iterator[_Item]:
    """What is moved: all but locks and what is being deleted. A link to elsewhere is moved as a link."""
    for name in OURS:
        for folder, folders, files in os.walk(root / name):
            at = Path(folder)
            linked = [item for item in folders if (at / item).is_symlink()]
            folders[:] = sorted(
                item for item in folders if item not in linked and item != ".locks" and not item.startswith("trash-")
            )
            for item in sorted([*files, *linked]):
                path = at / item
                stat = path.lstat()
                if not item.endswith(_PART):
                    inode = (stat.st_dev, stat.st_ino) if stat.st_nlink > 1 else None
                    yield _Item(path.relative_to(root), 0 if path.is_symlink() else stat.st_size, inode)


def _check_room(items: list[_Item], source: Path, target: Path) -> None:
    """Raises DiskFull. On one volume nothing is copied; what an earlier call copied is there."""
    if _one_volume(source, target):
        return
    sizes = {item.inode or item.path: item.size for item in items if not _are_twins(source, target, item.path)}
    needed, free = sum(sizes.values()) + _SPARE, shutil.disk_usage(target).free
    if needed > free:
        raise DiskFull(
            f"Models and engines need {needed / 1e9:,.2f} GB, but the disk with {target} has only {free / 1e9:,.2f} GB free; free "
            f"{(needed - free) / 1e9:,.2f} GB there, or choose another folder. Nothing was changed."
        )


def _one_volume(source: Path, target: Path) -> bool:
    return all((source / name).stat().st_dev == target.stat().st_dev for name in OURS if (source / name).is_dir())


def _copy(items: list[_Item], source: Path, target: Path, on_progress: OnProgress) -> None:
    total, done = sum(item.size for item in items), 0
    first: dict[tuple[int, int], Path] = {}  # the first name of a file with several

    def tell(count: int) -> None:
        nonlocal done
        done += count
        on_progress("copy", done, total)

    on_progress("copy", 0, total)
    for item in items:
        twin = target / item.path
        if _are_twins(source, target, item.path):
            tell(item.size)
        else:
            twin.parent.mkdir(parents=True, exist_ok=True)
            _copy_one(source / item.path, twin, first.get(item.inode) if item.inode else None, tell)
        if item.inode is not None:
            first.setdefault(item.inode, twin)
    for folder in {(target / item.path).parent for item in items}:
        sync_folder(folder)


def _copy_one(path: Path, twin: Path, same: Path | None, tell: Callable[[int], None]) -> None:
    """`same`: a file in the new folder that has this content already, as two names of one file had in the old."""
    part = twin.with_name(twin.name + _PART)
    part.unlink(missing_ok=True)
    if path.is_symlink():
        to = Path(os.path.normpath(os.path.join(path.parent, os.readlink(path))))
        os.symlink(to, part, target_is_directory=to.is_dir())
        os.replace(part, twin)
        return
    for original in filter(None, (same, path)):
        with suppress(OSError):  # another volume, or one without such links
            os.link(original, part)
            os.replace(part, twin)
            tell(path.lstat().st_size)
            return
    with path.open("rb", buffering=0) as reader, part.open("xb", buffering=0) as writer:
        while chunk := reader.read(_CHUNK):
            view = memoryview(chunk)
            while view:
                view = view[writer.write(view) or 0 :]
            tell(len(chunk))
        os.fsync(writer.fileno())
        if sys.platform == "linux":  # so that it is read back from the disk
            os.posix_fadvise(writer.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    shutil.copystat(path, part)
    os.replace(part, twin)


def _check(items: list[_Item], source: Path, target: Path, on_progress: OnProgress) -> None:
    """Raises FilesUnusable for a file that is not what it was."""
    total, done = sum(item.size for item in items), 0
    on_progress("check", 0, total)
    for item in items:
        path, twin = source / item.path, target / item.path
        if path.is_symlink() or os.path.samefile(path, twin):
            done += item.size
            on_progress("check", done, total)
            continue
        with path.open("rb", buffering=0) as one, twin.open("rb", buffering=0) as other:
            while True:
                chunk = one.read(_CHUNK)
                if chunk != other.read(_CHUNK):
                    twin.unlink()
                    raise FilesUnusable(
                        f"{twin} is not what was written there: that disk fails. Everything is as it was; choose another disk."
                    )
                if not chunk:
                    break
                done += len(chunk)
                on_progress("check", done, total)


def _delete(root: Path, twins: Path, on_progress: OnProgress = lambda stage, done, total: None) -> None:
    """Delete what `twins` holds, too, and what is nobody's; what only `root` has stays. Nothing but a kill stops it."""
    items = list(_walk(root))
    with suppress(Exception):
        on_progress("delete", 0, len(items))
    for item in items:
        with suppress(OSError):
            if _are_twins(root, twins, item.path) and not _is_alias(root / item.path, twins / item.path):
                (root / item.path).unlink()
    for name in OURS:
        for gone in (root / name / ".locks", *(root / name / ".partial").glob("trash-*")):
            shutil.rmtree(gone, ignore_errors=True)
        for folder, _, files in os.walk(root / name, topdown=False):
            for file in files:
                if file.endswith(_PART):
                    with suppress(OSError):
                        Path(folder, file).unlink()
            with suppress(OSError):  # not empty
                Path(folder).rmdir()


def _are_twins(root: Path, other: Path, path: Path) -> bool:
    """Whether both roots have this file, of one size and time."""
    try:
        one, two = (root / path).lstat(), (other / path).lstat()
    except OSError:
        return False
    if (root / path).is_symlink() or (other / path).is_symlink():
        return (root / path).is_symlink() and (other / path).is_symlink()
    return one.st_size == two.st_size and abs(one.st_mtime_ns - two.st_mtime_ns) <= _ROUNDING_NS


def _is_alias(path: Path, twin: Path) -> bool:
    """Whether both are one and the same directory entry, reached by two paths: then there is no second copy."""
    one, two = path.lstat(), twin.lstat()
    return (one.st_dev, one.st_ino) == (two.st_dev, two.st_ino) and one.st_nlink < 2


def _in_words(error: OSError, target: Path) -> DesksideError:
    place = error.filename or target
    if error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)):
        return DiskFull(
            f"The disk with {target} is full; free some space there and go on, or cancel. Models and engines are where they were."
        )
    if error.errno == errno.EFBIG:
        return FilesUnusable(
            f"The file system with {target} cannot hold a file this large (FAT32 ends at 4 GB); choose a folder on another disk."
        )
    return FilesUnusable(
        f"{place} cannot be read or written ({error.strerror or error}); models and engines are where they were. Correct that, or "
        "choose another folder."
    )
