"""The window's side of the service: finds or starts it, says how it is, and runs calls to it.

    session.call(lambda client: client.status(), self._show)              # failure: said on the message bus
    session.call(lambda client: client.load(name), self._loaded, self._failed, owner=self)

Callbacks run on the GUI thread, and not once their owner is gone. A call made while the service starts waits for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeVar

from PySide6.QtCore import QObject, Signal

from app.messages import Messages
from app.preferences import Preferences
from app.threads import AsyncThread, Courier, Failure, Operation, Success, as_ours, silently
from core.config import Config

if TYPE_CHECKING:  # half a second to import: done on the session's thread, while the window is painted
    from core.client import AsyncClient
    from core.schemas import EngineStatus, ModelsReply, ServiceEvent

R = TypeVar("R")
Phase = Literal["starting", "ready", "lost", "failed", "closed"]
BACK_OFF = (0.2, 1.0, 2.0, 4.0)  # seconds before the service is looked for again
LINGER = 600.0  # seconds that the service outlives the window


@dataclass(frozen=True, slots=True)
class ServiceState:
    """`message`: a sentence for "failed", empty otherwise."""

    phase: Phase
    message: str = ""


class Session(QObject):
    """One per window. `start` returns at once."""

    service_changed = Signal(object)  # ServiceState
    service_event = Signal(object)  # core.schemas.ServiceEvent
    models_changed = Signal(object)  # core.schemas.ModelsReply

    def __init__(self, config: Config, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.config = config
        self.messages = Messages(self)
        self.preferences = Preferences(config.places.config / "window.json", self)
        self.service = ServiceState("starting")
        self.models: ModelsReply | None = None
        self.courier = Courier(self)
        self._thread = AsyncThread(self.courier, "deskside-session")
        self._client: AsyncClient | None = None  # touched on the session's thread only
        self._connected = asyncio.Event()
        self._watch: Operation | None = None
        self._refresh: Operation | None = None

    def start(self) -> None:
        """Find or start the service, and keep doing so until `close`."""
        if self._watch is None:
            self._watch = self._thread.submit(self._stay_connected, silently, self.messages.error, self)

    def close(self) -> None:
        """Ends every call; the service lives on for LINGER seconds. Idempotent."""
        if self.service.phase != "closed":
            self.service = ServiceState("closed")
            self._thread.close()

    def call(
        self,
        work: Callable[[AsyncClient], Awaitable[R]],
        success: Success[R] | None = None,
        failure: Failure | None = None,
        owner: QObject | None = None,
    ) -> Operation:
        """Await `work(client)`. Without `failure` an error goes to the message bus."""

        async def carry_out() -> R:
            return await work(await self.client())

        return self._thread.submit(carry_out, success or silently, failure or self.messages.error, owner or self)

    def aside(self, work: Callable[[], Awaitable[R]], success: Success[R], owner: QObject) -> Operation:
        """Await `work()` on the session's thread, with or without a service. Failure goes to the message bus."""
        return self._thread.submit(work, success, self.messages.error, owner)

    def refresh_models(self) -> None:
        """Ask for the models again; `models_changed` follows."""
        if self._refresh is not None and self._refresh.wanted:
            self._refresh.cancel()
        self._refresh = self.call(lambda client: client.all_models(), self._take_models, silently)

    async def client(self) -> AsyncClient:
        """On the session's thread: the client, once there is one."""
        while self._client is None:
            await self._connected.wait()
        return self._client

    async def _stay_connected(self) -> None:
        from core.client import connect_async

        failures = 0
        while True:
            try:
                client = await connect_async(start=True, linger=LINGER)
            except Exception as error:
                message = as_ours(error).message
                self._tell(ServiceState("failed", message))
                failures += 1
            else:
                try:
                    async for event in client.events():
                        if self._client is None:
                            failures = 0
                            self._client = client
                            self._connected.set()
                            self._tell(ServiceState("ready"))
                        self._pass_on(event)
                except Exception as error:
                    as_ours(error)
                finally:
                    self._client = None
                    self._connected.clear()
                    await client.aclose()
                self._tell(ServiceState("lost"))
            await asyncio.sleep(BACK_OFF[min(failures, len(BACK_OFF) - 1)])

    def _tell(self, state: ServiceState) -> None:
        self.courier.send(lambda: self._change(state))

    def _pass_on(self, event: ServiceEvent) -> None:
        self.courier.send(lambda: self._take_event(event))

    def _change(self, state: ServiceState) -> None:
        if self.service.phase == "closed":
            return
        self.service = state
        if state.phase != "ready" and self.models is not None:
            self._take_models(unloaded(self.models))
        self.service_changed.emit(state)
        if state.phase == "ready":
            self.refresh_models()

    def _take_event(self, event: ServiceEvent) -> None:
        if event.kind == "model" or (event.kind == "job" and event.job is not None and event.job.state == "done"):
            self.refresh_models()
        self.service_event.emit(event)

    def _take_models(self, reply: ModelsReply) -> None:
        self.models = reply
        self.models_changed.emit(reply)


def unloaded(models: ModelsReply) -> ModelsReply:
    """What is still true of `models` once the service is gone: nothing is loaded."""
    return models.model_copy(
        update={
            "installed": [
                model.model_copy(update={"loaded": False, "engines": [_not_loaded(each) for each in model.engines]})
                for model in models.installed
            ],
            "loaded": [],
            "orphans": [_not_loaded(each) for each in models.orphans],
        }
    )


def _not_loaded(engine: EngineStatus) -> EngineStatus:
    return engine.model_copy(update={"loaded": False})
