"""Built engines on this machine: folders `engines/<key>` with a manifest.json.

An engine's name is MODEL:PRECISION, such as demo:int4, or MODEL:PRECISION-BACKEND where a backend was asked for. Names that
start with a dot in the folder are ours: builds under way.
"""

from __future__ import annotations

import hashlib
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from core.paths import Places
from engines.api.manifest import MANIFEST_FILE, MAX_BYTES, Manifest, decode


@dataclass(frozen=True, slots=True)
class BuiltEngine:
    """`manifest` None and a `problem`: one that cannot be used."""

    folder: Path
    manifest: Manifest | None
    problem: str = ""

    @property
    def name(self) -> str:
        return self.manifest.name if self.manifest else self.folder.name


def engine_name(model: str, precision: str, backend: str = "auto") -> str:
    return f"{model}:{precision}" + ("" if backend == "auto" else f"-{backend}")


def engine_key(name: str, inputs: str) -> str:
    """The folder of an engine: readable, and different for different `inputs` (whatever the engine depends on, as text)."""
    digest = hashlib.sha256(f"{name}\n{inputs}".encode()).hexdigest()[:12]
    return f"{re.sub(r'[^A-Za-z0-9]+', '-', name).strip('-')[:80]}-{digest}"


def built_engines(places: Places) -> list[BuiltEngine]:
    """All of them, by name, the newest of a name first."""
    folders: list[Path] = []
    with suppress(OSError):  # none was built yet
        folders = [item for item in places.engines.iterdir() if not item.name.startswith(".") and item.is_dir()]
    found = [read_engine(folder) for folder in folders]
    newest_first = sorted(found, key=lambda engine: engine.manifest.created if engine.manifest else "", reverse=True)
    return sorted(newest_first, key=lambda engine: engine.name)


def read_engine(folder: Path) -> BuiltEngine:
    """What its manifest and the folder's listing say; no weights are read. Opening it checks more."""
    path = folder / MANIFEST_FILE
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ValueError("it is too large")
        manifest = decode(path.read_bytes())
    except FileNotFoundError:
        return BuiltEngine(folder, None, f"{folder} has no {MANIFEST_FILE}; remove that folder.")
    except (OSError, ValueError) as error:
        return BuiltEngine(folder, None, f"{path} cannot be used ({error}); build the engine again.")
    for file in manifest.files:
        try:
            size = (folder / file.path).stat().st_size
        except OSError:
            size = -1
        if size != file.size:
            what = "is missing" if size < 0 else "has another size than when it was built"
            return BuiltEngine(folder, manifest, f"{folder / file.path} {what}; {manifest.again}.")
    return BuiltEngine(folder, manifest)


def find_engine(name: str, places: Places) -> BuiltEngine | None:
    """The engine of that name, a usable one before others and the newest of those; MODEL:PRECISION also finds one that was built
    for a named backend. None: there is none."""
    model, colon, tag = name.rpartition(":")
    if not colon or not model or not tag:
        return None
    engines = [engine for engine in built_engines(places) if engine.manifest is not None]
    exact = [engine for engine in engines if engine.name == name]
    loose = [
        engine
        for engine in engines
        if engine.manifest and (engine.manifest.model, engine.manifest.precision) == (model, tag)
    ]
    found = exact or loose
    return next((engine for engine in found if not engine.problem), found[0] if found else None)


def engines_of(model: str, places: Places) -> list[BuiltEngine]:
    return [engine for engine in built_engines(places) if engine.manifest and engine.manifest.model == model]
