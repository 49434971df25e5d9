"""Sentences for the user, at the bottom of the window: one at a time, newest first; information goes away on its own."""

from __future__ import annotations

from PySide6.QtCore import Qt, QTimer, Signal, Slot
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from app.icons import icon_button
from app.messages import Message, Messages
from app.theme import M, S

INFO_SECONDS = 8.0
MOST = 3


class Banner(QFrame):
    """`closed(itself)`: its button was used, it was dismissed, or its time is over."""

    closed = Signal(object)

    def __init__(self, message: Message) -> None:
        super().__init__()
        self.topic = message.topic
        self.setProperty("kind", "banner")
        self.setProperty("error", "true" if message.kind == "error" else "false")
        self.setAccessibleName(message.text)
        row = QHBoxLayout(self)
        row.setContentsMargins(M, S, S, S)
        self.label = QLabel(message.text)
        self.label.setTextFormat(Qt.TextFormat.PlainText)
        self.label.setWordWrap(True)
        self.label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        row.addWidget(self.label, 1)
        self.button: QPushButton | None = None
        if message.action is not None:
            word, call = message.action
            self.button = QPushButton(word)
            self.button.clicked.connect(call)
            self.button.clicked.connect(self._close)
            row.addWidget(self.button)
        close = icon_button("close", self.tr("Dismiss"))
        close.clicked.connect(self._close)
        row.addWidget(close)
        if message.kind == "info":
            timer = QTimer(self)
            timer.setSingleShot(True)
            timer.timeout.connect(self._close)
            timer.start(round(INFO_SECONDS * 1000))

    @Slot()
    def _close(self) -> None:
        self.closed.emit(self)


class Banners(QWidget):
    def __init__(self, messages: Messages) -> None:
        super().__init__()
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(M, 0, M, S)
        self._column.setSpacing(S)
        self.hide()
        messages.posted.connect(self._show)

    @property
    def banners(self) -> list[Banner]:
        """Oldest first."""
        items = (self._column.itemAt(i) for i in range(self._column.count()))
        return [widget for item in items if item is not None and isinstance(widget := item.widget(), Banner)]

    @Slot(object)
    def _show(self, message: Message) -> None:
        for old in self.banners:
            if old.label.text() == message.text or (message.topic and old.topic == message.topic):
                self._drop(old)
        while len(self.banners) >= MOST:
            self._drop(self.banners[0])
        banner = Banner(message)
        banner.closed.connect(self._drop)
        self._column.addWidget(banner)
        self.show()

    @Slot(object)
    def _drop(self, banner: Banner) -> None:
        """Not when it is destroyed: a widget that is half gone must not be asked for, which the column would do."""
        self._column.removeWidget(banner)
        banner.hide()
        banner.deleteLater()
        self.setVisible(bool(self.banners))
