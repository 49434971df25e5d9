"""All loaded models, each with a worker process of its own that is kept alive (core.service.handle)."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections import deque
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from core.errors import InvalidRequest, NotFound
from core.protocol import Deadlines, EngineOptions, LoadProgress
from core.service.handle import WAIT_S, EngineHandle, State
from core.service.restarts import RestartPolicy

__all__ = ["EngineHandle", "ModelEvent", "Supervisor"]

MAX_LOG = 4 << 20
_MAX_EVENTS = 256


@dataclass(frozen=True, slots=True)
class ModelEvent:
    """A model changed its state, or came forward in loading. `reason` completes 'the engine ...'."""

    model: str
    state: State
    reason: str
    progress: LoadProgress | None = None


class Supervisor:
    """Used from one event loop. `handles`: by name."""

    def __init__(
        self,
        *,
        logs: Path | None = None,
        environ: Mapping[str, str] | None = None,
        deadlines: Deadlines | None = None,
        heartbeat_s: float = 0.5,
        first_backoff_s: float = 1.0,
        wait_s: float = WAIT_S,
    ) -> None:
        """`logs`: the folder for the workers' logs. `environ` is added to theirs."""
        self.handles: dict[str, EngineHandle] = {}
        self._logs = logs
        self._environ = environ
        self._deadlines = deadlines
        self._heartbeat_s = heartbeat_s
        self._first_backoff_s = first_backoff_s
        self._wait_s = wait_s
        self._subscribers: list[tuple[deque[ModelEvent], asyncio.Event]] = []

    async def load(self, model_folder: Path, options: EngineOptions, name: str = "") -> EngineHandle:
        """The handle of a loaded model, ready. A second call with its name gets the same, whatever its options.

        Raises ModelUnusable, DeviceUnusable, Unavailable: then nothing is left of it. If the caller is cancelled, the load ends.
        """
        name = name or model_folder.name
        handle = self.handles.get(name)
        if handle is not None and handle.state != "stopped":
            if handle.folder != model_folder:
                raise InvalidRequest(f"Another model is loaded as '{name}'; unload it first.", "model")
            await handle.loaded()
            return handle
        handle = EngineHandle(
            name,
            model_folder,
            options,
            deadlines=self._deadlines,
            heartbeat_s=self._heartbeat_s,
            log=self._log(name),
            environ=self._environ,
            policy=RestartPolicy(self._first_backoff_s, 4 * self._first_backoff_s),
            wait_s=self._wait_s,
            on_change=self._tell,
        )
        self.handles[name] = handle
        self._tell(handle)
        try:
            await handle.loaded()
        except BaseException:
            handle.abandon()
            if self.handles.get(name) is handle:
                del self.handles[name]
            raise
        return handle

    async def unload(self, name: str, grace: float = 0.0) -> None:
        """Open requests may take `grace` seconds more, then they are cancelled. Raises NotFound."""
        handle = self.handles.pop(name, None)
        if handle is None:
            raise NotFound(f"The model '{name}' is not loaded.")
        await handle.stop(grace)

    async def close(self, grace: float = 0.0) -> None:
        """Unload everything at once."""
        await asyncio.gather(*(self.unload(name, grace) for name in list(self.handles)))

    async def events(self) -> AsyncIterator[ModelEvent]:
        """What happens to the models from now on, until the iterator is closed. A slow reader misses the oldest."""
        queue: deque[ModelEvent] = deque(maxlen=_MAX_EVENTS)
        arrived = asyncio.Event()
        subscriber = (queue, arrived)
        self._subscribers.append(subscriber)
        try:
            while True:
                await arrived.wait()
                arrived.clear()
                while queue:
                    yield queue.popleft()
        finally:
            self._subscribers.remove(subscriber)

    def _tell(self, handle: EngineHandle) -> None:
        event = ModelEvent(handle.name, handle.state, handle.reason, handle.progress)
        for queue, arrived in self._subscribers:
            queue.append(event)
            arrived.set()

    def _log(self, name: str) -> Path | None:
        """The worker's log; the one before is kept once it is long."""
        if self._logs is None:
            return None
        log = self._logs / f"worker-{re.sub(r'[^A-Za-z0-9._-]+', '-', name)[:100]}.log"
        with contextlib.suppress(OSError):
            if log.stat().st_size > MAX_LOG:
                log.replace(log.with_suffix(".log.1"))
        return log
