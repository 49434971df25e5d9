"""The list of models as Qt's views want it, and how a row is painted: name, facts, section titles."""

from __future__ import annotations

from PySide6.QtCore import (
    QAbstractListModel,
    QCoreApplication,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QRect,
    QSize,
    Qt,
)
from PySide6.QtGui import QColor, QPainter
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from app.library.rows import Row
from app.library.words import found_text, here_text
from app.theme import XS, M, S, Theme

ROW = Qt.ItemDataRole.UserRole
FACTS = Qt.ItemDataRole.UserRole + 1
Index = QModelIndex | QPersistentModelIndex
_NOWHERE = QModelIndex()


class RowsModel(QAbstractListModel):
    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rows: list[Row] = []

    @property
    def rows(self) -> list[Row]:
        return self._rows

    def set_rows(self, rows: list[Row]) -> None:
        """What stays keeps its index where only facts changed; else the list is new."""
        if [row.key for row in rows] == [row.key for row in self._rows]:
            self._rows = rows
            if rows:
                self.dataChanged.emit(self.index(0), self.index(len(rows) - 1))
            return
        self.beginResetModel()
        self._rows = rows
        self.endResetModel()

    def find(self, key: str) -> QModelIndex:
        """Invalid if there is no such row."""
        return next((self.index(i) for i, row in enumerate(self._rows) if row.key == key), QModelIndex())

    def rowCount(self, parent: Index = _NOWHERE) -> int:
        return 0 if parent.isValid() else len(self._rows)

    def flags(self, index: Index) -> Qt.ItemFlag:
        if not index.isValid():
            return Qt.ItemFlag.NoItemFlags
        if self._rows[index.row()].header:
            return Qt.ItemFlag.ItemNeverHasChildren
        return Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemNeverHasChildren

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if not index.isValid() or not 0 <= index.row() < len(self._rows):
            return None
        row = self._rows[index.row()]
        if role == ROW:
            return row
        if role == Qt.ItemDataRole.DisplayRole:
            return _header(row) if row.header else row.name
        if role == Qt.ItemDataRole.ToolTipRole:
            return None if row.header else f"{row.name}\n{_facts(row)}"
        if role == FACTS:
            return _facts(row)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return _header(row) if row.header else f"{row.name}, {_facts(row)}"
        return None


def _header(row: Row) -> str:
    if row.section == "here":
        return QCoreApplication.translate("Library", "On this computer")
    return QCoreApplication.translate("Library", "On Hugging Face")


def _facts(row: Row) -> str:
    if row.installed is not None:
        return here_text(row.installed)
    return found_text(row.found) if row.found is not None else ""


class RowDelegate(QStyledItemDelegate):
    """Two lines; what is too long is cut in the middle, and whole in the tool tip."""

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        height = option.fontMetrics.height()
        if index.data(ROW).header:
            return QSize(120, height + M)
        return QSize(120, 2 * height + M + XS)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        colors = Theme.current().colors
        row: Row = index.data(ROW)
        rect: QRect = option.rect
        metrics = option.fontMetrics
        align = Qt.AlignmentFlag.AlignLeading | Qt.AlignmentFlag.AlignVCenter
        align = QStyle.visualAlignment(option.direction, align)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        inner = rect.adjusted(S, S // 2, -S, -S // 2)
        if row.header:
            painter.setPen(QColor(colors.muted))
            font = option.font
            font.setBold(True)
            painter.setFont(font)
            painter.drawText(inner, align, metrics.elidedText(index.data(), Qt.TextElideMode.ElideRight, inner.width()))
            painter.restore()
            return
        selected = bool(option.state & QStyle.StateFlag.State_Selected)
        hovered = bool(option.state & QStyle.StateFlag.State_MouseOver)
        if selected or hovered:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(colors.pressed if selected else colors.hover))
            painter.drawRoundedRect(rect.adjusted(1, 1, -1, -1), 7, 7)
        if option.state & QStyle.StateFlag.State_HasFocus:
            painter.setPen(QColor(colors.focus))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(rect.adjusted(1, 1, -1, -1), 7, 7)
        name = QRect(inner.left(), inner.top(), inner.width(), metrics.height())
        facts = name.translated(0, metrics.height() + XS)
        painter.setFont(option.font)
        painter.setPen(QColor(colors.text))
        painter.drawText(name, align, metrics.elidedText(row.name, Qt.TextElideMode.ElideMiddle, name.width()))
        problem = row.installed is not None and (bool(row.installed.problem) or not row.installed.complete)
        painter.setPen(QColor(colors.text if selected else colors.warning if problem else colors.muted))
        painter.drawText(facts, align, metrics.elidedText(_facts(row), Qt.TextElideMode.ElideRight, facts.width()))
        painter.restore()
