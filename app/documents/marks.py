"""Page citations in a text: finding the marks, what they quote, and the text as Markdown with links. No Qt."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from core.schemas import Citation

# "[p. 5]", or "[2, p. 5]" with the number of the document (core.schemas.Citation)
_MARK = re.compile(r"\[(?:(\d{1,4}), )?p\. (\d{1,6})\]")
SCHEME = "cite"


@dataclass(frozen=True, slots=True)
class Mark:
    """`document` from 0, `page` from 1."""

    document: int
    page: int

    @property
    def link(self) -> str:
        return f"{SCHEME}:{self.document}-{self.page}"


def mark_of(link: str) -> Mark | None:
    """The reverse of `Mark.link`; None for any other address."""
    match = re.fullmatch(rf"{SCHEME}:(\d{{1,4}})-(\d{{1,6}})", link)
    return Mark(int(match[1]), int(match[2])) if match else None


def marks(text: str) -> list[Mark]:
    """Every mark once, in the order of the text."""
    found = (Mark(int(match[1] or 1) - 1, int(match[2])) for match in _MARK.finditer(text))
    return list(dict.fromkeys(mark for mark in found if mark.document >= 0))


def linked(text: str) -> str:
    """Markdown in which every mark is a link. Links and images that the model wrote lose their address: nothing of a document
    leads anywhere."""
    bare = re.sub(r"!?\[([^\]\n]*)\]\([^)\n]*\)", r"\1", text)
    bare = re.sub(r"^\s*\[[^\]\n]+\]:.*$", "", bare, flags=re.MULTILINE)  # addresses of reference links
    bare = bare.replace("](", "] (").replace("<", "&lt;")  # what was nested in a link, or never closed

    def link(match: re.Match[str]) -> str:
        mark = Mark(int(match[1] or 1) - 1, int(match[2]))
        return f"[{match[0][1:-1]}]({mark.link})" if mark.document >= 0 else match[0]

    return _MARK.sub(link, bare)


def passages(citations: Iterable[Citation], mark: Mark) -> list[Citation]:
    """What the text quotes from that page, in the order of the document, each quote once."""
    there = [item for item in citations if (item.document, item.page) == (mark.document, mark.page)]
    unique = {item.quote: item for item in sorted(there, key=lambda item: item.chunk)}
    return list(unique.values())
