"""A list's rows of two lines: a name and facts, section titles between. For models that answer these roles:

DisplayRole the name, FACTS the second line, HEADER whether it is a section's title, PROBLEM whether the facts want attention
"""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QSize, Qt
from PySide6.QtGui import QColor, QPainter
from PySide6.QtWidgets import QAbstractItemView, QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem

from app.theme import XS, M, S, Theme

ROW = Qt.ItemDataRole.UserRole  # the plain object
FACTS = Qt.ItemDataRole.UserRole + 1
HEADER = Qt.ItemDataRole.UserRole + 2
PROBLEM = Qt.ItemDataRole.UserRole + 3
Index = QModelIndex | QPersistentModelIndex


class TwoLineDelegate(QStyledItemDelegate):
    """What is too long is cut in the middle, and whole in the tool tip."""

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        height = option.fontMetrics.height()
        return QSize(120, height + M if index.data(HEADER) else 2 * height + M + XS)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        colors = Theme.current().colors
        rect: QRect = option.rect
        metrics = option.fontMetrics
        align = QStyle.visualAlignment(option.direction, Qt.AlignmentFlag.AlignLeading | Qt.AlignmentFlag.AlignVCenter)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        inner = rect.adjusted(S, S // 2, -S, -S // 2)
        if index.data(HEADER):
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
        if selected:  # the shade alone is too faint for some eyes
            mark = QRect(rect.left() + 1, rect.top() + S, 3, rect.height() - 2 * S)
            painter.setBrush(QColor(colors.accent))
            painter.drawRoundedRect(QStyle.visualRect(option.direction, rect, mark), 1.5, 1.5)
        if option.state & QStyle.StateFlag.State_HasFocus:
            painter.setPen(QColor(colors.focus))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(rect.adjusted(1, 1, -1, -1), 7, 7)
        name = QRect(inner.left(), inner.top(), inner.width(), metrics.height())
        facts = name.translated(0, metrics.height() + XS)
        painter.setFont(option.font)
        painter.setPen(QColor(colors.text))
        painter.drawText(name, align, metrics.elidedText(index.data(), Qt.TextElideMode.ElideMiddle, name.width()))
        painter.setPen(
            QColor(
                colors.warning
                if index.data(PROBLEM) and not selected
                else colors.text
                if index.data(PROBLEM)
                else colors.muted
            )
        )
        painter.drawText(
            facts, align, metrics.elidedText(index.data(FACTS), Qt.TextElideMode.ElideRight, facts.width())
        )
        painter.restore()


def two_line_list(name: str) -> QListView:
    """A view for such a model; `name` for screen readers."""
    view = QListView()
    view.setItemDelegate(TwoLineDelegate(view))
    view.setMouseTracking(True)
    view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    view.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
    view.setResizeMode(QListView.ResizeMode.Adjust)
    view.setAccessibleName(name)
    return view
