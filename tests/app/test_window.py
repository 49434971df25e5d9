"""The whole window by keyboard, and as a screen reader finds it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QEvent, QMimeData, Qt
from PySide6.QtGui import QAccessible, QKeySequence
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QInputDialog,
    QLineEdit,
    QPlainTextEdit,
    QSlider,
    QWidget,
)
from pytestqt.qtbot import QtBot
from shiboken6 import delete

from app.chat.answers import Answer
from app.chat.picker import PickerPopup
from app.chat.pieces import Reasoning
from app.keys_dialog import KeysDialog
from app.pages.base import Page
from app.pages.chat import ChatPage
from app.pages.documents import DocumentsPage
from app.pages.runtime import RuntimePage
from app.session import Session
from app.shortcuts import ACTIONS
from app.store.records import Chat, ChatSummary, Message, State
from app.theme import Theme
from app.threads import Operation
from app.window import PAGES, MainWindow
from core.config import load_config
from core.schemas import GpuStatus, InstalledStatus, ModelsReply, ModelStatus, Status
from tests.app.turns import Turns

INTERACTIVE = (QAbstractButton, QLineEdit, QPlainTextEdit, QComboBox, QAbstractSpinBox, QAbstractItemView, QSlider)


@contextmanager
def opened(qtbot: QtBot) -> Iterator[MainWindow]:
    """Without a service. Gone afterwards: the pages of a window that is left are made anew when the next one opens."""
    window = MainWindow(Session(load_config(os.environ)))
    try:
        window.show()
        qtbot.waitExposed(window)
        window.activateWindow()
        yield window
    finally:
        window.close()
        delete(window)


@pytest.fixture
def window(home: Any, qtbot: QtBot) -> Iterator[MainWindow]:
    with opened(qtbot) as window:
        yield window


def chat_page(window: MainWindow) -> ChatPage:
    page = window.show_page("chat")
    assert isinstance(page, ChatPage)
    return page


def fill(page: ChatPage, qtbot: QtBot) -> list[Message]:
    one = Message("user", "question")
    two = Message("assistant", "answer with a [link](https://example.org)\n\n```py\nx = 1\n```\n", one.id, model="demo")
    three = Message("assistant", "another", one.id, state=State.STOPPED, reasoning="hm", model="demo")
    page.controller.add_chat(Chat(ChatSummary(title="T"), head=three.id, messages=[one, two, three]))
    qtbot.waitUntil(lambda: page.transcript.settled)
    return [one, two, three]


def press(qtbot: QtBot, window: QWidget, keys: str) -> None:
    combination = QKeySequence.fromString(keys)[0]
    target = QApplication.focusWidget() or window
    qtbot.keyClick(target, combination.key(), combination.keyboardModifiers())


def test_every_action_has_keys_of_its_own_and_can_be_rebound(window: MainWindow) -> None:
    keys = [spec.keys for spec in ACTIONS]
    assert len(set(keys)) == len(keys)
    for spec in ACTIONS:
        assert not window.actions_by_id[spec.id].shortcut().isEmpty(), spec.id
        assert window.actions_by_id[spec.id].text()
    window.session.preferences.set("shortcuts", {"new": "Ctrl+Alt+N"})
    assert window.actions_by_id["new"].shortcut() == QKeySequence("Ctrl+Alt+N")


def test_a_walk_by_keyboard(window: MainWindow, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    page = chat_page(window)
    page.composer.editor.setFocus()
    press(qtbot, window, "Ctrl+K")
    assert page.sidebar.field.hasFocus()
    press(qtbot, window, "Ctrl+B")
    assert page.sidebar.isHidden()
    press(qtbot, window, "Ctrl+B")
    assert page.sidebar.isVisible()
    press(qtbot, window, "Ctrl+Shift+B")
    assert page.panel.isVisible()
    fill(page, qtbot)
    press(qtbot, window, "Ctrl+F")
    assert page.find_bar.field.hasFocus()
    qtbot.keyClicks(page.find_bar.field, "another")
    assert page.find_bar.count.text() == "1/1"
    press(qtbot, window, "Esc")
    assert page.find_bar.isHidden()
    press(qtbot, window, "Ctrl+Shift+C")
    assert QApplication.clipboard().text() == "another"
    press(qtbot, window, "Ctrl+L")
    popup = window.findChild(PickerPopup)
    assert popup is not None
    popup.close()
    press(qtbot, window, "Ctrl+/")
    dialog = window.findChild(KeysDialog)
    assert dialog is not None
    dialog.close()
    for keys, key in (
        ("Ctrl+2", "models"),
        ("Ctrl+3", "documents"),
        ("Ctrl+4", "runtime"),
        ("Ctrl+,", "settings"),
        ("Ctrl+1", "chat"),
    ):
        press(qtbot, window, keys)
        assert window._stack.currentWidget() is window._pages[key], keys
    names = iter(["Renamed", "Again"])
    monkeypatch.setattr(QInputDialog, "getText", lambda *_: (next(names), True))
    press(qtbot, window, "F2")
    assert page.controller.current.chat.summary.title == "Renamed"
    page.search()
    press(qtbot, window, "Down")
    press(qtbot, window, "F2")
    assert page.controller.current.chat.summary.title == "Again"
    press(qtbot, window, "Ctrl+2")
    press(qtbot, window, "Esc")
    assert window._stack.currentWidget() is window._pages["models"]  # Escape leaves no page
    before = page.controller.current.id
    press(qtbot, window, "Ctrl+N")
    assert page.controller.current.id != before
    assert page.composer.editor.hasFocus()


def test_who_begins_to_type_at_once_writes_a_message(window: MainWindow, qtbot: QtBot) -> None:
    focus = QApplication.focusWidget()
    assert focus is not None
    qtbot.keyClicks(focus, "hello")
    assert chat_page(window).composer.text == "hello"


def controls(root: QWidget) -> list[QWidget]:
    return [
        each
        for each in root.findChildren(QWidget)
        if isinstance(each, INTERACTIVE)
        and each.isVisible()
        and not (isinstance(each, QLineEdit) and isinstance(each.parent(), (QAbstractSpinBox, QComboBox)))
        and not (each.parent() is not None and isinstance(each.parent(), QLineEdit))  # Qt's own clear button
    ]


def name_of(widget: QWidget) -> str:
    found = QAccessible.queryAccessibleInterface(widget)
    return found.text(QAccessible.Text.Name) if found is not None else ""


def test_every_control_has_a_name(window: MainWindow, qtbot: QtBot) -> None:
    page = chat_page(window)
    fill(page, qtbot)
    page.panel.show()
    page.find_bar.open_bar()
    for widget in controls(window):
        assert name_of(widget), f"{widget} in {widget.parent()} has no name"
    assert len(controls(window)) > 35


def test_state_is_exposed(window: MainWindow, qtbot: QtBot) -> None:
    page = chat_page(window)
    fill(page, qtbot)
    reasoning = next(w for w in page.transcript.widgets if type(w).__name__ == "Reasoning")
    button = reasoning.button  # type: ignore[attr-defined]
    state = QAccessible.queryAccessibleInterface(button).state()
    assert state.checkable
    assert not state.checked
    button.click()
    assert QAccessible.queryAccessibleInterface(button).state().checked
    assert QAccessible.queryAccessibleInterface(page.composer.send_button).state().disabled


def test_tab_reaches_every_control_of_a_chat_in_reading_order(window: MainWindow, qtbot: QtBot) -> None:
    page = chat_page(window)
    fill(page, qtbot)
    page.composer.editor.setFocus()
    order: list[QWidget] = []
    for _ in range(80):
        window.focusNextPrevChild(True)
        focus = QApplication.focusWidget()
        if focus is None or (order and focus is order[0]):
            break
        order.append(focus)
    wanted = [
        w
        for w in controls(page)
        if w.isEnabled() and w.focusPolicy() & Qt.FocusPolicy.TabFocus and w.visibleRegion().isEmpty() is False
    ]
    missing = [w for w in wanted if w not in order]
    assert not missing, [(type(w).__name__, name_of(w)) for w in missing]
    inside = [w for w in order if page.transcript.viewport().isAncestorOf(w)]
    tops = [w.mapTo(page.transcript.viewport(), w.rect().topLeft()).y() for w in inside]
    assert tops == sorted(tops)


def test_at_200_percent_nothing_of_the_chat_is_cut(window: MainWindow, qtbot: QtBot) -> None:
    page = chat_page(window)
    window.resize(1300, 900)
    Theme.current().set("light", 20)
    try:
        for empty in (True, False):
            if not empty:
                fill(page, qtbot)
                page.toggle_panel()
            qtbot.wait(100)
            for widget in controls(window):
                if isinstance(widget, QAbstractButton) and widget.text() and widget.isVisible():
                    assert widget.width() >= widget.fontMetrics().horizontalAdvance(widget.text()), widget.text()
                    assert widget.height() >= widget.fontMetrics().height(), widget.text()
        inside = page.panel.prompt.parentWidget()
        assert inside is not None
        assert inside.width() <= page.panel.width()
        for field in page.panel.fields.values():
            assert field.geometry().right() <= inside.width()
            assert field.lineEdit().width() >= field.fontMetrics().horizontalAdvance("999999")
    finally:
        Theme.current().set("light", 10)


@pytest.mark.parametrize("spec", PAGES, ids=lambda spec: spec.key)
def test_pages_open(window: MainWindow, qtbot: QtBot, spec: Any) -> None:
    assert window.show_page(spec.key).isVisible()
    QApplication.sendEvent(window, QEvent(QEvent.Type.LanguageChange))


@pytest.mark.alone
def test_pages_are_made_in_short_turns_while_nobody_waits_and_the_first_look_is_quick(
    home: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And so are the figures of the runtime page, which come every second."""
    monkeypatch.setattr("app.prepare.AFTER_MS", 3_600_000)
    monkeypatch.setattr("app.prepare.PAUSE_MS", 3_600_000)
    for spec in PAGES:  # as the session's thread does, before a page is made
        spec.load()
    turns = Turns()
    does = turns.does
    for _ in turns.rounds():
        with opened(qtbot) as window:
            qtbot.wait(50)
            number, preparation = 0, window._preparation
            while not preparation.done:
                number += 1
                does(f"piece {number}", preparation._turn)
            assert set(window._pages) == {spec.key for spec in PAGES}
            for spec in PAGES[1:]:
                does(f"show {spec.key}", partial(window.show_page, spec.key), partial(whole, window._pages[spec.key]))
            runtime = window.show_page("runtime")
            assert isinstance(runtime, RuntimePage)
            for number in range(3):  # the first ones make the cards
                does(f"figures {number}", partial(runtime._take, busy_service(number)), partial(whole, runtime))


def whole(page: QWidget) -> bool:
    assert isinstance(page, Page)
    return not page._revealing.isActive()


def busy_service(number: int) -> Status:
    model = ModelStatus(
        name="demo", folder="/demo", state="ready", running=3 + number, waiting=2, pages_total=100, pages_used=20 + number,
        pages_cached=30, pages_free=50 - number, backend="cuda", precision="int4", output_tokens_per_s=240.0 + number,
    )  # fmt: skip
    gpus = [GpuStatus(index=at, name="RTX", memory=8 << 30, used=number << 30, load=37) for at in range(2)]
    return Status(
        version="1", pid=1, address="", uptime=1.0, open_requests=0, max_requests=8, models=[model], gpus=gpus
    )


def test_a_page_that_is_wanted_before_it_is_ready_is_whole_at_once(window: MainWindow, qtbot: QtBot) -> None:
    pieces = window._prepare_pages()
    while "documents" not in window._pages:
        next(pieces)
    models = ModelsReply(installed=[InstalledStatus(name="mine", architecture="x", size=1)], loaded=[])
    window.session._take_models(models)  # while the page is half made
    page = window.show_page("documents")
    assert isinstance(page, DocumentsPage)
    assert page.form.model.findText("mine") >= 0
    for _ in pieces:
        pass
    assert set(window._pages) == {spec.key for spec in PAGES}
    assert window._stack.currentWidget() is page


def test_the_pages_are_made_by_themselves(window: MainWindow, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: window._preparation.done)
    assert set(window._pages) == {spec.key for spec in PAGES}
    assert window._stack.currentWidget() is window._pages["chat"]


WORDS = "Some **bold** words about `paging`.\n\n- one\n- two\n\n```py\nx = 1\n```\n\nAnd a paragraph to end it.\n\n"


def long_chat(last: str = "") -> Chat:
    """500 messages, and an answer under way or other text of the model at the end."""
    messages: list[Message] = []
    for turn in range(500):
        role: Any = "assistant" if turn % 2 else "user"
        messages.append(Message(role, WORDS * 2, messages[-1].id if messages else ""))
    state = State.DONE if last else State.STREAMING
    messages.append(Message("assistant", last, messages[-1].id, state=state))
    return Chat(ChatSummary(title="long"), head=messages[-1].id, messages=messages)


def quiet_page(window: MainWindow) -> ChatPage:
    """The chats; the other pages are not made meanwhile."""
    window._preparation.stop()
    return chat_page(window)


@pytest.mark.alone
def test_the_gui_thread_is_never_busy_for_long(window: MainWindow, qtbot: QtBot) -> None:
    """Opening a chat of 500 messages, an answer of 1,000 tokens in it, scrolling, typing, searching, a new chat."""
    page, turns = quiet_page(window), Turns()
    does, transcript, field, editor = turns.does, page.transcript, page.sidebar.field, page.composer.editor
    pieces = [(WORDS * 60)[start : start + 30] for start in range(0, 4000, 40)]
    bar = transcript.verticalScrollBar()
    for _ in turns.rounds():
        chat = long_chat()
        answer = chat.messages[-1]
        does("open", lambda chat=chat: page.controller.add_chat(chat), lambda: transcript.settled)  # type: ignore[misc]
        entry = transcript.entry(answer.id)
        assert entry is not None
        entry.live = True
        does("begin", lambda answer=answer: transcript.settle(answer.id))  # type: ignore[misc]
        for number, piece in enumerate(pieces):
            answer.content += piece
            does(f"stream {number}", lambda answer=answer, piece=piece: transcript.grow(answer.id, piece, ""))  # type: ignore[misc]
        for number in range(40):
            does(f"scroll {number}", lambda: bar.setValue(bar.value() - 60))
        for number in range(5):
            does(f"type {number}", lambda: qtbot.keyClick(editor, "a"))
        does("search", lambda: field.setText("bold"), lambda: page.sidebar._hits is not None)
        does("all chats", field.clear)
        does("new chat", page.new_chat)


@pytest.mark.alone
def test_nor_in_a_long_chat(window: MainWindow, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Versions, edits, deletion, reasoning, jumps, another size, what is pasted and attached, with 500 messages on the page."""
    monkeypatch.setattr(Answer, "begin", lambda *_: None)
    page, turns = quiet_page(window), Turns()
    does, transcript, controller, composer = turns.does, page.transcript, page.controller, page.composer
    bar, settled = transcript.verticalScrollBar(), lambda: transcript.settled
    pasted = QMimeData()
    (tmp_path / "file.txt").write_text("some words here and there\n" * 40_000)
    for _ in turns.rounds():
        chat = long_chat(WORDS)
        last, middle = chat.messages[-1], chat.messages[300]
        last.reasoning = "So it seems to me.\n\n" * 1500
        controller.add_chat(chat)
        qtbot.waitUntil(settled)
        thoughts = next(widget for widget in transcript.widgets if isinstance(widget, Reasoning)).button
        does("thoughts", thoughts.click, settled)
        does("no thoughts", thoughts.click, settled)
        does("edit an answer", lambda last=last: controller.edit(last.id, "another", []), settled)  # type: ignore[misc]
        does("version before", lambda: page._acted(controller.current.tree.head, "previous"), settled)
        does("version after", lambda: page._acted(controller.current.tree.head, "next"), settled)
        does("delete", lambda: page._acted(controller.current.tree.head, "delete"), settled)
        does("undo", lambda: button_of(window._banners.banners[-1]).click(), settled)
        does("delete many", lambda middle=middle: page._acted(middle.id, "delete"), settled)  # type: ignore[misc]
        does("undo many", lambda: button_of(window._banners.banners[-1]).click(), settled)
        does("begin an edit", lambda middle=middle: page._acted(middle.id, "edit"))  # type: ignore[misc]
        does("end it", page._end_edit)
        does("edit a question", lambda middle=middle: controller.edit(middle.id, "again", []), settled)  # type: ignore[misc]
        answer = controller.answers.of(controller.current.id)
        assert answer is not None
        answer._operation = Operation()
        does("stop", answer.stop, lambda: not controller.answers.running)
        does("version before, many", lambda: page._acted(controller.current.tree.path()[300].id, "previous"), settled)
        for name, value in (("home", 0), ("middle", bar.maximum() // 2), ("page", bar.maximum() // 2 + 500)):
            does(name, lambda value=value: bar.setValue(value), settled)  # type: ignore[misc]
        does("end", transcript.scroll_to_end, settled)
        does("find", lambda: page.find_bar.open_bar("paragraph"), settled)
        does("found before", lambda: page.find_bar.step(-40), settled)
        page.find_bar.close_bar()
        for width, height in ((900, 600), (1500, 950), (1180, 760)):
            does(f"{width} pixels wide", lambda size=(width, height): window.resize(*size), settled)  # type: ignore[misc]
        for text in ("some words here and there\n" * 40_000, "量化模型和分页缓存，" * 100_000, "a few words " * 1500):
            pasted.setText(text)
            does(f"paste {text[:4]}", lambda: composer.editor.insertFromMimeData(pasted))
            does(f"estimate {text[:4]}", page.context.estimate)
        does("attach", lambda: composer.attach([str(tmp_path / "file.txt")]))
        does("draft", composer.flush_draft)
        composer.set_content("", [])


@pytest.mark.alone
def test_nor_with_10_000_chats_or_answers_of_10_000_lines(window: MainWindow, qtbot: QtBot) -> None:
    page, turns = quiet_page(window), Turns()
    does, transcript, controller, listed = turns.does, page.transcript, page.controller, page.sidebar.list
    bar, rows, settled = transcript.verticalScrollBar(), listed.verticalScrollBar(), lambda: transcript.settled
    chats = [ChatSummary(title=f"Chat {number}", updated=float(number)) for number in range(10_000)]
    controller.summaries |= {chat.id: chat for chat in chats}
    done = lambda: not page.sidebar._soon.isActive()  # noqa: E731
    answers = {
        "prose": "".join(f"Line {n} with some **words** in it.\n" + "\n" * (n % 5 == 0) for n in range(10_000)),
        "list": "".join(f"- item {n} with some words\n" for n in range(10_000)),
        "code": "```py\n" + "".join(f"x{n} = {n}  # so\n" for n in range(10_000)),
    }
    for run in turns.rounds():
        does("chats are listed", controller.summaries_changed.emit, done)
        for number in range(5):
            does(f"scroll {number}", lambda: rows.setValue(rows.value() + 2000))
        does("back", lambda: rows.setValue(0))
        does("rename", lambda run=run: controller.rename(chats[run].id, f"Name {run}"), done)  # type: ignore[misc]
        does("pin", lambda run=run: controller.pin(chats[run].id, True), done)  # type: ignore[misc]
        for name, text in answers.items():
            question = Message("user", "go")
            answer = Message("assistant", text[:-40], question.id, state=State.STREAMING)
            chat = Chat(ChatSummary(title=name), head=answer.id, messages=[question, answer])
            does(f"{name}: open", lambda chat=chat: controller.add_chat(chat), lambda: settled() and done())  # type: ignore[misc]
            entry = transcript.entry(answer.id)
            assert entry is not None
            entry.live = True
            transcript.settle(answer.id)
            answer.content = text
            does(f"{name}: grow", lambda answer=answer, text=text: transcript.grow(answer.id, text[-40:], ""), settled)  # type: ignore[misc]
            entry.live, answer.state = False, State.DONE
            does(f"{name}: end", lambda answer=answer: transcript.settle(answer.id), settled)  # type: ignore[misc]
            does(f"{name}: home", lambda: bar.setValue(0), settled)
            does(f"{name}: middle", lambda: bar.setValue(bar.maximum() // 2), settled)


def button_of(banner: Any) -> QAbstractButton:
    assert isinstance(banner.button, QAbstractButton)
    return banner.button


def test_a_disk_that_is_not_connected_is_said_once_with_the_way_to_the_settings(
    window: MainWindow, qtbot: QtBot
) -> None:
    gone = ModelsReply(installed=[], loaded=[], missing="/mnt/big")
    for _ in range(2):
        window.session.models_changed.emit(gone)
    [banner] = window._banners.banners
    assert "/mnt/big, is not there. Connect its disk" in banner.label.text()
    assert banner.button is not None
    qtbot.mouseClick(banner.button, Qt.MouseButton.LeftButton)
    assert window._stack.currentWidget() is window._pages["settings"]
    qtbot.waitUntil(lambda: not window._banners.banners)
    window.session.models_changed.emit(ModelsReply(installed=[], loaded=[]))
    window.session.models_changed.emit(gone)
    assert len(window._banners.banners) == 1, "gone again"
