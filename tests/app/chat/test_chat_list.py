"""The list of chats, its folders and the search, through the widgets, against a scripted service."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QInputDialog
from pytestqt.qtbot import QtBot

from app.chat.code_view import CodeView
from app.chat.views import TextView
from app.messages import Message as Sentence
from app.pages.chat import ChatPage


def test_chats_are_renamed_pinned_moved_and_deleted(
    page: ChatPage, user: Any, service: Any, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    user.say("one")
    chat = page.controller.current.id
    monkeypatch.setattr(QInputDialog, "getText", lambda *_, **__: ("New name", True))
    qtbot.waitUntil(lambda: page.sidebar.model.find(chat).isValid())
    row = page.sidebar.model.row(page.sidebar.model.find(chat))
    assert row is not None
    menu = page.sidebar.menu_of(row)
    actions = {action.text(): action for action in menu.actions()}
    actions["Rename…"].trigger()
    actions["Pin"].trigger()
    page.sidebar._new_folder(chat)
    user.settle()
    summary = user.stored().summary
    assert (summary.title, summary.pinned) == ("New name", True)
    assert summary.folder == page.controller.folders[0].id
    sentences: list[Sentence] = []
    page.session.messages.posted.connect(sentences.append)
    actions["Delete"].trigger()
    user.settle()
    assert user.ask(lambda store: store.chats()) == []
    assert user.path() == []
    assert sentences[-1].action is not None
    sentences[-1].action[1]()
    user.settle()
    qtbot.waitUntil(lambda: page.controller.current.id == chat)
    assert len(user.path()) == 2


def test_search_finds_and_opens(page: ChatPage, user: Any, service: Any, qtbot: QtBot) -> None:
    service.scripts = [["all about wombats"], ["nothing"]]
    user.say("first")
    first = page.controller.current.id
    page.new_chat()
    user.say("second")
    page.search()
    qtbot.keyClicks(page.sidebar.field, "womb")
    qtbot.waitUntil(lambda: page.sidebar._hits is not None and len(page.sidebar._hits) == 1)
    qtbot.keyClick(page.sidebar.field, Qt.Key.Key_Down)
    qtbot.keyClick(page.sidebar.list, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: page.find_bar.field.text() == "womb")  # a turn after the chat was opened
    assert page.controller.current.id == first
    assert page.find_bar.count.text() == "1/1"
    qtbot.keyClick(page.find_bar.field, Qt.Key.Key_Escape)
    assert page.find_bar.isHidden()
    qtbot.keyClick(page.sidebar.field, Qt.Key.Key_Escape)
    assert page.sidebar._hits is None


def test_who_works_in_the_list_stays_where_they_are(page: ChatPage, user: Any, service: Any, qtbot: QtBot) -> None:
    chats = []
    for text in ("one", "two", "three"):
        page.new_chat()
        user.say(text)
        chats.append(page.controller.current.id)
    sidebar = page.sidebar
    sidebar.refresh()
    sidebar.list.setFocus()
    sidebar.list.setCurrentIndex(sidebar.model.find(chats[0]))
    page.controller.pin(chats[0], True)
    folder = page.controller.add_folder("Trips")
    sidebar.refresh()
    assert sidebar.list.at(sidebar.list.currentIndex()).id == chats[0]  # not the chat that is open
    sidebar.list.setCurrentIndex(sidebar.model.find(folder.id))
    qtbot.keyClick(sidebar.list, Qt.Key.Key_Return)
    assert sidebar.list.at(sidebar.list.currentIndex()).id == folder.id
    page.composer.editor.setFocus()
    sidebar.refresh()
    assert sidebar.list.at(sidebar.list.currentIndex()).id == chats[2]
    sidebar.field.setText("on")
    qtbot.waitUntil(lambda: sidebar._hits is not None)
    sidebar.list.setFocus()
    page.stop()  # Escape
    assert sidebar.field.text() == ""
    assert sidebar._hits is None


def test_found_text_is_selected_where_it_was_found(page: ChatPage, user: Any, service: Any, qtbot: QtBot) -> None:
    service.scripts = [["a wombat, a wombat\n\n```python\nwombat = 1\nwombat += 1\n```\n"]]
    user.say("q")

    def selected() -> list[tuple[str, int]]:
        views = [*page.transcript.findChildren(TextView), *page.transcript.findChildren(CodeView)]
        cursors = [(each if isinstance(each, TextView) else each._text).textCursor() for each in views]
        return [(each.selectedText(), each.selectionStart()) for each in cursors if each.hasSelection()]

    page.find_in_chat()
    qtbot.keyClicks(page.find_bar.field, "wombat")
    seen = []
    for _ in range(4):
        seen += selected()
        qtbot.keyClick(page.find_bar.field, Qt.Key.Key_Return)
    assert seen == [("wombat", 11), ("wombat", 2), ("wombat", 12), ("wombat", 0)]


def test_a_search_for_words_that_are_apart_shows_one_of_them(
    page: ChatPage, user: Any, service: Any, qtbot: QtBot
) -> None:
    service.scripts = [["wombats are large, and so are their burrows"], ["burrows again"]]
    user.say("first")
    chat, answer = page.controller.current.id, user.last().id
    user.say("second")
    page.new_chat()
    page._open(chat, answer, "wombats burrows")
    qtbot.waitUntil(lambda: page.find_bar.isVisible())
    assert page.controller.current.id == chat
    assert (page.find_bar.field.text(), page.find_bar.count.text()) == ("wombats", "1/1")
    page._open(chat, answer, "burrows")
    qtbot.waitUntil(lambda: page.find_bar.count.text() == "1/2")


def test_a_folder_comes_back(page: ChatPage, user: Any, service: Any, qtbot: QtBot) -> None:
    user.say("one")
    chat = page.controller.current.id
    folder = page.controller.add_folder("Trips")
    page.controller.move(chat, folder.id)
    sentences: list[Sentence] = []
    page.session.messages.posted.connect(sentences.append)
    page.controller.delete_folder(folder.id)
    assert user.ask(lambda store: (store.folders(), store.chats()[0].folder)) == ([], "")
    assert "Trips" in sentences[0].text
    assert sentences[0].action is not None
    sentences[0].action[1]()
    assert user.ask(lambda store: (store.folders(), store.chats()[0].folder)) == ([folder], folder.id)
    assert page.controller.folders == [folder]
