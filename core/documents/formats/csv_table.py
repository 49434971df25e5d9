"""CSV and TSV: every row as a line that says what its cells are ("Name: Anna; City: Oslo"), so that a row can be understood
wherever a chunk begins."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

from core.documents.document import Block, BlockKind, Document
from core.documents.formats.blocks import PART_CHARS, clean, parts
from core.documents.formats.plain import read_text
from core.documents.limits import ReadLimits
from core.documents.trouble import corrupt

_SAMPLE = 1 << 14


def read(path: Path, name: str, limits: ReadLimits) -> Document:
    """Raises DocumentUnusable."""
    text = read_text(path, name)
    sample = text[:_SAMPLE]
    dialect: type[csv.Dialect] | csv.Dialect
    try:
        dialect = csv.Sniffer().sniff(sample, delimiters=",;\t|")
    except csv.Error:
        dialect = csv.excel_tab if sample.count("\t") > sample.count(",") else csv.excel
    csv.field_size_limit(limits.text_size)
    rows = csv.reader(io.StringIO(text), dialect)
    try:
        lines = list(_lines(rows))
    except csv.Error as error:
        raise corrupt(name, "CSV table", error) from error
    blocks = _blocks(lines)
    return Document(path=str(path), name=name, format="csv", unit="part", pages=parts(blocks))


def _lines(rows: Iterator[list[str]]) -> Iterator[str]:
    heads: list[str] | None = None
    for cells in rows:
        texts = [" ".join(clean(cell).split()) for cell in cells]
        if not any(texts):
            continue
        if heads is None and not any(_is_number(text) for text in texts) and len(texts) > 1:
            heads = texts
            yield "Columns: " + "; ".join(texts)
            continue
        named = heads or []
        pairs = [(named[i] if i < len(named) else "", text) for i, text in enumerate(texts) if text]
        yield "; ".join(f"{head}: {text}" if head else text for head, text in pairs)


def _is_number(text: str) -> bool:
    return text.replace(",", "").replace(".", "").replace("-", "").replace("%", "").strip().isdecimal()


def _blocks(lines: list[str]) -> Iterator[Block]:
    """Several rows make a block."""
    held: list[str] = []
    for line in lines:
        if held and sum(map(len, held)) + len(line) > PART_CHARS // 3:
            yield Block("\n".join(held), BlockKind.TABLE)
            held = []
        held.append(line)
    if held:
        yield Block("\n".join(held), BlockKind.TABLE)
