"""Ctrl+/: every action and its keys. They are changed on the settings page."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QGridLayout, QLabel, QScrollArea, QVBoxLayout, QWidget

from app.shortcuts import ACTIONS, Actions
from app.theme import XL, L, S

KEYS = QKeySequence.StandardKey


class KeysDialog(QDialog):
    def __init__(self, actions: Actions, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(self.tr("Keyboard shortcuts"))
        rows = [(actions[spec.id].text(), actions[spec.id].shortcut()) for spec in ACTIONS]
        texts = [(text, _native(keys)) for text, keys in rows]
        everything, copy = (QKeySequence(each) for each in (KEYS.SelectAll, KEYS.Copy))
        texts += [
            (self.tr("Send the message"), self.tr("Enter")),
            (self.tr("A new line"), self.tr("Shift+Enter")),
            (self.tr("Edit your last message"), self.tr("Up, in an empty field")),
            (self.tr("Delete a chat"), self.tr("Delete")),
            (
                self.tr("Select the whole conversation, from a text in it"),
                _native(everything),
            ),
            (self.tr("Copy what is selected"), _native(copy)),
        ]
        room = parent.screen().availableGeometry().size() * 0.9
        inside = _grid(texts, 2)
        if inside.sizeHint().width() + 3 * XL > room.width():
            inside = _grid(texts, 1)
        area = QScrollArea()
        area.setWidget(inside)
        area.setWidgetResizable(True)
        inside.setAutoFillBackground(False)
        area.viewport().setAutoFillBackground(False)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.close)
        column = QVBoxLayout(self)
        column.setContentsMargins(XL, XL, XL, L)
        column.setSpacing(XL)
        column.addWidget(area)
        column.addWidget(buttons)
        wanted = inside.sizeHint() + QSize(3 * XL, 3 * XL + L + buttons.sizeHint().height())
        self.resize(wanted.boundedTo(room))


def _native(keys: QKeySequence) -> str:
    return keys.toString(QKeySequence.SequenceFormat.NativeText)


def _grid(texts: list[tuple[str, str]], columns: int) -> QWidget:
    """Down the first column, then the next."""
    inside = QWidget()
    grid = QGridLayout(inside)
    grid.setContentsMargins(0, 0, 0, 0)
    grid.setHorizontalSpacing(XL)
    grid.setVerticalSpacing(S)
    each = -(-len(texts) // columns)
    for number, (text, keys) in enumerate(texts):
        row, column = number % each, 2 * (number // each)
        grid.addWidget(QLabel(text), row, column)
        label = QLabel(keys or "–")
        label.setProperty("kind", "muted")
        grid.addWidget(label, row, column + 1)
    return inside
