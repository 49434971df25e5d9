"""A look at an attached file: its text as the model was given it, and nothing else. The file itself is not touched."""

from __future__ import annotations

import re
from collections.abc import Iterator

from PySide6.QtCore import Qt, QTimer, Slot
from PySide6.QtGui import QGuiApplication, QTextCursor
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QLabel,
    QPlainTextEdit,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from app import formats
from app.markdown.safe import plain, visible
from app.parts import ElidedLabel, beside, button, label
from app.store.records import Attachment
from app.theme import XL, L, M

PIECE = 12_000  # characters that are shown at once, so that turns are short
LONG = 2_000  # of a line; a longer one goes on in the next
LINE = 30  # characters that an empty line takes as long as
SIZE = (760, 620)
MARK = re.compile(r"\[(page|slide|chapter|part) (\d{1,9})\]")  # which the service puts above each page


class FileView(QDialog):
    def __init__(self, file: Attachment, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(self.tr("Attached file"))
        self._file = file
        self._blocks: list[int] = []  # where the pages begin, of those that are there
        name = ElidedLabel(plain(file.name))
        name.setTextFormat(Qt.TextFormat.PlainText)
        name.setProperty("kind", "heading")
        name.setToolTip(name.text())
        _narrow(name)
        about = self.tr("%1 characters, as the model is given them")
        self.about = label(about.replace("%1", formats.number(len(file.text))), "muted")
        self.path = label(self.tr("It was read from %1").replace("%1", plain(file.path)), "muted")
        self.path.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self.path.setVisible(bool(file.path))
        _narrow(self.path)
        self.pages = QComboBox()
        self.pages.setAccessibleName(self.tr("Go to a page"))
        self.pages.setToolTip(self.tr("Go to a page"))
        self.pages.hide()
        self.pages.activated.connect(self._go)
        self.text = QPlainTextEdit()
        self.text.setProperty("kind", "field")
        self.text.setReadOnly(True)
        self.text.setUndoRedoEnabled(False)
        self.text.setTabChangesFocus(True)
        self.text.setAccessibleName(self.tr("Text of %1").replace("%1", plain(file.name)))
        self.text.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.close)
        copy = button(self.tr("Copy the text"))
        copy.setAutoDefault(False)
        copy.clicked.connect(self._copy)
        buttons.addButton(copy, QDialogButtonBox.ButtonRole.ActionRole)
        column = QVBoxLayout(self)
        column.setContentsMargins(XL, L, XL, L)
        column.setSpacing(M)
        column.addWidget(name)
        column.addWidget(self.path)
        column.addLayout(beside(self.about, self.pages))
        column.addWidget(self.text, 1)
        column.addWidget(buttons)
        room = self.screen().availableGeometry().size() * 0.9
        self.resize(min(SIZE[0], room.width()), min(SIZE[1], room.height()))
        self.text.setFocus()
        self._pieces = _pieces(file.text)
        self._filling = QTimer(self)
        self._filling.setInterval(0)
        self._filling.timeout.connect(self._fill)
        self._filling.start()

    @property
    def filled(self) -> bool:
        return not self._filling.isActive()

    def _page(self, kind: str, number: int) -> str:
        words = {
            "page": self.tr("Page %1"),
            "slide": self.tr("Slide %1"),
            "chapter": self.tr("Chapter %1"),
            "part": self.tr("Part %1"),
        }
        return words[kind].replace("%1", formats.number(number))

    @Slot()
    def _fill(self) -> None:
        """The next piece of the text."""
        lines = next(self._pieces, None)
        if lines is None:
            self._filling.stop()
            return
        document = self.text.document()
        first = 0 if document.isEmpty() else document.blockCount()
        cursor = QTextCursor(document)
        cursor.movePosition(QTextCursor.MoveOperation.End)
        cursor.insertText("\n" * bool(first) + "\n".join(lines))
        for at, line in enumerate(lines):
            mark = MARK.fullmatch(line)
            if mark is not None:
                self._blocks.append(first + at)
                self.pages.addItem(self._page(mark[1], int(mark[2])))
        self.pages.setVisible(len(self._blocks) > 1)

    @Slot(int)
    def _go(self, page: int) -> None:
        """The page's first line is the uppermost."""
        cursor = QTextCursor(self.text.document().findBlockByNumber(self._blocks[page]))
        self.text.setTextCursor(cursor)
        bar = self.text.verticalScrollBar()
        bar.setValue(bar.value() + round(self.text.cursorRect(cursor).top() / self.text.fontMetrics().lineSpacing()))

    @Slot()
    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(plain(self._file.text))


def _narrow(text: QLabel) -> None:
    """A long name does not make the window wide."""
    policy = text.sizePolicy()
    policy.setHorizontalPolicy(QSizePolicy.Policy.Ignored)
    text.setSizePolicy(policy)


def _pieces(text: str) -> Iterator[list[str]]:
    """Its lines, some at a time; characters that nobody sees are written out, as the model sees them."""
    lines: list[str] = []
    size = at = 0
    while at <= len(text):
        end = text.find("\n", at)
        end = len(text) if end < 0 else end
        line = text[at:end].removesuffix("\r")
        for start in range(0, max(1, len(line)), LONG):
            lines.append(visible(line[start : start + LONG]).replace("\r", " "))
            size += LINE + min(len(line), LONG)
            if size >= PIECE:
                yield lines
                lines, size = [], 0
        at = end + 1
    if lines:
        yield lines
