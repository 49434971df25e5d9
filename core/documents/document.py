"""What a file holds, as far as a language model is concerned: pages of blocks of text."""

from __future__ import annotations

import enum
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
