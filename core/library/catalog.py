"""Models on this machine: the bundled demo, installed ones, engines built of them, and any folder with a Hugging Face checkpoint.

An installed model is a folder `models/<name>` or `models/<org>/<name>` with a config.json, or one with a link.json, which
points to a folder elsewhere (core.library.links). Names that start with a dot are ours: downloads under way, locks.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from core.errors import EngineStale, InvalidRequest, ModelUnusable, NotFound
from core.library.engines import built_engines, find_engine
from core.library.manifest import LINK_FILE, read_link, read_manifest
from core.library.there import check_there
from core.paths import Places, bundled_asset

DEMO = "demo"


@dataclass(frozen=True, slots=True)
class InstalledModel:
    """`size`: bytes of its safetensors files; `problem`: why it cannot be used, where that shows at a glance; `linked`: the
    folder lies elsewhere and is not ours; `repo`, `commit`, `licence`: where it came from, where that is known."""

    name: str
    folder: Path
    architecture: str
    context: int | None
    size: int
    problem: str = ""
    linked: bool = False
    repo: str = ""
    commit: str = ""
    licence: str = ""


def find_model(model: str, places: Places) -> Path:
    """The folder of MODEL: `demo`, the name of an installed model or of a built engine (`demo:int4`), or a folder. Raises NotFound,
    saying what there is."""
    installed = find_installed(model, places)
    if installed is not None:
        return installed
    try:
        folder = Path(model).expanduser()
        if folder.is_dir():
            return folder.resolve()
    except OSError as error:
        raise NotFound(f"The folder '{model}' cannot be opened ({error.strerror}); correct its permissions.") from error
    except (ValueError, RuntimeError) as error:  # a NUL character; ~ of a user that there is not
        raise NotFound(f"There is no model or folder {model!r} ({error}).") from error
    check_there(places)
    engines = sorted({engine.name for engine in built_engines(places)})
    names = ", ".join([DEMO, *(found.name for found in _installed_only(places)), *engines])
    raise NotFound(f"There is no model or folder '{model}'; installed are: {names}.")


def find_installed(model: str, places: Places) -> Path | None:
    """The folder of `demo`, of an installed model or of a built engine, by its name; None for anything else, such as a path.
    Raises NotFound where the demo model, or the folder that a linked one leads to, is gone, EngineStale for an engine that was
    changed."""
    if model == DEMO:
        return bundled_asset("demo_model")
    if not model or any(part.startswith(".") for part in Path(model).parts) or Path(model).is_absolute():
        return None
    installed = places.models / model
    try:
        if (installed / "config.json").is_file():
            return installed
        if (installed / LINK_FILE).is_file():
            return _linked(model, installed)
    except (OSError, ValueError):  # no name of a file here: too long, a NUL character
        return None
    engine = find_engine(model, places)
    if engine is not None and engine.problem:
        raise EngineStale(f"The engine {engine.name} cannot be used: {engine.problem}")
    return engine.folder if engine is not None else None


def installed_models(places: Places) -> list[InstalledModel]:
    """The demo model first, where it is there, then what lies in the models folder, by name."""
    try:
        demo = [describe(DEMO, bundled_asset("demo_model"))]
    except NotFound:
        demo = []
    return [*demo, *_installed_only(places)]


def installed_engines(places: Places) -> list[InstalledModel]:
    """Every built engine as something that can be loaded by its name."""
    found = []
    for engine in built_engines(places):
        if engine.manifest is not None:
            model = describe(engine.name, engine.folder)
            found.append(replace(model, problem=engine.problem or model.problem))
    return found


def _installed_only(places: Places) -> list[InstalledModel]:
    found = sorted(_candidates(places.models, depth=2))
    return [_installed(folder.relative_to(places.models).as_posix(), folder) for folder in found]


def _candidates(folder: Path, depth: int) -> Iterator[Path]:
    """Folders of models at most `depth` levels down."""
    try:
        children = [child for child in folder.iterdir() if not child.name.startswith(".") and child.is_dir()]
    except OSError:  # no folder yet, or not readable: nothing is installed there
        return
    for child in children:
        if (child / "config.json").is_file() or (child / LINK_FILE).is_file():
            yield child
        elif depth > 1:
            yield from _candidates(child, depth - 1)


def _installed(name: str, folder: Path) -> InstalledModel:
    if (folder / "config.json").is_file():
        model = describe(name, folder)
        manifest = read_manifest(folder)
        if manifest is not None:
            model = replace(model, repo=manifest.repo, commit=manifest.commit, licence=manifest.licence)
        return model
    try:
        return replace(describe(name, _linked(name, folder)), linked=True)
    except (ModelUnusable, NotFound) as error:
        return InstalledModel(name, folder, "", None, 0, error.message, linked=True)


def _linked(name: str, folder: Path) -> Path:
    """The folder that an installed link points to. Raises ModelUnusable or NotFound."""
    target = read_link(folder)
    if not (target / "config.json").is_file():
        raise NotFound(
            f"The model {name} is a link to {target}, where no model is any more; bring the folder back, or remove "
            f"the link with `deskside core remove {name}`."
        )
    return target


def describe(name: str, folder: Path) -> InstalledModel:
    """What config.json and the folder's listing say; reads no weights and raises nothing for a broken model."""
    size = sum(path.stat().st_size for path in folder.glob("*.safetensors"))
    try:
        config = read_json(folder / "config.json")
    except (ModelUnusable, NotFound) as error:
        return InstalledModel(name, folder, "", None, size, error.message)
    architectures = config.get("architectures")
    architecture = str(architectures[0]) if isinstance(architectures, list) and architectures else "unknown"
    context = config.get("max_position_embeddings", config.get("n_positions"))
    problem = "" if size else f"{folder} has no safetensors weights; download the model again."
    return InstalledModel(name, folder, architecture, context if isinstance(context, int) else None, size, problem)


def generation_defaults(folder: Path) -> dict[str, Any]:
    """Sampling defaults that the model's authors wrote down (generation_config.json); {} where there are none.
    Raises ModelUnusable for one that no sampler can take."""
    from core.sampling import check_defaults  # here, so that `list` does not load NumPy for it

    path = folder / "generation_config.json"
    defaults = read_json(path) if path.is_file() else {}
    try:
        check_defaults(defaults)
    except InvalidRequest as error:
        raise ModelUnusable(f"{path} cannot be used: {error.message} Correct it, or download it again.") from error
    return defaults


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a file, or ModelUnusable naming file and reason."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise NotFound(f"There is no {path}; choose a folder that holds a Hugging Face checkpoint.") from error
    except OSError as error:
        raise ModelUnusable(f"{path} cannot be read ({error.strerror}); correct its permissions.") from error
    except (ValueError, RecursionError) as error:
        raise ModelUnusable(f"{path} is not valid JSON ({error}); download the model again.") from error
    if not isinstance(value, dict):
        raise ModelUnusable(f"{path} holds no JSON object; download the model again.")
    return value
