"""TXT: bytes of some encoding. Form feeds are page breaks; a text without any is cut into parts."""

from __future__ import annotations

import re
from pathlib import Path

from core.documents.document import Block, Document, Page
from core.documents.formats.blocks import block, parts, unread_of
from core.documents.limits import ReadLimits
from core.documents.trouble import DocumentUnusable, empty, too_large

_BOMS = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
_SAMPLE = 1 << 18  # bytes that a guess of the encoding looks at
_PARAGRAPH = re.compile(r"\n[^\S\n]*\n\s*")


def read(path: Path, name: str, limits: ReadLimits) -> Document:
    """Raises DocumentUnusable."""
    text = read_text(path, name)
    if len(text) > limits.chars:  # before anything is made of it
        raise too_large(name, f"holds {len(text):,} characters, and at most {limits.chars:,} are read")
    if "\f" in text:
        pages = tuple(Page(i, tuple(paragraphs(part))) for i, part in enumerate(text.rstrip("\f").split("\f"), 1))
        return Document(path=str(path), name=name, format="txt", pages=pages, unread=unread_of(pages))
    return Document(path=str(path), name=name, format="txt", unit="part", pages=parts(paragraphs(text)))


def paragraphs(text: str) -> list[Block]:
    """Between blank lines."""
    return [made for part in _PARAGRAPH.split(text) if (made := block(part)) is not None]


def read_text(path: Path, name: str) -> str:
    """A file's text with "\\n" at line ends. Raises DocumentUnusable for one that is empty, or no text."""
    return decode(path.read_bytes(), name)


def decode(data: bytes, name: str) -> str:
    """By its byte order mark, as UTF-8, or by a guess (charset-normalizer)."""
    if not data.strip():
        raise empty(name, "it is empty")
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            return _lines(data.decode(encoding, "replace"))
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        text = _guess(data, name)
    if "\0" in text:
        text = _guess_wide(data, name)
    return _lines(text)


def _guess(data: bytes, name: str) -> str:
    from charset_normalizer import from_bytes

    if b"\0" in data[:4096]:
        return _guess_wide(data, name)
    best = from_bytes(data[:_SAMPLE]).best()
    if best is None:
        raise DocumentUnusable(f"'{name}' is not text in any known encoding; save it again as UTF-8.")
    return data.decode(best.encoding, "replace")


def _guess_wide(data: bytes, name: str) -> str:
    """Text with NUL bytes: UTF-16 without a mark, or no text at all."""
    sample = data[:4096]
    even, odd = sample[0::2].count(0), sample[1::2].count(0)
    if max(even, odd) > len(sample) // 8 and min(even, odd) * 8 < max(even, odd):
        return data.decode("utf-16-be" if even > odd else "utf-16-le", "replace")
    raise DocumentUnusable(f"'{name}' is not a text file; it holds bytes that no text has.")


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")
