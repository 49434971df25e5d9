from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication, QKeySequence
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from app.messages import Message
from app.pages.settings import SettingsPage
from app.session import Session
from app.shortcuts import Actions
from core.config import load_config
from core.schemas import DiskStatus, Status

Show = Callable[[QWidget], None]


@pytest.fixture
def page(scripted: Session, client: Any, show: Show) -> SettingsPage:
    client.answers["status"] = status()
    page = SettingsPage(scripted)
    show(page)
    return page


def status(**fields: Any) -> Status:
    disk = DiskStatus(folder="/data", total=500 * 10**9, free=42 * 10**9)
    return Status(
        version="1", pid=1, address="http://127.0.0.1:8421", uptime=1.0, open_requests=0, max_requests=8, models=[],
        disk=disk, **fields,
    )  # fmt: skip


def test_appearance_is_kept_at_once(page: SettingsPage, scripted: Session, qtbot: QtBot) -> None:
    card = page.appearance
    qtbot.keyClick(card.theme, Qt.Key.Key_End)
    card.theme.activated.emit(card.theme.currentIndex())
    card.font_size.setValue(14)
    card.language.setCurrentIndex(card.language.findData("zh_CN"))
    card.language.activated.emit(card.language.currentIndex())
    again = Session(scripted.config)
    kept = [again.preferences.get(name) for name in ("theme", "font_size", "language")]
    again.close()
    assert kept == ["dark", 14, "zh_CN"]


def test_offline_is_written_for_the_service_and_a_restart_is_offered(
    page: SettingsPage, client: Any, qtbot: QtBot
) -> None:
    client.answers["stop"] = status()
    assert not page.network.restart.isVisible()
    page.network.offline.setFocus()
    qtbot.keyClick(page.network.offline, Qt.Key.Key_Space)
    assert load_config(os.environ).offline is True
    assert page.network.restart.isVisible()
    qtbot.mouseClick(page.network.restart, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: client.asked("stop") != [])
    assert not page.network.restart.isVisible()


def test_the_local_network_warns_and_tells_the_port(scripted: Session, client: Any, show: Show, qtbot: QtBot) -> None:
    client.answers["status"] = status(lan=True)
    page = SettingsPage(scripted)
    show(page)
    assert not page.network.warning.isVisible()
    page.network.lan.click()
    assert load_config(os.environ).lan is True
    assert page.network.warning.isVisible()
    qtbot.waitUntil(lambda: "8421" in page.network.address.text())
    assert page.network.copy_token.isVisible()


def test_a_file_that_cannot_be_written_changes_nothing(
    page: SettingsPage, scripted: Session, said: list[Message]
) -> None:
    file = scripted.config.places.config_file
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("offline = = 1\n", encoding="utf-8")
    page.network.offline.click()
    assert not page.network.offline.isChecked()
    assert "not valid TOML" in said[0].text
    assert not page.network.restart.isVisible()


def test_what_the_environment_holds_cannot_be_changed_here(
    scripted: Session, client: Any, show: Show, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DESKSIDE_OFFLINE", "true")
    client.answers["status"] = status()
    page = SettingsPage(scripted)
    show(page)
    assert page.network.offline.isChecked()
    assert not page.network.offline.isEnabled()
    assert "DESKSIDE_OFFLINE" in page.network.offline.toolTip()
    assert page.network.lan.isEnabled()


def test_disk_space_is_shown(page: SettingsPage, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: page.storage.free.isVisible())
    assert page.storage.free.text() == "42.0 GB of 500.0 GB are free on its volume."


def test_a_folder_that_is_not_there_is_said(page: SettingsPage, said: list[Message]) -> None:
    page.storage.open_data.click()
    assert "cannot be opened" in said[0].text


def press(qtbot: QtBot, edit: QWidget, key: Qt.Key, modifiers: Qt.KeyboardModifier) -> None:
    edit.setFocus()
    qtbot.keyClick(edit, key, modifiers)
    edit.editingFinished.emit()  # type: ignore[attr-defined]  # it would come a second later


def test_a_shortcut_is_rebound_and_works(page: SettingsPage, scripted: Session, qtbot: QtBot) -> None:
    window = QWidget()
    qtbot.addWidget(window)
    actions = Actions(scripted.preferences, window)
    press(qtbot, page.shortcuts.edits["new"], Qt.Key.Key_T, Qt.KeyboardModifier.ControlModifier)
    assert scripted.preferences.get("shortcuts") == {"new": "Ctrl+T"}
    assert actions["new"].shortcut() == QKeySequence("Ctrl+T")
    page.shortcuts.reset_all.click()
    assert actions["new"].shortcut() == QKeySequence("Ctrl+N")
    assert scripted.preferences.get("shortcuts") == {}


def test_keys_that_are_taken_or_type_text_are_refused_by_name(
    page: SettingsPage, scripted: Session, qtbot: QtBot
) -> None:
    press(qtbot, page.shortcuts.edits["new"], Qt.Key.Key_L, Qt.KeyboardModifier.ControlModifier)
    assert page.shortcuts.problem.text() == "Ctrl+L is taken by “Choose a model”; change that one first."
    press(qtbot, page.shortcuts.edits["new"], Qt.Key.Key_X, Qt.KeyboardModifier.NoModifier)
    assert "types text" in page.shortcuts.problem.text()
    assert scripted.preferences.get("shortcuts") == {}
    assert page.shortcuts.edits["new"].keySequence() == QKeySequence("Ctrl+N")


def test_a_default_that_another_action_took_does_not_come_back_twice(
    page: SettingsPage, scripted: Session, qtbot: QtBot
) -> None:
    ctrl = Qt.KeyboardModifier.ControlModifier
    press(qtbot, page.shortcuts.edits["new"], Qt.Key.Key_T, ctrl)
    press(qtbot, page.shortcuts.edits["model"], Qt.Key.Key_N, ctrl)
    page.shortcuts._reset("new")
    assert "Choose a model" in page.shortcuts.problem.text()
    assert scripted.preferences.get("shortcuts") == {"new": "Ctrl+T", "model": "Ctrl+N"}


def test_the_service_really_starts_again_offline(real: Session, show: Show, qtbot: QtBot) -> None:
    page = SettingsPage(real)
    show(page)
    qtbot.waitUntil(lambda: page.storage.free.isVisible(), timeout=10_000)
    phases: list[str] = []
    real.service_changed.connect(lambda state: phases.append(state.phase))
    page.network.offline.click()
    page.network.restart.click()
    qtbot.waitUntil(lambda: "lost" in phases and phases[-1] == "ready", timeout=30_000)
    page.network._copy_token()
    qtbot.waitUntil(lambda: len(QGuiApplication.clipboard().text()) > 30)
