"""A field to search in, with a magnifier as large as the font asks; Qt draws a line's own icons no larger than 16 pixels."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QRect, Qt, Slot
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QLineEdit, QWidget

from app.icons import icon, scaled
from app.theme import S, Theme

MAGNIFIER = 16  # pixels at the ordinary font size


class SearchField(QLineEdit):
    def __init__(self, placeholder: str, name: str, parent: QWidget | None = None) -> None:
        """`name`: what a screen reader says."""
        super().__init__(parent)
        self.setProperty("kind", "search")
        self.setPlaceholderText(placeholder)
        self.setAccessibleName(name)
        self.setClearButtonEnabled(True)
        Theme.current().changed.connect(self._make_room)
        self._make_room()

    def magnifier(self) -> QRect:
        """Where it is painted."""
        size = scaled(MAGNIFIER)
        x = S if self._reads_on() else self.width() - S - size
        return QRect(x, (self.height() - size) // 2, size, size)

    def _reads_on(self) -> bool:
        return self.layoutDirection() == Qt.LayoutDirection.LeftToRight

    @Slot()
    def _make_room(self) -> None:
        room = scaled(MAGNIFIER) + S // 2
        self.setTextMargins(*((room, 0, 0, 0) if self._reads_on() else (0, 0, room, 0)))

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.LayoutDirectionChange:
            self._make_room()
        super().changeEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        painter = QPainter(self)
        place = self.magnifier()
        icon("search", Theme.current().colors.muted, place.width()).paint(painter, place)
        painter.end()
