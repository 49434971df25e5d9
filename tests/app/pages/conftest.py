"""A session whose client is scripted: what each call answers, or fails with, and what was asked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from app.messages import Message
from app.session import ServiceState, Session
from core import lifecycle
from core.config import load_config


class ScriptedClient:
    """`answers[method]`: a value, an exception, a list of those (the last one stays), or a function of the arguments. `calls`:
    (method, args, kwargs) of every call. A call named in `held` waits until it is taken out."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {}
        self.calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []
        self.held: set[str] = set()

    def asked(self, method: str) -> list[tuple[tuple[Any, ...], dict[str, Any]]]:
        return [(args, kwargs) for name, args, kwargs in self.calls if name == method]

    def __getattr__(self, method: str) -> Callable[..., Any]:
        if method.startswith("_") or method not in self.answers:
            raise AttributeError(f"the script has no answer to {method}")

        async def call(*args: Any, **kwargs: Any) -> Any:
            self.calls.append((method, args, kwargs))
            while method in self.held:
                await asyncio.sleep(0.005)
            answer = self.answers[method]
            if isinstance(answer, list):
                answer = answer.pop(0) if len(answer) > 1 else answer[0]
            if callable(answer) and not isinstance(answer, type):
                answer = answer(*args, **kwargs)
            if isinstance(answer, Exception):
                raise answer
            return answer

        async def stream(*args: Any, **kwargs: Any) -> Any:
            self.calls.append((method, args, kwargs))
            for item in self.answers[method](*args, **kwargs):
                while method in self.held:
                    await asyncio.sleep(0.005)
                if isinstance(item, Exception):
                    raise item
                yield item

        return stream if method.endswith("_events") else call

    async def aclose(self) -> None:
        pass


@pytest.fixture
def client() -> ScriptedClient:
    return ScriptedClient()


@pytest.fixture
def scripted(session: Session, client: ScriptedClient) -> Session:
    """Ready, with the scripted client."""
    session._client = client  # type: ignore[assignment]
    session.service = ServiceState("ready")
    return session


@pytest.fixture
def real(session: Session, home: Path, qtbot: QtBot) -> Iterator[Session]:
    """Started, with a service of its own; ready when the test begins."""
    import os

    session.start()
    qtbot.waitUntil(lambda: session.service.phase == "ready", timeout=30_000)
    yield session
    session.close()
    lifecycle.stop(load_config(os.environ).places, grace=0.0)


@pytest.fixture
def show(qtbot: QtBot) -> Callable[[QWidget], None]:
    """On the (offscreen) screen, closed at the end."""

    def put(widget: QWidget) -> None:
        qtbot.addWidget(widget)
        widget.resize(1000, 800)
        widget.show()
        qtbot.waitExposed(widget)

    return put


@pytest.fixture
def said(session: Session) -> list[Message]:
    """What the user was told since the test began."""
    messages: list[Message] = []
    session.messages.posted.connect(messages.append)
    return messages
