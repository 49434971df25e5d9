"""A branch of a chat as PDF, through Qt's printer: A4, as the window shows it in light colours.

Qt lays out and paints text with Python's lock held, on whatever thread: a long chat, let alone a line of 5 MB, would stop the
window. So it is printed on the window's own thread, in the small pieces that the window shows it in, one after the other.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from math import ceil
from pathlib import Path

from PySide6.QtCore import QMarginsF, QRectF, QSizeF, Qt
from PySide6.QtGui import (
    QAbstractTextDocumentLayout,
    QBrush,
    QColor,
    QFont,
    QPageLayout,
    QPageSize,
    QPainter,
    QPalette,
    QTextBlock,
    QTextBlockFormat,
    QTextCharFormat,
    QTextCursor,
    QTextDocument,
    QTextFrame,
    QTextFrameFormat,
    QTextOption,
)
from PySide6.QtPrintSupport import QPrinter

from app.chat.export_words import Words
from app.markdown.parser import parse
from app.markdown.render import Paper, Renderer
from app.markdown.safe import plain, visible
from app.markdown.segments import segments
from app.store.records import ChatSettings, Message

FOOT = 28  # pixels at the bottom of a page, for its number
PIECE = 2_000  # characters of code or of the user's words that are printed at once
LINES = 40
_COLORS = Paper.colors
_FIXED = int(QTextBlockFormat.LineHeightTypes.FixedHeight.value)
_PROPORTIONAL = int(QTextBlockFormat.LineHeightTypes.ProportionalHeight.value)


def printed(
    title: str, path: Sequence[Message], settings: ChatSettings, words: Words, target: Path
) -> Generator[None, None, None]:
    """Prints a piece with each step. Raises OSError if nothing can be written. Closed before its end, it leaves a file that is
    not whole."""
    paper = Paper()
    sheet = _Sheet(title, target)
    try:
        sheet.put(_line(sheet.document(), plain(title), paper.font("title"), _COLORS.text, 0, 10))
        for at, text in enumerate(_cut(plain(settings.system_prompt))):
            sheet.put(_line(sheet.document(), text, paper.font(), _COLORS.muted, 0, 2 if at else 6))
            yield
        small = paper.font("small")
        strong = QFont(small)
        strong.setWeight(QFont.Weight.DemiBold)
        for message in path:
            sheet.keep(60)
            sheet.put(_line(sheet.document(), plain(words.who(message)), strong, _COLORS.muted, 16, 4))
            for file in message.attachments:
                sheet.put(_line(sheet.document(), f"{words.file}: {plain(file.name)}", small, _COLORS.muted, 0, 4))
            yield
            if message.role == "user":
                yield from sheet.put_framed(plain(message.content), paper.font(), _COLORS.raised)
                continue
            for segment in segments(message.content):
                if segment.kind == "code":
                    yield from sheet.put_framed(
                        visible(segment.source.rstrip("\n")), paper.font("mono"), _COLORS.code, segment.part > 0
                    )
                    continue
                document = sheet.document()
                renderer = Renderer(document, paper)
                renderer.follow()
                renderer.write(parse(segment.source))
                sheet.put(document)
                yield
    finally:
        sheet.end()
    if not target.exists():
        raise OSError(5, "the printer wrote nothing")


class _Sheet:
    """The page that is being filled, from `y` on."""

    def __init__(self, title: str, target: Path) -> None:
        printer = QPrinter(QPrinter.PrinterMode.ScreenResolution)
        printer.setOutputFormat(QPrinter.OutputFormat.PdfFormat)
        printer.setOutputFileName(str(target))
        printer.setDocName(plain(title))
        printer.setCreator("Deskside")
        printer.setPageLayout(
            QPageLayout(
                QPageSize(QPageSize.PageSizeId.A4),
                QPageLayout.Orientation.Portrait,
                QMarginsF(18, 18, 18, 14),
                QPageLayout.Unit.Millimeter,
            )
        )
        page = printer.pageRect(QPrinter.Unit.DevicePixel)
        self._size = QSizeF(page.width(), page.height() - FOOT)
        self._printer, self._painter = printer, QPainter()
        self._y, self._number = 0.0, 1
        if not self._painter.begin(printer):
            raise OSError(5, "the printer wrote nothing")
        self._write_number()

    def keep(self, height: float) -> None:
        """So much has to be left on the page."""
        if self._y + height > self._size.height():
            self._new_page()

    def document(self) -> QTextDocument:
        """An empty one, but for a block as high as what is on the page."""
        document = _Inert()
        document.setUndoRedoEnabled(False)
        document.setDocumentMargin(0)
        document.setDefaultFont(Paper().font())
        option = QTextOption()
        option.setWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        option.setTextDirection(Qt.LayoutDirection.LayoutDirectionAuto)
        document.setDefaultTextOption(option)
        spacer = QTextBlockFormat()
        spacer.setLineHeight(max(0.1, self._y), _FIXED)
        cursor = QTextCursor(document)
        cursor.setBlockFormat(spacer)
        cursor.insertText("\u200b")  # an empty block before a table has no height
        return document

    def put(self, document: QTextDocument, frame: QTextFrame | None = None) -> None:
        """The document where the page is filled to, and on as many more as it takes. `frame`: what it consists of."""
        height = self._size.height()
        layout = document.documentLayout()
        layout.setPaintDevice(self._printer)
        document.setPageSize(self._size)
        _split_at_edges(document, height)
        if frame is not None:
            bottom = layout.frameBoundingRect(frame).bottom()
        else:
            last = document.lastBlock()
            bottom = layout.blockBoundingRect(last).bottom() + last.blockFormat().bottomMargin()
        for number in range(max(1, ceil((bottom - 0.5) / height))):
            if number:
                self._new_page()
            self._paint(document, number, self._y)
            self._y = min(height, bottom - number * height)

    def put_framed(self, text: str, font: QFont, ground: str, goes_on: bool = False) -> Iterator[None]:
        """Text on a ground of its own; long lines go on in the next one. `goes_on`: with what was put last."""
        parts = list(_cut(text))
        for at, part in enumerate(parts):
            first, last = at == 0 and not goes_on, at == len(parts) - 1
            self.put(*_framed(self.document(), part, font, ground, first, last))
            yield

    def end(self) -> None:
        if self._painter.isActive():
            self._painter.end()

    def _new_page(self) -> None:
        self._printer.newPage()
        self._y = 0.0
        self._number += 1
        self._write_number()

    def _write_number(self) -> None:
        self._painter.setFont(Paper().font("small"))
        self._painter.setPen(QColor(_COLORS.muted))
        foot = QRectF(0, self._size.height(), self._size.width(), FOOT)
        flags = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignBottom
        self._painter.drawText(foot, flags, str(self._number))

    def _paint(self, document: QTextDocument, number: int, top: float) -> None:
        """A page of the document; above `top` there is something already."""
        painter, offset = self._painter, number * self._size.height()
        painter.save()
        painter.translate(0, -offset)
        context = QAbstractTextDocumentLayout.PaintContext()
        # A pixel less: what touches the edge of a page would be on the next one, too, for who copies the text.
        context.clip = QRectF(0, offset + top + 1, self._size.width(), max(1.0, self._size.height() - top - 2))
        context.palette.setColor(QPalette.ColorRole.Text, QColor(_COLORS.text))
        painter.setClipRect(context.clip)
        document.documentLayout().draw(painter, context)
        painter.restore()


def _split_at_edges(document: QTextDocument, height: float) -> None:
    """Makes two paragraphs of one that goes on on another page, which looks the same. WORKAROUND: QTextLayout.draw (Qt 6.11) also
    draws the line before the first one that is inside of the clip: not to be seen, but twice there for who copies the text."""
    layout, block = document.documentLayout(), document.begin()
    while block.isValid():
        lines = block.layout()
        top = layout.blockBoundingRect(block).top() - lines.boundingRect().top()
        pages = [int((top + lines.lineAt(at).y() + 1) // height) for at in range(lines.lineCount())]
        first = next((at for at in range(1, len(pages)) if pages[at] != pages[at - 1]), None)
        if first is not None:
            _split(block, block.position() + lines.lineAt(first).textStart())
        block = block.next()


def _split(block: QTextBlock, position: int) -> None:
    cursor = QTextCursor(block)
    cursor.setPosition(position)
    below = block.blockFormat()
    below.setTopMargin(0)
    below.setTextIndent(0)
    cursor.insertBlock(below)
    made, of = cursor.block(), cursor.currentList()
    if of is not None:
        of.remove(made)  # it is no item of its own; the indent stays
    cursor.setPosition(block.position())
    above = block.blockFormat()
    above.setBottomMargin(0)
    cursor.setBlockFormat(above)


def _cut(text: str) -> Iterator[str]:
    """Pieces of some lines; what would be one line for pages is cut inside."""
    lines: list[str] = []
    size = 0
    for line in text.split("\n"):
        for at in range(0, max(1, len(line)), PIECE):
            part = line[at : at + PIECE]
            if lines and (len(lines) >= LINES or size + len(part) > PIECE):
                yield "\n".join(lines)
                lines, size = [], 0
            lines.append(part)
            size += len(part)
    if lines and (size or text):
        yield "\n".join(lines)


def _framed(
    document: QTextDocument, text: str, font: QFont, ground: str, first: bool, last: bool
) -> tuple[QTextDocument, QTextFrame]:
    form = QTextFrameFormat()
    form.setBackground(QBrush(QColor(ground)))
    form.setTopMargin(4 if first else 0)
    form.setBottomMargin(8 if last else 0)
    cursor = QTextCursor(document)
    cursor.movePosition(QTextCursor.MoveOperation.End)
    frame = cursor.insertFrame(form)
    edge = QTextBlockFormat()
    edge.setLineHeight(7, _FIXED)
    block = QTextBlockFormat()
    block.setLineHeight(125, _PROPORTIONAL)
    block.setLeftMargin(8)
    block.setRightMargin(8)
    char = QTextCharFormat()
    char.setFont(font)
    char.setForeground(QColor(_COLORS.text))
    if first:
        cursor.setBlockFormat(edge)
        cursor.insertBlock(block, char)
    else:
        cursor.setBlockFormat(block)
    cursor.insertText(text, char)
    if last:
        cursor.insertBlock(edge)
    return document, frame


def _line(document: QTextDocument, text: str, font: QFont, color: str, above: int, below: int) -> QTextDocument:
    block = QTextBlockFormat()
    block.setTopMargin(above)
    block.setBottomMargin(below)
    char = QTextCharFormat()
    char.setFont(font)
    char.setForeground(QColor(color))
    cursor = QTextCursor(document)
    cursor.insertBlock(block, char)
    cursor.insertText(text.replace("\n", "\u2028"), char)
    return document


class _Inert(QTextDocument):
    def loadResource(self, kind: int, name: object) -> object:
        return None
