"""HTML, also the chapters of an EPUB: its text in blocks. Nothing it refers to is loaded; scripts and styles are left out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from lxml import etree
from lxml import html as lxml_html

from core.documents.document import Block, BlockKind, Document
from core.documents.formats.blocks import block, nested, parts, row, superscript
from core.documents.formats.plain import decode
from core.documents.formats.xml import Element, local
from core.documents.limits import ReadLimits
from core.documents.trouble import corrupt

_SKIP_TAGS = """
    script style template noscript head svg math iframe object embed canvas audio video select button
"""
_SKIP = frozenset(_SKIP_TAGS.split())
# Elements that begin a line of their own (HTML, 15.3 "Flow content" of the rendering section).
_BREAKS_TAGS = """
    address article aside blockquote body center dd details dialog div dl dt fieldset figcaption figure footer form h1 h2
    h3 h4 h5 h6 header hgroup hr html legend li main menu nav ol p pre search section summary table tbody td tfoot th
    thead tr ul caption option
"""
_BREAKS = frozenset(_BREAKS_TAGS.split())
_HEADING = re.compile(r"h([1-6])$")
_CHARSET = re.compile(rb"""(?:charset|encoding)\s*=\s*["']?\s*([A-Za-z0-9._:-]{2,40})""")
_DECLARATION = re.compile(r"\A\s*<\?xml[^>]*\?>")
_HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
_LAYOUT_ROLES = frozenset({"presentation", "none"})
MAX_LAYOUTS = 8  # tables in each other that only place what they hold


def read(path: Path, name: str, limits: ReadLimits) -> Document:
    """Raises DocumentUnusable."""
    root = parse_html(path.read_bytes(), name)
    title = " ".join(str(root.findtext(".//title") or "").split())[:200]
    return Document(path=str(path), name=name, format="html", title=title, unit="part", pages=parts(blocks_of(root)))


def parse_html(data: bytes, name: str) -> Element:
    """The root element. Raises DocumentUnusable."""
    text = _text(data, name)
    parser = lxml_html.HTMLParser(no_network=True, huge_tree=True, remove_comments=True, remove_pis=True)
    try:
        root = lxml_html.document_fromstring(_DECLARATION.sub("", text), parser=parser)
    except (etree.ParserError, etree.XMLSyntaxError, ValueError) as error:
        raise corrupt(name, "HTML page", error) from error
    if any(entry.type == etree.ErrorTypes.ERR_RESOURCE_LIMIT for entry in parser.error_log):
        raise corrupt(name, "HTML page", "its elements are nested more than 2,000 deep")  # and the rest was dropped
    return root


def _text(data: bytes, name: str) -> str:
    if data.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        return decode(data, name)
    found = _CHARSET.search(data[:4096])
    if found:
        try:
            return data.decode(found[1].decode("ascii"), "replace").replace("\0", "")
        except LookupError:
            pass
    return decode(data, name)


def blocks_of(root: Element) -> Iterator[Block]:
    """In the order of the page; without recursion, for pages may be nested a thousand deep."""
    collector = _Collector()
    skipping: Element | None = None
    for event, element in etree.iterwalk(root, events=("start", "end")):
        tag = local(element).lower()
        if skipping is not None:
            if event == "end" and element is skipping:
                skipping = None
                collector.add(element.tail)
            continue
        if event == "start":
            if tag in _SKIP or "hidden" in element.attrib:
                skipping = element
                continue
            collector.start(tag, element)
            collector.add(element.text)
        else:
            collector.end(tag)
            collector.add(element.tail)
        yield from collector.take()
    yield from collector.take(last=True)


class _Table:
    """A table whose rows are being read. `outer`: text of the cell that it stands in, before it."""

    def __init__(self, outer: list[str]) -> None:
        self.outer = outer
        self.rows: list[str] = []
        self.cells: list[str] | None = None


class _Collector:
    """Text up to the next element that begins a line; table rows become one line each. A table that only places parts of a
    page beside each other is none."""

    def __init__(self) -> None:
        self._text: list[str] = []
        self._made: list[Block] = []
        self._kind, self._level = BlockKind.TEXT, 0
        self._open: list[_Table | None] = []  # None: a table for layout
        self._raised = 0
        self._prefix = ""

    @property
    def _table(self) -> _Table | None:
        return self._open[-1] if self._open else None

    def add(self, text: str | None) -> None:
        if text:
            text = superscript(text) if self._raised else text
            self._text.append(text if self._kind is BlockKind.CODE else re.sub(r"\s+", " ", text))

    def start(self, tag: str, element: Element) -> None:
        table = self._table
        if tag == "br":
            self._text.append("\n")
        elif tag == "sup":
            self._raised += 1
        elif tag == "img" and element.get("alt"):
            self._text.append(f" {element.get('alt')} ")
        elif tag == "table":
            self._start_table(element)
        elif table is not None and tag in ("tr", "td", "th"):
            self._flush_cell(table)
            if table.cells is None:
                self._flush_loose()
            if tag == "tr" or table.cells is None:
                self._end_row(table)
                table.cells = []
        elif table is not None and tag in _BREAKS:
            self._text.append(" ")
        elif tag in _BREAKS:
            self._flush()
            if heading := _HEADING.match(tag):
                self._kind, self._level = BlockKind.HEADING, int(heading[1])
            elif tag == "pre":
                self._kind = BlockKind.CODE
            elif tag == "li":
                self._prefix = "- "

    def end(self, tag: str) -> None:
        table = self._table
        if tag == "sup":
            self._raised -= 1
        elif tag == "table":
            self._end_table()
        elif table is not None and tag in ("td", "th"):
            self._end_cell(table)
        elif table is not None and tag == "tr":
            self._flush_cell(table)
            self._end_row(table)
        elif table is None and tag in _BREAKS:
            self._flush()

    def take(self, last: bool = False) -> list[Block]:
        if last:
            while self._open:
                self._end_table()
            self._flush()
        made, self._made = self._made, []
        return made

    def _start_table(self, element: Element) -> None:
        if self._table is None:
            self._flush()
            layout = len(self._open) < MAX_LAYOUTS and (
                element.get("role") in _LAYOUT_ROLES or next(element.iter(*_HEADINGS), None) is not None
            )
            self._open.append(None if layout else _Table([]))
        else:
            self._open.append(_Table(self._text))
            self._text = []

    def _end_table(self) -> None:
        if not self._open:
            return
        table = self._open.pop()
        if table is None:
            self._flush()
            return
        self._flush_cell(table)
        self._end_row(table)
        if self._table is not None:  # a cell's part
            self._text = [*table.outer, " ", nested(table.rows), " ", *self._text]
        else:
            self._flush_loose()
            self._made += filter(None, (block("\n".join(table.rows), BlockKind.TABLE),))

    def _end_row(self, table: _Table) -> None:
        if line := row(table.cells or ()):
            table.rows.append(line)
        table.cells = None

    def _flush_loose(self) -> None:
        """Text of a table that is in no cell: its caption. That of a table in a cell stays in it."""
        if len(self._open) < 2 or self._open[-2] is None:
            self._made += filter(None, (block("".join(self._text)),))
            self._text.clear()

    def _flush_cell(self, table: _Table) -> None:
        """Text of a row that is in no cell of it."""
        if table.cells is not None and "".join(self._text).strip():
            self._end_cell(table)

    def _end_cell(self, table: _Table) -> None:
        if table.cells is not None:
            table.cells.append("".join(self._text))  # blank ones count: what is below a head stays below it
            self._text.clear()

    def _flush(self) -> None:
        made = block("".join(self._text), self._kind, self._level)
        self._text.clear()
        if made is not None:
            self._made.append(Block(self._prefix + made.text, made.kind, made.level) if self._prefix else made)
            self._prefix = ""
        self._kind, self._level = BlockKind.TEXT, 0
