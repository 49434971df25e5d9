"""Paints one row of the list of chats."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QObject, QPersistentModelIndex, QRect, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from app.chat.list_model import ListRow, Role
from app.icons import icon, scaled
from app.theme import S, Theme

Index = QModelIndex | QPersistentModelIndex
ICON = 16


class ChatListDelegate(QStyledItemDelegate):
    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._heights = 0, 0, 0  # font size of the theme, height of a line and of a small one

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        row: ListRow = index.data(Role.ROW)
        theme = Theme.current()
        if theme.font_size != self._heights[0]:
            line, small = QFontMetrics(theme.font()).height(), QFontMetrics(theme.font("small")).height()
            self._heights = theme.font_size, line, small
        _, line, small = self._heights
        if row.kind == "heading":
            return QSize(100, small + 18)
        if row.kind == "hit" and row.snippet:
            return QSize(100, line + small + 18)
        return QSize(100, line + 16)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        row: ListRow = index.data(Role.ROW)
        theme = Theme.current()
        colors = theme.colors
        state, area = option.state, option.rect
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if row.kind == "heading":
            painter.setFont(theme.font("small"))
            painter.setPen(QColor(colors.muted))
            bottom = area.adjusted(S, 0, -S, -4)
            painter.drawText(bottom, Qt.AlignmentFlag.AlignBottom | Qt.AlignmentFlag.AlignLeft, row.title)
            painter.restore()
            return
        selected = bool(state & QStyle.StateFlag.State_Selected)
        hovered = bool(state & QStyle.StateFlag.State_MouseOver)
        focused = bool(state & QStyle.StateFlag.State_HasFocus)
        box = area.adjusted(0, 1, 0, -1)
        if selected or hovered:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(colors.pressed if selected else colors.hover))
            painter.drawRoundedRect(box, 7, 7)
        if focused:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QColor(colors.focus))
            painter.drawRoundedRect(box.adjusted(1, 1, -1, -1), 7, 7)
        inner = area.adjusted(S + 14 * row.depth, 0, -S, 0)
        side = scaled(ICON)
        if row.kind == "folder":
            for name in ("down" if row.open else "right", "folder"):
                square = QRect(inner.left(), inner.center().y() - side // 2, side, side)
                icon(name, colors.muted, side).paint(painter, square)
                inner.setLeft(inner.left() + side + 4)
        if row.running:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(colors.accent))
            painter.drawEllipse(inner.right() - 7, area.center().y() - 3, 7, 7)
            inner.setRight(inner.right() - 14)
        elif row.pinned:
            square = QRect(inner.right() - side + 1, area.center().y() - side // 2, side, side)
            icon("pin", colors.muted, side).paint(painter, square)
            inner.setRight(inner.right() - side - 4)
        self._text(painter, inner, row, theme)
        painter.restore()

    def _text(self, painter: QPainter, inner: QRect, row: ListRow, theme: Theme) -> None:
        font = theme.font()
        painter.setFont(font)
        painter.setPen(QColor(theme.colors.text))
        metrics = QFontMetrics(font)
        title = metrics.elidedText(row.title, Qt.TextElideMode.ElideRight, inner.width())
        left = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignAbsolute
        if not row.snippet:
            painter.drawText(inner, left | Qt.AlignmentFlag.AlignVCenter, title)
            return
        top = inner.adjusted(0, 8, 0, 0)
        painter.drawText(top, left | Qt.AlignmentFlag.AlignTop, title)
        small = theme.font("small")
        line = QRect(inner.left(), top.top() + metrics.height() + 1, inner.width(), QFontMetrics(small).height())
        self._snippet(painter, line, row, small, theme)

    def _snippet(self, painter: QPainter, line: QRect, row: ListRow, font: QFont, theme: Theme) -> None:
        """The found words in the accent colour, beginning not far before them."""
        start, length = row.mark
        begin = max(0, start - 18)
        text = ("…" if begin else "") + row.snippet[begin:]
        start += (1 if begin else 0) - begin
        parts = [(text[:start], False), (text[start : start + length], True), (text[start + length :], False)]
        x = line.left()
        for piece, marked in parts:
            used = QFont(font)
            used.setBold(marked)
            metrics = QFontMetrics(used)
            rest = line.right() - x
            if not piece or rest <= 8:
                continue
            piece = metrics.elidedText(piece, Qt.TextElideMode.ElideRight, rest)
            painter.setFont(used)
            painter.setPen(QColor(theme.colors.accent if marked else theme.colors.muted))
            painter.drawText(QRect(x, line.top(), rest, line.height()), Qt.AlignmentFlag.AlignVCenter, piece)
            x += metrics.horizontalAdvance(piece)
