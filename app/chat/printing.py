"""A branch of a chat as PDF, through Qt's printer: A4, as the window shows it in light colours. Works on any thread."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QMarginsF, QRectF, Qt
from PySide6.QtGui import (
    QAbstractTextDocumentLayout,
    QBrush,
    QColor,
    QFont,
    QPageLayout,
    QPageSize,
    QPainter,
    QPalette,
    QTextBlockFormat,
    QTextCharFormat,
    QTextCursor,
    QTextDocument,
    QTextFrameFormat,
    QTextOption,
)
from PySide6.QtPrintSupport import QPrinter

from app.chat.as_html import pieces
from app.chat.export_words import Words
from app.markdown.parser import parse
from app.markdown.render import Paper, Renderer
from app.markdown.safe import plain, visible
from app.store.records import ChatSettings, Message

FOOT = 28  # pixels at the bottom of a page, for its number
_COLORS = Paper.colors


def write_pdf(title: str, path: Sequence[Message], settings: ChatSettings, words: Words, target: Path) -> None:
    """Raises OSError if nothing could be written."""
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
    document = laid_out(title, path, settings, words)
    document.documentLayout().setPaintDevice(printer)
    page = printer.pageRect(QPrinter.Unit.DevicePixel)
    area = QRectF(0, 0, page.width(), page.height() - FOOT)
    document.setPageSize(area.size())
    painter = QPainter()
    if not painter.begin(printer):
        raise OSError(5, "the printer wrote nothing")
    for number in range(document.pageCount()):
        if number:
            printer.newPage()
        _paint(painter, document, area, number)
    painter.end()
    if not target.exists():
        raise OSError(5, "the printer wrote nothing")


def laid_out(title: str, path: Sequence[Message], settings: ChatSettings, words: Words) -> QTextDocument:
    """The whole text, still without a width."""
    paper = Paper()
    document = _Inert()
    document.setUndoRedoEnabled(False)
    document.setDocumentMargin(0)
    document.setDefaultFont(paper.font())
    option = QTextOption()
    option.setWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
    option.setTextDirection(Qt.LayoutDirection.LayoutDirectionAuto)
    document.setDefaultTextOption(option)
    _line(document, plain(title), paper.font("title"), _COLORS.text, 0, 10)
    if settings.system_prompt:
        _line(document, plain(settings.system_prompt), paper.font(), _COLORS.muted, 0, 6)
    for message in path:
        small = paper.font("small")
        small.setWeight(QFont.Weight.DemiBold)
        _line(document, plain(words.who(message)), small, _COLORS.muted, 16, 4)
        for file in message.attachments:
            _line(document, f"{words.file}: {plain(file.name)}", paper.font("small"), _COLORS.muted, 0, 4)
        if message.role == "user":
            _framed(document, plain(message.content), paper.font(), _COLORS.raised)
        else:
            _answer(document, message.content, paper)
    return document


def _answer(document: QTextDocument, source: str, paper: Paper) -> None:
    for piece in pieces(source):
        if piece.kind == "code":
            _framed(document, visible(piece.source.rstrip("\n")), paper.font("mono"), _COLORS.code)
        else:
            renderer = Renderer(document, paper)
            renderer.follow()
            renderer.write(parse(piece.source))


def _framed(document: QTextDocument, text: str, font: QFont, ground: str) -> None:
    """Text on a ground of its own; long lines go on in the next one."""
    form = QTextFrameFormat()
    form.setBackground(QBrush(QColor(ground)))
    form.setPadding(8)
    form.setTopMargin(4)
    form.setBottomMargin(8)
    cursor = QTextCursor(document)
    cursor.movePosition(QTextCursor.MoveOperation.End)
    cursor.insertFrame(form)
    block = QTextBlockFormat()
    block.setLineHeight(125, int(QTextBlockFormat.LineHeightTypes.ProportionalHeight.value))
    cursor.setBlockFormat(block)
    char = QTextCharFormat()
    char.setFont(font)
    char.setForeground(QColor(_COLORS.text))
    cursor.insertText(text, char)
    cursor.movePosition(QTextCursor.MoveOperation.End)
    tiny = QTextBlockFormat()  # the block that Qt puts behind a frame
    tiny.setLineHeight(2, int(QTextBlockFormat.LineHeightTypes.FixedHeight.value))
    cursor.setBlockFormat(tiny)


def _line(document: QTextDocument, text: str, font: QFont, color: str, above: int, below: int) -> None:
    block = QTextBlockFormat()
    block.setTopMargin(above)
    block.setBottomMargin(below)
    char = QTextCharFormat()
    char.setFont(font)
    char.setForeground(QColor(color))
    cursor = QTextCursor(document)
    cursor.movePosition(QTextCursor.MoveOperation.End)
    if cursor.position():
        cursor.insertBlock(block, char)
    else:
        cursor.setBlockFormat(block)
    cursor.insertText(text.replace("\n", "\u2028"), char)


def _paint(painter: QPainter, document: QTextDocument, area: QRectF, number: int) -> None:
    painter.save()
    top = number * area.height()
    painter.translate(0, -top)
    context = QAbstractTextDocumentLayout.PaintContext()
    context.clip = area.translated(0, top)
    context.palette.setColor(QPalette.ColorRole.Text, QColor(_COLORS.text))
    painter.setClipRect(context.clip)
    document.documentLayout().draw(painter, context)
    painter.restore()
    painter.setFont(Paper().font("small"))
    painter.setPen(QColor(_COLORS.muted))
    foot = QRectF(0, area.height(), area.width(), FOOT)
    painter.drawText(foot, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignBottom, str(number + 1))


class _Inert(QTextDocument):
    def loadResource(self, kind: int, name: object) -> object:
        return None
