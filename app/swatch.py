"""What the colours of a bar mean."""

from __future__ import annotations

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QWidget

from app.parts import label
from app.theme import XS, Theme


class Swatch(QWidget):
    """A square in a colour of the theme, by the name of its role."""

    def __init__(self, role: str) -> None:
        super().__init__()
        self._role = role
        side = self.fontMetrics().xHeight() + XS
        self.setFixedSize(side, side)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colors = Theme.current().colors
        painter.setPen(QColor(colors.strong_border) if self._role == "pressed" else Qt.PenStyle.NoPen)  # faint alone
        painter.setBrush(QColor(getattr(colors, self._role)))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 3, 3)
        painter.end()


class Legend(QWidget):
    """A swatch and what it stands for."""

    def __init__(self, role: str, text: str = "") -> None:
        super().__init__()
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(XS)
        row.addWidget(Swatch(role))
        self.text = label(text, "small", wrap=False)
        row.addWidget(self.text)
