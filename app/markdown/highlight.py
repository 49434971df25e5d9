"""Colours for code. Pygments finds the tokens; which are put straight into the text layouts: no undo, no signals."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from PySide6.QtGui import QColor, QFont, QTextCharFormat, QTextDocument, QTextLayout

from app.theme import Colors

MOST = 100_000  # characters; longer code stays in one colour

# Token type (the first that is an ancestor counts) -> colour for light, dark. All 4.5:1 on `Colors.code`.
_STYLES: tuple[tuple[str, str, str], ...] = (
    ("Comment", "#5f6b63", "#9aa59d"),
    ("Keyword", "#7a2e8f", "#d3a4ea"),
    ("Name.Function", "#1c5fa8", "#8cbcf2"),
    ("Name.Class", "#1c5fa8", "#8cbcf2"),
    ("Name.Decorator", "#8a5300", "#e9b567"),
    ("Name.Builtin", "#0b6a75", "#7fd0da"),
    ("Name.Tag", "#1c5fa8", "#8cbcf2"),
    ("Name.Attribute", "#8a5300", "#e9b567"),
    ("Literal.String", "#27703f", "#9ad3a8"),
    ("Literal.Number", "#8a5300", "#e9b567"),
    ("Operator.Word", "#7a2e8f", "#d3a4ea"),
    ("Generic.Deleted", "#b3261e", "#ff9d94"),
    ("Generic.Inserted", "#27703f", "#86d19c"),
    ("Generic.Heading", "#1c5fa8", "#8cbcf2"),
)


def colors_used(dark: bool) -> list[str]:
    return [style[2 if dark else 1] for style in _STYLES]


@cache
def lexer(language: str) -> Any:
    """Pygments' lexer for what a model wrote behind its fence, None for what nobody knows."""
    from pygments.lexers import get_lexer_by_name
    from pygments.util import ClassNotFound

    word = language.split()[0].strip("{}.").lower() if language.split() else ""
    if not word or word in ("text", "plain", "txt", "output"):
        return None
    try:
        return get_lexer_by_name(word, stripnl=False, ensurenl=False)
    except (ClassNotFound, ImportError):
        return None


@cache
def _format(token: Any, dark: bool) -> QTextCharFormat | None:
    from pygments.token import string_to_tokentype

    for name, light, shade in _STYLES:
        if token in string_to_tokentype(name):
            char = QTextCharFormat()
            char.setForeground(QColor(shade if dark else light))
            if name.startswith("Comment"):
                char.setFontItalic(True)
            if name == "Generic.Heading":
                char.setFontWeight(QFont.Weight.DemiBold)
            return char
    return None


def highlight(document: QTextDocument, language: str, colors: Colors, first_line: int = 0) -> Iterator[None]:
    """Colour the lines from `first_line` on; yields now and then, so that the caller can let others go first."""
    reader = lexer(language)
    if reader is None or document.characterCount() > MOST:
        return
    block = document.findBlockByNumber(first_line)
    start = block.position()
    text = document.toPlainText()[start:]
    ranges: list[QTextLayout.FormatRange] = []
    column = lines = 0
    for token, value in reader.get_tokens(text):
        char = _format(token, colors.dark)
        pieces = value.split("\n")
        for index, piece in enumerate(pieces):
            if index:
                _apply(document, block, ranges)
                block, ranges, column = block.next(), [], 0
                lines += 1
                if lines % 25 == 0:
                    yield
                if not block.isValid():
                    return
            length = len(piece.encode("utf-16-le")) // 2  # Qt counts in UTF-16
            if char is not None and length:
                area = QTextLayout.FormatRange()
                area.start, area.length, area.format = column, length, char
                ranges.append(area)
            column += length
    _apply(document, block, ranges)


def _apply(document: QTextDocument, block: Any, ranges: list[QTextLayout.FormatRange]) -> None:
    if block.isValid():
        block.layout().setFormats(ranges)
        document.markContentsDirty(block.position(), block.length())
