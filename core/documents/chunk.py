"""Documents cut into chunks that fit a model: by headings, paragraphs and pages, with the way back to the page of each letter."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import msgspec

from core.documents.document import SEPARATOR, BlockKind, Document

Count = Callable[[str], int]

_SENTENCE = re.compile(r"\n|(?<=[.!?…;])\s+|(?<=[。！？；])")
_WORD = re.compile(r"\s+")
_SPACE = re.compile(r"\s*")
_FULL = 0.6  # of the budget, from where a heading begins a new chunk


class Span(msgspec.Struct, frozen=True, array_like=True):
    """Characters `start` to `end` of the text of page number `page`."""

    page: int
    start: int
    end: int


class Chunk(msgspec.Struct, frozen=True):
    """`number` from 0 over all documents; `document` from 0. `text`: its spans, joined as blocks are. `section`: the headings
    above its first line. `tokens`: of `text`."""

    number: int
    document: int
    text: str
    spans: tuple[Span, ...]
    tokens: int
    section: str = ""

    @property
    def first_page(self) -> int:
        return self.spans[0].page

    @property
    def last_page(self) -> int:
        return self.spans[-1].page


@dataclass(frozen=True, slots=True)
class _Piece:
    """A block, or a part of one that is too long."""

    span: Span
    text: str
    tokens: int
    level: int = 0
    heading: str = ""
    section: str = ""


def chunk(documents: Sequence[Document], budget: int, count: Count) -> list[Chunk]:
    """Chunks of at most `budget` tokens, as `count` counts them. Every block is in exactly one chunk, or its parts in several."""
    chunks: list[Chunk] = []
    joint = max(1, count(SEPARATOR))
    for number, document in enumerate(documents):
        held: list[_Piece] = []
        tokens = 0
        for piece in _with_sections(_pieces(document, budget, count)):
            full = tokens + joint + piece.tokens > budget
            heads = 0 < piece.level <= 2 and tokens > _FULL * budget
            if held and (full or heads):
                done = len(held)
                while done > 1 and held[done - 1].level:
                    done -= 1  # a heading stays with what it is above of
                done = done if done > 1 or not held[0].level else len(held)
                chunks += _closed(len(chunks), number, held[:done], count, budget)
                held = held[done:]
                tokens = sum(item.tokens + joint for item in held)
                if tokens + piece.tokens > budget:
                    chunks += _closed(len(chunks), number, held, count, budget)
                    held, tokens = [], 0
            held.append(piece)
            tokens += piece.tokens + joint
        chunks += _closed(len(chunks), number, held, count, budget)
    return chunks


def _with_sections(pieces: Iterator[_Piece]) -> Iterator[_Piece]:
    """Each with the headings above it."""
    trail: list[tuple[int, str]] = []
    for piece in pieces:
        if piece.level:
            trail = [item for item in trail if item[0] < piece.level] + [(piece.level, piece.heading)]
        yield replace(piece, section=" > ".join(text for _, text in trail)[:300])


def _closed(number: int, document: int, held: list[_Piece], count: Count, budget: int) -> Iterator[Chunk]:
    """One chunk, or two where joining the pieces made more tokens than they have alone."""
    if not held:
        return
    text = SEPARATOR.join(piece.text for piece in held)
    tokens = count(text)
    if tokens > budget and len(held) > 1:
        half = len(held) // 2
        first = list(_closed(number, document, held[:half], count, budget))
        yield from first
        yield from _closed(number + len(first), document, held[half:], count, budget)
        return
    yield Chunk(number, document, text, tuple(piece.span for piece in held), tokens, held[0].section)


def _pieces(document: Document, budget: int, count: Count) -> Iterator[_Piece]:
    for page in document.pages:
        at = 0
        for block in page.blocks:
            level = block.level if block.kind is BlockKind.HEADING else 0
            tokens = count(block.text)
            if tokens <= budget:
                span = Span(page.number, at, at + len(block.text))
                yield _Piece(span, block.text, tokens, level, " ".join(block.text.split())[:100])
            else:
                for start, end in _cut(block.text, budget, count):
                    text = block.text[start:end]
                    yield _Piece(Span(page.number, at + start, at + end), text, count(text))
            at += len(block.text) + len(SEPARATOR)


def _cut(text: str, budget: int, count: Count) -> Iterator[tuple[int, int]]:
    """Ranges that fit, together all of the text but the white space between them: at sentences, else words, else anywhere."""
    start = 0
    while start < len(text):
        end = _longest(text, start, budget, count)
        if end < len(text):
            end = _before(text, start, end)
        stripped = text[start:end].rstrip()
        if stripped:
            yield start, start + len(stripped)
        start = _SPACE.match(text, end).end()  # type: ignore[union-attr]


def _longest(text: str, start: int, budget: int, count: Count) -> int:
    """An end such that the range fits. A token is hardly ever longer than 16 characters."""
    low, high = start + 1, min(len(text), start + 16 * budget)
    if count(text[start:high]) <= budget:
        return high
    while high - low > 16:
        middle = (low + high) // 2
        if count(text[start:middle]) <= budget:
            low = middle
        else:
            high = middle
    return low


def _before(text: str, start: int, end: int) -> int:
    """The last good place to cut in the second half of the range."""
    for pattern in (_SENTENCE, _WORD):
        places = [match.end() for match in pattern.finditer(text, start + (end - start) // 2, end)]
        if places:
            return places[-1]
    return end
