"""Every dialog, menu and popup of the window, as one finds it by keyboard, by ear, and with letters of twice the size."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QAccessible, QContextMenuEvent
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QApplication,
    QComboBox,
    QDialog,
    QFileDialog,
    QLabel,
    QLineEdit,
    QMenu,
    QWidget,
)
from pytestqt.qtbot import QtBot

from app import languages
from app.chat.list_model import ListRow
from app.chat.picker import PickerPopup
from app.keys_dialog import KeysDialog
from app.pages.chat import ChatPage
from app.session import Session
from app.store.records import Chat, ChatSummary, Message
from app.theme import Theme
from app.window import MainWindow
from core.config import load_config
from core.schemas import InstalledStatus, ModelsReply

CONTROLS = (QAbstractButton, QLineEdit, QComboBox, QAbstractItemView)
LONG = "A very long title that somebody made of a whole question and that does not fit anywhere at all"
Open = Callable[[MainWindow, ChatPage], None]


@pytest.fixture(params=[("en", 10), ("zh_CN", 20), ("en", 20)], ids=lambda param: f"{param[0]}-{param[1]}")
def window(home: Path, qtbot: QtBot, request: pytest.FixtureRequest) -> Iterator[MainWindow]:
    """Without a service, with one chat."""
    language, size = request.param
    session = Session(load_config(os.environ))
    session.preferences.set("language", language)
    session.preferences.set("font_size", size)
    window = MainWindow(session)
    qtbot.addWidget(window)
    window.show()
    qtbot.waitExposed(window)
    window.activateWindow()
    models = [
        InstalledStatus(name="organization/" + "a-long-name-" * 4, architecture="Llama", size=16 * 10**9, context=8192),
        InstalledStatus(
            name="broken", architecture="", problem="Its file model.safetensors is cut off; fetch it again."
        ),
    ]
    session._take_models(ModelsReply(installed=models, loaded=[]))
    yield window
    window.close()
    Theme.current().set("system", 10)
    while languages._installed:
        QApplication.instance().removeTranslator(languages._installed.pop())  # type: ignore[union-attr]


def chat_page(window: MainWindow) -> ChatPage:
    page = window.show_page("chat")
    assert isinstance(page, ChatPage)
    message = Message("user", "question")
    page.controller.add_chat(Chat(ChatSummary(title=LONG), head=message.id, messages=[message]))
    page.sidebar.refresh()
    return page


def row_of(page: ChatPage) -> ListRow:
    rows = [page.sidebar.list.at(page.sidebar.model.index(i, 0)) for i in range(page.sidebar.model.rowCount())]
    return next(row for row in rows if row is not None and row.kind == "chat")


DIALOGS: dict[str, Open] = {
    "rename": lambda window, page: page.sidebar._rename(row_of(page)),
    "new folder": lambda window, page: page.sidebar._new_folder(),
    "preset": lambda window, page: page.panel._save_preset(),
    "export": lambda window, page: page.export(),
    "keys": lambda window, page: window.show_keys(),
    "picker": lambda window, page: page.choose_model(),
}


def look_at(top: QWidget) -> list[str]:
    """What is wrong with it."""
    wrong = [] if top.windowTitle() or top.accessibleName() else ["it has no title"]
    for widget in top.findChildren(QWidget):
        if not widget.isVisibleTo(top) or widget.objectName().startswith("qt_scroll"):
            continue
        if isinstance(widget, CONTROLS) and not isinstance(widget.parentWidget(), CONTROLS):
            found = QAccessible.queryAccessibleInterface(widget)
            own = widget.objectName().startswith("qt_") or isinstance(top, QFileDialog)  # Qt's own parts
            if not own and not found.text(QAccessible.Text.Name).strip():
                wrong.append(f"{widget} has no name")
            if not own and widget.isEnabled() and not widget.focusPolicy() & Qt.FocusPolicy.TabFocus:
                wrong.append(f"{widget} is not reached by Tab")
        if isinstance(widget, QLabel) and widget.text() and widget.visibleRegion().boundingRect().isValid():
            wanted = widget.heightForWidth(widget.width()) if widget.wordWrap() else widget.sizeHint().height()
            if widget.height() < wanted - 1 or (
                not widget.wordWrap() and widget.width() < widget.sizeHint().width() - 1
            ):
                wrong.append(f"cut off: {widget.text()!r}")
    screen = top.screen().availableGeometry()
    if top.width() > screen.width() or top.height() > screen.height():
        wrong.append(f"larger than the screen: {top.size()}")
    return wrong


@pytest.mark.parametrize("name", list(DIALOGS))
def test_each_is_named_fits_and_closes_by_escape(name: str, window: MainWindow, qtbot: QtBot) -> None:
    page = chat_page(window)
    found: list[str] = []
    seen: list[bool] = []  # and nothing of Qt that is kept: some of these end with the call that opened them

    def look() -> None:
        top = QApplication.activeModalWidget() or QApplication.activePopupWidget() or window.findChild(KeysDialog)
        if top is None:
            QTimer.singleShot(10, look)
            return
        seen.append(isinstance(top, (QDialog, PickerPopup)))
        qtbot.wait(30)
        found.extend(look_at(top))
        qtbot.keyClick(QApplication.focusWidget() or top, Qt.Key.Key_Escape)
        if top.isVisible():
            found.append("Escape does not close it")
            top.close()

    QTimer.singleShot(0, look)
    DIALOGS[name](window, page)
    qtbot.waitUntil(lambda: bool(seen))
    assert found == []
    assert seen == [True]


def test_the_menus_by_keyboard(window: MainWindow, qtbot: QtBot) -> None:
    """The menu key on a chat, and the button with more; every entry has words, and keys go through them."""
    page = chat_page(window)
    chats = page.sidebar.list
    chats.setFocus()
    index = page.sidebar.model.find(page.controller.current.id)
    chats.setCurrentIndex(index)
    at = chats.visualRect(index).center()
    event = QContextMenuEvent(QContextMenuEvent.Reason.Keyboard, at, chats.mapToGlobal(at))
    QApplication.sendEvent(chats, event)
    menus = [QApplication.activePopupWidget()]
    assert isinstance(menus[0], QMenu)
    assert [action.text() for action in menus[0].actions() if not action.isSeparator() and not action.text()] == []
    qtbot.keyClick(menus[0], Qt.Key.Key_Down)
    assert menus[0].activeAction() is menus[0].actions()[0]
    menus[0].close()
    more = next(each for each in page.sidebar.findChildren(QAbstractButton) if each.toolTip() and not each.text())
    more.setFocus()
    qtbot.keyClick(more, Qt.Key.Key_Space)
    menu = QApplication.activePopupWidget()
    assert isinstance(menu, QMenu)
    assert len(menu.actions()) == 2
    menu.close()
