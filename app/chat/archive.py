"""The stored chats as the window uses them: every call goes to the thread of the database, in order, and calls back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from PySide6.QtCore import QObject

from app.messages import Messages
from app.store.store import Store
from app.threads import Courier, Failure, Operation, SerialThread, Success, silently

R = TypeVar("R")


class Archive(QObject):
    """Without `success` a call is told and forgotten; without `failure` an error goes to the message bus, once each."""

    def __init__(self, path: Path, courier: Courier, messages: Messages, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._messages = messages
        self._thread = SerialThread(courier, "deskside-chats", lambda: Store(path))
        self.closed = False

    def do(
        self,
        work: Callable[[Store], R],
        success: Success[R] | None = None,
        failure: Failure | None = None,
        owner: QObject | None = None,
    ) -> Operation:
        return self._thread.submit(work, success or silently, failure or self._messages.error, owner or self)

    def close(self) -> None:
        """Write what is still to be written, then end the thread. Idempotent."""
        if not self.closed:
            self.closed = True
            self._thread.close()
