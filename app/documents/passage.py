"""The source passage that a citation leads to: what stands there, word for word, and the document itself."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QUrl, Signal, Slot
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QVBoxLayout

from app.documents.marks import Mark, passages
from app.documents.words import place_text
from app.documents.works import Work
from app.icons import icon_button
from app.parts import Card, beside, button, label, line
from app.theme import S


class PassageCard(Card):
    failed = Signal(str)
    closed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName(self.tr("Source passage"))
        self.title = label("", "heading")
        self.close_button = icon_button("close", self.tr("Close the source passage"))
        self.close_button.clicked.connect(self._close)
        self.column.addLayout(beside(self.title, self.close_button))
        self.quotes = QVBoxLayout()
        self.quotes.setSpacing(S)
        self.column.addLayout(self.quotes)
        self.open = button(self.tr("Open the document"))
        self.open.clicked.connect(self._open)
        self.row(self.open)
        self._path = ""
        self.hide()

    def show_passage(self, work: Work, mark: Mark) -> None:
        self.title.setText(place_text(work, mark))
        while (item := self.quotes.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        found = passages(work.citations, mark)
        for number, citation in enumerate(found):
            if number:
                self.quotes.addWidget(line())
            quote = label(f"“{' '.join(citation.quote.split())}”")
            quote.setTextInteractionFlags(
                quote.textInteractionFlags() | quote.textInteractionFlags().TextSelectableByMouse
            )
            self.quotes.addWidget(quote)
        if not found:
            self.quotes.addWidget(label(self.tr("The passages come with the finished text."), "muted"))
        documents = work.documents
        self._path = documents[mark.document].path if mark.document < len(documents) else ""
        self.open.setVisible(bool(self._path))
        self.show()
        self.close_button.setFocus()

    @Slot()
    def _open(self) -> None:
        """With the system's own program for such files; only a file that was read for this job."""
        if not Path(self._path).is_file() or not QDesktopServices.openUrl(QUrl.fromLocalFile(self._path)):
            self.failed.emit(self.tr("{file} cannot be opened; was it moved?").format(file=self._path))

    @Slot()
    def _close(self) -> None:
        self.hide()
        self.closed.emit()
