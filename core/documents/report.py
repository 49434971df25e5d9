"""What reports say of the documents themselves."""

from __future__ import annotations

from collections.abc import Sequence

from core.documents.document import Document
from core.schemas import DocumentInfo, UnreadPage

_WORDS = {
    "scanned": "hold pictures without text (a scan) and are not in it; run a text recognition over them first",
    "unreadable": "cannot be read and are not in it",
    "empty": "are empty",
}


def document_info(document: Document) -> DocumentInfo:
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
                unit = document.unit if len(numbers) == 1 else f"{document.unit}s"
                notes.append(f"{document.name}: {unit} {ranges(numbers)} {words}.")
        notes += [f"{document.name}: {note}" for note in document.notes]
    return notes


def ranges(numbers: Sequence[int]) -> str:
    """1, 2, 3, 7 -> "1-3, 7"."""
    parts: list[list[int]] = []
    for number in numbers:
        if parts and number == parts[-1][-1] + 1:
            parts[-1].append(number)
        else:
            parts.append([number])
    return ", ".join(str(part[0]) if len(part) == 1 else f"{part[0]}-{part[-1]}" for part in parts)
