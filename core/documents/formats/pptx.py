"""PPTX (ISO/IEC 29500-1, PresentationML, section 19): slides in order of the show, titles as headings, tables, the words of
SmartArt (section 21.4), speaker's notes."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from pathlib import Path

from core.documents.document import Block, BlockKind, Document, Page, Unread
from core.documents.formats.archive import Archive
from core.documents.formats.blocks import block, pictures_note, row
from core.documents.formats.xml import Element, attribute, local, parse
from core.documents.limits import ReadLimits
from core.documents.trouble import empty, too_large

WHAT = "PowerPoint presentation"
_MAIN = "ppt/presentation.xml"
_TITLES = frozenset({"title", "ctrTitle"})
_PICTURES = frozenset({"pic", "chart"})
_CHROME = frozenset({"dt", "ftr", "sldNum"})  # placeholders of date, footer and slide number


def read(path: Path, name: str, limits: ReadLimits) -> Document:
    """Raises DocumentUnusable."""
    with Archive(path, name, limits, WHAT) as archive:
        members = list(_slides(archive, name))
        if not members:
            raise empty(name, "it has no slides")
        if len(members) > limits.pages:
            raise too_large(name, f"has {len(members)} slides, and at most {limits.pages} are read")
        pages, unread, pictures = [], [], 0
        for number, member in enumerate(members, 1):
            slide = parse(archive.read(member), name, WHAT)
            targets = _related(archive, member, name)
            blocks = [*_blocks(slide), *_smart_art(archive, slide, targets, name), *_notes(archive, targets, name)]
            pictures += sum(local(element) in _PICTURES for element in slide.iter())
            pages.append(Page(number, tuple(blocks)))
            if not blocks:
                unread.append(Unread(number, "scanned" if slide.find(".//{*}pic") is not None else "empty"))
    title = next((item.text for page in pages[:1] for item in page.blocks if item.kind is BlockKind.HEADING), "")
    return Document(
        path=str(path),
        name=name,
        format="pptx",
        unit="slide",
        title=title[:200],
        pages=tuple(pages),
        unread=tuple(unread),
        notes=pictures_note(pictures, "picture or chart", "pictures or charts"),
    )


def _slides(archive: Archive, name: str) -> Iterator[str]:
    targets = _related(archive, _MAIN, name)
    listed = parse(archive.read(_MAIN), name, WHAT).find("{*}sldIdLst")
    for slide in () if listed is None else listed:
        member = next((targets[v] for k, v in slide.attrib.items() if k.endswith("}id") and v in targets), "")
        if member:
            yield member


def _related(archive: Archive, member: str, name: str) -> dict[str, str]:
    """Relation id -> member, of the relations of a member."""
    folder, file = posixpath.split(member)
    relations = f"{folder}/_rels/{file}.rels"
    if relations not in archive:
        return {}
    return {
        attribute(item, "Id"): posixpath.normpath(posixpath.join(folder, attribute(item, "Target"))).lstrip("/")
        for item in parse(archive.read(relations), name, WHAT)
        if attribute(item, "TargetMode") != "External"
    }


def _blocks(slide: Element) -> Iterator[Block]:
    """Shapes in the order of the file, which is that of reading for what programs write; the title first."""
    shapes = [element for element in slide.iter() if local(element) in ("sp", "graphicFrame")]
    titles = [shape for shape in shapes if _placeholder(shape) in _TITLES]
    for shape in titles:
        made = block(" ".join(_paragraphs(shape)), BlockKind.HEADING, 1)
        if made is not None:
            yield made
    for shape in shapes:
        if shape in titles or _placeholder(shape) in _CHROME:
            continue
        if local(shape) == "graphicFrame":
            lines = [row(" ".join(_paragraphs(cell)) for cell in line.iter("{*}tc")) for line in shape.iter("{*}tr")]
            made = block("\n".join(filter(None, lines)), BlockKind.TABLE)
        else:
            made = block("\n".join(_paragraphs(shape)))
        if made is not None:
            yield made


def _placeholder(shape: Element) -> str:
    kind = shape.find(".//{*}nvPr/{*}ph")
    return "" if kind is None else attribute(kind, "type")


def _paragraphs(parent: Element) -> Iterator[str]:
    for paragraph in parent.iter("{*}p"):
        made = []
        for element in paragraph.iter():
            tag = local(element)
            if tag == "t":
                made.append(element.text or "")
            elif tag == "br":
                made.append("\n")
        if text := "".join(made).strip():
            yield text


def _smart_art(archive: Archive, slide: Element, targets: dict[str, str], name: str) -> Iterator[Block]:
    """Its words are in a part of their own, in the order in which they were typed."""
    for element in slide.iter("{*}relIds"):
        member = targets.get(attribute(element, "dm"), "")
        if member in archive:
            made = block("\n".join(_paragraphs(parse(archive.read(member), name, WHAT))))
            if made is not None:
                yield made


def _notes(archive: Archive, targets: dict[str, str], name: str) -> Iterator[Block]:
    for member in targets.values():
        if "notesSlide" in member and member in archive:
            root = parse(archive.read(member), name, WHAT)
            bodies = [shape for shape in root.iter("{*}sp") if _placeholder(shape) == "body"]
            made = block("Notes: " + " ".join(text for body in bodies for text in _paragraphs(body)))
            if made is not None and made.text != "Notes:":
                yield made
