"""What an empty chat shows: a greeting and some beginnings."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QLabel, QPushButton, QVBoxLayout, QWidget

from app.theme import XL, M, S


class Welcome(QWidget):
    """`chosen(text)`: one of the beginnings."""

    chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        title = QLabel(self.tr("What shall we talk about?"))
        title.setProperty("kind", "title")
        title.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.about = QLabel(self.tr("Everything stays on this computer."))
        self.about.setProperty("kind", "muted")
        self.about.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.about.setWordWrap(True)
        column = QVBoxLayout(self)
        column.setSpacing(S)
        column.addStretch(2)
        column.addWidget(title)
        column.addWidget(self.about)
        column.addSpacing(XL)
        beginnings = QWidget()
        beginnings.setMinimumWidth(320)  # more in large letters: all as wide as the widest
        rows = QVBoxLayout(beginnings)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(S)
        for text in (
            self.tr("What can Deskside do?"),
            self.tr("How do I count to nine in French?"),
            self.tr("What is paging?"),
        ):
            button = QPushButton(text)
            button.setMinimumHeight(36)
            button.clicked.connect(partial(self.chosen.emit, text))
            rows.addWidget(button)
        column.addWidget(beginnings, alignment=Qt.AlignmentFlag.AlignHCenter)
        column.addStretch(3)
        column.setContentsMargins(M, M, M, M)
