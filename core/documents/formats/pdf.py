"""PDF, by PDFium: characters with their places; core.documents.formats.layout makes text of them."""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Any

import pypdfium2
import pypdfium2.raw as pdfium

from core.documents.document import Document, Page, Unread
from core.documents.formats.layout import Run, Sheet, assemble
from core.documents.limits import ReadLimits
from core.documents.trouble import corrupt, empty, protected, too_large

HYPHENS = "\u0002\u00ad\ufffe"  # what PDFium says for a hyphen at the end of a line
_UNMAPPED = frozenset({0, 0xFFFD})
_FEW = 20  # characters: a page that has no more, and a picture, is a scan


def read(path: Path, name: str, limits: ReadLimits) -> Document:
    """Raises DocumentUnusable."""
    try:
        pdf = pypdfium2.PdfDocument(path)
    except pypdfium2.PdfiumError as error:
        if "password" in str(error).lower():
            raise protected(name) from error
        raise corrupt(name, "PDF", error) from error
    try:
        count = len(pdf)
        if count == 0:
            raise empty(name, "it has no pages")
        if count > limits.pages:
            raise too_large(name, f"has {count} pages, and at most {limits.pages} are read")
        sheets = []
        unread = []
        chars = 0
        for index in range(count):
            sheet, reason = _sheet(pdf, index)
            chars += sum(len(run.text) for run in sheet.runs)
            if chars > limits.chars:
                raise too_large(name, f"holds more than {limits.chars:,} characters")
            sheets.append(sheet)
            if reason:
                unread.append(Unread(index + 1, reason))
        title = " ".join(str(pdf.get_metadata_value("Title") or "").split())[:200]
        title = "" if title.lower() == "untitled" else title
    finally:
        pdf.close()
    blocks, notes = assemble(sheets)
    pages = tuple(Page(number, items) for number, items in enumerate(blocks, 1))
    known = {item.page for item in unread}
    unread += [Unread(page.number, "empty") for page in pages if not page.blocks and page.number not in known]
    unread.sort(key=lambda item: item.page)
    return Document(
        path=str(path), name=name, format="pdf", title=title, pages=pages, unread=tuple(unread), notes=tuple(notes)
    )


def _sheet(pdf: Any, index: int) -> tuple[Sheet, str]:
    """A page's runs of characters, and why it is unread if it is."""
    try:
        page = pdf[index]
    except pypdfium2.PdfiumError:
        return Sheet(0.0, 0.0, []), "unreadable"
    try:
        width, height = page.get_size()
        text_page = page.get_textpage()
        try:
            runs, chars, unmapped = _runs(text_page)
            if runs and _is_turned(text_page):
                runs = _in_order(text_page)
        finally:
            text_page.close()
        if chars and unmapped * 2 > chars:
            return Sheet(width, height, []), "unreadable"  # fonts that do not say which letters their shapes are
        if sum(len(run.text.strip()) for run in runs) > _FEW:
            return Sheet(width, height, runs), ""
        has_picture = any(True for _ in page.get_objects(filter=[pdfium.FPDF_PAGEOBJ_IMAGE], max_depth=3))
        reason = "scanned" if has_picture else "" if runs else "empty"
        return Sheet(width, height, runs), reason
    except pypdfium2.PdfiumError:
        return Sheet(0.0, 0.0, []), "unreadable"
    finally:
        page.close()


def _runs(text_page: Any) -> tuple[list[Run], int, int]:
    """Characters that follow each other on one line without a wide gap make a run. Also: how many there are, how many of them
    stand for no letter."""
    raw = text_page.raw
    count = max(0, pdfium.FPDFText_CountChars(raw))
    box = pdfium.FS_RECTF()
    reference = ctypes.byref(box)
    runs: list[Run] = []
    letters: list[str] = []
    left = right = top = bottom = 0.0
    unmapped = chars = 0

    def close() -> None:
        text = "".join(letters).strip(" ")
        if text:
            runs.append(Run(text, left, right, bottom, top))
        letters.clear()

    get_unicode, get_box = pdfium.FPDFText_GetUnicode, pdfium.FPDFText_GetLooseCharBox
    high = 0
    for i in range(count):
        code = get_unicode(raw, i)
        if 0xD800 <= code < 0xDC00:
            high = code
            continue
        if 0xDC00 <= code < 0xE000:
            code = 0x10000 + ((high - 0xD800) << 10) + code - 0xDC00 if high else 0xFFFD
        high = 0
        if code in (10, 13):
            close()
            continue
        chars += 1
        if code in _UNMAPPED or 0xE000 <= code < 0xF900:
            unmapped += 1
            continue
        if code == 32 or code == 160:
            if letters:
                letters.append(" ")
            continue
        if not get_box(raw, i, reference):
            continue
        x0, x1, y0, y1 = box.left, box.right, box.bottom, box.top
        size = max(1.0, y1 - y0)
        if letters:
            same_line = min(top, y1) - max(bottom, y0) > 0.4 * min(size, max(1.0, top - bottom))
            gap = x0 - right
            if not same_line or gap > 1.2 * size or gap < -1.5 * size:
                close()
            elif gap > 0.2 * size and letters[-1] != " " and code < 0x2E80:
                letters.append(" ")
        if not letters:
            left, right, bottom, top = x0, x1, y0, y1
        else:
            left, right = min(left, x0), max(right, x1)
            bottom, top = min(bottom, y0), max(top, y1)
        letters.append("-" if chr(code) in HYPHENS else chr(code))
    close()
    return runs, chars, unmapped


def _is_turned(text_page: Any) -> bool:
    """Whether most of the text runs in another direction than from left to right, as on a landscape page that lies on its
    side: there the places of characters say nothing about lines."""
    raw = text_page.raw
    count = max(0, pdfium.FPDFText_CountChars(raw))
    angles = [pdfium.FPDFText_GetCharAngle(raw, i) for i in range(0, count, max(1, count // 64))]
    return sum(bool(0.1 < angle < 6.18) for angle in angles) * 2 > len(angles)


def _in_order(text_page: Any) -> list[Run]:
    """The lines as PDFium finds them, one below the other."""
    lines = text_page.get_text_range().replace("\r", "").split("\n")
    return [
        Run(line.strip(), 0.0, 6.0 * len(line), -14.0 * i, 12.0 - 14.0 * i)
        for i, line in enumerate(lines)
        if line.strip()
    ]
