"""Answers under way, in any number of chats at once. A stream's events gather in an inbox on the session's thread; every 33 ms
they are taken out, written to the database, and only then shown: whatever dies, what was seen is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from math import ceil
from time import monotonic, thread_time
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Qt, QTimer, Signal, Slot

from app.chat.archive import Archive
from app.chat.pace import Pace
from app.session import Session
from app.store.records import Message, State
from app.threads import Operation
from core.errors import DesksideError, EngineDied, Unavailable

if TYPE_CHECKING:
    from core.client import AsyncClient


class Inbox:
    """Filled on the session's thread, emptied on the GUI's; appending to a list and swapping it are atomic."""

    def __init__(self) -> None:
        self.parts: list[tuple[str, str]] = []  # (content, reasoning)
        self.prefill: tuple[int, int, int] | None = None  # computed, total, cached
        self.reason = ""
        self.usage: tuple[int, int, int] | None = None  # prompt, completion, cached
        self.first = 0.0
        self.last = 0.0
        self.events = 0

    def take(self) -> tuple[str, str]:
        parts, self.parts = self.parts, []
        return "".join(part[0] for part in parts), "".join(part[1] for part in parts)


async def _ask(client: AsyncClient, inbox: Inbox, messages: Sequence[dict[str, Any]], body: dict[str, Any]) -> None:
    """The answer, whole. A model that crashed too often to be started again by itself is started: the user asks for it."""
    try:
        await _read(client, inbox, messages, body)
    except Unavailable as error:
        model = str(body["model"])
        if isinstance(error, EngineDied) or inbox.events or not await _gave_up(client, model):
            raise
        await client.unload(model)
        await _read(client, inbox, messages, body)


async def _gave_up(client: AsyncClient, model: str) -> bool:
    loaded = (await client.all_models()).loaded
    return any(each.name == model and each.state == "safe_mode" for each in loaded)


async def _read(client: AsyncClient, inbox: Inbox, messages: Sequence[dict[str, Any]], body: dict[str, Any]) -> None:
    from core.client import Finished, Prefill, Reasoning, Text, Used

    async for event in client.stream_chat(messages, progress=True, **body):
        if isinstance(event, (Text, Reasoning)):
            now = monotonic()
            inbox.first = inbox.first or now
            inbox.last = now
            inbox.events += 1
            inbox.parts.append((event.text, "") if isinstance(event, Text) else ("", event.text))
        elif isinstance(event, Prefill):
            inbox.prefill = (event.computed, event.total, event.cached)
        elif isinstance(event, Finished):
            inbox.reason = event.reason
        elif isinstance(event, Used):
            used = event.usage
            inbox.usage = (used.prompt_tokens, used.completion_tokens, used.prompt_tokens_details.cached_tokens)


class Answer(QObject):
    """One answer. `grew(content, reasoning)` after both are on disk and in `message`; `progressed`: the prompt is further
    read; `ended`, once: the message has its final state and is on disk."""

    grew = Signal(str, str)
    progressed = Signal()
    ended = Signal()

    def __init__(self, chat: str, message: Message, archive: Archive, parent: QObject) -> None:
        super().__init__(parent)
        self.chat, self.message = chat, message
        self.inbox = Inbox()
        self.over = False
        self._archive = archive
        self._operation: Operation | None = None
        self._seen_prefill: tuple[int, int, int] | None = None

    @property
    def speed(self) -> float:
        """Tokens a second so far, by the events that came."""
        took = self.inbox.last - self.inbox.first
        return (self.inbox.events - 1) / took if took > 0.2 else 0.0

    def begin(self, session: Session, messages: Sequence[dict[str, Any]], body: dict[str, Any]) -> None:
        self._operation = session.call(
            lambda client: _ask(client, self.inbox, messages, body), self._completed, self._failed, owner=self
        )

    def stop(self) -> None:
        """The user has had enough; what came is kept."""
        if not self.over and self._operation is not None:
            self._operation.cancel()
            self._end(State.STOPPED)

    def flush(self) -> None:
        """Write what came, then show it."""
        if self.inbox.prefill != self._seen_prefill:
            self._seen_prefill = self.inbox.prefill
            self.progressed.emit()
        content, reasoning = self.inbox.take()
        if not content and not reasoning:
            return
        message = self.message.id
        show = partial(self._show, content, reasoning)
        self._archive.do(lambda store: store.append(message, content, reasoning), show, partial(self._not_saved, show))

    def _show(self, content: str, reasoning: str, _: object = None) -> None:
        self.message.content += content
        self.message.reasoning += reasoning
        self.grew.emit(content, reasoning)

    def _not_saved(self, show: Any, error: DesksideError) -> None:
        """Shown all the same: the disk is full, the reader is not to blame."""
        show()
        self._archive._messages.error(error)

    def _completed(self, _: object) -> None:
        reason = self.inbox.reason
        self._end(State.LENGTH if reason == "length" else State.FAILED if reason == "error" else State.DONE)

    def _failed(self, error: DesksideError) -> None:
        gone = isinstance(error, (EngineDied, Unavailable))
        self._end(State.INTERRUPTED if gone else State.FAILED, error.message, error.code)

    def _end(self, state: State, error: str = "", code: str = "") -> None:
        if self.over:
            return
        self.flush()
        self.over = True
        info = self._info() | ({"code": code} if code else {})
        message = self.message

        def written(_: object = None) -> None:
            message.state, message.error = state, error
            message.info |= info
            self.ended.emit()

        def failed(problem: DesksideError) -> None:
            written()
            self._archive._messages.error(problem)

        self._archive.do(lambda store: store.finish(message.id, state, error, info), written, failed)

    def _info(self) -> dict[str, Any]:
        inbox = self.inbox
        info: dict[str, Any] = {}
        if inbox.usage is not None:
            info["prompt"], info["tokens"], info["cached"] = inbox.usage
        elif inbox.prefill is not None:
            info["prompt"], info["cached"] = inbox.prefill[1], inbox.prefill[2]
        if inbox.events > 1 and inbox.last > inbox.first:
            count = info.get("tokens", inbox.events)
            info["speed"] = round(max(1, count - 1) / (inbox.last - inbox.first), 2)
        return info


class Answers(QObject):
    """All answers under way, by message id. `changed`: one began or ended."""

    changed = Signal()

    def __init__(self, session: Session, archive: Archive, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session, self._archive = session, archive
        self._answers: dict[str, Answer] = {}
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._flush)
        self._pace = Pace()

    def of(self, chat: str) -> Answer | None:
        """The answer under way in a chat."""
        return next((answer for answer in self._answers.values() if answer.chat == chat and not answer.over), None)

    @property
    def running(self) -> list[Answer]:
        return [answer for answer in self._answers.values() if not answer.over]

    def begin(self, chat: str, message: Message, messages: Sequence[dict[str, Any]], body: dict[str, Any]) -> Answer:
        """`message` is on disk already, in the state STREAMING."""
        answer = Answer(chat, message, self._archive, self)
        self._answers[message.id] = answer
        answer.ended.connect(partial(self._remove, message.id))
        answer.begin(self._session, messages, body)
        if not self._timer.isActive():
            self._wait(self._pace.begin(monotonic(), thread_time()))
        self.changed.emit()
        return answer

    def close(self) -> None:
        """The window closes: keep what came."""
        for answer in self.running:
            answer.stop()
        self._timer.stop()

    def _remove(self, message: str) -> None:
        answer = self._answers.pop(message, None)
        if answer is not None:
            answer.deleteLater()
        if not self._answers:
            self._timer.stop()
        self.changed.emit()

    @Slot()
    def _flush(self) -> None:
        wait = self._pace.shown(monotonic(), thread_time())
        for answer in list(self._answers.values()):
            if not answer.over:
                answer.flush()
        if self._answers:
            self._wait(wait)

    def _wait(self, seconds: float) -> None:
        self._timer.start(ceil(1000 * seconds))
