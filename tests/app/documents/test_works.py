from __future__ import annotations

import json
from typing import Any

from app.documents.export import FORMATS, Words, export
from app.documents.works import Work
from core.schemas import AnswerReport, Citation, DocumentEvent, DocumentInfo, JobReply, SummaryReport


def job(**fields: Any) -> JobReply:
    defaults = {"id": "summarize-1", "kind": "summarize", "params": {"paths": ["/d/report.pdf", "/d/b.docx"]}}
    return JobReply(**(defaults | {"state": "running", "created": 1.0, "updated": 1.0} | fields))


SUMMARY = SummaryReport(
    summary="Sales <b>rose</b> [p. 3].\n\n- one [1, p. 3]\n- two [2, p. 1]", coverage=100.0,
    citations=[Citation(page=3, chunk=0, quote="Sales rose\n by 4 %"), Citation(page=1, chunk=0, quote="two & more", document=1)],
    chunks=4, tokens=10, cached_tokens=0, seconds=1.0, notes=["Page 7 is scanned and has no text."],
    documents=[DocumentInfo(path="/d/report.pdf", name="report.pdf", format="pdf"),
               DocumentInfo(path="/d/b.docx", name="b.docx", format="docx")],
)  # fmt: skip


def test_the_text_grows_and_may_be_taken_back() -> None:
    work = Work(job())
    for text, offset in (("The report", 0), (" says", 10), ("An answer", 0)):
        work.apply(DocumentEvent(kind="text", text=text, offset=offset))
    assert work.shown == "An answer"
    work.apply(DocumentEvent(kind="end", job=job(state="done"), summary=SUMMARY))
    assert work.shown == SUMMARY.summary
    assert (work.coverage, work.notes, work.running) == (100.0, SUMMARY.notes, False)


def test_chunks_are_known_while_they_are_read() -> None:
    assert Work(job(stage="map", done=3, total=12)).chunks == (3, 12)
    assert Work(job(stage="combine", done=3, total=12)).chunks is None
    assert Work(job(stage="map")).chunks is None
    assert Work(job(stage="map", done=13, total=12)).share() == 1.0


def test_names_and_coverage_of_an_answer() -> None:
    work = Work(job(kind="ask", params={"paths": ["/d/a.md"], "question": "Why?"}))
    assert (work.name, work.question, work.coverage) == ("a.md", "Why?", None)
    work.answer = AnswerReport(
        answer="Because.", found=True, citations=[], whole=False, chunks=8, chunks_read=2, tokens=1, cached_tokens=0, seconds=1.0
    )  # fmt: skip
    assert work.coverage == 25.0


def test_every_format_holds_text_sources_and_coverage() -> None:
    work = Work(job(state="done"), summary=SUMMARY)
    made = {kind: export(work, kind, Words(notes=tuple(work.notes))) for kind in FORMATS}
    assert made["md"].startswith("# report.pdf, b.docx\n")
    for kind in ("md", "txt"):
        assert "- report.pdf, page 3: “Sales rose by 4 %”" in made[kind]
        assert "- b.docx, page 1: “two & more”" in made[kind]
        assert "Coverage: 100 %" in made[kind]
        assert "Page 7 is scanned" in made[kind]
    assert json.loads(made["json"])["citations"][1]["quote"] == "two & more"


def test_html_is_inert_and_its_marks_lead_to_the_quotes() -> None:
    text = export(Work(job(), summary=SUMMARY), "html", Words())
    assert "<b>" not in text
    assert "&lt;b&gt;rose" in text or "&amp;lt;b" in text
    assert '<a href="#p0-3">[p. 3]</a>' in text
    assert '<li id="p0-3">' in text
    assert "<ul><li>one" in text


def test_an_unfinished_text_can_be_exported_too() -> None:
    work = Work(job(), text="So far")
    assert "So far" in export(work, "md", Words())
    assert json.loads(export(work, "json", Words())) == {"text": "So far"}
