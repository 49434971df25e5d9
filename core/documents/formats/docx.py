"""DOCX (ISO/IEC 29500, WordprocessingML): paragraphs with their styles, tables, notes; pages where Word left marks of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from core.documents.document import Block, BlockKind, Document, Page
from core.documents.formats.archive import Archive
from core.documents.formats.blocks import block, parts, row, unread_of
from core.documents.formats.xml import Element, attribute, local, parse
from core.documents.limits import ReadLimits
from core.documents.trouble import empty

WHAT = "Word document"
# Deleted text, what a field computes from, and second copies for older programs.
_SKIP = frozenset(
    {"del", "moveFrom", "delText", "instrText", "Fallback", "rPr", "pPr", "sectPr", "tblPr", "trPr", "tcPr"}
)
_PICTURES = frozenset({"drawing", "pict", "object"})
_PAGE = "\f"  # a page break within a paragraph's text
MAX_DEPTH = 200


def read(path: Path, name: str, limits: ReadLimits) -> Document:
    """Raises DocumentUnusable."""
    with Archive(path, name, limits, WHAT) as archive:
        styles = _heading_styles(archive, name)
        body = parse(archive.read("word/document.xml"), name, WHAT).find("{*}body")
        if body is None:
            raise empty(name, "it has no body")
        blocks, pictures = _Body(styles).read(body)
        for notes in ("word/footnotes.xml", "word/endnotes.xml"):
            if notes in archive:
                blocks += [(0, item) for item in _notes(parse(archive.read(notes), name, WHAT))]
        title = _title(archive, name)
    breaks = max((number for number, _ in blocks), default=0)
    remarks = (f"{pictures} pictures are not read; only text is.",) if pictures else ()
    document = Document(path=str(path), name=name, format="docx", title=title, notes=remarks)
    if not breaks:
        return msgspec.structs.replace(document, unit="part", pages=parts(item for _, item in blocks))
    by_page: dict[int, list[Block]] = {number: [] for number in range(breaks + 1)}
    last = 0
    for number, item in blocks:
        last = max(last, number)  # notes belong to the end
        by_page[last].append(item)
    pages = tuple(Page(number + 1, tuple(items)) for number, items in by_page.items())
    return msgspec.structs.replace(document, pages=pages, unread=unread_of(pages))


def _heading_styles(archive: Archive, name: str) -> dict[str, int]:
    """Style id -> heading level."""
    levels: dict[str, int] = {}
    if "word/styles.xml" not in archive:
        return levels
    for style in parse(archive.read("word/styles.xml"), name, WHAT).iter("{*}style"):
        label = next((attribute(child, "val") for child in style if local(child) == "name"), "").lower()
        outline = style.find("{*}pPr/{*}outlineLvl")
        if label == "title":
            levels[attribute(style, "styleId")] = 1
        elif label.startswith("heading ") and label[8:].isdecimal():
            levels[attribute(style, "styleId")] = min(6, int(label[8:]))
        elif outline is not None and attribute(outline, "val").isdecimal() and int(attribute(outline, "val")) < 6:
            levels[attribute(style, "styleId")] = int(attribute(outline, "val")) + 1
    return levels


def _title(archive: Archive, name: str) -> str:
    if "docProps/core.xml" not in archive:
        return ""
    return " ".join(str(parse(archive.read("docProps/core.xml"), name, WHAT).findtext("{*}title") or "").split())[:200]


class _Body:
    """Walks a body. Pages are counted by explicit breaks and by those that Word noted when it last showed the document."""

    def __init__(self, styles: dict[str, int]) -> None:
        self._styles = styles
        self._page = 0
        self.pictures = 0

    def read(self, body: Element) -> tuple[list[tuple[int, Block]], int]:
        """(page from 0, block) in order, and how many pictures there are."""
        return list(self._blocks(body, 0)), self.pictures

    def _blocks(self, parent: Element, depth: int) -> Iterator[tuple[int, Block]]:
        if depth > MAX_DEPTH:
            return
        for child in parent:
            tag = local(child)
            if tag == "p":
                yield from self._paragraph(child)
            elif tag == "tbl":
                yield from self._table(child, depth)
            elif tag not in _SKIP:
                yield from self._blocks(child, depth + 1)  # content controls, insertions, custom XML

    def _paragraph(self, paragraph: Element) -> Iterator[tuple[int, Block]]:
        properties = paragraph.find("{*}pPr")
        level, listed = 0, False
        if properties is not None:
            for child in properties:
                tag, value = local(child), attribute(child, "val")
                if tag == "pStyle":
                    level = level or self._styles.get(value, 0)
                    listed = listed or value.lower().startswith("list")
                elif tag == "outlineLvl" and value.isdecimal() and int(value) < 6:
                    level = int(value) + 1
                elif tag == "numPr":
                    listed = True
                elif tag == "pageBreakBefore" and value not in ("0", "false"):
                    self._page += 1
        pieces = self._text(paragraph).split(_PAGE)
        for i, piece in enumerate(pieces):
            self._page += i > 0
            made = block(piece, BlockKind.HEADING if level else BlockKind.TEXT, level)
            if made is not None:
                text = f"- {made.text}" if listed and not level else made.text
                yield self._page, Block(text, made.kind, made.level)

    def _text(self, parent: Element, depth: int = 0) -> str:
        made = []
        for child in parent if depth <= MAX_DEPTH else ():
            tag = local(child)
            if tag == "t":
                made.append(child.text or "")
            elif tag == "tab":
                made.append("\t")
            elif tag == "br":
                made.append(_PAGE if attribute(child, "type") == "page" else "\n")
            elif tag == "cr":
                made.append("\n")
            elif tag == "noBreakHyphen":
                made.append("-")
            elif tag == "lastRenderedPageBreak":
                made.append(_PAGE)
            elif tag not in _SKIP:
                self.pictures += tag in _PICTURES
                inner = self._text(child, depth + 1)
                made.append(f"\n{inner}\n" if tag == "txbxContent" else inner)
                if tag == "p":
                    made.append("\n")
        return "".join(made)

    def _table(self, table: Element, depth: int) -> Iterator[tuple[int, Block]]:
        lines = []
        for line in table.iterchildren("{*}tr"):
            cells = [
                " ".join(item.text for _, item in self._blocks(cell, depth + 1)) for cell in line.iterchildren("{*}tc")
            ]
            if text := row(cells):
                lines.append(text)
        made = block("\n".join(lines), BlockKind.TABLE)
        if made is not None:
            yield self._page, made


def _notes(root: Element) -> Iterator[Block]:
    for note in root:
        if attribute(note, "type") in ("separator", "continuationSeparator", "continuationNotice"):
            continue
        text = " ".join(item.text for _, item in _Body({}).read(note)[0])
        made = block(f"Note {attribute(note, 'id')}: {text}") if text.strip() else None
        if made is not None:
            yield made
