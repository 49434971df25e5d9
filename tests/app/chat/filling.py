"""Messages on a transcript, for tests."""

from __future__ import annotations

from pytestqt.qtbot import QtBot

from app.chat.rows import Entry
from app.chat.transcript import Transcript
from app.store.records import Message


def show(transcript: Transcript, qtbot: QtBot, messages: list[Message]) -> None:
    """Those that are there already keep their entries."""
    transcript.show_entries([transcript.entry(each.id) or Entry(each) for each in messages])
    qtbot.waitUntil(lambda: transcript.settled)


def fill(transcript: Transcript, qtbot: QtBot, *texts: str) -> list[Message]:
    """Questions and answers in turn."""
    messages = [Message("assistant" if i % 2 else "user", text) for i, text in enumerate(texts)]
    show(transcript, qtbot, messages)
    return messages


def answering(transcript: Transcript, qtbot: QtBot, question: Message, answer: Message) -> Entry:
    """A question whose answer is under way: its entry."""
    show(transcript, qtbot, [question, answer])
    entry: Entry | None = transcript.entry(answer.id)
    assert entry is not None
    entry.live = True
    transcript.settle(answer.id)
    return entry
