"""The parts of the documents as cells: read, being read, to come."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from app import formats
from app.theme import Theme

MOST = 240  # cells; more parts share one


class ChunkStrip(QWidget):
    def __init__(self) -> None:
        super().__init__()
        self.done = self.flying = self.total = 0
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        policy.setRetainSizeWhenHidden(False)
        self.setSizePolicy(policy)
        self.setAccessibleName(self.tr("Parts of the documents"))

    def show_parts(self, done: int, flying: int, total: int) -> None:
        """`flying`: how many are being read at the same time."""
        self.done, self.total = min(done, total), total
        self.flying = max(0, min(flying, total - self.done))
        self.setAccessibleDescription(
            self.tr("{done} of {total} read, {flying} at the same time").format(
                done=formats.number(self.done), total=formats.number(total), flying=formats.number(self.flying)
            )
        )
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(200, max(12, self.fontMetrics().height() * 3 // 4))

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.PaletteChange:
            self.update()
        super().changeEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        if self.total <= 0:
            return
        colors = Theme.current().colors
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        cells = min(self.total, MOST, max(1, self.width() // 3))
        step = self.width() / cells
        gap = 2 if step > 6 else 1 if step > 3 else 0
        done = self.done * cells / self.total
        begun = (self.done + self.flying) * cells / self.total
        if self.layoutDirection() == Qt.LayoutDirection.RightToLeft:
            painter.translate(self.width(), 0)
            painter.scale(-1, 1)
        for cell in range(cells):
            color = QColor(colors.accent if cell < int(done) else colors.pressed)
            if int(done) <= cell < begun:
                color = QColor(colors.link)
            painter.setBrush(color)
            painter.drawRoundedRect(QRectF(cell * step, 0, step - gap, self.height()), 2, 2)
        painter.end()
