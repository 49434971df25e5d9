from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
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
from core.errors import DiskFull
from core.paths import bundled_asset
from core.schemas import DiskStatus, JobReply, JobsReply, ModelsReply, ServiceEvent, Status, StorageReply

Show = Callable[[QWidget], None]


@pytest.fixture
def page(scripted: Session, client: Any, show: Show) -> SettingsPage:
    client.answers |= {"status": status(), "storage": storage(), "jobs": JobsReply(jobs=[])}
    page = SettingsPage(scripted)
    show(page)
    return page


def storage(folder: str = "/data", **fields: Any) -> StorageReply:
    values = {"models": 3 * 10**9, "engines": 10**9, "free": 42 * 10**9, "total": 500 * 10**9, "missing": False}
    return StorageReply(folder=folder, default="/data", **values | fields)


def move(state: str, **fields: Any) -> JobReply:
    values: dict[str, Any] = {"created": 1.0, "updated": 1.0, "params": {"folder": "/disk"}}
    return JobReply(id="move-1", kind="move", state=state, **values | fields)


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
    client.answers |= {"status": status(lan=True), "storage": storage(), "jobs": JobsReply(jobs=[])}
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
    client.answers |= {"status": status(), "storage": storage(), "jobs": JobsReply(jobs=[])}
    page = SettingsPage(scripted)
    show(page)
    assert page.network.offline.isChecked()
    assert not page.network.offline.isEnabled()
    assert "DESKSIDE_OFFLINE" in page.network.offline.toolTip()
    assert page.network.lan.isEnabled()


def test_where_models_lie_and_how_large_they_are_is_shown(page: SettingsPage, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: page.storage.sizes.isVisible())
    assert page.storage.where.text() == "Models and engines: /data"
    assert page.storage.sizes.text() == "Models 3.0 GB · engines 1.0 GB · 42.0 GB of 500.0 GB are free on its volume"
    assert page.storage.back.isHidden()


def test_models_are_moved_from_the_keyboard_with_progress_and_cancel(
    page: SettingsPage, scripted: Session, client: Any, qtbot: QtBot
) -> None:
    card = page.storage
    client.answers |= {"move_storage": move("queued"), "pause_job": move("paused", updated=3.0)}
    client.answers["cancel_job"] = move("cancelled", updated=5.0)
    card.change.setFocus()
    qtbot.keyClick(card.change, Qt.Key.Key_Space)
    assert card.choose.folder.hasFocus()
    assert not card.choose.take_along.isEnabled()
    qtbot.keyClicks(card.choose.folder, "/disk")
    card.choose.take_along.setFocus()
    qtbot.keyClick(card.choose.take_along, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: "move-1" in card.jobs.cards)
    assert client.asked("move_storage") == [(("/disk",), {})]
    assert card.change.isHidden()
    assert card.choose.isHidden()
    going = move("running", stage="copy", done=1_500_000_000, total=4_000_000_000, eta=90.0, updated=2.0)
    scripted.service_event.emit(ServiceEvent(kind="job", job=going))
    shown = card.jobs.cards["move-1"]
    assert shown.figures.text() == "38 % · 1.5 GB of 4.0 GB · 1 min 30 s left"
    shown.buttons["pause"].click()
    qtbot.waitUntil(lambda: "resume" in shown.buttons)
    shown.buttons["cancel"].click()
    qtbot.waitUntil(lambda: not card.jobs.cards)
    assert card.change.isVisible()


def test_after_a_move_the_new_folder_is_shown_and_the_way_back_offered(
    page: SettingsPage, scripted: Session, client: Any, qtbot: QtBot
) -> None:
    client.answers |= {"storage": storage("/disk"), "all_models": ModelsReply(installed=[], loaded=[])}
    scripted.service_event.emit(ServiceEvent(kind="job", job=move("done", updated=9.0)))
    qtbot.waitUntil(lambda: page.storage.where.text() == "Models and engines: /disk")
    assert client.asked("all_models"), "the list of models is asked for again"
    page.storage.back.click()
    assert page.storage.choose.folder.text() == str(scripted.config.places.data)
    client.answers["use_storage"] = storage()
    page.storage.choose.use.click()
    qtbot.waitUntil(lambda: page.storage.back.isHidden())


def test_a_move_that_is_refused_says_why_and_one_that_failed_can_be_tried_again(
    page: SettingsPage, scripted: Session, client: Any, qtbot: QtBot, said: list[Message]
) -> None:
    client.answers["move_storage"] = DiskFull("Models and engines need 4.00 GB, but there is no room.")
    page.storage.change.click()
    page.storage.choose.folder.setText("/disk")
    page.storage.choose.take_along.click()
    assert not page.storage.choose.take_along.isEnabled(), "once is enough"
    qtbot.waitUntil(lambda: page.storage.choose.problem.isVisible())
    assert "need 4.00 GB" in page.storage.choose.problem.text()
    assert (page.storage.choose.folder.text(), said) == ("/disk", []), "to be corrected, not typed again"
    page.storage.choose.cancel.click()
    assert page.storage.choose.isHidden()
    assert page.storage.change.hasFocus()
    client.answers |= {"resume_job": move("queued", updated=4.0), "remove_job": JobsReply(jobs=[])}
    failed = move("failed", code="io_error", error="The disk fails.", updated=3.0)
    scripted.service_event.emit(ServiceEvent(kind="job", job=failed))
    shown = page.storage.jobs.cards["move-1"]
    assert shown.problem.text() == "The disk fails."
    shown.buttons["retry"].click()
    qtbot.waitUntil(lambda: "cancel" in shown.buttons)
    scripted.service_event.emit(ServiceEvent(kind="job", job=move("failed", error="Again.", updated=5.0)))
    shown.buttons["dismiss"].click()
    qtbot.waitUntil(lambda: client.asked("remove_job") != [])
    assert not page.storage.jobs.cards


def test_a_disk_that_is_not_connected_is_said(page: SettingsPage, client: Any, qtbot: QtBot) -> None:
    client.answers["storage"] = storage("/disk", missing=True, models=0, engines=0, held_by="DESKSIDE_LIBRARY")
    page.shown()
    qtbot.waitUntil(lambda: "is not there" in page.storage.sizes.text())
    assert page.storage.sizes.property("kind") == "warning"
    assert not page.storage.change.isEnabled()
    assert "DESKSIDE_LIBRARY" in page.storage.change.toolTip()


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
    assert "types or edits text" in page.shortcuts.problem.text()
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


# The service ends while the session connects: anyio drops the attempts that it has not begun yet without awaiting them.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_the_service_really_starts_again_offline(real: Session, show: Show, qtbot: QtBot) -> None:
    page = SettingsPage(real)
    show(page)
    qtbot.waitUntil(lambda: page.storage.sizes.isVisible(), timeout=10_000)
    phases: list[str] = []
    real.service_changed.connect(lambda state: phases.append(state.phase))
    page.network.offline.click()
    page.network.restart.click()
    qtbot.waitUntil(lambda: "lost" in phases and phases[-1] == "ready", timeout=30_000)
    page.network._copy_token()
    qtbot.waitUntil(lambda: len(QGuiApplication.clipboard().text()) > 30)


def test_models_really_move_and_come_back(real: Session, show: Show, qtbot: QtBot, tmp_path: Path) -> None:
    mine = real.config.places.models / "mine"
    mine.mkdir(parents=True)
    for file in bundled_asset("demo_model").iterdir():
        shutil.copy(file, mine)
    (tmp_path / "disk").mkdir()
    page = SettingsPage(real)
    show(page)
    qtbot.waitUntil(lambda: page.storage.sizes.isVisible())
    page.storage.change.click()
    page.storage.choose.folder.setText(str(tmp_path / "disk"))
    page.storage.choose.take_along.click()
    qtbot.waitUntil(lambda: str(tmp_path / "disk") in page.storage.where.text() and not page.storage.jobs.cards)
    assert (tmp_path / "disk" / "models" / "mine" / "config.json").is_file()
    assert not mine.exists()
    page.storage.back.click()
    page.storage.choose.take_along.click()
    qtbot.waitUntil(lambda: page.storage.back.isHidden() and not page.storage.jobs.cards)
    assert (mine / "config.json").is_file()
    qtbot.waitUntil(lambda: real.models is not None and "mine" in [model.name for model in real.models.installed])
