"""The page of the chats with a scripted service: what is sent to it is kept, what it answers is up to the test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from app.chat.transcript import Transcript
from app.pages.chat import ChatPage
from app.session import ServiceState, Session
from app.store.records import Chat, Message
from app.store.store import Store
from core.client import Finished, Prefill, Text, Used
from core.errors import DesksideError
from core.schemas import CountReply, InstalledStatus, ModelsReply, ModelStatus, PromptDetails, ReadReply, Status, Usage


class Scripted:
    """A service with one answer at a time per request: `answers` is a list of scripts, taken in turn. A script is a list of
    texts, events, errors to raise, numbers (seconds to wait) and events of asyncio to wait for."""

    def __init__(self) -> None:
        self.scripts: list[list[Any]] = []
        self.requests: list[tuple[list[dict[str, Any]], dict[str, Any]]] = []
        self.cancelled = 0
        self.context = 1000
        self.state = Status(
            version="0", pid=1, address="", uptime=1.0, open_requests=0, max_requests=1, stopping=False, models=[]
        )
        self.documents: dict[str, ReadReply | DesksideError] = {}

    async def stream_chat(self, messages: Sequence[dict[str, Any]], **body: Any) -> AsyncIterator[Any]:
        self.requests.append((list(messages), body))
        script = self.scripts.pop(0) if self.scripts else ["Hello", " there"]
        try:
            yield Prefill(5, 10, 4)
            yield Prefill(10, 10, 4)
            count = 0
            for step in script:
                if isinstance(step, DesksideError):
                    raise step
                if isinstance(step, asyncio.Event):
                    await step.wait()
                elif isinstance(step, (int, float)):
                    await asyncio.sleep(step)
                elif isinstance(step, str):
                    count += 1
                    yield Text(step)
                else:
                    yield step
            if not isinstance(script[-1] if script else None, Finished):
                yield Finished("stop")
            details = PromptDetails(cached_tokens=4)
            yield Used(
                Usage(prompt_tokens=10, completion_tokens=count, total_tokens=10 + count, prompt_tokens_details=details)
            )
        except (asyncio.CancelledError, GeneratorExit):
            self.cancelled += 1
            raise

    async def count_tokens(self, messages: Any, model: str) -> CountReply:
        return CountReply(model=model, tokens=sum(len(str(each["content"])) for each in messages), context=self.context)

    async def read_document(self, path: str) -> ReadReply:
        found = self.documents[path]
        if isinstance(found, DesksideError):
            raise found
        return found

    async def all_models(self) -> ModelsReply:
        return MODELS

    async def status(self) -> Status:
        return self.state


MODELS = ModelsReply(
    installed=[
        InstalledStatus(name="demo", architecture="Llama", context=4096, size=14_000_000, loaded=True),
        InstalledStatus(name="org/big", architecture="Llama", context=131072, size=16_000_000_000),
        InstalledStatus(name="org/broken", architecture="", problem="Its file model.safetensors is cut off."),
    ],
    loaded=[ModelStatus(name="demo", folder="/x", state="ready", context=4096, precision="fp32", backend="reference")],
)


@pytest.fixture
def service(session: Session) -> Scripted:
    scripted = Scripted()
    session._client = scripted  # type: ignore[assignment]
    session._change(ServiceState("ready"))
    return scripted


@pytest.fixture
def page(session: Session, service: Scripted, qtbot: QtBot) -> Iterator[ChatPage]:
    """On the screen, with the models known and the chats read."""
    qtbot.waitUntil(lambda: session.models is not None)
    page = ChatPage(session)
    qtbot.addWidget(page)
    page.resize(1100, 700)
    page.show()
    qtbot.waitExposed(page)
    yield page
    page.close()


class User:
    """What a person does at the page, and what is to be seen of it."""

    def __init__(self, page: ChatPage, qtbot: QtBot) -> None:
        self.page, self.qtbot = page, qtbot

    def settle(self) -> None:
        """Until no answer is under way, the database has done everything, and the list shows it."""
        self.qtbot.waitUntil(lambda: not self.page.controller.answers.running, timeout=20_000)
        self.ask(lambda store: 0)
        self.qtbot.waitUntil(lambda: not self.page.controller.answers._answers, timeout=20_000)
        self.qtbot.waitUntil(lambda: not self.page.sidebar._soon.isActive())

    def ask(self, question: Callable[[Store], Any]) -> Any:
        """The database's answer."""
        found: list[Any] = []
        self.page.archive.do(question, found.append)
        self.qtbot.waitUntil(lambda: bool(found), timeout=20_000)
        return found[0]

    def say(self, text: str, wait: bool = True) -> None:
        """Type and press Enter."""
        self.page.composer.editor.setFocus()
        self.qtbot.keyClicks(self.page.composer.editor, text)
        self.qtbot.keyClick(self.page.composer.editor, Qt.Key.Key_Return)
        if wait:
            self.settle()

    def path(self) -> list[tuple[str, str]]:
        """The messages that are shown."""
        return [(message.role, message.content) for message in self.page.controller.current.tree.path()]

    def last(self) -> Message:
        return self.page.controller.current.tree.path()[-1]

    def stored(self, chat: str = "") -> Chat:
        """The chat as the database has it."""
        name = chat or self.page.controller.current.id
        found = self.ask(lambda store: store.chat(name))
        assert isinstance(found, Chat)
        return found

    def button(self, message: Message, action: str) -> Any:
        """A button below a message."""
        self.qtbot.waitUntil(lambda: self.page.transcript.settled)
        entry = self.page.transcript.entry(message.id)
        assert entry is not None
        for row in entry.rows:
            found = row.widget.findChild(QWidget, action) if row.widget is not None else None
            if found is not None:
                return found
        raise AssertionError(f"no button {action}")

    def press(self, action: str, message: Message | None = None) -> None:
        self.qtbot.mouseClick(self.button(message or self.last(), action), Qt.MouseButton.LeftButton)


@pytest.fixture
def user(page: ChatPage, qtbot: QtBot) -> User:
    made = User(page, qtbot)
    made.settle()
    return made


@pytest.fixture
def transcript(qtbot: QtBot) -> Transcript:
    transcript = Transcript()
    qtbot.addWidget(transcript)
    transcript.resize(900, 600)
    transcript.show()
    qtbot.waitExposed(transcript)
    return transcript
