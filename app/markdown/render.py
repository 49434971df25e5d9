"""Parsed Markdown into a QTextDocument, by its cursor. There is no HTML on the way and no resource is ever loaded: what is
not known is shown as text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import ClassVar, Literal

from markdown_it.token import Token
from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtGui import (
    QBrush,
    QColor,
    QFont,
    QFontMetrics,
    QFontMetricsF,
    QTextBlockFormat,
    QTextCharFormat,
    QTextCursor,
    QTextDocument,
    QTextFormat,
    QTextFrameFormat,
    QTextLength,
    QTextList,
    QTextListFormat,
    QTextTableFormat,
)

from app.markdown.latex import readable
from app.markdown.parser import has_box, with_box
from app.markdown.safe import misleads, plain, safe_link, shown_host, visible
from app.theme import LIGHT, Colors, Theme

QUOTE = int(QTextFormat.Property.UserProperty) + 1  # of a block: depth of quotation, painted as bars by the view
INDENT = 26.0
LINE = 132.0  # per cent of a font's height
MOST_TABLE = 2000  # cells; the rest of a larger table is text
_HEADING = {1: 1.5, 2: 1.3, 3: 1.15, 4: 1.05, 5: 1.0, 6: 1.0}
_PLAIN_TEXT = {"text", "html_inline", "text_special", "entity"}


def _items(tokens: Sequence[Token], at: int) -> tuple[int, bool]:
    """Of the list that opens at `at`, not of those in it: how many, and whether each is to be ticked off."""
    level, count, boxes = tokens[at].level, 0, 0
    for index, token in enumerate(tokens[at + 1 :], at + 1):
        if token.level == level:
            break
        if token.level == level + 1 and token.type == "list_item_open":
            count += 1
            boxes += index + 2 < len(tokens) and has_box(tokens[index + 2])
    return count, boxes == count


def _line_percent(height: int) -> float:
    """About LINE, so that lines are whole pixels high: else a list's number is rounded to another pixel than its line."""
    return 100 * round(LINE / 100 * height) / max(1, height)


@dataclass(slots=True)
class _ListLevel:
    format: QTextListFormat
    made: QTextList | None = None
    tight: bool = True


class Paper:
    """What a Renderer asks of the theme, for what is printed: light, whatever the window is, and of an ordinary size."""

    colors: ClassVar[Colors] = LIGHT
    font_size = 10

    def font(self, role: Literal["body", "small", "title", "heading", "mono"] = "body") -> QFont:
        theme = Theme.current()
        font = theme.font(role)
        font.setPointSizeF(font.pointSizeF() * self.font_size / theme.font_size)
        return font


class Renderer:
    """Appends to the end of `document`. One renderer per document; `rewind(position)` forgets all behind."""

    def __init__(self, document: QTextDocument, paper: Paper | None = None) -> None:
        """`paper`: print; else the looks are those of the theme at the time."""
        self._document = document
        self._paper = paper
        self._cursor = QTextCursor(document)
        self._chars: list[QTextCharFormat] = []
        self._lists: list[_ListLevel] = []
        self._item_pending = False
        self._quotes = 0
        self.quotes = False  # whether there ever was a quotation
        self._fresh = True  # the document's first block is still to be used
        self._room = INDENT  # that the settled lists' numbers have
        document.setIndentWidth(INDENT)
        self._theme: Theme | Paper = paper or Theme.current()
        self._line = LINE

    def follow(self) -> None:
        """Write behind what is in the document already."""
        self._fresh = False

    @property
    def position(self) -> int:
        """Behind everything written so far."""
        return 0 if self._fresh else self._document.characterCount() - 1

    def rewind(self, position: int) -> None:
        """Remove everything behind `position`, a former value of it."""
        self._cursor.setPosition(position)
        self._cursor.movePosition(QTextCursor.MoveOperation.End, QTextCursor.MoveMode.KeepAnchor)
        self._cursor.removeSelectedText()
        self._fresh = position == 0
        if self._fresh:
            self._room = INDENT
            self._document.clear()
            self._cursor = QTextCursor(self._document)
        self._document.setIndentWidth(self._room)

    def settle(self) -> None:
        """What is written will not be rewound."""
        self._room = self._document.indentWidth()

    def append(self, text: str) -> None:
        """More characters of the last paragraph, in its last format."""
        # Outside of an edit block a cursor asks at once how far right it is, and the paragraph is shaped for it, twice.
        self._cursor.beginEditBlock()
        self._cursor.movePosition(QTextCursor.MoveOperation.End)
        self._cursor.block().layout().setCacheEnabled(True)
        self._cursor.insertText(text)
        self._cursor.endEditBlock()

    def write(self, tokens: Sequence[Token]) -> None:
        self._theme = self._paper or Theme.current()
        self._cursor.movePosition(QTextCursor.MoveOperation.End)
        self._cursor.beginEditBlock()
        self._line = _line_percent(QFontMetrics(self._theme.font()).height())
        self._chars = [self._base()]
        self._lists, self._quotes, self._item_pending = [], 0, False
        try:
            self._blocks(list(tokens))
        finally:
            self._cursor.endEditBlock()

    # Blocks

    def _blocks(self, tokens: list[Token]) -> None:
        at = 0
        while at < len(tokens):
            token = tokens[at]
            kind = token.type
            if kind == "table_open":
                end = next(i for i in range(at, len(tokens)) if tokens[i].type == "table_close")
                self._table(tokens[at:end])
                at = end + 1
                continue
            if kind == "inline":
                if tokens[at - 2 : at - 1] and tokens[at - 2].type == "list_item_open":
                    token = with_box(token)
                self._inline(token.children or [])
            elif kind == "paragraph_open":
                self._new_block(8.0 if not token.hidden else 3.0)
            elif kind == "heading_open":
                self._heading(int(token.tag[1:]))
            elif kind == "heading_close":
                self._chars.pop()
            elif kind in ("bullet_list_open", "ordered_list_open"):
                self._open_list(token, *_items(tokens, at))
            elif kind in ("bullet_list_close", "ordered_list_close"):
                self._lists.pop()
                self._item_pending = False
                if not self._lists:
                    self._part_from_next()
            elif kind == "list_item_open":
                self._item_pending = True
            elif kind == "list_item_close":
                if self._item_pending:
                    self._new_block(3.0)  # an empty item
            elif kind == "blockquote_open":
                self._quotes += 1
                self.quotes = True
            elif kind == "blockquote_close":
                self._quotes -= 1
            elif kind in ("fence", "code_block"):
                self._code(token.content)
            elif kind == "math_block":
                self._math_block(token.content)
            elif kind == "hr":
                self._rule()
            elif token.content:
                self._new_block(8.0)
                self._text(plain(token.content))
            at += 1

    def _new_block(self, below: float) -> None:
        depth = len(self._lists)
        item = self._item_pending and depth > 0
        form = QTextBlockFormat()
        form.setBottomMargin(below)
        form.setLineHeight(self._line, int(QTextBlockFormat.LineHeightTypes.ProportionalHeight.value))
        if self._quotes:
            form.setLeftMargin(14.0 * self._quotes)
            form.setProperty(QUOTE, self._quotes)
        if depth and not item:
            form.setLeftMargin(form.leftMargin() + self._document.indentWidth() * depth)
        self._insert(form)
        if item:
            level = self._lists[-1]
            if level.made is None:
                level.made = self._cursor.createList(level.format)
            else:
                level.made.add(self._cursor.block())

    def _part_from_next(self) -> None:
        """What follows a list is as far from its last item as paragraphs are from each other."""
        form = QTextBlockFormat()
        form.setBottomMargin(8.0)
        self._cursor.mergeBlockFormat(form)

    def _insert(self, form: QTextBlockFormat) -> None:
        self._item_pending = False
        if self._fresh:
            self._cursor.setBlockFormat(form)
            self._cursor.setBlockCharFormat(self._chars[-1])
            self._fresh = False
        else:
            self._cursor.insertBlock(form, self._chars[-1])

    def _heading(self, level: int) -> None:
        form = QTextBlockFormat()
        form.setHeadingLevel(level)
        form.setTopMargin(0.0 if self._fresh else 10.0)
        form.setBottomMargin(6.0)
        char = QTextCharFormat(self._chars[-1])
        char.setFontWeight(QFont.Weight.DemiBold)
        char.setFontPointSize(self._theme.font_size * _HEADING[level])
        self._chars.append(char)
        self._insert(form)

    def _open_list(self, token: Token, items: int, boxed: bool) -> None:
        form = QTextListFormat()
        depth = len(self._lists) + 1
        if token.type == "bullet_list_open":
            styles = (
                QTextListFormat.Style.ListDisc,
                QTextListFormat.Style.ListCircle,
                QTextListFormat.Style.ListSquare,
            )
            form.setStyle(QTextListFormat.Style.ListStyleUndefined if boxed else styles[(depth - 1) % 3])
        else:
            form.setStyle(QTextListFormat.Style.ListDecimal)
            start = token.attrGet("start")
            first = int(start) if start is not None else 1
            form.setStart(first)
            self._make_room(first + items)
        form.setIndent(depth)
        self._lists.append(_ListLevel(form))
        self._item_pending = False

    def _make_room(self, number: int) -> None:
        """For the widest number of a list, which stands in the indent."""
        metrics = QFontMetricsF(self._document.defaultFont())
        needed = metrics.horizontalAdvance(f"{number}. ") + 4
        if needed > self._document.indentWidth():
            self._document.setIndentWidth(ceil(needed))

    def _code(self, source: str) -> None:
        """A code block inside of something else; those on their own are widgets (see segments.py)."""
        form = QTextBlockFormat()
        form.setBackground(QColor(self._theme.colors.code))
        form.setLeftMargin(self._document.indentWidth() * len(self._lists) + 14.0 * self._quotes)
        form.setBottomMargin(8.0)
        form.setNonBreakableLines(False)
        char = self._mono()
        self._chars.append(char)
        self._insert(form)
        self._text(visible(source.rstrip("\n")).replace("\n", "\u2028"))
        self._chars.pop()

    def _math_block(self, source: str) -> None:
        form = QTextBlockFormat()
        form.setLeftMargin(self._document.indentWidth() * (len(self._lists) + 1))
        form.setTopMargin(4.0)
        form.setBottomMargin(10.0)
        char = self._math()
        char.setFontPointSize(self._theme.font_size * 1.1)
        self._chars.append(char)
        self._insert(form)
        self._text(plain(readable(source)).replace("\n", "\u2028"))
        self._chars.pop()

    def _rule(self) -> None:
        form = QTextBlockFormat()
        form.setProperty(
            QTextFormat.Property.BlockTrailingHorizontalRulerWidth,
            QTextLength(QTextLength.Type.PercentageLength, 100),
        )
        form.setProperty(QTextFormat.Property.BackgroundBrush, QBrush(QColor(self._theme.colors.border)))
        form.setBottomMargin(10.0)
        self._insert(form)

    def _table(self, tokens: list[Token]) -> None:
        rows: list[list[Token]] = []
        heads = 0
        aligns: list[str] = []
        for index, token in enumerate(tokens):
            if token.type == "tr_open":
                rows.append([])
            elif token.type == "inline" and rows:
                rows[-1].append(token)
                if tokens[index - 1].type == "th_open":
                    heads = 1
                    aligns.append(str(tokens[index - 1].attrGet("style") or ""))
        width = max((len(row) for row in rows), default=0)
        if not width or width * len(rows) > MOST_TABLE:
            for row in rows:
                self._new_block(2.0)
                self._text(plain(" | ".join(cell.content for cell in row)))
            return
        form = QTextTableFormat()
        form.setBorder(1)
        form.setBorderStyle(QTextFrameFormat.BorderStyle.BorderStyle_Solid)
        form.setBorderBrush(QBrush(QColor(self._theme.colors.border)))
        form.setBorderCollapse(True)
        form.setCellPadding(6)
        form.setCellSpacing(0)
        form.setTopMargin(4)
        form.setBottomMargin(10)
        form.setHeaderRowCount(heads)
        if self._fresh:
            self._insert(QTextBlockFormat())
        self._cursor.movePosition(QTextCursor.MoveOperation.End)
        table = self._cursor.insertTable(len(rows), width, form)
        for y, row in enumerate(rows):
            for x, cell in enumerate(row):
                self._cursor = table.cellAt(y, x).firstCursorPosition()
                block = QTextBlockFormat()
                if x < len(aligns) and "right" in aligns[x]:
                    block.setAlignment(Qt.AlignmentFlag.AlignRight)
                self._cursor.setBlockFormat(block)
                char = QTextCharFormat(self._chars[-1])
                if y < heads:
                    char.setFontWeight(QFont.Weight.DemiBold)
                self._chars.append(char)
                self._inline(cell.children or [])
                self._chars.pop()
        self._cursor = QTextCursor(self._document)
        self._cursor.movePosition(QTextCursor.MoveOperation.End)
        tiny = QTextBlockFormat()  # the block that Qt puts behind a table
        tiny.setLineHeight(2, int(QTextBlockFormat.LineHeightTypes.FixedHeight.value))
        self._cursor.setBlockFormat(tiny)

    # Inline

    def _inline(self, tokens: list[Token]) -> None:
        at = 0
        while at < len(tokens):
            token = tokens[at]
            kind = token.type
            if kind in _PLAIN_TEXT:
                self._text(plain(token.content))
            elif kind in ("softbreak", "hardbreak"):
                self._text("\u2028")
            elif kind == "code_inline":
                self._chars.append(self._mono(inline=True))
                self._text(visible(token.content))
                self._chars.pop()
            elif kind in ("strong_open", "em_open", "s_open"):
                self._chars.append(self._emphasis(kind))
            elif kind in ("strong_close", "em_close", "s_close"):
                self._chars.pop()
            elif kind == "link_open":
                end = next((i for i in range(at, len(tokens)) if tokens[i].type == "link_close"), len(tokens))
                self._link(str(token.attrGet("href") or ""), tokens[at + 1 : end])
                at = end
            elif kind == "image":
                self._image(str(token.attrGet("src") or ""), token.content)
            elif kind == "math":
                self._chars.append(self._math())
                self._text(plain(readable(token.content)).replace("\n", "\u2028"))
                self._chars.pop()
            elif token.content:
                self._text(plain(token.content))
            at += 1

    def _link(self, url: str, inside: list[Token]) -> None:
        address = safe_link(url)
        if address is None:
            self._inline(inside)  # the words stay, the link does not
            return
        char = QTextCharFormat(self._chars[-1])
        char.setAnchor(True)
        char.setAnchorHref(address)
        char.setToolTip(f"{shown_host(address)}\n{address}")
        char.setForeground(QColor(self._theme.colors.link))
        char.setFontUnderline(True)
        self._chars.append(char)
        self._inline(inside)
        self._chars.pop()
        if misleads("".join(token.content for token in inside), address):
            self._text(f" ({shown_host(address)})")

    def _image(self, url: str, description: str) -> None:
        """Nothing is loaded: the description, and a link for who wants to see it."""
        word = QCoreApplication.translate("Markdown", "image")
        token = Token("text", "", 0)
        token.content = f"[{word}: {description}]" if description else f"[{word}]"
        self._link(url, [token])

    def _text(self, text: str) -> None:
        if text:
            self._cursor.insertText(text.replace("\n", "\u2028"), self._chars[-1])

    # Formats

    def _base(self) -> QTextCharFormat:
        char = QTextCharFormat()
        char.setForeground(QColor(self._theme.colors.text))
        return char

    def _mono(self, inline: bool = False) -> QTextCharFormat:
        char = QTextCharFormat(self._chars[-1])
        font = self._theme.font("mono")
        char.setFontFamilies([font.family()])
        char.setFontFixedPitch(True)
        char.setFontPointSize(font.pointSizeF())
        if inline:
            char.setBackground(QColor(self._theme.colors.raised))
        return char

    def _math(self) -> QTextCharFormat:
        char = QTextCharFormat(self._chars[-1])
        char.setFontFamilies(["STIX Two Math", "Cambria Math", "Noto Serif", "DejaVu Serif", "serif"])
        char.setFontItalic(True)
        return char

    def _emphasis(self, kind: str) -> QTextCharFormat:
        char = QTextCharFormat(self._chars[-1])
        if kind == "strong_open":
            char.setFontWeight(QFont.Weight.DemiBold)
        elif kind == "em_open":
            char.setFontItalic(True)
        else:
            char.setFontStrikeOut(True)
        return char
