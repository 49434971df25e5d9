"""The page Models: not written yet."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from app.session import Session


class ModelsPage(QWidget):
    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        title = QLabel("Models")
        title.setProperty("kind", "title")
        QVBoxLayout(self).addWidget(title, alignment=Qt.AlignmentFlag.AlignCenter)
