"""Whether the folder of models and engines is there at all: it may be on a disk that is not connected."""

from __future__ import annotations

from core.errors import FilesUnusable
from core.paths import Places


def is_missing(places: Places) -> bool:
    """True for a folder that was chosen and holds no library now: a disk that is away leaves at most an empty folder."""
    return places.library is not None and not places.models.is_dir()


def check_there(places: Places) -> None:
    """Raises FilesUnusable, so that nobody takes it for an empty library, or makes another one where its disk belongs."""
    if is_missing(places):
        raise FilesUnusable(
            f"The folder of models and engines, {places.library}, is not there; connect its disk, or choose another folder "
            "(Settings, Storage, or `deskside core storage --use FOLDER`)."
        )
