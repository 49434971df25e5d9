"""Entry point of `deskside-app`: opens the window, or says on stderr why there is none."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

from core.config import Config, load_config
from core.errors import DesksideError

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication

    from app.window import MainWindow

NO_SCREEN = "There is no screen to open a window on; to chat in this terminal, run: deskside core chat demo"


def main() -> int:
    """Returns when the window is closed, or at once if one is open already, which is brought to the front. Exit code: 0; 1
    without a screen or without Qt; an error's own."""
    if not has_screen(sys.platform, os.environ):
        return _say(NO_SCREEN, 1)
    try:
        config = load_config(os.environ)
        make_application()
        from app.single import SingleInstance, raise_first

        if raise_first(config.places):
            return 0
        application, window = open_window(config)
        calm_collector()
        first = SingleInstance(config.places, window)
        first.wanted.connect(window.come_forward)
    except ImportError as error:  # a system library that Qt needs is missing
        return _say(f"Qt cannot be loaded ({error}); install the system libraries it names.", 1)
    except DesksideError as error:
        return _say(error.message, error.exit_code)
    return application.exec()


def make_application() -> QApplication:
    """The process's one Qt application."""
    from PySide6.QtWidgets import QApplication

    running = QApplication.instance()
    application = running if isinstance(running, QApplication) else QApplication(sys.argv[:1])
    application.setApplicationName("Deskside")
    application.setDesktopFileName("deskside")
    return application


def open_window(config: Config, start: bool = True) -> tuple[QApplication, MainWindow]:
    """The application and its window, shown. `start`: look for the service, or start it."""
    from app.session import Session
    from app.window import MainWindow

    application = make_application()
    session = Session(config)
    window = MainWindow(session)
    window.show()
    if start:
        session.start()
    return application, window


def calm_collector() -> None:
    """What is there now stays there: a collection of garbage that looks at all of it holds the window up for 25 ms."""
    gc.freeze()
    gc.set_threshold(5_000, 20, 20)


def has_screen(platform: str, environ: Mapping[str, str]) -> bool:
    """Whether a window can be opened; asking Qt would abort the process where it cannot."""
    if platform in ("win32", "darwin") or environ.get("QT_QPA_PLATFORM") in ("offscreen", "vnc"):
        return True
    return any(environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))


def _say(sentence: str, code: int) -> int:
    if sys.stderr is not None:  # a program without a console on Windows has none
        print(sentence, file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
