"""Models on this machine: the bundled demo, installed ones, and any folder with a Hugging Face checkpoint."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import ModelUnusable, NotFound
from core.paths import Places, bundled_asset

DEMO = "demo"


@dataclass(frozen=True, slots=True)
class InstalledModel:
    """`size`: bytes of its safetensors files; `problem`: why it cannot be used, where that shows at a glance."""

    name: str
    folder: Path
    architecture: str
    context: int | None
    size: int
    problem: str = ""


def find_model(model: str, places: Places) -> Path:
    """The folder of MODEL: `demo`, the name of an installed model, or a folder. Raises NotFound, saying what there is."""
    if model == DEMO:
        return bundled_asset("demo_model")
    installed = places.models / model
    if ".." not in Path(model).parts and not Path(model).is_absolute() and (installed / "config.json").is_file():
        return installed
    folder = Path(model).expanduser()
    try:
        if folder.is_dir():
            return folder.resolve()
    except OSError as error:
        raise NotFound(f"The folder '{model}' cannot be opened ({error.strerror}); correct its permissions.") from error
    names = ", ".join([DEMO, *(found.name for found in _installed_only(places))])
    raise NotFound(f"There is no model or folder '{model}'; installed are: {names}.")


def installed_models(places: Places) -> list[InstalledModel]:
    """The demo model first, where it is there, then what lies in the models folder, by name."""
    try:
        demo = [describe(DEMO, bundled_asset("demo_model"))]
    except NotFound:
        demo = []
    return [*demo, *_installed_only(places)]


def _installed_only(places: Places) -> list[InstalledModel]:
    root = places.models
    folders = sorted(path.parent for path in root.glob("**/config.json")) if root.is_dir() else []
    return [describe(folder.relative_to(root).as_posix(), folder) for folder in folders]


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
    """Sampling defaults that the model's authors wrote down (generation_config.json); {} where there are none."""
    path = folder / "generation_config.json"
    return read_json(path) if path.is_file() else {}


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a file, or ModelUnusable naming file and reason."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise NotFound(f"There is no {path}; choose a folder that holds a Hugging Face checkpoint.") from error
    except OSError as error:
        raise ModelUnusable(f"{path} cannot be read ({error.strerror}); correct its permissions.") from error
    except ValueError as error:
        raise ModelUnusable(f"{path} is not valid JSON ({error}); download the model again.") from error
    if not isinstance(value, dict):
        raise ModelUnusable(f"{path} holds no JSON object; download the model again.")
    return value
