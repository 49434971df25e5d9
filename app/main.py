"""Entry point of `deskside-app`. This version has no window, and says so where the user can see it."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

SENTENCE = "This version of Deskside has no window yet; to chat, open a terminal and run: deskside core chat demo"


def main() -> int:
    """Says the sentence on stderr and, where there is a screen, in a dialog. Returns the exit code, 1."""
    if sys.stderr is not None:  # a program without a console on Windows has none
        print(SENTENCE, file=sys.stderr)
    if has_screen(sys.platform, os.environ):
        try:
            show(SENTENCE)
        except ImportError as error:  # a system library that Qt needs is missing
            print(f"Qt cannot be loaded ({error}).", file=sys.stderr)
    return 1


def has_screen(platform: str, environ: Mapping[str, str]) -> bool:
    """Whether a window can be opened; asking Qt would abort the process where it cannot."""
    if platform in ("win32", "darwin"):
        return True
    return any(environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))


def show(text: str) -> None:
    """A dialog with one button; returns when it is closed. Raises ImportError when Qt cannot be loaded."""
    from PySide6.QtWidgets import QApplication, QMessageBox

    _application = QApplication.instance() or QApplication(sys.argv[:1])  # lives as long as the dialog
    box = QMessageBox(QMessageBox.Icon.Information, "Deskside", text)
    box.exec()


if __name__ == "__main__":
    sys.exit(main())
