"""Texts of the documents page."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication

from app import formats
from app.documents.export import Words
from app.documents.marks import Mark
from app.documents.works import Work
from app.sentences import said
from app.texts import QT_TRANSLATE_NOOP

CONTEXT = "Documents"

_STAGES = {
    "read": QT_TRANSLATE_NOOP("Documents", "Reading the documents"),
    "map": QT_TRANSLATE_NOOP("Documents", "Reading every part"),
    "retrieve": QT_TRANSLATE_NOOP("Documents", "Finding the passages"),
    "combine": QT_TRANSLATE_NOOP("Documents", "Putting the parts together"),
    "write": QT_TRANSLATE_NOOP("Documents", "Writing"),
}
_STATES = {
    "queued": QT_TRANSLATE_NOOP("Documents", "Waiting for its turn"),
    "running": QT_TRANSLATE_NOOP("Documents", "Starting…"),
    "paused": QT_TRANSLATE_NOOP("Documents", "Paused"),
    "done": QT_TRANSLATE_NOOP("Documents", "Done"),
    "failed": QT_TRANSLATE_NOOP("Documents", "Failed"),
}
_UNITS = {
    "page": QT_TRANSLATE_NOOP("Documents", "page {page}"),
    "slide": QT_TRANSLATE_NOOP("Documents", "slide {page}"),
    "chapter": QT_TRANSLATE_NOOP("Documents", "chapter {page}"),
    "part": QT_TRANSLATE_NOOP("Documents", "part {page}"),
}


def stage_text(work: Work) -> str:
    """What happens now."""
    job = work.job
    if job.state == "running" and job.stage:
        return QCoreApplication.translate(CONTEXT, _STAGES[job.stage]) if job.stage in _STAGES else job.stage
    return QCoreApplication.translate(CONTEXT, _STATES[job.state]) if job.state in _STATES else job.state


def facts_text(work: Work) -> str:
    """The second line in the list."""
    if work.job.kind == "ask":
        kind = QCoreApplication.translate("Documents", "Question")
    else:
        kind = QCoreApplication.translate("Documents", "Summary")
    parts = [kind, stage_text(work)]
    share = work.share()
    if work.job.state == "running" and share is not None:
        parts.append(formats.percent(share))
    return " · ".join(part for part in parts if part)


def coverage_text(work: Work) -> str:
    """How much of the documents was read, "" as long as nobody knows."""
    if work.chunks is not None:
        done, total = work.chunks
        return QCoreApplication.translate("Documents", "{done} of {total} parts read").format(
            done=formats.number(done), total=formats.number(total)
        )
    if work.coverage is None:
        return ""
    report = work.summary or work.answer
    chunks = report.chunks if report is not None else 0
    return QCoreApplication.translate("Documents", "Coverage {percent}, parts: {parts}").format(
        percent=formats.percent(work.coverage / 100), parts=formats.number(chunks)
    )


def place_text(work: Work, mark: Mark) -> str:
    """Where a citation leads: "report.pdf, page 5"."""
    documents = work.documents
    document = documents[mark.document] if mark.document < len(documents) else None
    unit = document.unit if document is not None else "page"
    page = QCoreApplication.translate(CONTEXT, _UNITS.get(unit, _UNITS["page"])).format(page=formats.number(mark.page))
    return f"{document.name}, {page}" if document is not None else page


def notes_text(work: Work) -> list[str]:
    """What the reader should know of the result, a sentence each; those of one document begin with its name."""
    return [_note(note, [document.name for document in work.documents]) for note in work.notes]


def _note(note: str, names: list[str]) -> str:
    name = next((name for name in names if note.startswith(f"{name}: ")), None)
    if name is None:
        return said(note)
    return QCoreApplication.translate("Documents", "{name}: {note}").format(
        name=name, note=said(note.removeprefix(f"{name}: "))
    )


def export_words(work: Work) -> Words:
    translate = QCoreApplication.translate
    return Words(
        sources=translate("Documents", "Sources"),
        page=translate("Documents", "page {page}"),
        coverage=translate("Documents", "Coverage: {percent} %"),
        notes=tuple(notes_text(work)),
    )
