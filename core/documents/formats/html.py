"""HTML, also the chapters of an EPUB: its text in blocks. Nothing it refers to is loaded; scripts and styles are left out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from lxml import etree
from lxml import html as lxml_html

from core.documents.document import Block, BlockKind, Document
from core.documents.formats.blocks import block, parts, row
from core.documents.formats.plain import decode
from core.documents.formats.xml import Element, local
from core.documents.limits import ReadLimits
from core.documents.trouble import corrupt, too_large

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
MAX_DEPTH = 2000


def read(path: Path, name: str, limits: ReadLimits) -> Document:
    """Raises DocumentUnusable."""
    size = path.stat().st_size
    if size > limits.text_size:
        raise too_large(
            name, f"holds {size / 1e6:,.0f} MB of HTML, and at most {limits.text_size / 1e6:,.0f} MB are read"
        )
    root = parse_html(path.read_bytes(), name)
    title = " ".join(str(root.findtext(".//title") or "").split())[:200]
    return Document(path=str(path), name=name, format="html", title=title, unit="part", pages=parts(blocks_of(root)))


def parse_html(data: bytes, name: str) -> Element:
    """The root element. Raises DocumentUnusable."""
    text = _text(data, name)
    parser = lxml_html.HTMLParser(no_network=True, huge_tree=False, remove_comments=True, remove_pis=True)
    try:
        root = lxml_html.document_fromstring(_DECLARATION.sub("", text), parser=parser)
    except (etree.ParserError, etree.XMLSyntaxError, ValueError) as error:
        raise corrupt(name, "HTML page", error) from error
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
    depth = 0
    skipping: Element | None = None
    for event, element in etree.iterwalk(root, events=("start", "end")):
        tag = local(element).lower()
        depth += 1 if event == "start" else -1
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
            if depth < MAX_DEPTH:
                collector.add(element.text)
        else:
            collector.end(tag)
            collector.add(element.tail)
        yield from collector.take()
    yield from collector.take(last=True)


class _Collector:
    """Text up to the next element that begins a line; table rows become one line each."""

    def __init__(self) -> None:
        self._text: list[str] = []
        self._made: list[Block] = []
        self._kind, self._level = BlockKind.TEXT, 0
        self._rows: list[str] = []
        self._cells: list[str] | None = None
        self._tables = 0
        self._prefix = ""

    def add(self, text: str | None) -> None:
        if text:
            self._text.append(text if self._kind is BlockKind.CODE else re.sub(r"\s+", " ", text))

    def start(self, tag: str, element: Element) -> None:
        if tag == "br":
            self._text.append("\n")
        elif tag == "img" and element.get("alt"):
            self._text.append(f" {element.get('alt')} ")
        elif tag == "table":
            self._flush()
            self._tables += 1
        elif self._tables and tag == "tr":
            self._flush_cell()
            self._flush_loose()
            self._cells = []
        elif self._tables and tag in ("td", "th"):
            self._flush_cell()
            self._flush_loose()
            self._cells = [] if self._cells is None else self._cells
        elif tag in _BREAKS and not self._tables:
            self._flush()
            if heading := _HEADING.match(tag):
                self._kind, self._level = BlockKind.HEADING, int(heading[1])
            elif tag == "pre":
                self._kind = BlockKind.CODE
            elif tag == "li":
                self._prefix = "- "
        elif tag in _BREAKS:
            self._text.append(" ")

    def end(self, tag: str) -> None:
        if self._tables and tag in ("td", "th"):
            self._flush_cell()
        elif self._tables and tag == "tr":
            self._flush_cell()
            if line := row(self._cells or ()):
                self._rows.append(line)
            self._cells = None
        elif self._tables and tag == "table":
            self._tables -= 1
            if not self._tables:
                self._flush_loose()
                self._made += filter(None, (block("\n".join(self._rows), BlockKind.TABLE),))
                self._rows, self._cells = [], None
        elif tag in _BREAKS and not self._tables:
            self._flush()

    def take(self, last: bool = False) -> list[Block]:
        if last:
            if self._cells:
                self._rows.append(row(self._cells))
            self._made += filter(None, (block("\n".join(self._rows), BlockKind.TABLE),))
            self._rows = []
            self._flush()
        made, self._made = self._made, []
        return made

    def _flush_loose(self) -> None:
        """Text of a table that is in no cell: its caption."""
        if self._cells is None:
            self._made += filter(None, (block("".join(self._text)),))
            self._text.clear()

    def _flush_cell(self) -> None:
        if self._cells is not None and self._text:
            text = "".join(self._text)
            self._text.clear()
            if text.strip():
                self._cells.append(text)

    def _flush(self) -> None:
        made = block("".join(self._text), self._kind, self._level)
        self._text.clear()
        if made is not None:
            self._made.append(Block(self._prefix + made.text, made.kind, made.level) if self._prefix else made)
            self._prefix = ""
        self._kind, self._level = BlockKind.TEXT, 0
