"""Download one model: look up, choose files, check the disk, fetch, verify, install. Resumes whatever an earlier run left.

`Pull.run` blocks and may be stopped from another thread; a paused or killed download goes on with the next `run`, in this
process or another. Of two processes that pull the same model one works and the other is told.
"""

from __future__ import annotations

import shutil
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from core.errors import Busy, DiskFull, InvalidRequest
from core.library.catalog import DEMO
from core.library.fetch import Control, Fetcher, Stopped
from core.library.hub import Hub, RemoteFile, RemoteModel
from core.library.installed import collect_trash
from core.library.locks import holder, lock_path, own_model, try_model
from core.library.manifest import LINK_FILE, Manifest, ManifestFile, read_manifest, write_manifest
from core.library.names import check_name, parse_repo
from core.library.part import Part, is_intact
from core.library.progress import Meter, Progress
from core.library.retry import Policy
from core.library.select import INDEX_FILE, small_files, total_size, weight_files
from core.library.staging import Staging
from core.paths import Places

_TEMPORARY = 256 << 20  # bytes kept free besides: logs, caches, sidecars
_THREADS = 4


@dataclass(frozen=True, slots=True)
class Pulled:
    """`name`: under which it is installed now. `fetched`: bytes that came over the network in this run. `changed` False: it
    was there already, and all hashes are right."""

    name: str
    folder: Path
    manifest: Manifest
    fetched: int
    changed: bool


class Pull:
    """One download. `engine_bytes`: what an engine made of it is expected to need on the same disk; None: half of the weights
    (4-bit weights with their scales and embeddings come to less)."""

    def __init__(
        self,
        model: str,
        places: Places,
        hub: Hub,
        *,
        on_progress: Callable[[Progress], None] = lambda progress: None,
        on_note: Callable[[str], None] = lambda text: None,
        policy: Policy | None = None,
        engine_bytes: int | None = None,
    ) -> None:
        """`model`: REPO[@revision]. Raises InvalidRequest."""
        self.repo, self.revision = parse_repo(model)
        self._places = places
        self._hub = hub
        self._meter = Meter(on_progress, on_note)
        self._policy = policy or hub.policy
        self._control = Control()
        self._engine_bytes = engine_bytes

    def stop(self) -> None:
        """From any thread: `run` raises Stopped soon. What is there is kept."""
        self._control.stop()

    def run(self) -> Pulled:
        """Raises Stopped; DiskFull, Busy, NotFound, AccessDenied, ModelUnusable, Unavailable or InvalidRequest, each with a
        sentence, and each keeping what is there."""
        self._meter.begin("look up", 0)
        remote = self._hub.model(self.repo, self.revision, sleep=self._control.sleep, note=self._meter.note)
        name = check_name(remote.repo)
        if name == DEMO:
            raise InvalidRequest("The name 'demo' belongs to the model that ships with Deskside.")
        if name != self.repo:
            self._meter.note(f"{self.repo} is called {name} on the Hub")
        path = lock_path(name, self._places, "pull")
        lock = try_model(name, self._places, "pull")
        if lock is None:
            raise Busy(f"{name} is being downloaded already{holder(path)}; wait for that or stop it.")
        with lock:
            return self._run(name, remote)

    def _run(self, name: str, remote: RemoteModel) -> Pulled:
        target = self._places.models / name
        installed = read_manifest(target)
        if target.exists() and installed is None:
            what = (
                "a link to a folder of yours"
                if (target / LINK_FILE).exists()
                else "a folder that was not downloaded by Deskside"
            )
            raise InvalidRequest(f"{target} is {what}; remove or rename it first.")
        collect_trash(self._places)
        staging = Staging(name, self._places)
        fetcher = Fetcher(self._hub, remote.repo, remote.commit, remote.gated, self._policy, self._control)
        try:
            files = small_files(remote)
            index = next((file for file in files if file.path == INDEX_FILE), None)
            files += weight_files(remote, None if index is None else self._read(staging, fetcher, index, target))
            manifest = self._manifest(remote, files)
            intact = self._intact(target, installed, files)
            if installed and len(intact) == len(files) == len(installed.files):
                shutil.rmtree(staging.folder, ignore_errors=True)
                write_manifest(target, manifest)  # a later commit may have changed files that we do not have
                return Pulled(name, target, manifest, 0, False)
            for file in intact:
                if not staging.has(file):
                    staging.adopt(target / file.path, file)
            self._check_disk(staging, files)
            staging.describe(self.revision, total_size(files))
            self._meter.begin("download", total_size(files))
            self._fetch_all(staging, fetcher, files)
            self._meter.tick()
            self._meter.begin("install", total_size(files))
            with own_model(name, self._places):
                folder = staging.install(files, manifest)
            return Pulled(name, folder, manifest, self._meter.arrived, True)
        finally:
            fetcher.close()
            with suppress(OSError):
                staging.folder.rmdir()  # only if nothing came of it

    def _read(self, staging: Staging, fetcher: Fetcher, file: RemoteFile, target: Path) -> bytes:
        """The content of a small file, from the installed model or fetched if need be."""
        if is_intact(target / file.path, file, self._control.check, lambda count: None):
            return (target / file.path).read_bytes()
        if not staging.has(file):
            self._fetch(staging, fetcher, file)
        return (staging.folder / file.hash).read_bytes()

    def _intact(self, target: Path, installed: Manifest | None, files: list[RemoteFile]) -> list[RemoteFile]:
        """Those of `files` that the installed model has, whole and right: nobody downloads them again. Reads them all, for a
        second `pull` is also how a damaged model is mended."""
        if installed is None:
            return []
        known = {(file.path, file.hash) for file in installed.files}
        candidates = [file for file in files if (file.path, file.hash) in known]
        self._meter.begin("check", sum(file.size for file in candidates))
        found = []
        for file in candidates:
            read = 0

            def tell(count: int, file: RemoteFile = file) -> None:
                nonlocal read
                read += count
                self._meter.at(file, read, arrived=0)

            if is_intact(target / file.path, file, self._control.check, tell):
                found.append(file)
            else:
                self._meter.note(f"{target / file.path} is damaged; downloading it again")
        return found

    def _manifest(self, remote: RemoteModel, files: list[RemoteFile]) -> Manifest:
        return Manifest(
            repo=remote.repo,
            revision=self.revision or "main",
            commit=remote.commit,
            endpoint=self._hub.endpoint,
            licence=remote.licence,
            pulled=datetime.now(UTC).isoformat(timespec="seconds"),
            files=tuple(ManifestFile(file.path, file.size, file.hash) for file in files),
        )

    def _check_disk(self, staging: Staging, files: list[RemoteFile]) -> None:
        """Before the first byte of weights: is there room for what is missing? And, as a note, for an engine after that?"""
        total = total_size(files)
        missing = total - staging.have(files)
        free = shutil.disk_usage(staging.folder).free
        engine = total // 2 if self._engine_bytes is None else self._engine_bytes
        if free < missing + _TEMPORARY:
            raise DiskFull(
                f"{self.repo} needs another {_gb(missing)} and {_gb(_TEMPORARY)} of working space, but the disk with "
                f"{self._places.models} has only {_gb(free)} free; free {_gb(missing + _TEMPORARY - free)}, or move "
                f"models and engines to another disk (Settings, Storage)."
            )
        if free < missing + engine + _TEMPORARY:
            self._meter.note(
                f"the disk has {_gb(free)} free: enough for the download ({_gb(missing)}), but not for a compiled engine after "
                f"it (about {_gb(engine)})"
            )

    def _fetch_all(self, staging: Staging, fetcher: Fetcher, files: list[RemoteFile]) -> None:
        """A few at a time, the small ones first, so that a refusal comes before gigabytes. Ends all when one fails."""
        missing: dict[str, RemoteFile] = {}
        for file in files:
            if staging.has(file):
                self._meter.at(file, file.size, arrived=0)
            else:
                missing[file.hash] = file
        waiting = deque(sorted(missing.values(), key=lambda file: file.size))
        if waiting:
            self._fetch(staging, fetcher, waiting.popleft())
        errors: list[BaseException] = []
        parts: list[Part] = []
        lock = threading.Lock()

        def work() -> None:
            try:
                while True:
                    with lock:
                        if not waiting or errors:
                            return
                        part = Part(staging.folder, waiting.popleft())
                        parts.append(part)
                    try:
                        fetcher.fetch(part, self._meter)
                    finally:
                        part.abandon()
            except BaseException as error:
                with lock:
                    errors.append(error)
                self._control.stop()

        threads = [threading.Thread(target=work, name="pull", daemon=True) for _ in range(min(_THREADS, len(waiting)))]
        for thread in threads:
            thread.start()
        try:
            for thread in threads:
                while thread.is_alive():
                    thread.join(0.2)  # short, so that Ctrl+C gets through on Windows
                    self._meter.tick()
                    if self._control.stopped:
                        break
        finally:
            if any(thread.is_alive() for thread in threads):
                self._control.stop()
                for thread in threads:
                    thread.join(2.0)
            # One that still waits for an answer is left behind: it cannot write any more.
            with lock:
                waiting.clear()
                for part in parts:
                    part.abandon()
        if errors:
            raise next((error for error in errors if not isinstance(error, Stopped)), errors[0])
        self._control.check()

    def _fetch(self, staging: Staging, fetcher: Fetcher, file: RemoteFile) -> None:
        part = Part(staging.folder, file)
        try:
            fetcher.fetch(part, self._meter)
        finally:
            part.abandon()


def _gb(size: int) -> str:
    return f"{size / 1e9:,.2f} GB" if size >= 10_000_000 else f"{size / 1e6:,.2f} MB"
