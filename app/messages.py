"""The one bus for sentences that the user should see outside of a page: the window shows them as a bar that goes away."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from PySide6.QtCore import QObject, Signal

from app.sentences import said, said_of
from core.errors import DesksideError, InternalError


@dataclass(frozen=True, slots=True)
class Message:
    """`text`: one sentence: what happened, why, what to do next. `action`: a word on a button, and what it does. `topic`: what
    was said of it before is out of date."""

    text: str
    kind: Literal["info", "error"] = "info"
    action: tuple[str, Callable[[], None]] | None = None
    topic: str = ""


class Messages(QObject):
    posted = Signal(object)  # Message

    def info(self, text: str, action: tuple[str, Callable[[], None]] | None = None, topic: str = "") -> None:
        self.posted.emit(Message(text, "info", action, topic))

    def error(
        self, problem: str | DesksideError, action: tuple[str, Callable[[], None]] | None = None, topic: str = ""
    ) -> None:
        """An error of the user's family is shown in the window's language; what a bug says is for the log, not for people."""
        text = said(problem) if isinstance(problem, str) else said_of(problem)
        if isinstance(problem, InternalError) and not text:
            text = self.tr("Something went wrong inside Deskside; the log in the state folder says more.")
        self.posted.emit(Message(text, "error", action, topic))
