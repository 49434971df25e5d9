from __future__ import annotations

import builtins

import pytest
from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QApplication, QMessageBox, QPushButton
from pytestqt.qtbot import QtBot

from app import main as entry


def test_without_a_screen_it_says_so_and_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(entry, "has_screen", lambda platform, environ: False)
    monkeypatch.setattr(entry, "show", lambda text: pytest.fail("opened a dialog"))
    assert entry.main() == 1
    assert capsys.readouterr() == ("", entry.SENTENCE + "\n")


def test_with_a_screen_a_dialog_says_it_too(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def press_ok() -> None:
        box = QApplication.activeModalWidget()
        assert isinstance(box, QMessageBox)
        seen.append((box.windowTitle(), box.text()))
        buttons = box.findChildren(QPushButton)
        assert len(buttons) == 1
        qtbot.mouseClick(buttons[0], Qt.MouseButton.LeftButton)

    monkeypatch.setattr(entry, "has_screen", lambda platform, environ: True)
    QTimer.singleShot(0, press_ok)
    assert entry.main() == 1
    assert seen == [("Deskside", entry.SENTENCE)]


def test_a_qt_that_cannot_be_loaded(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    real_import = builtins.__import__

    def no_qt(name: str, *arguments: object) -> object:
        if name.startswith("PySide6"):
            raise ImportError("libEGL.so.1: cannot open shared object file")
        return real_import(name, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(entry, "has_screen", lambda platform, environ: True)
    monkeypatch.setattr(builtins, "__import__", no_qt)
    assert entry.main() == 1
    assert "Qt cannot be loaded (libEGL.so.1" in capsys.readouterr().err


def test_where_there_is_a_screen() -> None:
    assert entry.has_screen("win32", {})
    assert entry.has_screen("linux", {"WAYLAND_DISPLAY": "wayland-0"})
    assert entry.has_screen("linux", {"DISPLAY": ":0"})
    assert not entry.has_screen("linux", {"DISPLAY": ""})
