"""Find in this chat (Ctrl+F): the branch that is shown, message by message."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QEvent, Qt, Signal, Slot
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QLineEdit, QWidget

from app.icons import icon_button
from app.store.records import Message
from app.theme import S

MOST = 999


class FindBar(QWidget):
    """`found(message, offset, text)`: show this place. `closed`: back to the chat."""

    found = Signal(str, int, str)
    closed = Signal()

    def __init__(self, path: Callable[[], Sequence[Message]], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._path = path
        self._places: list[tuple[str, int]] = []
        self._at = -1
        self.field = QLineEdit()
        self.field.setPlaceholderText(self.tr("Find in this chat"))
        self.field.setAccessibleName(self.tr("Find in this chat"))
        self.field.textChanged.connect(self._search)
        self.field.installEventFilter(self)
        self.count = QLabel()
        self.count.setProperty("kind", "small")
        back = icon_button("up", self.tr("Match before"))
        on = icon_button("down", self.tr("Match after"))
        close = icon_button("close", self.tr("Close"))
        back.clicked.connect(lambda: self.step(-1))
        on.clicked.connect(lambda: self.step(1))
        close.clicked.connect(self.close_bar)
        row = QHBoxLayout(self)
        row.setContentsMargins(S, S, S, S)
        row.setSpacing(S)
        row.addWidget(self.field, 1)
        for widget in (self.count, back, on, close):
            row.addWidget(widget)
        self.hide()

    def open_bar(self, text: str = "", message: str = "") -> None:
        """`message`: begin with what is found there."""
        self.show()
        if text:
            self.field.blockSignals(True)
            self.field.setText(text)
            self.field.blockSignals(False)
        self.field.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.field.selectAll()
        self._search(self.field.text(), message)

    @Slot()
    def close_bar(self) -> None:
        self.hide()
        self.closed.emit()

    def step(self, by: int) -> None:
        if self._places:
            self._at = (self._at + by) % len(self._places)
            self._tell()

    @Slot(str)
    def _search(self, text: str, first: str = "") -> None:
        needle = text.casefold()
        self._places = []
        for message in self._path() if needle else ():
            hay = message.content.casefold()
            at = hay.find(needle)
            while at >= 0 and len(self._places) < MOST:
                self._places.append((message.id, at))
                at = hay.find(needle, at + max(1, len(needle)))
        numbers = (number for number, (message, _) in enumerate(self._places) if message == first)
        self._at = next(numbers, len(self._places) - 1)  # the newest first
        if self._places:
            self._tell()
        else:
            self.count.setText(self.tr("none") if needle else "")

    def _tell(self) -> None:
        self.count.setText(f"{self._at + 1}/{len(self._places)}")
        message, offset = self._places[self._at]
        self.found.emit(message, offset, self.field.text())

    def eventFilter(self, watched: object, event: QEvent) -> bool:
        if watched is self.field and isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                self.step(-1 if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else 1)
                return True
            if event.key() == Qt.Key.Key_Escape:
                self.close_bar()
                return True
        return False
