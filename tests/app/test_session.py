"""Calls, callbacks, owners; with a made-up client, and once with the real service."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from PySide6.QtCore import QObject
from pytestqt.qtbot import QtBot

from app.session import Session
from core.errors import DesksideError, InternalError, NotFound


@pytest.fixture
def connected(session: Session) -> Session:
    """The client is a plain object: calls get it at once."""
    session._client = object()  # type: ignore[assignment]
    return session


def test_callbacks_run_on_this_thread_once(connected: Session, qtbot: QtBot) -> None:
    got: list[tuple[Any, str]] = []

    async def work(_: Any) -> str:
        return threading.current_thread().name

    connected.call(work, lambda value: got.append((value, threading.current_thread().name)))
    qtbot.waitUntil(lambda: bool(got))
    assert got == [("deskside-session", "MainThread")]


def test_an_error_goes_to_failure_or_to_the_bus(connected: Session, qtbot: QtBot) -> None:
    async def work(_: Any) -> None:
        raise NotFound("There is no such model.")

    failures: list[DesksideError] = []
    connected.call(work, failure=failures.append)
    qtbot.waitUntil(lambda: bool(failures))
    assert isinstance(failures[0], NotFound)
    with qtbot.waitSignal(connected.messages.posted) as posted:
        connected.call(work)
    assert posted.args[0].text == "There is no such model."


def test_a_bug_is_an_internal_error(connected: Session, qtbot: QtBot) -> None:
    async def work(_: Any) -> None:
        raise ZeroDivisionError

    failures: list[DesksideError] = []
    connected.call(work, failure=failures.append)
    qtbot.waitUntil(lambda: bool(failures))
    assert isinstance(failures[0], InternalError)


def test_nobody_is_called_once_cancelled_or_once_the_owner_is_gone(connected: Session, qtbot: QtBot) -> None:
    called: list[str] = []
    ended = threading.Event()

    async def forever(_: Any) -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    async def at_once(_: Any) -> None:
        return None

    connected.call(forever, lambda _: called.append("cancelled")).cancel()
    owner = QObject()
    connected.call(at_once, lambda _: called.append("owner"), owner=owner)
    import shiboken6

    shiboken6.delete(owner)
    connected.call(at_once, lambda _: called.append("last"))
    qtbot.waitUntil(lambda: "last" in called)
    assert called == ["last"]


def test_a_call_waits_for_the_service(session: Session, qtbot: QtBot) -> None:
    got: list[int] = []

    async def work(_: Any) -> int:
        return 1

    session.call(work, got.append)
    qtbot.wait(50)
    assert got == []

    async def connect() -> None:
        session._client = object()  # type: ignore[assignment]
        session._connected.set()

    session._thread.submit(connect, lambda _: None, lambda _: None)
    qtbot.waitUntil(lambda: got == [1])
