"""The text with its citations: a browser that can go nowhere but to a passage of the source."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QSize, Qt, QUrl, Signal, Slot
from PySide6.QtGui import QTextDocument
from PySide6.QtWidgets import QFrame, QTextBrowser

from app.documents.marks import linked, mark_of
from app.theme import Theme


class Reader(QTextBrowser):
    """As high as its text. `cited` carries a Mark."""

    cited = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.setOpenLinks(False)
        self.setOpenExternalLinks(False)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextBrowserInteraction)
        self.setAccessibleName(self.tr("Text with citations"))
        self.document().setDocumentMargin(0)
        self.anchorClicked.connect(self._clicked)
        self.document().contentsChanged.connect(self.updateGeometry)
        self._text = ""

    def show_text(self, text: str) -> None:
        """Markdown of the model, with marks. The cursor stays where it is while more comes."""
        if text == self._text:
            return
        self._text = text
        self._set()

    def _set(self) -> None:
        position = self.textCursor().position()
        document = self.document()
        colors = Theme.current().colors
        document.setDefaultStyleSheet(f"a {{ color: {colors.link}; text-decoration: none; }}")
        document.setMarkdown(linked(self._text), QTextDocument.MarkdownFeature.MarkdownDialectCommonMark)
        cursor = self.textCursor()
        cursor.setPosition(min(position, document.characterCount() - 1))
        self.setTextCursor(cursor)

    def loadResource(self, kind: int, name: QUrl | str) -> None:
        """Nothing is loaded, whatever the text says."""

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.PaletteChange and self._text:
            self._set()
        super().changeEvent(event)

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        document = self.document().clone()
        document.setTextWidth(width)
        return int(document.size().height()) + 4

    def sizeHint(self) -> QSize:
        return QSize(400, self.heightForWidth(max(200, self.viewport().width())))

    def minimumSizeHint(self) -> QSize:
        return QSize(120, self.fontMetrics().height() * 2)

    @Slot(QUrl)
    def _clicked(self, url: QUrl) -> None:
        mark = mark_of(url.toString())
        if mark is not None:
            self.cited.emit(mark)
