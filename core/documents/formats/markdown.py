"""Markdown, as far as chunks need it (CommonMark 0.31: ATX and setext headings, fenced code): it is text that models read as it
is, so marks inside paragraphs stay."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from core.documents.document import Block, BlockKind, Document
from core.documents.formats.blocks import block, parts
from core.documents.formats.plain import read_text
from core.documents.limits import ReadLimits

_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_ATX = re.compile(r" {0,3}(#{1,6})(?:\s+(.*?))?(?:\s+#+)?\s*$")
_SETEXT = re.compile(r" {0,3}(=+|-+)\s*$")
_TABLE = re.compile(r"\s*\|.*\|\s*$")
_FRONT = re.compile(r"\A---\n.*?\n(?:---|\.\.\.)\n", re.DOTALL)


def read(path: Path, name: str, limits: ReadLimits) -> Document:
    """Raises DocumentUnusable."""
    blocks = list(split(_FRONT.sub("", read_text(path, name), count=1)))
    title = next((item.text for item in blocks if item.kind is BlockKind.HEADING), "")
    return Document(path=str(path), name=name, format="md", title=title[:200], unit="part", pages=parts(blocks))


def split(text: str) -> Iterator[Block]:
    """Headings, paragraphs, tables, fenced code."""
    held: list[str] = []
    lines = iter(text.split("\n"))
    for line in lines:
        if fence := _FENCE.match(line):
            yield from _paragraph(held)
            yield from _code(lines, fence[1])
        elif heading := _ATX.match(line):
            yield from _paragraph(held)
            yield from _made(heading[2] or "", BlockKind.HEADING, len(heading[1]))
        elif held and not _TABLE.match(held[-1]) and (line_below := _SETEXT.match(line)):
            title = " ".join(held)
            held.clear()
            yield from _made(title, BlockKind.HEADING, 1 if line_below[1][0] == "=" else 2)
        elif not line.strip():
            yield from _paragraph(held)
        else:
            held.append(line)
    yield from _paragraph(held)


def _paragraph(held: list[str]) -> Iterator[Block]:
    table = bool(held) and all(_TABLE.match(line) for line in held)
    text = "\n".join(held)
    held.clear()
    yield from _made(text, BlockKind.TABLE if table else BlockKind.TEXT, 0)


def _code(lines: Iterator[str], fence: str) -> Iterator[Block]:
    held = []
    for line in lines:
        if line.strip().startswith(fence) and not line.strip().strip(fence[0]):
            break
        held.append(line)
    yield from _made("\n".join(held), BlockKind.CODE, 0)


def _made(text: str, kind: BlockKind, level: int) -> Iterator[Block]:
    made = block(text, kind, level)
    if made is not None:
        yield made
