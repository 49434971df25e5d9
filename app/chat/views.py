"""A run of a message's text. It is as high as its content and never scrolls on its own; the transcript does."""

from __future__ import annotations

import re

from PySide6.QtCore import QEvent, QMimeData, QRectF, QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import (
    QColor,
    QFontMetricsF,
    QPainter,
    QPaintEvent,
    QTextBlockFormat,
    QTextCursor,
    QTextDocument,
    QTextOption,
    QWheelEvent,
)
from PySide6.QtWidgets import (
    QAbstractScrollArea,
    QApplication,
    QFrame,
    QSizePolicy,
    QTextBrowser,
    QWidget,
)

from app.chat.hand import Handed
from app.markdown.parser import parse
from app.markdown.render import QUOTE, Renderer
from app.markdown.safe import plain
from app.markdown.words import words
from app.theme import Theme

# Text with one of these may change what came before it; without, it is appended as it is...
_SIGNIFICANT = frozenset("\n\t*_`[]<|~\\$&!")
# ... to a line with none of these, which is not at its beginning, where still other signs count.
_OPENERS = frozenset("*_`[<$\\~|&")
_BEGINNING = re.compile(r"[\s>#+\-=.)\d:]*[^\s]{0,3}")


def scroll_outside(widget: QWidget, event: QWheelEvent) -> None:
    """Scroll the transcript that a view is in."""
    outer = widget.parentWidget()
    while outer is not None and not isinstance(outer, QAbstractScrollArea):
        outer = outer.parentWidget()
    if outer is None:
        event.ignore()
    else:
        QApplication.sendEvent(outer.verticalScrollBar(), event)


def occurrence(document: QTextDocument, text: str, number: int) -> QTextCursor:
    """The place `number` (from 0) of `text`, whatever its case; the last if there are fewer, no selection if there is none."""
    found = last = document.find(text)
    while number > 0 and not found.isNull():
        last, number = found, number - 1
        found = document.find(text, last)
    return last if found.isNull() else found


class TextView(Handed, QTextBrowser):
    """Markdown, or plain text. Selectable; links only tell who listens."""

    resized = Signal()  # its height may have changed
    link_clicked = Signal(str)

    def __init__(self, parent: QWidget | None = None, ground: str = "") -> None:
        """`ground`: the colour of the theme that it stands on; then what is behind need not be painted with it."""
        super().__init__(parent)
        self.ground = ground
        self.viewport().setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent, bool(ground))
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setOpenLinks(False)
        self.setOpenExternalLinks(False)
        self.setUndoRedoEnabled(False)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        # The width is what was measured for, not the widget's of the moment, which is 100 before it is placed.
        self.setLineWrapMode(QTextBrowser.LineWrapMode.FixedPixelWidth)
        self.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextBrowserInteraction | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self.setTabChangesFocus(True)
        self.viewport().setAutoFillBackground(False)
        for each in (self, self.viewport()):  # when it grows, only what is new is painted
            each.setAttribute(Qt.WidgetAttribute.WA_StaticContents)
        document = self.document()
        document.setDocumentMargin(0)
        document.setUndoRedoEnabled(False)
        option = QTextOption()
        option.setWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        option.setTextDirection(Qt.LayoutDirection.LayoutDirectionAuto)
        document.setDefaultTextOption(option)
        self._markdown = True
        self._renderer = Renderer(document)
        self._source = ""  # from here on a change of style writes it again
        self._tail = 0  # offset in the source of the last top-level block
        self._tail_position = 0  # and in the document
        self._stripped = False
        self._slack = 0  # what the distance of lines leaves below the last one of a plain text
        self._stale = False  # it was written in another style
        self.anchorClicked.connect(self._clicked)

    @property
    def markdown(self) -> str:
        """What it shows, as it was given."""
        return self._source

    def mark(self, text: str, number: int) -> None:
        """Select this occurrence of `text`."""
        found = occurrence(self.document(), text, number)
        if not found.isNull():
            self.setTextCursor(found)

    def unmark(self) -> None:
        self.setTextCursor(QTextCursor(self.document()))

    def forget(self) -> None:
        """Show nothing, as when it was made."""
        self._markdown, self._source, self._slack, self._stripped = True, "", 0, False
        self._tail = self._tail_position = 0
        self._stale = False
        self._renderer.rewind(0)
        self._renderer.quotes = False
        self.setTextCursor(QTextCursor(self.document()))

    def show_plain(self, text: str) -> None:
        """Text as somebody typed it."""
        if text and text == self._source and not self._markdown:
            return
        self._markdown, self._source, self._stale = False, text, False
        spaced = QTextBlockFormat()
        spaced.setLineHeight(125, int(QTextBlockFormat.LineHeightTypes.ProportionalHeight.value))
        self.setPlainText("")
        cursor = QTextCursor(self.document())
        cursor.beginEditBlock()  # one edit is one layout
        cursor.setBlockFormat(spaced)
        cursor.insertText(plain(text))
        cursor.endEditBlock()
        self._slack = int(0.2 * QFontMetricsF(self.font()).lineSpacing())

    def show_markdown(self, source: str) -> None:
        """If `source` begins with what is shown, only its last block is made again."""
        self._markdown = True
        if self._stale:
            self._source, self._stale = "", False
        if source.startswith(self._source) and self._source:
            more = source[len(self._source) :]
            if not more:
                return
            address = "://" in self._source[self._source.rfind(" ") + 1 :] + more  # bare ones become links
            as_it_is = not _SIGNIFICANT.intersection(more) and not address and self._plain_tail()
            self._source = source
            if as_it_is:
                self._append(" " * self._stripped + plain(more))
                self._stripped = False
                return
        else:
            self._source, self._tail, self._tail_position = source, 0, 0
        if not self._tail_position:
            self._renderer.rewind(0)
            self._write_tail()
            return
        edit = QTextCursor(self.document())  # one edit is one layout
        edit.beginEditBlock()
        self._renderer.rewind(self._tail_position)
        self._write_tail()
        edit.endEditBlock()

    def _append(self, text: str) -> None:
        """More of the last paragraph. The document would have all of it painted again, but no line above its last changes."""
        document, viewport = self.document(), self.viewport()
        lines = document.lastBlock().layout()
        top = lines.position().y() + lines.lineAt(lines.lineCount() - 1).y() if lines.lineCount() else 0.0
        layout = document.documentLayout()
        layout.blockSignals(True)
        self._renderer.append(text)
        layout.blockSignals(False)
        viewport.update(0, int(top), viewport.width(), viewport.height())

    def _plain_tail(self) -> bool:
        """Whether the end of the source is in a paragraph with nothing open that more text could close."""
        line = self._source[self._tail :].rpartition("\n")[2]
        begun = _BEGINNING.fullmatch(line) is None
        return begun and not _OPENERS.intersection(line) and not line.endswith("  ")

    def _write_tail(self) -> None:
        """Write the source from `_tail` on; then everything but its last block is settled."""
        tail = self._source[self._tail :]
        tokens = parse(tail)
        starts = [index for index, token in enumerate(tokens) if token.level == 0 and token.nesting >= 0 and token.map]
        if len(starts) > 1:
            last = starts[-1]
            self._renderer.write(tokens[:last])
            token_map = tokens[last].map
            assert token_map is not None
            self._tail += _offset_of_line(tail, token_map[0])
            self._tail_position = self._renderer.position
            self._renderer.settle()
            tokens = tokens[last:]
        self._renderer.write(tokens)
        # The parser takes a space at the end for nothing, outside of code; the next word needs it.
        self._stripped = self._source.endswith(" ") and not self.document().lastBlock().text().endswith(" ")

    def content_height(self, width: int) -> int:
        self.show_style()
        self._wrap_at(width)
        return int(self.document().size().height() + 0.999) - self._slack

    def ideal_width(self, most: int) -> int:
        """The least width at which nothing wraps that does not at `most`."""
        self.show_style()
        self._wrap_at(most)
        return min(most, int(self.document().idealWidth() + 1.999))

    def _wrap_at(self, width: int) -> None:
        if self.lineWrapColumnOrWidth() != width:
            self.setLineWrapColumnOrWidth(width)
        if self.document().textWidth() != width:
            self.document().setTextWidth(width)

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        return self.content_height(width)

    def sizeHint(self) -> QSize:
        return QSize(self.width(), self.content_height(max(1, self.width())))

    minimumSizeHint = sizeHint

    def changeEvent(self, event: QEvent) -> None:
        if event.type() in (QEvent.Type.PaletteChange, QEvent.Type.FontChange):
            self._stale = True  # a theme changes several things, one after another
        super().changeEvent(event)

    @Slot()
    def show_style(self) -> None:
        """What was written in another style is written again. Whoever lays views out asks for their height and so gets it."""
        if not self._stale:
            return
        self._stale = False
        source, self._source = self._source, ""
        if source:
            selected = self.textCursor()
            anchor, position = selected.anchor(), selected.position()
            self.show_markdown(source) if self._markdown else self.show_plain(source)
            if anchor != position:
                selected = self.textCursor()
                selected.setPosition(anchor)
                selected.setPosition(position, QTextCursor.MoveMode.KeepAnchor)
                self.setTextCursor(selected)

    def wheelEvent(self, event: QWheelEvent) -> None:
        scroll_outside(self, event)

    def createMimeDataFromSelection(self) -> QMimeData:
        """What is dragged away: as plain text, as it is copied."""
        made = QMimeData()
        made.setText(words(self.textCursor()))
        return made

    def loadResource(self, kind: int, name: object) -> object:
        return None  # whatever it is, it is not loaded

    def paintEvent(self, event: QPaintEvent) -> None:
        if self._stale:
            QTimer.singleShot(0, self, self.show_style)  # nobody asked for its height
        if self.ground or self._renderer.quotes:
            painter = QPainter(self.viewport())
            if self.ground:
                painter.fillRect(event.rect(), QColor(getattr(Theme.current().colors, self.ground)))
            if self._renderer.quotes:
                self._paint_quotes(painter)
            painter.end()
        super().paintEvent(event)

    def _paint_quotes(self, painter: QPainter) -> None:
        """A bar at the left of quoted blocks."""
        document = self.document()
        block = document.begin()
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(Theme.current().colors.strong_border))
        while block.isValid():
            depth = block.blockFormat().intProperty(QUOTE)
            area: QRectF = document.documentLayout().blockBoundingRect(block) if depth else QRectF()
            for level in range(depth):
                painter.drawRoundedRect(QRectF(14.0 * level, area.top(), 3.0, area.height()), 1.5, 1.5)
            block = block.next()

    @Slot("QUrl")
    def _clicked(self, url: object) -> None:
        self.link_clicked.emit(bytes(url.toEncoded()).decode("ascii", "replace"))  # type: ignore[attr-defined]


def _offset_of_line(text: str, line: int) -> int:
    at = 0
    for _ in range(line):
        at = text.find("\n", at) + 1
    return at
