"""What is always visible below the composer: context used of how much, how far the prompt is read, speed, what came from the
cache."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QWidget

from app.chat.answers import Answer
from app.theme import M, S, Theme


class Bar(QWidget):
    """A thin bar, 0 to 1; in the colour of danger when it is nearly full."""

    def __init__(self) -> None:
        super().__init__()
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
    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.bar = Bar()
        self.context = QLabel()
        self.context.setProperty("kind", "small")
        self.live = QLabel()
        self.live.setProperty("kind", "small")
        self.live.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.live.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        row = QHBoxLayout(self)
        row.setContentsMargins(S, 0, S, 0)
        row.setSpacing(S)
        row.addWidget(self.bar)
        row.addWidget(self.context)
        row.addSpacing(M)
        row.addWidget(self.live, 1)
        self.used, self.total = 0, 0
        self.show_context(0, 0, exact=True)

    def sizeHint(self) -> QSize:
        return QSize(200, max(self.context.sizeHint().height(), 18))

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
