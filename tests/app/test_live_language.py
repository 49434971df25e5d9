"""Another language while the window is open: every page, nothing lost."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QLabel, QWidget
from pytestqt.qtbot import QtBot

from app import languages
from app.messages import Message
from app.pages.chat import ChatPage
from app.session import Session
from app.window import PAGES, MainWindow


@pytest.fixture
def window(session: Session, qtbot: QtBot, qapp: QApplication) -> Iterator[MainWindow]:
    session.preferences.set("language", "en")
    window = MainWindow(session)
    qtbot.addWidget(window)
    window.show()
    yield window
    window.close()
    while languages._installed:
        qapp.removeTranslator(languages._installed.pop())
    qapp.setLayoutDirection(Qt.LayoutDirection.LeftToRight)


def texts(widget: QWidget) -> str:
    return "\n".join(label.text() for label in widget.findChildren(QLabel) if label.isVisibleTo(widget))


def test_every_page_speaks_the_new_language_at_once(window: MainWindow, session: Session, qtbot: QtBot) -> None:
    for spec in PAGES:
        window.show_page(spec.key)
    session.preferences.set("language", "zh_CN")
    QApplication.sendPostedEvents(None, 0)
    titles = {"models": "模型", "documents": "文档", "runtime": "运行状态", "settings": "设置"}
    for key, title in titles.items():
        assert title in texts(window.show_page(key)).splitlines()
    chat = window.show_page("chat")
    assert isinstance(chat, ChatPage)
    assert chat.composer.editor.placeholderText() == "输入消息"
    assert window._buttons["models"].toolTip() == "模型"


def test_a_draft_survives(window: MainWindow, session: Session, qtbot: QtBot) -> None:
    chat = window.show_page("chat")
    assert isinstance(chat, ChatPage)
    qtbot.keyClicks(chat.composer.editor, "half a thought")
    session.preferences.set("language", "zh_CN")
    again = window.show_page("chat")
    assert isinstance(again, ChatPage)
    assert again is not chat
    qtbot.waitUntil(lambda: again.composer.text == "half a thought", timeout=5000)


def test_an_answer_is_not_cut_off(window: MainWindow, session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[Message] = []
    session.messages.posted.connect(said.append)
    chat = window.show_page("chat")
    monkeypatch.setattr(ChatPage, "busy", True)
    session.preferences.set("language", "zh_CN")
    assert window.show_page("chat") is chat
    assert len(said) == 1
