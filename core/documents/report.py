"""What reports say of the documents themselves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from core.documents.document import Document, ranges

if TYPE_CHECKING:
    from core.schemas import DocumentInfo

_WORDS = {  # of one page, and of several
    "scanned": (
        "holds pictures without text (a scan) and is not in it; run a text recognition over it first",
        "hold pictures without text (a scan) and are not in it; run a text recognition over them first",
    ),
    "unreadable": ("cannot be read and is not in it", "cannot be read and are not in it"),
    "empty": ("is empty", "are empty"),
}


def document_info(document: Document) -> DocumentInfo:
    from core.schemas import DocumentInfo, UnreadPage

    return DocumentInfo(
        path=document.path,
        name=document.name,
        format=document.format,
        title=document.title,
        unit=document.unit,
        pages=len(document.pages),
        chars=document.chars,
        unread=[UnreadPage(page=item.page, reason=item.reason) for item in document.unread],
    )


def page_notes(documents: Sequence[Document]) -> list[str]:
    """A sentence for every reason why pages are not part of the result, with their numbers; and the documents' own notes."""
    notes = []
    for document in documents:
        for reason, words in _WORDS.items():
            numbers = [item.page for item in document.unread if item.reason == reason]
            if numbers:
                several = len(numbers) > 1
                unit = f"{document.unit}s" if several else document.unit
                notes.append(f"{document.name}: {unit} {ranges(numbers)} {words[several]}.")
        notes += [f"{document.name}: {note}" for note in document.notes]
    return notes
