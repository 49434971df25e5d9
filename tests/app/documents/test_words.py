"""What is said of a result, in the window's language."""

from __future__ import annotations

import pytest
from PySide6.QtWidgets import QApplication

from app.documents.export import export
from app.documents.words import export_words, notes_text
from app.documents.works import Work
from app.languages import install_language
from core.documents.document import Document, Page, Unread
from core.documents.report import document_info, page_notes
from core.schemas import JobReply, SummaryReport


@pytest.fixture
def work() -> Work:
    """With the notes that the service makes of such documents."""
    pages = tuple(Page(number) for number in range(1, 10))
    unread = (Unread(2, "scanned"), Unread(4, "scanned"), Unread(5, "scanned"), Unread(7, "unreadable"))
    scan = Document(path="/d/a: b.pdf", name="a: b.pdf", format="pdf", pages=pages, unread=unread)
    slides = Document(
        path="/d/c.pptx", name="c.pptx", format="pptx", unit="slide", pages=pages, unread=(Unread(3, "empty"),),
        notes=("2 pictures or charts are not read; only text is.",),
    )  # fmt: skip
    notes = ["3 files in 'papers' are of kinds that are not read, and left out.", *page_notes([scan, slides])]
    job = JobReply(id="s", kind="summarize", params={"paths": []}, state="done", created=1.0, updated=1.0)
    work = Work(job)
    work.summary = SummaryReport(
        summary="s", coverage=100.0, citations=[], chunks=1, tokens=1, cached_tokens=0, seconds=1.0, notes=notes,
        documents=[document_info(scan), document_info(slides)],
    )  # fmt: skip
    return work


def test_notes_on_documents_are_translated(work: Work, qapp: QApplication) -> None:
    install_language("zh_CN")
    try:
        assert notes_text(work) == [
            "“papers”中有 3 个文件的类型无法读取，已略去。",
            "a: b.pdf：第 2, 4-5 页只有图片没有文字（扫描件），未包含在内；请先对它们做文字识别。",
            "a: b.pdf：第 7 页无法读取，未包含在内。",
            "c.pptx：第 3 张幻灯片是空的。",
            "c.pptx：有 2 个图片或图表未读取；只读取文字。",
        ]
        assert "- c.pptx：第 3 张幻灯片是空的。" in export(work, "md", export_words(work))
    finally:
        install_language("en")


def test_in_english_they_are_what_the_service_said(work: Work, qapp: QApplication) -> None:
    install_language("en")
    assert notes_text(work) == work.notes
