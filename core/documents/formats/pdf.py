"""PDF (ISO 32000), by PDFium: characters with their places (its fpdf_text.h); core.documents.formats.layout makes text of them."""

from __future__ import annotations

import ctypes
import math
from pathlib import Path
from typing import Any

import pypdfium2
import pypdfium2.raw as pdfium

from core.documents.document import Document, Page, Unread, ranges
from core.documents.formats.blocks import superscript
from core.documents.formats.layout import Run, Sheet, assemble
from core.documents.limits import ReadLimits
from core.documents.trouble import corrupt, empty, protected, too_large

HYPHENS = "\u0002\u00ad\ufffe"  # what PDFium says for a hyphen at the end of a line
_UNMAPPED = frozenset({0, 0xFFFD})
_SYMBOL_BULLETS = frozenset(
    (0xF0B7, 0xF0A7, 0xF0D8, 0xF095, 0xF076, 0xF0FC)
)  # in fonts of symbols, as programs use them in lists
TURNS = 24  # directions of writing that are told apart
_FEW = 20  # characters: a page that has no more, and a picture, is a scan; of one that lacks no more nothing is said


def _reason(error: Exception) -> str:
    """Of "Failed to load document (PDFium: Data format error)." the part that says something."""
    return str(error).partition("PDFium: ")[2].rstrip(").").lower() or str(error)


def read(path: Path, name: str, limits: ReadLimits) -> Document:
    """Raises DocumentUnusable."""
    try:
        pdf = pypdfium2.PdfDocument(path)
    except pypdfium2.PdfiumError as error:
        if "password" in str(error).lower():
            raise protected(name) from error
        raise corrupt(name, "PDF", _reason(error)) from error
    try:
        count = len(pdf)
        if count == 0:
            raise empty(name, "it has no pages")
        if count > limits.pages:
            raise too_large(name, f"has {count} pages, and at most {limits.pages} are read")
        sheets: list[Sheet] = []
        unread = []
        partly = []
        chars = 0
        for number in range(1, count + 1):
            made, reason, lost = _sheets(pdf, number)
            if lost > _FEW and not reason:
                partly.append(number)
            chars += sum(len(run.text) for sheet in made for run in sheet.runs)
            if chars > limits.chars:
                raise too_large(name, f"holds more than {limits.chars:,} characters")
            sheets += made
            if reason:
                unread.append(Unread(number, reason))
        title = " ".join(str(pdf.get_metadata_value("Title") or "").split())[:200]
        title = "" if title.lower() == "untitled" else title
    finally:
        pdf.close()
    blocks, notes = assemble(sheets)
    if partly:
        where = ranges(partly)
        if len(partly) == 1:
            notes.append(f"On page {where} some letters are not read: their fonts do not say which they are.")
        else:
            notes.append(f"On pages {where} some letters are not read: their fonts do not say which they are.")
    pages = tuple(Page(number, blocks.get(number, ())) for number in range(1, count + 1))
    known = {item.page for item in unread}
    unread += [Unread(page.number, "empty") for page in pages if not page.blocks and page.number not in known]
    unread.sort(key=lambda item: item.page)
    return Document(
        path=str(path), name=name, format="pdf", title=title, pages=pages, unread=tuple(unread), notes=tuple(notes)
    )


def _sheets(pdf: Any, number: int) -> tuple[list[Sheet], str, int]:
    """A page's runs of characters, in one sheet for each direction of writing; why it is unread if it is; how many characters
    stand for no letter."""
    try:
        page = pdf[number - 1]
    except pypdfium2.PdfiumError:
        return [], "unreadable", 0
    try:
        text_page = page.get_textpage()
        try:
            runs, chars, unmapped = _runs(text_page)
        finally:
            text_page.close()
        if chars and unmapped * 2 > chars:
            return [], "unreadable", unmapped  # fonts that do not say which letters their shapes are
        sheets = [_turned(found, turn, number, page.get_mediabox()) for turn, found in runs.items()]
        sheets.sort(key=lambda sheet: -sum(len(run.text) for run in sheet.runs))
        if sum(len(run.text.strip()) for sheet in sheets for run in sheet.runs) > _FEW:
            return sheets, "", unmapped
        has_picture = any(True for _ in page.get_objects(filter=[pdfium.FPDF_PAGEOBJ_IMAGE], max_depth=3))
        return sheets, "scanned" if has_picture else "" if sheets else "empty", unmapped
    except pypdfium2.PdfiumError:
        return [], "unreadable", 0
    finally:
        page.close()


def _runs(text_page: Any) -> tuple[dict[int, list[Run]], int, int]:
    """Characters that follow each other on one line without a wide gap make a run; by direction, in TURNS of a whole turn, each
    with x along its direction. Also: how many characters there are, how many of them stand for no letter."""
    raw = text_page.raw
    count = max(0, pdfium.FPDFText_CountChars(raw))
    box = pdfium.FS_RECTF()
    reference = ctypes.byref(box)
    runs: dict[int, list[Run]] = {}
    letters: list[str] = []
    left = right = top = bottom = 0.0  # of the letters so far, without raised ones
    unmapped = chars = 0
    turn = 0

    def close() -> None:
        text = "".join(letters).strip(" ")
        if text:
            runs.setdefault(turn, []).append(Run(text, left, right, bottom, top))
        letters.clear()

    get_unicode, get_box, get_angle = (
        pdfium.FPDFText_GetUnicode,
        pdfium.FPDFText_GetLooseCharBox,
        pdfium.FPDFText_GetCharAngle,
    )
    has_no_letter = pdfium.FPDFText_HasUnicodeMapError
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
            continue  # generated by PDFium, also around raised letters: their places tell more
        chars += 1
        if code in _SYMBOL_BULLETS:
            code = 0x2022
        if code in _UNMAPPED or 0xE000 <= code < 0xF900 or has_no_letter(raw, i) == 1:
            unmapped += 1
            continue
        if code == 32 or code == 160:
            if letters:
                letters.append(" ")
            continue
        if not get_box(raw, i, reference):
            continue
        x0, x1, y0, y1 = box.left, box.right, box.bottom, box.top
        angle = get_angle(raw, i)
        if angle > 0.0 or turn:
            now = round(angle * TURNS / math.tau) % TURNS if angle > 0.0 else 0
            if now != turn:
                close()
                turn = now
            if turn:
                x0, x1, y0, y1 = _along(turn, x0, x1, y0, y1)
        size = max(1.0, y1 - y0)
        if letters:
            same_line = min(top, y1) - max(bottom, y0) > 0.4 * min(size, max(1.0, top - bottom))
            gap = x0 - right
            if not same_line or gap > 1.2 * size or gap < -1.5 * size:
                close()
            elif gap > 0.2 * size and letters[-1] != " " and code < 0x2E80:
                letters.append(" ")
        if letters and size < 0.75 * (top - bottom) and y0 > bottom + 0.25 * (top - bottom):
            letters.append(superscript(chr(code)))
            right = max(right, x1)
            continue
        if not letters:
            left, right, bottom, top = x0, x1, y0, y1
        else:
            left, right = min(left, x0), max(right, x1)
            bottom, top = min(bottom, y0), max(top, y1)
        letters.append("-" if chr(code) in HYPHENS else chr(code))
    close()
    return runs, chars, unmapped


def _along(turn: int, x0: float, x1: float, y0: float, y1: float) -> tuple[float, float, float, float]:
    """A box in axes of which the first runs along the text; `turn` is clockwise, as FPDFText_GetCharAngle gives it. Where that
    is no quarter of a turn, the box is that around a slanted letter, and gives only its place and about its size."""
    angle = turn * math.tau / TURNS
    cos, sin = math.cos(angle), math.sin(angle)
    middle_x, middle_y = (x0 + x1) / 2, (y0 + y1) / 2
    x, y = middle_x * cos - middle_y * sin, middle_x * sin + middle_y * cos
    if turn % (TURNS // 4):
        side = (x1 - x0 + y1 - y0) / 2
        half_width, half_height = 0.3 * side, 0.45 * side
    else:
        half_width = (abs(cos) * (x1 - x0) + abs(sin) * (y1 - y0)) / 2
        half_height = (abs(sin) * (x1 - x0) + abs(cos) * (y1 - y0)) / 2
    return x - half_width, x + half_width, y - half_height, y + half_height


def _turned(runs: list[Run], turn: int, page: int, media: tuple[float, float, float, float]) -> Sheet:
    """The sheet of one direction, whose origin is below and left of it as on a page that is held so that it can be read."""
    left, bottom, right, top = media
    corners = [_along(turn, x, x, y, y) for x in (left, right) for y in (bottom, top)]
    x = min(corner[0] for corner in corners)
    y = min(corner[2] for corner in corners)
    width, height = max(corner[0] for corner in corners) - x, max(corner[2] for corner in corners) - y
    return Sheet(width, height, [run.moved(-x, -y) for run in runs], page)
