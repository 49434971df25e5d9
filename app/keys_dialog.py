"""Ctrl+/: every action and its keys. They are changed on the settings page."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QGridLayout, QLabel, QVBoxLayout, QWidget

from app.shortcuts import ACTIONS, Actions
from app.theme import XL, L, S


class KeysDialog(QDialog):
    def __init__(self, actions: Actions, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(self.tr("Keyboard shortcuts"))
        grid = QGridLayout()
        grid.setHorizontalSpacing(XL)
        grid.setVerticalSpacing(S)
        rows = [(actions[spec.id].text(), actions[spec.id].shortcut()) for spec in ACTIONS]
        texts = [(text, keys.toString(QKeySequence.SequenceFormat.NativeText)) for text, keys in rows]
        texts += [
            (self.tr("Send the message"), self.tr("Enter")),
            (self.tr("A new line"), self.tr("Shift+Enter")),
            (self.tr("Edit your last message"), self.tr("Up, in an empty field")),
            (self.tr("Delete a chat"), self.tr("Delete")),
        ]
        half = (len(texts) + 1) // 2
        for number, (text, keys) in enumerate(texts):
            row, column = number % half, 2 * (number // half)
            grid.addWidget(QLabel(text), row, column)
            label = QLabel(keys or "–")
            label.setProperty("kind", "muted")
            grid.addWidget(label, row, column + 1)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.close)
        column_ = QVBoxLayout(self)
        column_.setContentsMargins(XL, XL, XL, L)
        column_.setSpacing(XL)
        column_.addLayout(grid)
        column_.addWidget(buttons)
