"""What the routes of the model library do: all of it off the event loop, for it reads disks and asks the Hub."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TypeVar

from core.config import Config
from core.errors import InvalidRequest, ModelUnusable, NotFound
from core.library.catalog import find_installed
from core.library.engines import BuiltEngine
from core.library.fit_report import FitReport, report_fit
from core.library.hub import Hub
from core.library.installed import Removed, link_folder, remove_model
from core.library.listing import Entry, everything
from core.library.move import check_move, settle, use_library
from core.library.remote import IMPATIENT, look_at
from core.library.report_card import engine_json
from core.library.storage import Storage, storage_of
from core.library.there import is_missing
from core.library.tokens import check_token, find_token, save_token
from core.paths import Places
from core.schemas import (
    EngineStatus,
    FitReply,
    HubModel,
    HubModelReply,
    HubTokenReply,
    InstalledStatus,
    LinkReply,
    RemoveReply,
    SearchReply,
    StorageReply,
)

T = TypeVar("T")


class Library:
    """Used from the event loop; the work is done in threads, Hub requests at most a few at a time."""

    def __init__(self, config: Config) -> None:
        self.places: Places = config.places
        self._offline = config.offline
        self._asking = asyncio.Semaphore(4)

    async def search(self, query: str, limit: int) -> SearchReply:
        """Raises Unavailable, AccessDenied."""

        def work() -> SearchReply:
            found = self._hub().search(query, limit)
            return SearchReply(
                query=query,
                models=[
                    HubModel(
                        repo=item.repo,
                        downloads=item.downloads,
                        likes=item.likes,
                        gated=item.gated,
                        licence=item.licence,
                        parameters=item.parameters,
                        installed=self._installed(item.repo),
                    )
                    for item in found
                ],
            )

        return await self._ask(work)

    async def look(self, model: str) -> HubModelReply:
        """Raises InvalidRequest, NotFound, AccessDenied, ModelUnusable, Unavailable."""

        def work() -> HubModelReply:
            hub = self._hub()
            looked = look_at(model, hub)
            remote = looked.model
            return HubModelReply(
                repo=remote.repo,
                commit=remote.commit,
                gated=remote.gated,
                licence=remote.licence,
                size=looked.size,
                parameters=looked.shape.parameters,
                context=looked.shape.context,
                quantized=looked.shape.quantized,
                page=hub.page(remote.repo),
                installed=self._installed(remote.repo),
                token=hub.token is not None,
            )

        return await self._ask(work)

    async def fit(self, model: str, gpu: str | None, context: int | None, chats: int) -> FitReply:
        def work() -> FitReport:
            return report_fit(model, self.places, self._hub, gpu, context, chats)

        return FitReply.model_validate((await self._ask(work)).as_json())

    async def link(self, folder: str, name: str | None) -> LinkReply:
        path = Path(folder)
        if not path.is_absolute() or "\0" in folder:
            raise InvalidRequest("folder must be absolute: the service has a working directory of its own.", "folder")
        linked = await asyncio.to_thread(link_folder, path, name, self.places)
        return LinkReply(name=linked, folder=folder)

    async def remove(self, name: str) -> RemoveReply:
        removed: Removed = await asyncio.to_thread(remove_model, name, self.places)
        return RemoveReply(name=removed.name, freed=removed.freed, linked=removed.linked, engines=list(removed.engines))

    async def storage(self) -> StorageReply:
        """Where models and engines lie, how large they are, and how much room there is."""
        return StorageReply.model_validate(_plain(await asyncio.to_thread(storage_of, self.places)))

    async def check_move(self, folder: str) -> str:
        """The folder as a move takes it. Raises InvalidRequest, FilesUnusable, DiskFull: what would be found out later anyway."""
        target = Path(folder) if folder else self.places.data
        return str(await asyncio.to_thread(check_move, target, self.places))

    async def use(self, folder: str) -> Places:
        """Models and engines lie in another folder from now on; returns the places with it. Raises as `check_move`, and Busy."""
        return await asyncio.to_thread(use_library, Path(folder) if folder else self.places.data, self.places)

    async def settle(self) -> None:
        """Clear up after a move that nobody goes on with."""
        await asyncio.to_thread(settle, self.places)

    @property
    def missing(self) -> str:
        return str(self.places.library) if is_missing(self.places) else ""

    async def keep_token(self, token: str) -> HubTokenReply:
        text = check_token(token, "the request")
        return HubTokenReply(kept=await asyncio.to_thread(save_token, text, self.places))

    async def installed(self, loaded: set[str]) -> tuple[list[InstalledStatus], list[EngineStatus]]:
        """Models with their engines, and engines without their model. `loaded`: names."""
        listing = await asyncio.to_thread(everything, self.places)
        return (
            [_entry(entry, loaded) for entry in listing.entries],
            [_engine(engine, loaded) for engine in listing.orphans],
        )

    async def _ask(self, work: Callable[[], T]) -> T:
        async with self._asking:
            return await asyncio.to_thread(work)

    def _hub(self) -> Hub:
        return Hub(token=find_token(self.places, os.environ), offline=self._offline, policy=IMPATIENT)

    def _installed(self, repo: str) -> bool:
        try:
            return find_installed(repo, self.places) is not None
        except (NotFound, ModelUnusable):  # a link that leads nowhere
            return True


def _plain(storage: Storage) -> dict[str, object]:
    return {name: str(value) if isinstance(value, Path) else value for name, value in asdict(storage).items()}


def _entry(entry: Entry, loaded: set[str]) -> InstalledStatus:
    model = entry.model
    return InstalledStatus(
        name=model.name,
        architecture=model.architecture,
        context=model.context,
        size=model.size,
        loaded=model.name in loaded,
        problem=model.problem,
        folder=str(model.folder),
        linked=model.linked,
        complete=entry.complete,
        repo=model.repo,
        commit=model.commit,
        licence=model.licence,
        engines=[_engine(engine, loaded) for engine in entry.engines],
    )


def _engine(engine: BuiltEngine, loaded: set[str]) -> EngineStatus:
    return EngineStatus.model_validate(engine_json(engine) | {"loaded": engine.name in loaded})
