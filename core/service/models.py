"""Which models are loaded: each an engine worker with its tokenizer, loaded on demand, unloaded when idle for long."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from core.errors import DesksideError, EngineRebuilding, EngineStale, InvalidRequest, NotFound, Unavailable
from core.library.catalog import (
    DEMO,
    InstalledModel,
    find_installed,
    find_model,
    generation_defaults,
    installed_engines,
    installed_models,
)
from core.paths import Places
from core.protocol import EngineOptions, Event, Ready, Status, Submit
from core.service.answers import Style
from core.service.supervisor import ModelEvent
from core.text.prompt import PromptBuilder


class Stream(Protocol):
    """Batches of one request's events. `aclose` before its end cancels the request."""

    def __aiter__(self) -> AsyncIterator[tuple[Event, ...]]: ...
    async def __anext__(self) -> tuple[Event, ...]: ...
    async def aclose(self) -> None: ...


class Handle(Protocol):
    """One loaded model as the service uses it; `core.service.supervisor.EngineHandle` is the real one."""

    @property
    def state(self) -> str: ...
    @property
    def restarts(self) -> int: ...
    @property
    def info(self) -> Ready | None: ...
    @property
    def last_status(self) -> Status | None: ...
    def next_request_id(self) -> int: ...
    def stream(self, submit: Submit) -> Stream: ...
    def finish(self, request: int, index: int, keep_tokens: int) -> None: ...
    async def update_weights(self, folder: Path) -> int: ...


class Engines(Protocol):
    """Where handles come from: the supervisor."""

    async def load(self, model_folder: Path, options: EngineOptions, name: str = "") -> Handle: ...
    async def unload(self, name: str, grace: float = 0.0) -> None: ...
    def events(self) -> AsyncIterator[ModelEvent]: ...


@dataclass(slots=True, eq=False)
class LoadedModel:
    """`defaults`: the authors' sampling defaults. `style`: how its answers are marked. `idle_timeout`: seconds, None never.
    `open`: requests not yet ended."""

    name: str
    folder: Path
    handle: Handle
    prompts: PromptBuilder
    defaults: dict[str, Any]
    style: Style
    idle_timeout: float | None
    created: int = field(default_factory=lambda: int(time.time()))
    last_used: float = field(default_factory=time.monotonic)
    open: int = 0

    @property
    def ready(self) -> Ready:
        """What was loaded. Raises Unavailable while the worker is being restarted for the first time."""
        info = self.handle.info
        if info is None:
            raise Unavailable(f"The model '{self.name}' is not ready; try again in a moment.", 2)
        return info


class Models:
    """All models by name, in `places`. Used from the event loop only."""

    def __init__(
        self,
        engines: Engines,
        places: Places,
        options: EngineOptions | None = None,
        idle_timeout: float | None = None,
        on_change: Callable[[str, str, str], None] | None = None,
        default: str | None = None,
        rebuild: Callable[[str], str | None] | None = None,
    ) -> None:
        """`on_change(model, state, message)` tells of loading, ready, failed and unloaded. `default`: the model that is
        meant where a request names none and several, or none, are loaded. `rebuild(engine)`: builds a stale engine anew; it
        returns what is done, as a sentence, None if nothing can be."""
        self._engines = engines
        self.places = places
        self._options = options or EngineOptions()
        self._idle_timeout = idle_timeout
        self._on_change = on_change or (lambda model, state, message: None)
        self._default = default
        self.rebuild = rebuild or (lambda name: None)
        self._loaded: dict[str, LoadedModel] = {}
        self._loading: dict[str, asyncio.Task[LoadedModel]] = {}
        self._unloading: list[asyncio.Event] = []  # each set when it has ended
        self._free = asyncio.Event()  # cleared while a job has the GPU to itself
        self._free.set()
        self._held_by = ""

    @property
    def loaded(self) -> list[LoadedModel]:
        return list(self._loaded.values())

    @property
    def loading(self) -> list[str]:
        """Names of the models that are being loaded."""
        return list(self._loading)

    @property
    def busy(self) -> bool:
        """True while a model is being loaded or a request is open."""
        return bool(self._loading) or any(model.open for model in self._loaded.values())

    async def installed(self) -> list[InstalledModel]:
        """Every model on this machine, and every engine built of one; read from disk, off the loop."""
        return await asyncio.to_thread(lambda: [*installed_models(self.places), *installed_engines(self.places)])

    def name_of(self, name: str | None) -> str:
        """What a request that names no model means: the only one that is loaded, or the default."""
        if name is not None:
            return name
        return next(iter(self._loaded)) if len(self._loaded) == 1 else self._default or DEMO

    async def knows(self, name: str) -> bool:
        """Whether `get` would find the model."""
        if name in self._loaded or name in self._loading:
            return True
        return await asyncio.to_thread(find_installed, name, self.places) is not None

    async def get(self, name: str | None) -> LoadedModel:
        """The model that a request names, loading it if it is installed. Without a name: the only one, or the default.

        Raises NotFound, Unavailable, and what loading raises.
        """
        name = self.name_of(name)
        model = self._loaded.get(name)
        if model is None:
            # By its name only: a request for an answer does not make the service open folders of the caller's choice.
            with self._healing(name):
                if name not in self._loading and find_installed(name, self.places) is None:
                    raise NotFound(f"There is no model '{name}'; GET /v1/models lists those that can be used.")
            model = await self.load(name)
        model.last_used = time.monotonic()
        return model

    async def load(
        self,
        name: str,
        *,
        idle_timeout: float | None = None,
        num_slots: int | None = None,
        kv_tokens: int | None = None,
    ) -> LoadedModel:
        """Load a model by name or folder; at once if it is loaded already, with whatever options. Raises NotFound,
        ModelUnusable, DeviceUnusable."""
        if name in self._loaded:
            model = self._loaded[name]
            if idle_timeout is not None:
                model.idle_timeout = idle_timeout or None
            return model
        task = self._loading.get(name)
        if task is None:
            options = self._options
            task = asyncio.create_task(
                self._load(name, idle_timeout, _replace(options, num_slots=num_slots, kv_tokens=kv_tokens))
            )
            self._loading[name] = task
            task.add_done_callback(lambda done: self._loading_ended(name, done))
        with self._healing(name):
            return await asyncio.shield(task)  # who waits may leave; others may wait for the same model

    async def unload(self, name: str, grace: float = 5.0) -> None:
        """New requests no longer find the model; open ones may take `grace` seconds. Raises NotFound."""
        if name in self._loading:
            raise InvalidRequest(f"The model '{name}' is still being loaded; unload it afterwards.", "model")
        if self._loaded.pop(name, None) is None:
            raise NotFound(f"The model '{name}' is not loaded.")
        ended = asyncio.Event()
        self._unloading.append(ended)
        try:
            await self._engines.unload(name, grace)
        finally:
            self._unloading.remove(ended)
            ended.set()
        self._on_change(name, "unloaded", "")

    async def unloaded(self) -> None:
        """Wait for what is being unloaded: its worker holds its files until it has ended."""
        for ended in list(self._unloading):
            await ended.wait()

    # --- for core.service.lease ------------------------------------------------------------------------------------------

    def on_gpu(self) -> list[str]:
        """Names of the models that are not on the processor, idle ones first, then those least used of late."""
        on_gpu = [m for m in self._loaded.values() if m.handle.info is None or m.handle.info.backend != "reference"]
        return [model.name for model in sorted(on_gpu, key=lambda model: (model.open > 0, model.last_used))]

    def is_idle(self, name: str) -> bool:
        model = self._loaded.get(name)
        return model is None or not model.open

    def hold(self, why: str) -> None:
        """Begin no load until `release`: whoever needs a model that is not loaded waits."""
        self._held_by = why
        self._free.clear()

    def release(self) -> None:
        self._free.set()

    async def close(self, grace: float) -> None:
        """Unload everything."""
        for task in list(self._loading.values()):
            task.cancel()
        await asyncio.gather(*self._loading.values(), return_exceptions=True)
        await asyncio.gather(*(self.unload(name, grace) for name in list(self._loaded)), return_exceptions=True)

    async def watch_idle(self, every: float = 1.0) -> None:
        """Unloads what was not used for its idle time-out. Runs as long as the service."""
        while True:
            await asyncio.sleep(every)
            now = time.monotonic()
            for model in self.loaded:
                limit = model.idle_timeout
                if limit is not None and not model.open and now - model.last_used >= limit:
                    await self.unload(model.name)

    async def _load(self, name: str, idle_timeout: float | None, options: EngineOptions) -> LoadedModel:
        if not self._free.is_set():
            self._on_change(name, "loading", f"Waits: {self._held_by}.")
            await self._free.wait()
        folder = await asyncio.to_thread(find_model, name, self.places)
        self._on_change(name, "loading", "")
        prompts, defaults = await asyncio.to_thread(self._read, folder)
        handle = await self._engines.load(folder, options, name)
        limit = self._idle_timeout if idle_timeout is None else idle_timeout
        return LoadedModel(name, folder, handle, prompts, defaults, Style(prompts), limit or None)

    @contextlib.contextmanager
    def _healing(self, name: str) -> Iterator[None]:
        """An engine that belongs to another driver, version or revision is built again, and whoever asked for it is told."""
        try:
            yield
        except EngineStale as error:
            done = self.rebuild(name)
            if done is None:
                raise
            raise EngineRebuilding(f"{error.message} {done}") from error

    def _read(self, folder: Path) -> tuple[PromptBuilder, dict[str, Any]]:
        return PromptBuilder.from_folder(folder, self.places.cache / "tokenizers"), generation_defaults(folder)

    def _loading_ended(self, name: str, task: asyncio.Task[LoadedModel]) -> None:
        self._loading.pop(name, None)
        if task.cancelled():
            self._on_change(name, "unloaded", "")
            return
        error = task.exception()
        if error is None:
            self._loaded[name] = task.result()
            self._on_change(name, "ready", "")
        else:
            known = isinstance(error, DesksideError) and error.http_status != 500
            self._on_change(name, "failed", str(error) if known else "The model could not be loaded.")


def _replace(options: EngineOptions, **changes: Any) -> EngineOptions:
    import msgspec

    return msgspec.structs.replace(options, **{name: value for name, value in changes.items() if value is not None})
