"""What is selected, on the page of chats: Escape, versions, deletion, another chat."""

from __future__ import annotations

from typing import Any

from pytestqt.qtbot import QtBot

from app.pages.chat import ChatPage


def test_escape_clears_and_then_stops(page: ChatPage, user: Any, service: Any, qtbot: QtBot) -> None:
    user.say("one")
    page.transcript.selection.select_all()
    page.composer.editor.setFocus()
    page.stop()
    assert page.transcript.selection.span() is None


def test_an_answer_under_way_is_stopped_by_the_second_escape(
    page: ChatPage, user: Any, service: Any, qtbot: QtBot
) -> None:
    service.scripts = [["some ", "words ", 30]]
    user.say("one", wait=False)
    qtbot.waitUntil(lambda: user.last().content == "some words ")
    qtbot.waitUntil(lambda: page.transcript.settled)
    page.transcript.setFocus()
    page.transcript.selection.select_all()
    page.stop()
    assert page.transcript.selection.span() is None
    assert page.busy
    page.transcript.selection.select_all()
    page.composer.editor.setFocus()  # who writes means the answer
    page.stop()
    user.settle()
    assert page.transcript.selection.text() == "one\n\nsome words"


def test_versions_deletion_and_another_chat(page: ChatPage, user: Any, qtbot: QtBot) -> None:
    user.say("one")
    first = user.last()
    page.regenerate()
    user.settle()
    selection = page.transcript.selection
    selection.select_all()
    user.press("previous")
    qtbot.waitUntil(lambda: page.transcript.settled)
    assert user.last() is first
    assert selection.span() is None  # it ended in the other version
    selection.select_all()
    assert selection.text() == "one\n\nHello there"
    user.press("delete")
    qtbot.waitUntil(lambda: page.transcript.settled)
    assert first.id not in page.transcript.order
    selection.text()
    selection.select_all()
    page.new_chat()
    assert selection.span() is None
