"""What is shown of Markdown as plain text: paragraphs with a line between them, lists with their numbers, tables by tabs."""

from __future__ import annotations

from typing import Any

from PySide6.QtGui import QTextBlock, QTextCursor, QTextList, QTextListFormat, QTextTable


def words(cursor: QTextCursor) -> str:
    """What is selected, of a document that a Renderer wrote."""
    if not cursor.hasSelection():
        return ""
    start, end = cursor.selectionStart(), cursor.selectionEnd()
    cells: Any = (
        cursor.selectedTableCells() if cursor.hasComplexSelection() else None
    )  # first row, rows, first column, ...
    if cells is not None:  # whole cells, as it is painted
        end = cursor.currentTable().lastPosition()
        start = cursor.currentTable().firstPosition()
    block = cursor.document().findBlock(start)
    text, before = "", None
    while block.isValid() and block.position() <= end:
        table, row, column = _cell(block)
        inside = cells is None or (0 <= row - cells[0] < cells[1] and 0 <= column - cells[2] < cells[3])
        piece = cut(block.text(), start - block.position(), end - block.position()) if inside else ""
        if piece or (table is not None and inside):
            now = (table.firstPosition() if table is not None else -1, row, _list(block) is not None)
            if before is not None:
                text += _gap(before, now)
            text += _marker(block) if start <= block.position() else ""
            text += piece.replace("\u2028", " " if table is not None else "\n")
            before = now
        block = block.next()
    return text


def cut(text: str, start: int, end: int) -> str:
    """Of a text between two positions of a document, which counts in UTF-16."""
    start, end = max(0, start), max(0, end)
    if text.isascii():
        return text[start:end]
    return text.encode("utf-16-le", "surrogatepass")[2 * start : 2 * end].decode("utf-16-le", "replace")


def _cell(block: QTextBlock) -> tuple[QTextTable | None, int, int]:
    at = QTextCursor(block)
    table: QTextTable | None = at.currentTable()
    if table is None:
        return None, -1, -1
    cell = table.cellAt(at)
    return table, cell.row(), cell.column()


def _list(block: QTextBlock) -> QTextList | None:
    return block.textList()


def _gap(before: tuple[int, int, bool], now: tuple[int, int, bool]) -> str:
    """Between two blocks: of the table that begins there, row, whether it is an item of a list."""
    if now[0] >= 0 and before[0] == now[0]:
        return "\t" if before[1] == now[1] else "\n"
    return "\n" if before[2] and now[2] else "\n\n"


def _marker(block: QTextBlock) -> str:
    """The number or the dot before an item of a list. The box of one to be ticked off is in its text."""
    level = _list(block)
    if level is None:
        return ""
    form = level.format()
    indent = "  " * (form.indent() - 1)
    if form.style() == QTextListFormat.Style.ListDecimal:
        return f"{indent}{level.itemText(block)} "
    return indent if form.style() == QTextListFormat.Style.ListStyleUndefined else f"{indent}- "
