"""Makes the pages while nobody waits for them, so that the first look at one is as quick as the next: their modules are imported on
the session's thread, then the pages are built on the GUI thread in short turns with pauses between."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Slot

if TYPE_CHECKING:
    from app.session import Session

AFTER_MS = 1500  # the window is there, the service is found or started
PAUSE_MS = 60
MODULES = ("app.pages.models", "app.pages.settings", "app.pages.documents", "app.pages.runtime")


class Preparation(QObject):
    """`work`: what is to be done, a piece at a time. `start` once; `stop` whenever."""

    def __init__(self, session: Session, work: Callable[[], Iterator[None]], parent: QObject) -> None:
        super().__init__(parent)
        self._session = session
        self._pieces = work()
        self.done = False
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._import)

    def start(self) -> None:
        self._timer.start(AFTER_MS)

    def stop(self) -> None:
        self.done = True
        self._timer.stop()

    @Slot()
    def _import(self) -> None:
        self._session.aside(_import_all, self._imported, self)

    def _imported(self, _: None) -> None:
        if not self.done:
            self._timer.timeout.disconnect(self._import)
            self._timer.timeout.connect(self._turn)
            self._timer.start(PAUSE_MS)

    @Slot()
    def _turn(self) -> None:
        if next(self._pieces, self) is self:
            self.done = True
        else:
            self._timer.start(PAUSE_MS)


async def _import_all() -> None:
    for name in MODULES:
        import_module(name)
        await asyncio.sleep(0.02)  # what else the thread has to do goes first
