"""Adding a folder of one's own by a link, and removing what is installed. Files that we did not write are never touched."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from core.errors import Busy, InvalidRequest, ModelUnusable, NotFound, Unavailable
from core.library.catalog import DEMO, read_json
from core.library.engines import BuiltEngine, built_engines, engines_of, find_engine
from core.library.files import tree_size
from core.library.locks import engine_lock_name, holder, lock_path, own_model, share_library, try_model
from core.library.manifest import LINK_FILE, write_link
from core.library.names import check_name, key_of
from core.paths import Places


@dataclass(frozen=True, slots=True)
class Removed:
    """`freed` in bytes. `linked`: only the link is gone; the folder it named is as it was. `engines`: names of those removed."""

    name: str
    freed: int
    linked: bool = False
    engines: tuple[str, ...] = ()


def link_folder(folder: Path, name: str | None, places: Places) -> str:
    """Install `folder` under `name` (None: its own) by a link; returns the name. Copies nothing.

    Raises NotFound, ModelUnusable (no checkpoint there), InvalidRequest (name unusable or taken)."""
    folder = folder.expanduser().resolve()
    if not folder.is_dir():
        raise NotFound(f"There is no folder {folder}.")
    read_json(folder / "config.json")
    if not any(folder.glob("*.safetensors")):
        raise ModelUnusable(f"{folder} has no safetensors weights; choose the folder of a Hugging Face checkpoint.")
    name = check_name(folder.name if name is None else name)
    target = places.models / name
    with share_library(places):
        inside = target.parent != places.models and _is_model(target.parent)
        if name == DEMO or target.exists() or inside:
            raise InvalidRequest(f"There is a model or folder '{name}' already; give another name with --name.", "name")
        write_link(target, folder)
    return name


def remove_model(name: str, places: Places) -> Removed:
    """Delete an installed model with its engines, a link, what there is of an unfinished download, or one engine by its name
    (`demo:int4`); and say how much space came free.

    Raises Busy while it is loaded, being built or downloaded, NotFound, InvalidRequest for the demo."""
    if ":" in name:
        return remove_engine(name, places)
    if name == DEMO:
        raise InvalidRequest("The demo model is part of Deskside and cannot be removed.")
    folder = places.models / name
    proper = not Path(name).is_absolute() and not any(part.startswith(".") for part in Path(name).parts)
    partial = places.partial / key_of(name)
    if not proper or not (_is_model(folder) or partial.is_dir()):
        raise NotFound(f"No model '{name}' is installed; `deskside core list` shows what is.")
    pull_path = lock_path(name, places, "pull")
    pulling = try_model(name, places, "pull")
    if pulling is None:
        raise Busy(f"The model {name} is being downloaded{holder(pull_path)}; stop the download first.")
    with pulling, own_model(name, places):
        linked = (folder / LINK_FILE).is_file()
        engines = engines_of(name, places)
        freed = sum(remove_engine_folder(engine, places) for engine in engines)
        freed += _delete(partial, places) + _delete(folder, places)
        with suppress(OSError):  # not empty: other models of the same author
            folder.parent.rmdir()
    return Removed(name, freed, linked, tuple(engine.name for engine in engines))


def folders_of(name: str, places: Places) -> list[Path]:
    """What `remove_model` would delete; [] where it would refuse."""
    if ":" in name:
        engine = find_engine(name, places)
        return [engine.folder] if engine is not None else []
    if name == DEMO:
        return []
    return [places.models / name, *(engine.folder for engine in engines_of(name, places))]


def remove_engine(name: str, places: Places) -> Removed:
    """Delete one built engine, by its name or, where its manifest cannot be read, its folder's name after a colon."""
    engine = find_engine(name, places)
    if engine is None:
        broken = [item for item in built_engines(places) if item.manifest is None and f":{item.name}" == name]
        if not broken:
            raise NotFound(f"There is no engine '{name}'; `deskside core list` shows what there is.")
        engine = broken[0]
    return Removed(engine.name, remove_engine_folder(engine, places), engines=(engine.name,))


def remove_engine_folder(engine: BuiltEngine, places: Places) -> int:
    """Returns the bytes freed. Raises Busy while it is loaded or being built."""
    lock_name = engine_lock_name(engine.folder)
    building = try_model(lock_name, places, "build")
    if building is None:
        raise Busy(f"The engine {engine.name} is being built; cancel that first.")
    with building, own_model(lock_name, places):
        return _delete(engine.folder, places)


def _is_model(folder: Path) -> bool:
    return (folder / "config.json").is_file() or (folder / LINK_FILE).is_file()


def _delete(folder: Path, places: Places) -> int:
    """Out of sight by one rename, then gone. Returns the bytes freed."""
    if not folder.is_dir():
        return 0
    size = tree_size(folder)
    trash = places.partial / f"trash-{os.getpid()}-{folder.name}"
    places.partial.mkdir(parents=True, exist_ok=True)
    try:
        os.replace(folder, trash)
    except OSError as error:
        raise Busy(
            f"{folder} cannot be removed ({error.strerror}); end the program that uses it, then try again."
        ) from error
    try:
        shutil.rmtree(trash)
    except OSError as error:
        if not trash.exists():  # another process collected it
            return size
        raise Unavailable(
            f"Not all of {trash} could be deleted ({error.strerror}); correct its permissions and delete that folder."
        ) from error
    return size


def collect_trash(places: Places) -> None:
    """Finish removals that were cut short. Failure is no reason to stop anything else."""
    with suppress(OSError):
        for folder in places.partial.glob("trash-*"):
            shutil.rmtree(folder, ignore_errors=True)
