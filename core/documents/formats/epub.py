"""EPUB (W3C EPUB 3.3, and 2): the chapters of the spine, in its order; each is a page here."""

from __future__ import annotations

import posixpath
from pathlib import Path
from urllib.parse import unquote

from core.documents.document import Block, Document, Page, Unread
from core.documents.formats.archive import Archive
from core.documents.formats.html import blocks_of, parse_html
from core.documents.formats.xml import attribute, parse
from core.documents.limits import ReadLimits
from core.documents.trouble import DocumentUnusable, corrupt, empty, too_large

WHAT = "EPUB book"
_CONTAINER = "META-INF/container.xml"
_FONT_METHODS = (
    "http://www.idpf.org/2008/embedding",
    "http://ns.adobe.com/pdf/enc#RC",
)  # fonts only: no protection of text


def read(path: Path, name: str, limits: ReadLimits) -> Document:
    """Raises DocumentUnusable."""
    with Archive(path, name, limits, WHAT) as archive:
        _check_rights(archive, name)
        rootfile = parse(archive.read(_CONTAINER), name, WHAT).find(".//{*}rootfile")
        if rootfile is None:
            raise corrupt(name, WHAT, "it does not say where its content is")
        package = attribute(rootfile, "full-path")
        root = parse(archive.read(package), name, WHAT)
        folder = posixpath.dirname(package)
        items = {attribute(item, "id"): attribute(item, "href") for item in root.iter("{*}item")}
        spine = [items.get(attribute(item, "idref"), "") for item in root.iter("{*}itemref")]
        if not spine:
            raise empty(name, "it lists no chapters")
        if len(spine) > limits.pages:
            raise too_large(name, f"has {len(spine)} chapters, and at most {limits.pages} are read")
        title = " ".join(str(root.findtext(".//{*}metadata/{*}title") or "").split())[:200]
        pages, unread = [], []
        for number, href in enumerate(spine, 1):
            member = posixpath.normpath(posixpath.join(folder, unquote(href.partition("#")[0])))
            blocks, reason = _chapter(archive.read(member), name) if member in archive else ((), "unreadable")
            pages.append(Page(number, blocks))
            if reason:
                unread.append(Unread(number, reason))
    return Document(
        path=str(path), name=name, format="epub", unit="chapter", title=title, pages=tuple(pages), unread=tuple(unread)
    )


def _chapter(data: bytes, name: str) -> tuple[tuple[Block, ...], str]:
    """Its blocks, and why it is unread if it is."""
    if not data.strip():
        return (), "empty"
    try:
        element = parse_html(data, name)
    except DocumentUnusable:
        return (), "unreadable"
    blocks = tuple(blocks_of(element))
    if blocks:
        return blocks, ""
    return (), "scanned" if next(element.iter("img", "image", "svg"), None) is not None else "empty"


def _check_rights(archive: Archive, name: str) -> None:
    """Raises DocumentUnusable for a book whose text is encrypted (DRM)."""
    if "META-INF/encryption.xml" not in archive:
        return
    for method in parse(archive.read("META-INF/encryption.xml"), name, WHAT).iter("{*}EncryptionMethod"):
        if attribute(method, "Algorithm") not in _FONT_METHODS:
            raise DocumentUnusable(f"'{name}' is protected by its publisher (DRM), so its text cannot be read.")
