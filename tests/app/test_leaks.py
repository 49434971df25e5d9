"""The fixture that every test of the window runs under fails for what is left, and not for what has ended."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

from PySide6.QtCore import QObject, QTimer
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from app.pages.documents import QTimer as TimerOfThePages
from tests.app.leaks import Before, watched_timer


def test_a_thread_that_runs_on_is_left_and_one_that_ended_is_not() -> None:
    before = Before()
    end = threading.Event()
    thread = threading.Thread(target=end.wait, name="somebody's", daemon=True)
    thread.start()
    assert before.left(grace=0.0) == ["thread somebody's"]
    end.set()
    thread.join()
    assert before.left(grace=0.0) == []


def test_a_timer_that_ticks_on_is_left_whoever_owns_it(qtbot: QtBot) -> None:
    assert TimerOfThePages is watched_timer
    before = Before()
    alone, owner = QTimer(), QObject()
    alone.start(1000)
    owned = watched_timer(owner)
    owned.start(2000)
    assert sorted(before.left()) == ["timer of QObject (2000 ms)", "timer of nobody (1000 ms)"]
    alone.stop()
    owned.stop()
    assert before.left() == []


def test_a_window_that_is_still_shown_is_left(qtbot: QtBot) -> None:
    before = Before()
    window = QWidget()
    window.show()
    assert before.left() == ["window QWidget"]
    window.close()
    assert before.left() == []


def test_a_timer_goes_with_its_widget(qtbot: QtBot) -> None:
    before = Before()
    widget = QWidget()
    watched_timer(widget).start(1000)
    assert before.left() == ["timer of QWidget (1000 ms)"]
    del widget
    assert before.left() == []


LEAKY = """
import threading
from PySide6.QtCore import QTimer

kept = []

def test_thread(qapp):
    threading.Thread(target=threading.Event().wait, name="deaf", daemon=True).start()

def test_timer(qapp):
    kept.append(QTimer())
    kept[0].start(1000)

def test_clean(qapp):
    pass
"""


def test_the_fixture_fails_for_both(tmp_path: Path) -> None:
    """In a run of pytest of its own: tests that pass, but for what two of them leave behind."""
    (tmp_path / "test_leaky.py").write_text(LEAKY, encoding="utf-8")
    (tmp_path / "conftest.py").write_text(
        "from tests.app import leaks\nleaks.GRACE = 0.1\nfrom tests.app.conftest import nothing_is_left\n",
        encoding="utf-8",
    )
    root = Path(__file__).parents[2]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--import-mode=importlib", str(tmp_path)]
    done = subprocess.run([*command, f"--rootdir={tmp_path}"], cwd=root, capture_output=True, text=True, timeout=120)
    assert "3 passed, 2 errors" in done.stdout, done.stdout + done.stderr
    assert "was left: ['thread deaf']" in done.stdout
    assert "was left: ['timer of nobody (1000 ms)']" in done.stdout
