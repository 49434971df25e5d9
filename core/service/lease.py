"""The GPU lent to a job that checks or tunes an engine: if there is not room for both, idle models are unloaded and no model is
loaded meanwhile; chats wait, and the user is told."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from typing import Protocol

from core.errors import DesksideError
from core.library.gpus import present_gpus

_EVERY = 0.25
_PATIENCE = 600.0  # seconds for open answers; then the job tries with what there is

_log = logging.getLogger("deskside.service")


class Lender(Protocol):
    """What the lease needs of core.service.models.Models."""

    def on_gpu(self) -> list[str]:
        """Names of the models on the GPU, those without open requests first."""

    def is_idle(self, name: str) -> bool: ...
    async def unload(self, name: str, grace: float = 5.0) -> None: ...
    def hold(self, why: str) -> None:
        """Begin no load from here on; whoever asks for a model waits."""

    def release(self) -> None: ...


def free_bytes() -> int | None:
    """On the GPU with the most free memory; None where there is none, or nobody says."""
    gpus = present_gpus()
    return max((gpu.memory - gpu.others for gpu in gpus), default=None)


class GpuLease:
    """One holder at a time. Used from the service's event loop."""

    def __init__(self, models: Lender, free: Callable[[], int | None] = free_bytes) -> None:
        self._models = models
        self._free = free
        self._lock = asyncio.Lock()

    @contextlib.asynccontextmanager
    async def __call__(self, holder: str, needed: int, tell: Callable[[str], None]) -> AsyncIterator[None]:
        if self._lock.locked():
            tell("Waits for the GPU, which another job uses.")
        async with self._lock:
            self._models.hold(f"the job {holder} uses the GPU")
            try:
                unloaded = await self._make_room(needed, tell)
                tell(f"Unloaded meanwhile: {', '.join(unloaded)}; chats with them wait." if unloaded else "")
                yield
            finally:
                self._models.release()
                tell("")

    async def _make_room(self, needed: int, tell: Callable[[str], None]) -> list[str]:
        """Unload until `needed` bytes are free, or nothing is left to unload. Returns what was unloaded."""
        unloaded: list[str] = []
        deadline = asyncio.get_running_loop().time() + _PATIENCE
        while True:
            free = await asyncio.to_thread(self._free)
            names = self._models.on_gpu()
            if free is None or free >= needed or not names:
                return unloaded
            name = names[0]
            if not self._models.is_idle(name) and asyncio.get_running_loop().time() < deadline:
                tell(f"Waits for {name} to finish its answers: the GPU has no room for both.")
                await asyncio.sleep(_EVERY)
                continue
            try:
                await self._models.unload(name)
                unloaded.append(name)
            except DesksideError as error:  # unloaded by somebody else, or being loaded
                _log.info("%s", error.message)
                await asyncio.sleep(_EVERY)
