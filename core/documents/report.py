"""What reports say of the documents themselves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from core.documents.document import Document, ranges

if TYPE_CHECKING:
    from core.schemas import DocumentInfo

_REASONS = ("scanned", "unreadable", "empty")


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
        for reason in _REASONS:
            numbers = [item.page for item in document.unread if item.reason == reason]
            if numbers:
                notes.append(f"{document.name}: {_unread(reason, document.unit, numbers)}")
        notes += [f"{document.name}: {note}" for note in document.notes]
    return notes


def _unread(reason: str, unit: str, numbers: Sequence[int]) -> str:
    """A whole sentence for every case: the window translates them (app.service_sentences)."""
    pages = ranges(numbers)
    if len(numbers) == 1:
        if reason == "scanned":
            return f"{unit} {pages} holds pictures without text (a scan) and is not in it; run a text recognition over it first."
        return f"{unit} {pages} is empty." if reason == "empty" else f"{unit} {pages} cannot be read and is not in it."
    unit += "s"
    if reason == "scanned":
        return f"{unit} {pages} hold pictures without text (a scan) and are not in it; run a text recognition over them first."
    return f"{unit} {pages} are empty." if reason == "empty" else f"{unit} {pages} cannot be read and are not in it."
