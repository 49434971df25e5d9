from __future__ import annotations

import builtins
from pathlib import Path

import pytest
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app import main as entry
from app.session import Session
from app.window import MainWindow
from tests.test_imports import modules_after


def test_without_a_screen_it_says_so_and_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(entry, "has_screen", lambda platform, environ: False)
    assert entry.main() == 1
    assert capsys.readouterr() == ("", entry.NO_SCREEN + "\n")


@pytest.mark.usefixtures("program")
def test_the_window_opens_and_closing_it_ends_the_program(
    qtbot: QtBot, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Session, "start", lambda self: None)  # no service process for this
    seen: list[str] = []

    def close() -> None:
        window = next(w for w in QApplication.topLevelWidgets() if isinstance(w, MainWindow) and w.isVisible())
        seen.append(window.windowTitle())
        window.close()

    QTimer.singleShot(0, close)
    assert entry.main() == 0
    assert seen == ["Deskside"]


def test_a_broken_setting_is_one_sentence(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DESKSIDE_BACKEND", "abacus")
    monkeypatch.setattr(entry, "has_screen", lambda platform, environ: True)
    assert entry.main() == 2
    assert "DESKSIDE_BACKEND" in capsys.readouterr().err


def test_a_qt_that_cannot_be_loaded(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
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


def test_pages_are_opened_without_the_models_of_what_the_service_says() -> None:
    """They take a third of a second to make, which the session's thread spends, not the window's."""
    pages = ["chat", "documents", "models", "runtime", "settings"]
    loaded = modules_after("import app.window, " + ", ".join(f"app.pages.{page}" for page in pages))
    assert "app.pages.settings" in loaded
    assert not {"core.schemas", "pydantic", "httpx"} & loaded
