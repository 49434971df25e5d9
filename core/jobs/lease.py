"""Who may use the GPU: jobs that check an engine ask, the service answers once there is room."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Protocol


class Lease(Protocol):
    """`async with lease(holder, needed, tell)`: inside, the GPU is the holder's, with `needed` bytes free as far as that can be
    had. `tell(text)`: what the user should know of the waiting."""

    def __call__(
        self, holder: str, needed: int, tell: Callable[[str], None]
    ) -> contextlib.AbstractAsyncContextManager[None]: ...


class FreeLease:
    """Nobody else uses the GPU: whoever asks gets it."""

    @contextlib.asynccontextmanager
    async def __call__(self, holder: str, needed: int, tell: Callable[[str], None]) -> AsyncIterator[None]:
        yield
