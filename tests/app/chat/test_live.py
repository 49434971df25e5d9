"""With the real service and the demo model: answers, and everything that can be killed while they come."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pytestqt.qtbot import QtBot

from app.pages.chat import ChatPage
from app.session import Session
from app.store.records import ChatSettings, Message, State
from app.store.store import Store
from core.client import connect
from core.config import load_config
from core.errors import DesksideError

ROUNDS = int(os.environ.get("SOAK_ROUNDS", "3"))
ROOT = Path(__file__).resolve().parents[3]
LONG = {"ignore_eos": True, "max_tokens": 3000, "seed": 1}
posix = pytest.mark.skipif(os.name != "posix", reason="SIGKILL")


@pytest.fixture
def live(home: Path, qtbot: QtBot) -> Iterator[ChatPage]:
    """A page whose session found or started a service of the test's own."""
    session = Session(load_config(os.environ))
    page = ChatPage(session)
    qtbot.addWidget(page)
    page.resize(1000, 700)
    page.show()
    session.start()
    qtbot.waitUntil(lambda: session.models is not None, timeout=60_000)
    yield page
    page.close()
    session.close()
    stop_service()


def stop_service() -> None:
    try:
        with connect() as client:
            client.stop(grace=0)
    except DesksideError:
        return
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            connect().close()
        except DesksideError:
            return
        time.sleep(0.05)


def ask(page: ChatPage, qtbot: QtBot, text: str, wait_for: int = 30) -> Message:
    """Send, and wait for so many characters of the answer."""
    page.controller.send(text, [])
    message = page.controller.current.tree.path()[-1]
    qtbot.waitUntil(lambda: len(message.content) >= wait_for or message.state is not State.STREAMING, timeout=60_000)
    return message


def ended(page: ChatPage, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: not page.controller.answers._answers, timeout=60_000)


def on_disk(page: ChatPage, qtbot: QtBot, message: Message) -> Message:
    found: list[Any] = []
    chat = page.controller.current.id
    page.archive.do(lambda store: store.chat(chat), found.append)
    qtbot.waitUntil(lambda: bool(found))
    return next(each for each in found[0].messages if each.id == message.id)


def test_the_demo_model_answers(live: ChatPage, qtbot: QtBot) -> None:
    message = ask(live, qtbot, "How do I count to nine in French?")
    ended(live, qtbot)
    assert "neuf" in message.content
    assert message.state is State.DONE
    assert message.info["tokens"] > 10
    first = live.controller.current.id
    live.controller.new_chat()
    live.controller.change_settings(ChatSettings(sampling=dict(LONG)))
    second = ask(live, qtbot, "Tell me a story.")
    live.controller.open_chat(first)
    qtbot.waitUntil(lambda: live.controller.current.id == first)
    again = ask(live, qtbot, "And what is paging?")  # two chats at once
    assert second.state is State.STREAMING
    next(answer for answer in live.controller.answers.running if answer.message is second).stop()
    ended(live, qtbot)
    assert again.state is State.DONE
    assert again.info["cached"] > 0  # the turn before was not computed again
    assert second.state is State.STOPPED
    assert len(second.content) > 20


@posix
@pytest.mark.timeout(300 + 20 * ROUNDS)
@pytest.mark.parametrize("victim", ["worker", "service"])
def test_killed_while_it_answers(live: ChatPage, qtbot: QtBot, victim: str) -> None:
    """The answer so far is kept, a sentence says what happened, the service comes back, Continue goes on."""
    live.controller.change_settings(ChatSettings(sampling=dict(LONG)))
    message = ask(live, qtbot, "Tell me a story.")
    for round_ in range(ROUNDS):
        status: list[Any] = []
        live.session.call(lambda client: client.status(), status.append)
        qtbot.waitUntil(lambda status=status: bool(status), timeout=30_000)
        pid = status[0].models[0].worker_pid if victim == "worker" else status[0].pid
        assert message.state is State.STREAMING, (round_, message.error)
        os.kill(pid, signal.SIGKILL)
        ended(live, qtbot)
        shown = message.content
        assert (message.state, bool(message.error)) == (State.INTERRUPTED, True)
        assert on_disk(live, qtbot, message).content == shown
        assert live.controller.can_continue
        qtbot.waitUntil(lambda: live.session.service.phase == "ready", timeout=60_000)
        live.controller.continue_answer(message.id)
        qtbot.waitUntil(
            lambda shown=shown: len(message.content) > len(shown) + 20 or message.state is not State.STREAMING,
            timeout=60_000,
        )
        assert message.content.startswith(shown)
        assert len(message.content) > len(shown), (round_, message.state, message.error)
    live.controller.stop()
    ended(live, qtbot)


@posix
def test_continue_starts_an_engine_that_the_service_gave_up(live: ChatPage, qtbot: QtBot) -> None:
    """After three crashes the service waits for a person: who presses Continue is one, whatever the window knew."""
    live.controller.change_settings(ChatSettings(sampling=dict(LONG)))
    message = ask(live, qtbot, "Tell me a story.")
    with connect() as client:
        os.kill(client.status().models[0].worker_pid, signal.SIGKILL)
        ended(live, qtbot)
        deadline = time.monotonic() + 120
        while (model := client.status().models[0]).state != "safe_mode":  # meanwhile the window is told nothing
            assert time.monotonic() < deadline, model
            if model.state == "ready":
                os.kill(model.worker_pid, signal.SIGKILL)
            time.sleep(0.1)
    shown = message.content
    live.controller.continue_answer(message.id)
    qtbot.waitUntil(
        lambda: len(message.content) > len(shown) + 20 or message.state is not State.STREAMING, timeout=60_000
    )
    assert message.content.startswith(shown)
    assert len(message.content) > len(shown), message.error
    live.controller.stop()
    ended(live, qtbot)


WINDOW = """
import json, os, sys
from app.main import open_window
from core.config import load_config
from app.store.records import ChatSettings
application, window = open_window(load_config(os.environ))
page = window.show_page("chat")
def begin(_):
    window.session.models_changed.disconnect(begin)
    page.controller.change_settings(ChatSettings(sampling=json.loads(sys.argv[1])))
    page.controller.send("Tell me a story.", [])
    message = page.controller.current.tree.path()[-1]
    answer = page.controller.answers.of(page.controller.current.id)
    answer.grew.connect(lambda content, reasoning: print(json.dumps(message.content), flush=True))
window.session.models_changed.connect(begin)
application.exec()
"""


@posix
@pytest.mark.parametrize("round_", range(ROUNDS))
def test_a_killed_window_loses_nothing_that_it_had_shown(home: Path, round_: int) -> None:
    window = subprocess.Popen(
        [sys.executable, "-c", WINDOW, json.dumps(LONG)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        assert window.stdout is not None
        for seen in range(3 + 5 * (round_ % 7)):
            line = window.stdout.readline()
            assert line, f"the window ended after {seen} pieces"
        window.send_signal(signal.SIGKILL)
        shown = [line, *window.stdout.readlines()]
        window.wait()
        complete = [each for each in shown if each.endswith("\n")]
        store = Store(home / "data" / "chats.db")
        assert store.recovered == 1
        chat = store.chat(store.chats()[0].id)
        store.close()
        assert chat is not None
        question, answer = chat.messages
        assert question.content == "Tell me a story."
        assert answer.state is State.INTERRUPTED
        assert answer.content.startswith(json.loads(complete[-1]))
    finally:
        window.kill()
        assert window.stdout is not None
        window.stdout.close()
        window.wait()
        stop_service()
