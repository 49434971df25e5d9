"""What a model would take of a GPU's memory, as one bar: weights, KV pool, the rest, what others use; and what is too much."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from app import formats
from app.theme import Theme

if TYPE_CHECKING:
    from core.schemas import FitPrecision


class FitBar(QWidget):
    def __init__(self, fit: FitPrecision, gpu_bytes: int) -> None:
        super().__init__()
        self._fit = fit
        self._gpu = max(1, gpu_bytes)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(self.tr("GPU memory"))
        text = self.tr("weights {weights}, chats {kv}, working space {work}, other programs {others}").format(
            weights=formats.memory(fit.weights_bytes),
            kv=formats.memory(fit.kv_bytes),
            work=formats.memory(fit.workspace_bytes + fit.runtime_bytes),
            others=formats.memory(fit.others_bytes),
        )
        self.setAccessibleDescription(text)
        self.setToolTip(text)

    def sizeHint(self) -> QSize:
        return QSize(200, max(8, self.fontMetrics().height() // 2))

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.PaletteChange:
            self.update()
        super().changeEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        colors = Theme.current().colors
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        bar = QRectF(self.rect())
        fit = self._fit
        parts = (
            (fit.others_bytes, colors.strong_border),
            (fit.weights_bytes, colors.accent if fit.fits else colors.danger),
            (fit.kv_bytes, colors.link),
            (fit.workspace_bytes + fit.runtime_bytes, colors.muted),
        )
        whole = max(self._gpu, sum(size for size, _ in parts))
        painter.setPen(QColor(colors.strong_border))
        painter.setBrush(QColor(colors.pressed))
        painter.drawRoundedRect(bar.adjusted(0.5, 0.5, -0.5, -0.5), 3, 3)
        painter.setPen(Qt.PenStyle.NoPen)
        if self.layoutDirection() == Qt.LayoutDirection.RightToLeft:
            painter.translate(bar.width(), 0)
            painter.scale(-1, 1)
        x = 0.0
        for size, color in parts:
            width = bar.width() * size / whole
            painter.setBrush(QColor(color))
            painter.drawRect(QRectF(x, 0, width - 1 if width > 3 else width, bar.height()))  # told apart by a gap, too
            x += width
        if whole > self._gpu:  # where the card ends
            end = bar.width() * self._gpu / whole
            painter.setPen(QPen(QColor(colors.text), 2))
            painter.drawLine(QRectF(end, 0, 0, bar.height()).topLeft(), QRectF(end, 0, 0, bar.height()).bottomLeft())
        painter.end()
