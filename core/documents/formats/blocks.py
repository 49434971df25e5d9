"""What the formats share: collecting blocks, cleaning text, cutting pages out of texts that have none."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator

from core.documents.document import Block, BlockKind, Page, Unread

PART_CHARS = 3000  # of a page that we cut ourselves

_SPACES = re.compile(r"[^\S\n]+")
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufeff\ufffe\uffff\u200b\u2060\xad]")


def clean(text: str) -> str:
    """One space between words, no control characters, no soft hyphens; composed characters (NFC), so that the same word is
    the same text. Lines stay lines."""
    text = _CONTROL.sub("", unicodedata.normalize("NFC", text))
    return "\n".join(filter(None, (_SPACES.sub(" ", line).strip() for line in text.split("\n"))))


def block(text: str, kind: BlockKind = BlockKind.TEXT, level: int = 0) -> Block | None:
    """A block, None for blank text. Code keeps its white space."""
    text = _CONTROL.sub("", text).strip("\n") if kind is BlockKind.CODE else clean(text)
    return Block(text, kind, level) if text.strip() else None


def row(cells: Iterable[str]) -> str:
    """A table's row as a line; empty if all cells are."""
    texts = [" ".join(clean(cell).split("\n")) for cell in cells]
    return " | ".join(texts) if any(texts) else ""


def nested(rows: Iterable[str]) -> str:
    """The rows of a table within a cell of another, as that cell's text."""
    return "; ".join(line.replace(" | ", ", ") for line in rows)


_SUPERSCRIPT = str.maketrans("0123456789+-−", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻")


def superscript(text: str) -> str:
    """Raised digits as characters of their own: 10 to the 6th is not 106, nor the mark of a note a part of the year before."""
    return text.translate(_SUPERSCRIPT)


def pictures_note(count: int, what: str = "picture", several: str = "pictures") -> tuple[str, ...]:
    """A sentence on what is shown and holds no text, if there is any."""
    if count == 1:
        return (f"1 {what} is not read; only text is.",)
    return (f"{count} {several} are not read; only text is.",) if count else ()


def parts(blocks: Iterable[Block], size: int = PART_CHARS) -> tuple[Page, ...]:
    """Pages for a text without any: whole blocks, about `size` characters each, beginning with a heading where one is near.
    A longer block is cut at lines or sentences."""
    pages: list[Page] = []
    held: list[Block] = []
    chars = 0

    def close() -> None:
        nonlocal held, chars
        if held:
            pages.append(Page(len(pages) + 1, tuple(held)))
            held, chars = [], 0

    for item in blocks:
        for piece in _cut(item, size):
            heads = piece.kind is BlockKind.HEADING and chars > size // 3
            if held and (chars + len(piece.text) > size or heads):
                close()
            held.append(piece)
            chars += len(piece.text)
    close()
    return tuple(pages)


def unread_of(pages: Iterable[Page], pictures: Iterable[int] = ()) -> tuple[Unread, ...]:
    """The pages without text. `pictures`: numbers of those that have some."""
    shown = set(pictures)
    return tuple(
        Unread(page.number, "scanned" if page.number in shown else "empty") for page in pages if not page.blocks
    )


_BREAK = re.compile(r"\n|(?<=[.!?…;])\s|(?<=[。！？；])")


def _cut(item: Block, size: int) -> Iterator[Block]:
    text, start = item.text, 0
    while start < len(text):
        middle, end = start + size // 2, start + size
        at = len(text) if end >= len(text) else 0
        if not at:
            for match in _BREAK.finditer(text, middle, end):
                at = match.end()
        at = at or text.rfind(" ", middle, end) + 1 or end
        piece = text[start:at].strip()
        if piece:
            yield Block(piece, item.kind, item.level)
        start = at
