"""A row that breaks into several where it is too long, so that nothing is cut off at 200 % or in a longer language."""

from __future__ import annotations

from PySide6.QtCore import QPoint, QRect, QSize, Qt
from PySide6.QtWidgets import QApplication, QLayout, QLayoutItem, QWidget

from app.theme import S


class FlowLayout(QLayout):
    """From the side where reading begins; heights of one line are centred."""

    def __init__(self, parent: QWidget | None = None, spacing: int = S) -> None:
        super().__init__(parent)
        self._items: list[QLayoutItem] = []
        self._sizes: list[tuple[QLayoutItem, QSize, int]] = []  # of those shown: the hint, the least width
        self._heights: dict[int, int] = {}  # by width; layouts around this one ask for the same again and again
        self.setContentsMargins(0, 0, 0, 0)
        self.setSpacing(spacing)

    def addItem(self, item: QLayoutItem) -> None:
        self._items.append(item)
        self.invalidate()

    def count(self) -> int:
        return len(self._items)

    def itemAt(self, index: int) -> QLayoutItem | None:
        return self._items[index] if 0 <= index < len(self._items) else None

    def takeAt(self, index: int) -> QLayoutItem | None:
        if not 0 <= index < len(self._items):
            return None
        item = self._items.pop(index)
        self.invalidate()
        return item

    def invalidate(self) -> None:
        """What was worked out of the sizes of the items holds no longer."""
        self._sizes.clear()
        self._heights.clear()
        super().invalidate()

    def expandingDirections(self) -> Qt.Orientation:
        return Qt.Orientation(0)

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        if width not in self._heights:
            self._heights[width] = self._arrange(QRect(0, 0, width, 0), move=False)
        return self._heights[width]

    def setGeometry(self, rect: QRect) -> None:
        super().setGeometry(rect)
        self._arrange(rect, move=True)

    def sizeHint(self) -> QSize:
        """All in one line."""
        hints = [item.sizeHint() for item in self._items if not item.isEmpty()]
        width = sum(hint.width() for hint in hints) + self.spacing() * max(0, len(hints) - 1)
        return QSize(width, max((hint.height() for hint in hints), default=0))

    def minimumSize(self) -> QSize:
        """One below the other."""
        sizes = [item.minimumSize() for item in self._items if not item.isEmpty()]
        return QSize(
            max((size.width() for size in sizes), default=0), max((size.height() for size in sizes), default=0)
        )

    def _shown(self) -> list[tuple[QLayoutItem, QSize, int]]:
        if not self._sizes:
            self._sizes = [
                (item, item.sizeHint(), item.minimumSize().width()) for item in self._items if not item.isEmpty()
            ]
        return self._sizes

    def _arrange(self, rect: QRect, move: bool) -> int:
        """Returns the height used."""
        lines: list[list[tuple[QLayoutItem, QSize]]] = [[]]
        x = 0
        for item, size, least in self._shown():
            hint = size.boundedTo(QSize(max(rect.width(), least), 1 << 20))
            if lines[-1] and x + hint.width() > rect.width():
                lines.append([])
                x = 0
            lines[-1].append((item, hint))
            x += hint.width() + self.spacing()
        y = rect.y()
        widget = self.parentWidget()
        direction = widget.layoutDirection() if widget is not None else QApplication.layoutDirection()
        for line in lines:
            height = max((hint.height() for _, hint in line), default=0)
            x = rect.x()
            for item, hint in line:
                if move:
                    place = QRect(QPoint(x, y + (height - hint.height()) // 2), hint)
                    if direction == Qt.LayoutDirection.RightToLeft:
                        place.moveLeft(rect.left() + rect.right() - place.right())
                    item.setGeometry(place)
                x += hint.width() + self.spacing()
            y += height + self.spacing()
        return max(0, y - self.spacing() - rect.y()) if lines[-1] else 0
