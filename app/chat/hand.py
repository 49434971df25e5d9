"""What the mouse and the keys do in the texts of a chat. Each text asks its hand, and offers what it would do on its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from PySide6.QtGui import QContextMenuEvent, QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QAbstractScrollArea, QPlainTextEdit, QTextEdit

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

if TYPE_CHECKING:
    _Area = QAbstractScrollArea
else:
    _Area = object  # Qt's class comes behind


class Handed(_Area):
    """A text whose hand is asked; named in front of Qt's class."""

    hand: Hand = USUAL

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        self.hand.menu(cast(Editor, self), event, super().contextMenuEvent)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self.hand.press(cast(Editor, self), event, super().mousePressEvent)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self.hand.double_click(cast(Editor, self), event, super().mouseDoubleClickEvent)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self.hand.move(cast(Editor, self), event, super().mouseMoveEvent)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self.hand.release(cast(Editor, self), event, super().mouseReleaseEvent)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        self.hand.key(cast(Editor, self), event, super().keyPressEvent)
