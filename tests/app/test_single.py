"""One window at a time."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app import main as entry
from app.session import Session
from app.single import SingleInstance, name_of, raise_first
from app.window import MainWindow
from core.paths import Places


def test_the_second_asks_the_first_to_come_forward(qtbot: QtBot, tmp_path: Path) -> None:
    places, others = Places.under(tmp_path / "one"), Places.under(tmp_path / "two")
    assert not raise_first(places)
    first = SingleInstance(places)
    for _ in range(2):
        with qtbot.waitSignal(first.wanted):
            assert raise_first(places)
    assert not raise_first(others)  # another user, another installation
    first.close()
    assert not raise_first(places)


@pytest.mark.skipif(os.name != "posix", reason="pipes of Windows end with their process")
def test_a_socket_that_a_crash_left_is_taken_over(qtbot: QtBot, tmp_path: Path) -> None:
    places = Places.under(tmp_path)
    dead = SingleInstance(places)
    path = Path(dead._server.fullServerName())
    kept = path.with_name(path.name + "-kept")
    path.rename(kept)
    dead.close()
    kept.rename(path)
    assert not raise_first(places)
    first = SingleInstance(places)
    assert path.name == name_of(places)
    with qtbot.waitSignal(first.wanted):
        assert raise_first(places)
    first.close()
    assert not path.exists()


@pytest.mark.usefixtures("program")
def test_a_second_start_shows_the_first_window_and_ends(
    qtbot: QtBot, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Session, "start", lambda self: None)
    seen: list[object] = []

    def start_again() -> None:
        window = next(w for w in QApplication.topLevelWidgets() if isinstance(w, MainWindow) and w.isVisible())
        window.showMinimized()
        seen.append(entry.main())
        QTimer.singleShot(200, lambda: (seen.append(window.isMinimized()), window.close()))

    QTimer.singleShot(0, start_again)
    assert entry.main() == 0
    assert seen == [0, False]
