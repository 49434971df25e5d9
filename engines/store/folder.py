"""An engine's folder as a whole: how it comes into its place, and what is checked when it is opened.

A folder with a manifest.json is an engine, and one without is a checkpoint. The manifest is written last, into a folder that
then takes its place by one rename: whatever is cut short is never taken for an engine.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable
from pathlib import Path

from engines.api.errors import EngineError, StaleError
from engines.api.manifest import MANIFEST_FILE, MAX_BYTES, DeviceInfo, EngineFile, Manifest, decode, encode
from engines.store.files import describe_file, write_whole
from engines.weights.writer import sync_folder

TRASH = ".trash-"


def find_manifest(folder: Path) -> Manifest | None:
    """The manifest of an engine folder, None for a checkpoint. Raises StaleError for one that cannot be read."""
    path = folder / MANIFEST_FILE
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ValueError("it is too large")
        return decode(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise StaleError(
            f"The engine in {folder} cannot be used: {path.name} is damaged ({error}); build it again."
        ) from error


def check_engine(
    folder: Path,
    manifest: Manifest,
    *,
    device: Callable[[], DeviceInfo],
    revision: Callable[[Path], str] | None = None,
) -> None:
    """Whether the engine belongs to this machine and its files are as they were built. `device`: the GPU here, asked only where the
    engine is for one. `revision(folder)`: of a checkpoint; None asks `open_model`. Plans are checked when a library
    opens them.

    Raises StaleError: one sentence that says what differs and how to build the engine again."""
    again = f"; {manifest.again}"
    what = f"The engine {manifest.name}"
    for file in manifest.files:
        reason = _changed(folder, file)
        if reason:
            raise StaleError(f"{what} cannot be used: {folder / file.path} {reason}{again}.")
    if manifest.device is not None:
        here, built = device(), manifest.device
        if here.arch != built.arch:
            raise StaleError(
                f"{what} was built for {built.name} ({built.arch}) and this GPU is {here.name} ({here.arch}){again}."
            )
        if here.driver != built.driver:
            raise StaleError(
                f"{what} was built and checked with driver {built.driver} and this machine has {here.driver} now{again}."
            )
    source = Path(manifest.source)
    if (source / "config.json").is_file() and source.resolve() != folder.resolve():
        try:
            current = (revision or checkpoint_revision)(source)
        except EngineError:  # the model is damaged: the engine does not need it
            return
        if current != manifest.model_revision:
            raise StaleError(f"{what} was made of another revision of {manifest.model} than {source} holds now{again}.")


def publish(built: Path, manifest: Manifest, target: Path) -> None:
    """Make an engine of the folder `built`, on the same volume: its manifest, then its place. What was there goes.
    Raises OSError."""
    write_whole(built / MANIFEST_FILE, encode(manifest))
    for folder in {path.parent for path in built.rglob("*")}:
        sync_folder(folder)
    target.parent.mkdir(parents=True, exist_ok=True)
    trash = None
    if target.exists():
        trash = target.with_name(f"{TRASH}{secrets.token_hex(4)}")
        os.replace(target, trash)
    os.replace(built, target)
    sync_folder(target.parent)
    if trash is not None:
        shutil.rmtree(trash, ignore_errors=True)


def checkpoint_revision(folder: Path) -> str:
    """Changes when config or weights do; reads headers only. Raises EngineError."""
    from engines.models import open_model

    with open_model(folder) as model:
        return model.revision


def _changed(folder: Path, file: EngineFile) -> str:
    """Why a file is not what it was when the engine was built; "" if it is. Its content is read only where its time of change is
    another, as after a copy of the folder."""
    path = folder / file.path
    try:
        stat = path.stat()
        if stat.st_size != file.size:
            return f"has {stat.st_size:,} bytes where {file.size:,} were built"
        if stat.st_mtime_ns != file.mtime_ns and describe_file(folder, path).sha256 != file.sha256:
            return "was changed after the build"
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    return ""
