"""What stands beside a model's files: deskside.json for a download, link.json for a folder that lies elsewhere."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

import msgspec

from core.errors import ModelUnusable
from core.library.files import write_json

MANIFEST_FILE = "deskside.json"
LINK_FILE = "link.json"
_MAX_BYTES = 10_000_000


class ManifestFile(msgspec.Struct, frozen=True):
    """`hash`: sha256 of an LFS file, 64 hex digits, or the git blob id of another, 40."""

    path: str
    size: int
    hash: str


class Manifest(msgspec.Struct, frozen=True):
    """Where a downloaded model came from. `revision`: as asked for; `commit`: what it was then. `licence`: as the model's
    card names it, "" unknown. `pulled`: when, ISO 8601, UTC."""

    repo: str
    revision: str
    commit: str
    endpoint: str
    licence: str
    pulled: str
    files: tuple[ManifestFile, ...]
    format: int = 1

    @property
    def size(self) -> int:
        return sum(file.size for file in self.files)


def read_manifest(folder: Path) -> Manifest | None:
    """None where there is none that this version can read: a model works without."""
    path = folder / MANIFEST_FILE
    try:
        if path.stat().st_size > _MAX_BYTES:
            return None
        return msgspec.json.decode(path.read_bytes(), type=Manifest)
    except (OSError, msgspec.DecodeError):
        return None


def write_manifest(folder: Path, manifest: Manifest) -> None:
    write_json(folder / MANIFEST_FILE, msgspec.to_builtins(manifest))


def read_link(folder: Path) -> Path:
    """The absolute folder that `folder`/link.json names. Raises ModelUnusable."""
    path = folder / LINK_FILE
    try:
        target = json.loads(path.read_text(encoding="utf-8"))["folder"]
        if not isinstance(target, str) or not Path(target).is_absolute():
            raise ValueError("its folder is not an absolute path")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelUnusable(f"{path} cannot be used ({error}); remove the model and link its folder again.") from error
    return Path(target)


def links_to(folder: Path, models: Path) -> list[str]:
    """Names in the folder `models` under which `folder`, a real path, is linked."""
    found = []
    for path in (*models.glob(f"*/{LINK_FILE}"), *models.glob(f"*/*/{LINK_FILE}")):
        with suppress(ModelUnusable, OSError):
            if read_link(path.parent).resolve() == folder:
                found.append(path.parent.relative_to(models).as_posix())
    return found


def write_link(folder: Path, target: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / LINK_FILE, {"format": 1, "folder": str(target)})
