"""Colours for code. Pygments finds the tokens; which are put straight into the text layouts: no undo, no signals."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from PySide6.QtGui import QColor, QFont, QTextCharFormat, QTextDocument, QTextLayout

from app.theme import Colors

Tokens = list[list[tuple[int, int]]]
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
def _lexer(language: str) -> Any:
    """Pygments' lexer for what a model wrote behind its fence, None for what nobody knows. Only Pygments' own: looking for
    plugins takes longer than the rest."""
    import pygments.lexers
    from pygments.lexers._mapping import LEXERS

    word = language.split()[0].strip("{}.").lower() if language.split() else ""
    if not word or word in ("text", "plain", "txt", "output"):
        return None
    for class_name, (_, _, aliases, _, _) in LEXERS.items():
        if word in aliases:
            return getattr(pygments.lexers, class_name)(stripnl=False, ensurenl=False)
    return None


def tokens_of(source: str, language: str) -> Tokens:
    """The code's tokens, line by line: (style, length in UTF-16 units). On any thread; [] where there is nothing to colour."""
    reader = _lexer(language) if len(source) <= MOST else None
    if reader is None:
        return []
    lines: Tokens = [[]]
    for token, value in reader.get_tokens(source):
        style = _style(token)
        for index, piece in enumerate(value.split("\n")):
            if index:
                lines.append([])
            if piece:
                lines[-1].append((style, len(piece.encode("utf-16-le", "surrogatepass")) // 2))
    return lines


@cache
def _style(token: Any) -> int:
    """Which of _STYLES, -1 for none."""
    from pygments.token import string_to_tokentype

    return next((i for i, style in enumerate(_STYLES) if token in string_to_tokentype(style[0])), -1)


@cache
def _format(style: int, dark: bool) -> QTextCharFormat:
    name, light, shade = _STYLES[style]
    char = QTextCharFormat()
    char.setForeground(QColor(shade if dark else light))
    if name.startswith("Comment"):
        char.setFontItalic(True)
    if name == "Generic.Heading":
        char.setFontWeight(QFont.Weight.DemiBold)
    return char


def paint(document: QTextDocument, lines: Tokens, colors: Colors) -> Iterator[None]:
    """Colour the document; yields now and then, so that the caller can let others go first."""
    block = document.begin()
    for number, line in enumerate(lines):
        if not block.isValid():
            return
        ranges: list[QTextLayout.FormatRange] = []
        column = 0
        for style, length in line:
            if style >= 0:
                area = QTextLayout.FormatRange()
                area.start, area.length, area.format = column, length, _format(style, colors.dark)
                ranges.append(area)
            column += length
        block.layout().setFormats(ranges)
        document.markContentsDirty(block.position(), block.length())
        block = block.next()
        if number % 25 == 24:
            yield
