"""What the mouse and the keys do in the texts of a chat. Each text asks its hand, and offers what it would do on its own."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtGui import QContextMenuEvent, QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QPlainTextEdit, QTextEdit

Editor = QTextEdit | QPlainTextEdit
Mouse = Callable[[QMouseEvent], None]


class Hand:
    """Does the usual."""

    def press(self, editor: Editor, event: QMouseEvent, usual: Mouse) -> None:
        usual(event)

    def double_click(self, editor: Editor, event: QMouseEvent, usual: Mouse) -> None:
        usual(event)

    def move(self, editor: Editor, event: QMouseEvent, usual: Mouse) -> None:
        usual(event)

    def release(self, editor: Editor, event: QMouseEvent, usual: Mouse) -> None:
        usual(event)

    def key(self, editor: Editor, event: QKeyEvent, usual: Callable[[QKeyEvent], None]) -> None:
        usual(event)

    def menu(self, editor: Editor, event: QContextMenuEvent, usual: Callable[[QContextMenuEvent], None]) -> None:
        usual(event)


USUAL = Hand()
