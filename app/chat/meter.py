"""What is always visible below the composer: context used of how much, how far the prompt is read, speed, what came from the
cache."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QLabel, QSizePolicy, QWidget

from app.chat.answers import Answer
from app.theme import M, S, Theme


class Bar(QWidget):
    """A thin bar, 0 to 1; in the colour of danger when it is nearly full."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.value = 0.0
        self.setFixedHeight(6)
        self.setFixedWidth(88)

    def paintEvent(self, event: QPaintEvent) -> None:
        colors = Theme.current().colors
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(colors.pressed))
        painter.drawRoundedRect(self.rect(), 3, 3)
        if self.value > 0:
            painter.setBrush(QColor(colors.danger if self.value > 0.95 else colors.accent))
            painter.drawRoundedRect(0, 0, max(6, round(self.width() * min(1.0, self.value))), self.height(), 3, 3)
        painter.end()


class Meter(QWidget):
    """Places its labels itself, at fixed sizes: a layout would be done again, up to the window, with every new figure."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.bar = Bar(self)
        self.context = QLabel(self)
        self.context.setProperty("kind", "small")
        self.live = QLabel(self)
        self.live.setProperty("kind", "small")
        self.live.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.used, self.total = 0, 0
        self.show_context(0, 0, exact=True)

    def sizeHint(self) -> QSize:
        self.context.ensurePolished()
        return QSize(200, max(self.context.fontMetrics().height() + 2, 18))

    minimumSizeHint = sizeHint

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._place(self._needed())

    def changeEvent(self, event: QEvent) -> None:
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange) and hasattr(self, "live"):
            self.updateGeometry()
            self._place(self._needed())
        super().changeEvent(event)

    def _needed(self) -> int:
        """Width of the context's label; its own hint is its size, once that is fixed."""
        self.context.ensurePolished()
        return self.context.fontMetrics().horizontalAdvance(self.context.text()) + 2

    def _place(self, context: int) -> None:
        """The bar, the label of the context, so wide, and what is under way at the right."""
        height, left = self.height(), S + self.bar.width() + S
        self.bar.move(S, (height - self.bar.height()) // 2)
        self.context.setFixedSize(context, height)
        self.context.move(left, 0)
        left += context + M
        self.live.setFixedSize(max(0, self.width() - left - S), height)
        self.live.move(left, 0)

    def show_context(self, used: int, total: int, exact: bool) -> None:
        """`total` 0: not known yet. Not exact: by the number of characters."""
        self.used, self.total = used, total
        self.bar.value = used / total if total else 0.0
        about = "" if exact else "~"
        if total:
            text = self.tr("%1 of %2 tokens").replace("%1", f"{about}{used:,}").replace("%2", f"{total:,}")
        else:
            text = self.tr("%1 tokens").replace("%1", f"{about}{used:,}")
        self.context.setText(text)
        needed = self._needed()
        if not 0 <= self.context.width() - needed < 3 * S:
            self._place(needed)
        words = self.tr("Context used: %1").replace("%1", text)
        self.context.setAccessibleName(words)
        self.context.setToolTip(words)
        self.bar.update()

    def show_answer(self, answer: Answer | None) -> None:
        """How the answer under way is doing; None: nothing is."""
        if answer is None:
            self.live.setText("")
            return
        parts = []
        prefill = answer.inbox.prefill
        if prefill is not None:
            computed, total, cached = prefill
            if not answer.inbox.events and total:
                parts.append(self.tr("reading %1 %").replace("%1", str(round(100 * computed / total))))
            if cached:
                text = self.tr("%1 of %2 tokens from cache")
                parts.append(text.replace("%1", f"{cached:,}").replace("%2", f"{total:,}"))
        if answer.speed:
            parts.append(self.tr("%1 tokens/s").replace("%1", f"{answer.speed:.1f}"))
        self.live.setText(" · ".join(parts))
