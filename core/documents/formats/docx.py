"""DOCX (ISO/IEC 29500-1, WordprocessingML, section 17): paragraphs with their styles (17.3, 17.7), tables (17.4), foot- and
endnotes (17.11); pages where Word left marks of them (17.3.1.20, 17.3.3.13)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec

from core.documents.document import Block, BlockKind, Document, Page, Unread
from core.documents.formats.archive import Archive
from core.documents.formats.blocks import block, nested, parts, pictures_note, row, superscript, unread_of
from core.documents.formats.xml import Element, attribute, local, parse
from core.documents.limits import ReadLimits
from core.documents.trouble import empty

WHAT = "Word document"
# Deleted text, what a field computes from, and second copies for older programs.
_SKIP = frozenset(
    {"del", "moveFrom", "delText", "instrText", "Fallback", "rPr", "pPr", "sectPr", "tblPr", "trPr", "tcPr"}
)
_PICTURES = frozenset({"blip", "imagedata", "chart", "relIds"})  # the last two: of charts and of SmartArt
_NOTES = {"footnoteReference": "footnote", "endnoteReference": "endnote"}
_HEADERS = re.compile(r"word/(?:header|footer)\d*\.xml")
_PAGE = "\f"  # a page break within a paragraph's text
_SHOWN = "\v"  # where Word last began a page, which it notes after the author's breaks as well
_SHAPE = "\x01"  # a picture, which cleaning takes out again
_BREAK = re.compile(f"([{_PAGE}{_SHOWN}])")
MAX_DEPTH = 200
MAX_HEADERS = 60  # that are looked at


def read(path: Path, name: str, limits: ReadLimits) -> Document:
    """Raises DocumentUnusable."""
    with Archive(path, name, limits, WHAT) as archive:
        styles = _heading_styles(archive, name)
        body = parse(archive.read("word/document.xml"), name, WHAT).find("{*}body")
        if body is None:
            raise empty(name, "it has no body")
        notes = {kind: _notes(archive, kind, name) for kind in _NOTES.values()}
        reader = _Body(styles, notes)
        blocks = list(reader.blocks(body))
        blocks += [(0, item) for item in reader.endnotes]
        title = _title(archive, name)
        heads = [member for member in archive.members if _HEADERS.fullmatch(member)][:MAX_HEADERS]
        headed = any(_has_text(archive, member, name) for member in heads)
    breaks = max((number for number, _ in blocks), default=0)
    remarks = pictures_note(reader.pictures)
    if headed:
        remarks = (*remarks, "Headers and footers are left out.")
    document = Document(path=str(path), name=name, format="docx", title=title, notes=remarks)
    if not blocks and reader.pictures:
        return msgspec.structs.replace(document, pages=(Page(1),), unread=(Unread(1, "scanned"),))
    if not breaks:
        return msgspec.structs.replace(document, unit="part", pages=parts(item for _, item in blocks))
    by_page: dict[int, list[Block]] = {number: [] for number in range(breaks + 1)}
    last = 0
    for number, item in blocks:
        last = max(last, number)  # endnotes belong to the end
        by_page[last].append(item)
    pages = tuple(Page(number + 1, tuple(items)) for number, items in by_page.items())
    return msgspec.structs.replace(document, pages=pages, unread=unread_of(pages, reader.shown))


def _has_text(archive: Archive, member: str, name: str) -> bool:
    texts = parse(archive.read(member), name, WHAT).iter("{*}t")
    return any(letter.isalpha() for element in texts for letter in element.text or "")


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
    """Walks a body. Pages are counted by explicit breaks and by those that Word noted when it last showed the document.

    `notes`: the text of foot- and endnotes by id. Footnotes follow the paragraph that they belong to, so that they are on its
    page; `endnotes` are collected. `pictures` counts what shows something without text, `shown` are the pages of it, from 1."""

    def __init__(self, styles: dict[str, int], notes: dict[str, dict[str, str]]) -> None:
        self._styles = styles
        self._notes = notes
        self._page = 0
        self._fresh = True  # nothing stands on it yet
        self._tables = 0  # that are open
        self._numbers: Counter[str] = Counter()
        self._footnotes: list[Block] = []
        self.endnotes: list[Block] = []
        self.pictures = 0
        self.shown: set[int] = set()

    def blocks(self, parent: Element, depth: int = 0) -> Iterator[tuple[int, Block]]:
        """(page from 0, block) in order."""
        if depth > MAX_DEPTH:
            return
        for child in parent:
            tag = local(child)
            if tag == "p":
                yield from self._paragraph(child)
            elif tag == "tbl":
                yield from self._table(child, depth)
            elif tag not in _SKIP:
                yield from self.blocks(child, depth + 1)  # content controls, insertions, custom XML

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
                    self._turn(again=False)
        for piece in _BREAK.split(self._text(paragraph)):
            if piece in (_PAGE, _SHOWN):
                self._turn(again=piece == _PAGE)
                continue
            self._fresh = self._fresh and not piece.strip()
            if _SHAPE in piece:
                self.shown.add(self._page + 1)
            made = block(piece, BlockKind.HEADING if level else BlockKind.TEXT, level)
            if made is not None:
                text = f"- {made.text}" if listed and not level else made.text
                yield self._page, Block(text, made.kind, made.level)
        yield from self._footnotes_here()

    def _turn(self, again: bool) -> None:
        """The next page; from one that nothing stands on yet only if `again`."""
        if again or not self._fresh:
            self._page += 1
        self._fresh = True

    def _footnotes_here(self) -> Iterator[tuple[int, Block]]:
        if not self._tables:  # those of cells come below their table
            yield from ((self._page, item) for item in self._footnotes)
            self._footnotes.clear()

    def _note(self, kind: str, reference: Element) -> str:
        """Its mark; the note itself comes later."""
        text = self._notes.get(kind, {}).get(attribute(reference, "id"), "")
        if not text:
            return ""
        self._numbers[kind] += 1
        number = str(self._numbers[kind])
        made = block(f"{kind.capitalize()} {number}: {text}")
        if made is not None:
            (self._footnotes if kind == "footnote" else self.endnotes).append(made)
        return superscript(number)

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
                made.append(_SHOWN)
            elif tag in _NOTES:
                made.append(self._note(_NOTES[tag], child))
            elif tag not in _SKIP:
                if tag in _PICTURES:
                    self.pictures += 1
                    made.append(_SHAPE)
                inner = self._text(child, depth + 1)
                if tag == "r" and (raised := child.find("{*}rPr/{*}vertAlign")) is not None:
                    inner = superscript(inner) if attribute(raised, "val") == "superscript" else inner
                made.append(f"\n{inner}\n" if tag == "txbxContent" else inner)
                if tag == "p":
                    made.append("\n")
        return "".join(made)

    def _table(self, table: Element, depth: int) -> Iterator[tuple[int, Block]]:
        self._tables += 1
        by_page: dict[int, list[str]] = {}
        for line in table.iterchildren("{*}tr"):
            if text := row([self._cell(cell, depth) for cell in line.iterchildren("{*}tc")]):
                by_page.setdefault(self._page, []).append(text)
        self._tables -= 1
        for page, lines in by_page.items():
            yield page, Block("\n".join(lines), BlockKind.TABLE)
        yield from self._footnotes_here()

    def _cell(self, cell: Element, depth: int) -> str:
        items = (item for _, item in self.blocks(cell, depth + 1))
        return " ".join(nested(item.text.split("\n")) if item.kind is BlockKind.TABLE else item.text for item in items)


def _notes(archive: Archive, kind: str, name: str) -> dict[str, str]:
    """The text of each note by its id."""
    member = f"word/{kind}s.xml"
    if member not in archive:
        return {}
    found = {}
    for note in parse(archive.read(member), name, WHAT).iterchildren(f"{{*}}{kind}"):
        if attribute(note, "type") in ("", "normal"):
            found[attribute(note, "id")] = " ".join(item.text for _, item in _Body({}, {}).blocks(note))
    return found
