"""The window's tests run offscreen; whatever a test leaves behind (threads, timers that tick, windows) fails it."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QEvent, QLocale
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from core.config import load_config
from tests.app.leaks import Before, watch_timers
from tests.waiting import PATIENCE

watch_timers()  # before modules of `app` are imported

from app.session import Session  # noqa: E402

PATIENCE_MS = int(1000 * PATIENCE)

# Before any QApplication exists. Set it yourself to see the windows.
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")


class PatientBot(QtBot):
    """Bounds for what hangs: pytest-qt's five seconds are also passed by a machine that does much else."""

    def waitUntil(self, callback: Callable[[], object], *, timeout: int = PATIENCE_MS) -> None:
        super().waitUntil(callback, timeout=max(timeout, PATIENCE_MS))

    def waitSignal(self, signal: Any, *, timeout: int = PATIENCE_MS, **options: Any) -> Any:
        return super().waitSignal(signal, timeout=timeout, **options)

    def waitExposed(self, widget: QWidget, *, timeout: int = PATIENCE_MS) -> Any:
        return super().waitExposed(widget, timeout=timeout)


@pytest.fixture
def qtbot(qapp: QApplication, request: pytest.FixtureRequest) -> QtBot:
    return PatientBot(request)


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    before = Before()
    yield
    gc.collect()
    if QApplication.instance() is not None:
        QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        QApplication.processEvents()
    left = before.left()
    assert not left, f"was left: {left}"


@pytest.fixture
def program(qapp: QApplication) -> Iterator[None]:
    """For tests that run the whole program, which expects that its process ends with it."""
    from app.window import MainWindow

    thresholds = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*thresholds)
    for window in QApplication.topLevelWidgets():
        if isinstance(window, MainWindow):
            window.close()
            window.deleteLater()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    gc.collect()
    gc.freeze()  # what the program unfroze: tests/conftest.py


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    """Numbers are written as in English, whatever the machine speaks and the test before chose."""
    before = QLocale()
    QLocale.setDefault(QLocale("en_US"))
    yield
    QLocale.setDefault(before)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty Deskside home of the test's own."""
    for name in [name for name in os.environ if name.startswith("DESKSIDE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("DESKSIDE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def session(home: Path, qapp: QApplication) -> Iterator[Session]:
    """A session that was not started: nothing looks for a service."""
    session = Session(load_config(os.environ))
    yield session
    session.close()
    session.deleteLater()
