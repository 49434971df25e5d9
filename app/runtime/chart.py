"""Painted figures: tokens/s over time, and what KV pages are used for."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from app import formats
from app.runtime.figures import History, Pages, axis_top, stack
from app.theme import XS, S, Theme

GRID = 4  # horizontal lines, the axis included


class RateChart(QWidget):
    """Tokens/s of answers (filled) and of prompts (a line), newest at the right in every language: time runs like the
    plot of a physicist, not like text."""

    def __init__(self, history: History) -> None:
        super().__init__()
        self._history = history
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.setAccessibleName(self.tr("Tokens per second over the last two minutes"))
        self.refresh()

    def refresh(self) -> None:
        """The history has grown."""
        now = self._history.now
        self.setAccessibleDescription(
            self.tr("Answers {output}, prompts {prompt}, peak {peak}").format(
                output=formats.rate(now.output), prompt=formats.rate(now.prompt), peak=formats.rate(self._history.peak)
            )
        )
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(480, self.fontMetrics().height() * 11)

    def minimumSizeHint(self) -> QSize:
        return QSize(160, self.fontMetrics().height() * 8)

    def changeEvent(self, event: QEvent) -> None:
        if event.type() in (QEvent.Type.PaletteChange, QEvent.Type.FontChange):
            self.updateGeometry()
            self.update()
        super().changeEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        colors = Theme.current().colors
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        metrics = self.fontMetrics()
        top = axis_top(self._history.peak)
        labels = [formats.number(top * index / GRID, 0 if top >= 4 * GRID else 1) for index in range(GRID + 1)]
        left = max(metrics.horizontalAdvance(text) for text in labels) + S
        plot = QRectF(self.rect()).adjusted(left, metrics.height() / 2, -XS, -metrics.height() - XS)

        painter.setFont(self.font())
        for index, text in enumerate(labels):
            y = plot.bottom() - plot.height() * index / GRID
            painter.setPen(QPen(QColor(colors.border), 1))
            painter.drawLine(QPointF(plot.left(), y), QPointF(plot.right(), y))
            painter.setPen(QColor(colors.muted))
            box = QRectF(0, y - metrics.height() / 2, left - S, metrics.height())
            painter.drawText(box, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, text)
        below = QRectF(plot.left(), plot.bottom() + XS, plot.width(), metrics.height())
        painter.drawText(
            below, Qt.AlignmentFlag.AlignLeft, self.tr("{time} ago").format(time=formats.duration(self._history.window))
        )
        painter.drawText(below, Qt.AlignmentFlag.AlignRight, self.tr("now"))

        painter.setClipRect(plot.adjusted(-1, -2, 1, 1))
        output = self._points(plot, top, prompt=False)
        if output.size() > 1:
            area = QPolygonF(output)
            area.append(QPointF(output.last().x(), plot.bottom()))
            area.append(QPointF(output.first().x(), plot.bottom()))
            fill = QColor(colors.accent)
            fill.setAlpha(48)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(fill)
            painter.drawPolygon(area)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(QColor(colors.link), 1.5, Qt.PenStyle.DashLine))
        painter.drawPolyline(self._points(plot, top, prompt=True))
        painter.setPen(QPen(QColor(colors.accent), 2))
        painter.drawPolyline(output)
        painter.end()

    def _points(self, plot: QRectF, top: float, *, prompt: bool) -> QPolygonF:
        end = self._history.now.at
        polygon = QPolygonF()
        for sample in self._history.samples:
            value = sample.prompt if prompt else sample.output
            x = plot.right() - plot.width() * (end - sample.at) / self._history.window
            polygon.append(QPointF(x, plot.bottom() - plot.height() * min(1.0, value / top)))
        return polygon


class PagesBar(QWidget):
    """Used, cached and free pages as one bar."""

    def __init__(self) -> None:
        super().__init__()
        self._pages = Pages(0, 0, 0)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(self.tr("KV pages"))

    @property
    def pages(self) -> Pages:
        return self._pages

    def show_pages(self, pages: Pages) -> None:
        self._pages = pages
        self.setAccessibleDescription(
            self.tr("{used} used, {cached} cached, {free} free").format(
                used=formats.number(pages.used), cached=formats.number(pages.cached), free=formats.number(pages.free)
            )
        )
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(240, max(12, self.fontMetrics().height() * 3 // 4))

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.PaletteChange:
            self.update()
        super().changeEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        colors = Theme.current().colors
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        bar = QRectF(self.rect())
        painter.setPen(QColor(colors.strong_border))
        painter.setBrush(QColor(colors.pressed))
        painter.drawRoundedRect(bar.adjusted(0.5, 0.5, -0.5, -0.5), 4, 4)
        painter.setPen(Qt.PenStyle.NoPen)
        x = 0.0
        widths = stack([self._pages.used, self._pages.cached, self._pages.free], self.width())
        for width, color in zip(widths[:2], (colors.accent, colors.link), strict=True):
            if width:
                place = QRectF(x, 0, width - 1 if width > 3 else width, bar.height())  # told apart by a gap, too
                if self.layoutDirection() == Qt.LayoutDirection.RightToLeft:
                    place.moveRight(bar.right() - x)
                painter.setBrush(QColor(color))
                painter.drawRoundedRect(place, 4, 4)
            x += width
        painter.end()
