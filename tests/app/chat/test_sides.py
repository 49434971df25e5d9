"""Where the window is narrow, the chats and the settings fold away, and come above the chat when they are asked for."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.chat.sides import Shade
from app.pages.chat import ChatPage
from app.session import Session
from app.theme import Theme

WIDE, NARROW = 1400, 428  # of the page: the rail of pages takes 52 of a window's 480


@pytest.fixture
def page(session: Session, qtbot: QtBot) -> ChatPage:
    page = ChatPage(session)
    qtbot.addWidget(page, before_close_func=lambda page: page.close())
    page.resize(WIDE, 700)
    page.show()
    qtbot.waitExposed(page)
    page.activateWindow()
    return page


def narrow(page: ChatPage, width: int = NARROW) -> None:
    page.resize(width, 700)
    QApplication.processEvents()
    assert page.width() == width


def test_a_narrow_page_folds_its_sides_and_a_wide_one_has_them_back(page: ChatPage, session: Session) -> None:
    page.toggle_panel()
    assert page.sidebar.isVisible()
    assert page.panel.isVisible()
    both = page.sidebar.width() + page.panel.width()
    narrow(page, both + 200)  # room for the chats, in whatever font
    assert page.sidebar.isVisible()  # the chats stay longer
    assert not page.panel.isVisible()
    narrow(page)
    assert not page.sidebar.isVisible()
    assert page.composer.width() > 300
    assert session.preferences.get("sidebar_open")  # nobody chose otherwise
    narrow(page, WIDE)
    assert page.sidebar.isVisible()
    assert page.panel.isVisible()


def test_what_was_hidden_by_hand_stays_hidden(page: ChatPage, session: Session) -> None:
    page.toggle_sidebar()
    narrow(page)
    page.toggle_sidebar()
    assert page.sidebar.isVisible()
    narrow(page, WIDE)
    assert not page.sidebar.isVisible()
    assert not session.preferences.get("sidebar_open")


def test_the_chats_come_above_the_chat_until_one_is_chosen(page: ChatPage, qtbot: QtBot) -> None:
    narrow(page)
    width = page.composer.width()
    page.toggle_sidebar()
    assert page.sidebar.isVisible()
    assert page.composer.width() == width  # above it, not beside it
    assert page.sidebar.isAncestorOf(page.window().focusWidget())
    top = page.childAt(QPoint(20, page.sidebar.new_button.mapTo(page, QPoint(0, 0)).y() + 8))
    assert page.sidebar.isAncestorOf(top)
    page.sidebar.opened.emit("", "", "")
    assert not page.sidebar.isVisible()
    assert page.window().focusWidget() is page.composer.editor


@pytest.mark.parametrize("how", ["button", "escape", "beside", "new", "keyboard"])
def test_every_way_out_of_what_is_above(page: ChatPage, how: str, qtbot: QtBot) -> None:
    narrow(page)
    page.toggle_sidebar()
    shade = page.findChild(Shade)
    assert shade.isVisible()
    if how == "button":
        page.toggle_sidebar()
    elif how == "escape":
        page.stop()
    elif how == "beside":
        qtbot.mouseClick(shade, Qt.MouseButton.LeftButton, pos=QPoint(shade.width() - 5, 300))
    elif how == "new":
        page.sidebar.new_button.click()
    else:
        qtbot.waitUntil(lambda: QApplication.focusWidget() is not None)
        page.header.model_button.setFocus()
        qtbot.waitUntil(lambda: not page.sidebar.isVisible())
        assert page.window().focusWidget() is page.composer.editor
    assert not page.sidebar.isVisible()
    assert not shade.isVisible()


def test_one_side_above_at_a_time_and_the_search_opens_the_chats(page: ChatPage) -> None:
    narrow(page)
    page.toggle_panel()
    assert page.panel.isVisible()
    assert page.panel.geometry().right() == page.sides.rect().right()
    page.search()
    assert not page.panel.isVisible()
    assert page.sidebar.isVisible()
    assert page.window().focusWidget() is page.sidebar.field


def test_from_right_to_left_the_chats_are_at_the_right(page: ChatPage) -> None:
    page.setLayoutDirection(Qt.LayoutDirection.RightToLeft)
    QApplication.processEvents()
    assert page.sidebar.geometry().right() == page.sides.rect().right()
    narrow(page)
    page.toggle_panel()
    assert page.panel.x() == 0


@pytest.mark.parametrize(("font", "width"), [(10, 480 - 52), (20, 960 - 72)])
def test_nothing_makes_the_page_wider(page: ChatPage, font: int, width: int, qtbot: QtBot) -> None:
    """However long the model's name, and whatever the service's state."""
    Theme.current().set("light", font)
    try:
        page.header.model_button.setText("deepseek-ai/DeepSeek-R1-Distill-Qwen-7B-Instruct:int4-awq-cuda")
        page.header.state.setText("The service ended; starting it again…")
        QApplication.processEvents()
        assert page.minimumSizeHint().width() <= width
        narrow(page, width)
        for each in (page.header.sidebar_button, page.header.panel_button):
            assert each.width() >= each.sizeHint().width()
            assert page.rect().contains(each.mapTo(page, each.rect().center()))
        for toggle, side in ((page.toggle_sidebar, page.sidebar), (page.toggle_panel, page.panel)):
            toggle()
            assert side.isVisible()
            assert page.sides.rect().contains(side.geometry())
            toggle()
    finally:
        Theme.current().set("light", 10)
