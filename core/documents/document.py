"""What a file holds, as far as a language model is concerned: pages of blocks of text."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from functools import cached_property

import msgspec

SEPARATOR = "\n\n"  # between the blocks of a page's text


class BlockKind(enum.StrEnum):
    HEADING = "heading"
    TEXT = "text"
    TABLE = "table"
    CODE = "code"


class Block(msgspec.Struct, frozen=True):
    """A heading (of `level` 1 to 6), a paragraph, a list item, a table (a line for each row). `text` is never blank."""

    text: str
    kind: BlockKind = BlockKind.TEXT
    level: int = 0


class Page(msgspec.Struct, frozen=True, dict=True):
    """`number` counts from 1."""

    number: int
    blocks: tuple[Block, ...] = ()

    @cached_property
    def text(self) -> str:
        """All blocks. Chunks and citations point into it."""
        return SEPARATOR.join(block.text for block in self.blocks)


class Unread(msgspec.Struct, frozen=True):
    """A page without usable text. `reason`: scanned (there are pictures), empty, or unreadable."""

    page: int
    reason: str


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """`unit`: what a page is: page, slide, chapter, or part (of a text that has no pages: cut by us). `notes`: what was left
    out and why, in sentences."""

    path: str
    name: str
    format: str
    title: str = ""
    unit: str = "page"
    pages: tuple[Page, ...] = ()
    unread: tuple[Unread, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def chars(self) -> int:
        return sum(len(page.text) for page in self.pages)


def ranges(numbers: Sequence[int]) -> str:
    """1, 2, 3, 7 -> "1-3, 7"."""
    parts: list[list[int]] = []
    for number in numbers:
        if parts and number == parts[-1][-1] + 1:
            parts[-1].append(number)
        else:
            parts.append([number])
    return ", ".join(str(part[0]) if len(part) == 1 else f"{part[0]}-{part[-1]}" for part in parts)
