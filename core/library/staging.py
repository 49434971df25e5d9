"""The folder where a download gathers, `models/.partial/<key>/`, and the step that makes a model of it.

    <hash>, <hash>.part, <hash>.part.json     files by content (core.library.part), whatever revision wants them
    tree-<commit>/                            the model's folder while it is put together by renames: its manifest first
    pull.json                                 which model this is, for `list`

The finished tree gets its place in `models/` by one rename, so a model is there as a whole or not at all.
"""

from __future__ import annotations

import json
import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from core.errors import Busy
from core.library.files import sync_folder, tree_size, write_json
from core.library.hub import RemoteFile
from core.library.manifest import Manifest, read_manifest, write_manifest
from core.library.names import key_of
from core.library.part import disk_error
from core.paths import Places


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A download that is under way or was interrupted. `have` and `total` in bytes."""

    name: str
    revision: str
    have: int
    total: int


class Staging:
    """Open it only while holding the model's pull lock."""

    def __init__(self, name: str, places: Places) -> None:
        self.name = name
        self._places = places
        self.folder = places.partial / key_of(name)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise disk_error(error, self.folder, 0) from error
        for stray in self.folder.glob("*.tmp"):
            stray.unlink()
        self._take_back()

    def has(self, file: RemoteFile) -> bool:
        """Whole and verified."""
        return (self.folder / file.hash).is_file()

    def have(self, files: list[RemoteFile]) -> int:
        """Bytes of `files` that are there, whole or in part."""
        total = 0
        for name, size in {file.hash: file.size for file in files}.items():
            if (self.folder / name).is_file():
                total += size
            else:
                with suppress(OSError):
                    total += min(size, (self.folder / f"{name}.part").stat().st_size)
        return total

    def describe(self, revision: str | None, total: int) -> None:
        """What `unfinished` tells of this download."""
        try:
            write_json(self.folder / "pull.json", {"name": self.name, "revision": revision or "", "total": total})
        except OSError as error:
            raise disk_error(error, self.folder, total) from error

    def adopt(self, source: Path, file: RemoteFile) -> bool:
        """Take a verified file from an installed model, without a copy; False where the file system has no hard links."""
        try:
            os.link(source, self.folder / file.hash)
        except OSError:
            return False
        return True

    def install(self, files: list[RemoteFile], manifest: Manifest) -> Path:
        """Put the model together and into its place; returns its folder. The caller owns the model (`own_model`)."""
        tree = self.folder / f"tree-{manifest.commit}"
        target = self._places.models / self.name
        try:
            tree.mkdir()
            write_manifest(tree, manifest)
            last = {file.hash: file.path for file in files}
            for file in files:
                place = tree / file.path
                place.parent.mkdir(parents=True, exist_ok=True)
                if last[file.hash] == file.path:
                    os.replace(self.folder / file.hash, place)
                else:  # two names for one content
                    shutil.copyfile(self.folder / file.hash, place)
            sync_folder(tree)
            target.parent.mkdir(parents=True, exist_ok=True)
            if target.exists():
                self._discard(target)
            os.replace(tree, target)
            sync_folder(target.parent)
        except PermissionError as error:
            raise Busy(
                f"{target} cannot be written ({error.strerror}); end programs that use it or correct its permissions, then start "
                f"the download again: nothing is lost."
            ) from error
        except OSError as error:
            raise disk_error(error, target, 0) from error
        shutil.rmtree(self.folder, ignore_errors=True)
        return target

    def _discard(self, target: Path) -> None:
        trash = self._places.partial / f"trash-{os.getpid()}-{target.name}"
        shutil.rmtree(trash, ignore_errors=True)
        os.replace(target, trash)
        shutil.rmtree(trash, ignore_errors=True)

    def _take_back(self) -> None:
        """A run that was killed while it put the model together: its files become files by content again."""
        for tree in self.folder.glob("tree-*"):
            manifest = read_manifest(tree)
            for file in manifest.files if manifest else ():
                source, whole = tree / file.path, self.folder / file.hash
                # A copy for a second name may be cut short: only the last name of a content got it by a rename.
                with suppress(OSError):
                    if source.stat().st_size == file.size and not whole.exists() and _is_last(manifest, file.path):
                        os.replace(source, whole)
            shutil.rmtree(tree, ignore_errors=True)


def _is_last(manifest: Manifest | None, path: str) -> bool:
    assert manifest is not None
    return path in {file.hash: file.path for file in manifest.files}.values()


def unfinished(places: Places) -> list[Unfinished]:
    """Downloads that are under way or wait for being continued, by name."""
    found = []
    for path in places.partial.glob("*/pull.json"):
        with suppress(OSError, ValueError, KeyError, TypeError):
            value = json.loads(path.read_text(encoding="utf-8"))
            have = min(tree_size(path.parent), int(value["total"]))
            found.append(Unfinished(str(value["name"]), str(value["revision"]), have, int(value["total"])))
    return sorted(found, key=lambda item: item.name)
