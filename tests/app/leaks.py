"""What a test of the window may not leave behind: threads that run, timers that tick, windows that are shown.

Timers are known because `watch_timers` puts something of its own in QTimer's place; it has to run before modules of `app` are
imported, as those take the name from PySide6.QtCore.
"""

from __future__ import annotations

import threading
import time
import weakref
from typing import Any

import PySide6.QtCore
from PySide6.QtCore import QThreadPool, QTimer
from PySide6.QtWidgets import QApplication, QWidget
from shiboken6 import isValid

GRACE = 3.0

_timers: weakref.WeakSet[QTimer] = weakref.WeakSet()


class Watch:
    """In the place of the class QTimer: makes timers and knows them. No subclass: instances of one that are still there when
    the interpreter ends take it down."""

    def __call__(self, *args: Any, **kwargs: Any) -> QTimer:
        timer = QTimer(*args, **kwargs)
        _timers.add(timer)
        return timer

    def __getattr__(self, name: str) -> Any:
        return getattr(QTimer, name)


watched_timer = Watch()


def watch_timers() -> None:
    PySide6.QtCore.QTimer = watched_timer  # type: ignore[assignment, misc]


def ticking() -> set[QTimer]:
    return {timer for timer in list(_timers) if isValid(timer) and timer.isActive()}


def shown() -> list[QWidget]:
    """Windows on the screen."""
    if not isinstance(QApplication.instance(), QApplication):
        return []
    return [window for window in QApplication.topLevelWidgets() if window.isVisible()]


class Before:
    """What there is when a test begins."""

    def __init__(self) -> None:
        self._threads = set(threading.enumerate())
        self._timers = ticking()
        self._windows = shown()

    def left(self, grace: float | None = None) -> list[str]:
        """What there is now, and was not then. Threads that are ending are waited for, GRACE seconds at most."""
        until = time.monotonic() + (GRACE if grace is None else grace)
        while (threads := self._new_threads()) and time.monotonic() < until:
            time.sleep(0.005)
        found = [f"thread {thread.name}" for thread in threads]
        for timer in ticking() - self._timers:
            owner = timer.parent()
            found.append(f"timer of {type(owner).__name__ if owner is not None else 'nobody'} ({timer.interval()} ms)")
        found += [f"window {type(window).__name__}" for window in shown() if window not in self._windows]
        pool = QThreadPool.globalInstance().activeThreadCount()
        return found + ([f"{pool} threads of Qt's pool"] if pool else [])

    def _new_threads(self) -> list[threading.Thread]:
        return [thread for thread in threading.enumerate() if thread not in self._threads and thread.is_alive()]
