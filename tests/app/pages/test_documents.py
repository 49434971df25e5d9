from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDesktopServices, QDropEvent, QTextDocument
from PySide6.QtWidgets import QLabel, QPushButton, QWidget
from pytestqt.modeltest import ModelTester
from pytestqt.qtbot import QtBot

from app.documents.list_model import WorksModel
from app.documents.reader import Reader
from app.documents.works import Work
from app.messages import Message
from app.pages.documents import DocumentsPage
from app.session import Session
from app.theme import Theme
from app.two_lines import FACTS, PROBLEM
from core.errors import NotFound, Unavailable
from core.jobs.kinds import KINDS
from core.schemas import (
    AnswerReport,
    Citation,
    DocumentEvent,
    DocumentInfo,
    DocumentReports,
    InstalledStatus,
    JobReply,
    JobsReply,
    ModelsReply,
    ModelStatus,
    ServiceEvent,
    Status,
    SummaryReport,
)

Show = Callable[[QWidget], None]
TEXT = "Sales rose [p. 3]. Costs fell [p. 5]."


def job(**fields: Any) -> JobReply:
    params = {"paths": ["/d/report.pdf"], "model": "demo"}
    defaults = {"id": "summarize-1", "kind": "summarize", "params": params, "state": "running"}
    return JobReply(**(defaults | {"created": 1.0, "updated": 1.0} | fields))


def report(path: str = "/d/report.pdf", coverage: float = 100.0) -> SummaryReport:
    return SummaryReport(
        summary=TEXT, coverage=coverage, chunks=4, tokens=1, cached_tokens=0, seconds=1.0,
        citations=[Citation(page=3, chunk=0, quote="Sales rose by 4 %")], notes=["Page 7 is scanned."],
        documents=[DocumentInfo(path=path, name="report.pdf", format="pdf")],
    )  # fmt: skip


def status(running: int) -> Status:
    model = ModelStatus(name="demo", folder="/m", state="ready", running=running)
    return Status(version="1", pid=1, address="", uptime=1.0, open_requests=0, max_requests=8, models=[model])


@pytest.fixture
def page(scripted: Session, client: Any, show: Show) -> DocumentsPage:
    client.answers |= {
        "jobs": JobsReply(jobs=[]),
        "status": status(3),
        "all_models": ModelsReply(installed=[InstalledStatus(name="demo", architecture="Llama")], loaded=[]),
        "summarize": job(state="queued"),
    }
    scripted._take_models(client.answers["all_models"])
    page = DocumentsPage(scripted)
    show(page)
    return page


def texts(widget: QWidget) -> str:
    return "\n".join(label.text() for label in widget.findChildren(QLabel) if label.isVisibleTo(widget))


def press(qtbot: QtBot, button: QPushButton) -> None:
    button.setFocus()
    qtbot.keyClick(button, Qt.Key.Key_Space)


def test_dropped_files_are_summarized_while_one_looks_on(page: DocumentsPage, client: Any, qtbot: QtBot) -> None:
    client.answers["document_events"] = lambda job_id: [
        DocumentEvent(kind="progress", job=job(stage="map", done=1, total=4)),
        DocumentEvent(kind="text", text="Sales", offset=0),
        DocumentEvent(kind="text", text=" rose [p. 3].", offset=5),
        DocumentEvent(kind="end", job=job(state="done", updated=5.0), summary=report()),
    ]
    client.held.add("document_events")
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile("/d/report.pdf"), QUrl("https://example.com/x.pdf")])
    drop = QDropEvent(
        QPointF(5, 5), Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    )
    assert not page.form.go.isEnabled()
    page.dropEvent(drop)
    assert page.form.paths == ["/d/report.pdf"]  # what is not a file here is not taken
    page.form.length.setCurrentIndex(page.form.length.findData("long"))
    page.form.style_choice.setCurrentIndex(page.form.style_choice.findData("bullets"))
    press(qtbot, page.form.go)
    qtbot.waitUntil(lambda: page.result is not None)
    assert client.asked("summarize") == [
        ((["/d/report.pdf"],), {"length": "long", "style": "bullets", "model": "demo"})
    ]
    result = page.result
    assert result is not None
    qtbot.waitUntil(result.pause.isVisible)
    client.held.clear()
    qtbot.waitUntil(lambda: "Coverage 100 %" in result.coverage.text())
    assert "Sales rose p. 3. Costs fell p. 5." in result.reader.toPlainText()
    assert "Page 7 is scanned." in result.notes.text()
    assert result.export.isVisible()
    assert not result.pause.isVisible()


def test_parts_are_shown_as_they_are_read_at_the_same_time(page: DocumentsPage, client: Any, qtbot: QtBot) -> None:
    running = job(stage="map", done=1, total=12)
    client.answers["jobs"] = JobsReply(jobs=[running])
    client.answers["document_events"] = lambda job_id: [DocumentEvent(kind="progress", job=running)]
    page.controller.refresh()
    qtbot.waitUntil(lambda: page.result is not None and page.result.strip.flying == 3, timeout=5000)
    assert page.result is not None
    assert page.result.coverage.text().startswith("1 of 12 parts read · 3")
    assert "1 of 12 read, 3 at the same time" in page.result.strip.accessibleDescription()
    page.result.strip.grab()
    page.result.work.job = job(state="paused", stage="map", done=1, total=12)
    page.result.render_work()
    assert page.result.coverage.text() == "1 of 12 parts read"  # and none at the same time


def open_done(page: DocumentsPage, client: Any, qtbot: QtBot, summary: SummaryReport) -> None:
    client.answers["jobs"] = JobsReply(jobs=[job(state="done")])
    client.answers["document_report"] = DocumentReports(summary=summary)
    page.controller.refresh()
    qtbot.waitUntil(lambda: page.result is not None and "Coverage" in page.result.coverage.text())


def test_a_citation_opens_the_source_passage_and_the_document(
    page: DocumentsPage, client: Any, qtbot: QtBot, tmp_path: Path, said: list[Message], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: opened.append(url.toLocalFile()) or True)
    file = tmp_path / "report.pdf"
    file.touch()
    open_done(page, client, qtbot, report(str(file)))
    result = page.result
    assert result is not None
    result.reader.anchorClicked.emit(QUrl("cite:0-3"))
    qtbot.waitUntil(result.passage.isVisible)
    assert "report.pdf, page 3" in texts(result.passage)
    assert "“Sales rose by 4 %”" in texts(result.passage)
    result.passage.open.click()
    assert opened == [str(file)]
    file.unlink()
    result.passage.open.click()
    assert "cannot be opened; was it moved?" in said[-1].text
    result.passage.close_button.click()
    assert not result.passage.isVisible()


def test_a_citation_by_keyboard_is_brought_into_sight_and_back(page: DocumentsPage, client: Any, qtbot: QtBot) -> None:
    long = "\n\n".join(f"Paragraph {number} of a long summary." for number in range(60))
    open_done(
        page, client, qtbot, report().model_copy(update={"summary": f"Sales rose [p. 3]. Costs [p. 5].\n\n{long}"})
    )
    result = page.result
    assert result is not None
    qtbot.waitUntil(lambda: page._area.verticalScrollBar().maximum() > 500)
    page._area.verticalScrollBar().setValue(7)
    page.activateWindow()
    result.reader.setFocus()
    qtbot.keyClick(result.reader, Qt.Key.Key_Tab)
    assert result.reader.textCursor().selectedText() == "p. 3"
    qtbot.keyClick(result.reader, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: not result.passage.visibleRegion().isEmpty())
    qtbot.waitUntil(lambda: page._area.verticalScrollBar().value() > 500)
    assert page.focusWidget() is result.passage.close_button
    qtbot.keyClick(result.passage.close_button, Qt.Key.Key_Space)
    assert page.focusWidget() is result.reader
    assert page._area.verticalScrollBar().value() == 7
    qtbot.keyClick(result.reader, Qt.Key.Key_Tab)  # the one where one was
    qtbot.keyClick(result.reader, Qt.Key.Key_Tab)
    assert result.reader.textCursor().selectedText() == "p. 5"


@pytest.mark.parametrize("address", ["https://evil.example", "file:///etc/passwd", "javascript:alert(1)", "cite:x"])
def test_no_other_link_does_anything(address: str, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: pytest.fail(f"opened {url}"))
    reader = Reader()
    qtbot.addWidget(reader)
    with qtbot.assertNotEmitted(reader.cited):
        reader.anchorClicked.emit(QUrl(address))
    reader.show_text(f"![x]({address}) [y]({address})")
    assert address not in reader.toHtml()
    assert reader.loadResource(QTextDocument.ResourceType.ImageResource, QUrl(address)) is None


def test_less_than_everything_is_a_warning(page: DocumentsPage, client: Any, qtbot: QtBot) -> None:
    open_done(page, client, qtbot, report(coverage=87.0))
    assert page.result is not None
    assert page.result.coverage.text() == "Coverage 87 %, parts: 4"
    assert page.result.coverage.property("kind") == "warning"


def test_export_writes_a_whole_file_or_says_why_not(
    page: DocumentsPage, client: Any, qtbot: QtBot, tmp_path: Path, said: list[Message]
) -> None:
    open_done(page, client, qtbot, report())
    assert page.result is not None
    for name, part in (
        ("a.md", "# report.pdf"),
        ("a.html", "<!DOCTYPE html>"),
        ("a.json", '"coverage"'),
        ("a.txt", "Sales"),
    ):
        page.result.write(tmp_path / name)
        assert part in (tmp_path / name).read_text(encoding="utf-8")
    assert said[-1].text.startswith("Saved as")
    page.result.write(tmp_path / "no such folder" / "a.md")
    assert "cannot be written" in said[-1].text
    assert sorted(path.name for path in tmp_path.iterdir() if path.suffix == ".part") == []


def test_a_question(page: DocumentsPage, client: Any, qtbot: QtBot) -> None:
    asked = job(id="ask-1", kind="ask", params={"paths": ["/d/report.pdf"], "question": "Why?"}, state="queued")
    answer = AnswerReport(
        answer="Because [p. 3].", found=True, citations=[], whole=False, chunks=8, chunks_read=2, tokens=1,
        cached_tokens=0, seconds=1.0,
    )  # fmt: skip
    client.answers["ask_documents"] = asked
    client.answers["document_events"] = lambda job_id: [
        DocumentEvent(kind="end", job=asked.model_copy(update={"state": "done", "updated": 3.0}), answer=answer)
    ]
    page.form.add(["/d/report.pdf"])
    page.form.question.setFocus()
    qtbot.keyClicks(page.form.question, "Why?")
    qtbot.keyClick(page.form.question, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: page.result is not None and "Because" in page.result.reader.toPlainText())
    assert client.asked("ask_documents") == [((["/d/report.pdf"], "Why?"), {"model": "demo"})]
    assert page.form.question.text() == ""


def test_what_is_refused_keeps_the_form(page: DocumentsPage, client: Any, said: list[Message], qtbot: QtBot) -> None:
    client.answers["summarize"] = NotFound("There is no model 'demo'.")
    page.form.add(["/d/report.pdf"])
    page.form.go.click()
    qtbot.waitUntil(lambda: bool(said))
    assert said[0].text == "There is no model 'demo'."
    assert page.form.paths == ["/d/report.pdf"]
    assert page.result is None


def test_a_stream_that_breaks_is_followed_again(
    page: DocumentsPage, scripted: Session, client: Any, qtbot: QtBot
) -> None:
    text = DocumentEvent(kind="text", text="So far", offset=0)
    done = DocumentEvent(kind="end", job=job(state="done", updated=9.0), summary=report())
    streams: list[list[Any]] = [[text, Unavailable("The Deskside service ended.")], [text, done]]
    client.answers["document_events"] = lambda job_id: streams.pop(0)
    client.answers["jobs"] = JobsReply(jobs=[job()])
    page.controller.refresh()
    qtbot.waitUntil(lambda: page.result is not None and "So far" in page.result.reader.toPlainText())
    qtbot.waitUntil(lambda: not page.controller.works[0].followed)
    page.controller.refresh()  # as when the service is back
    qtbot.waitUntil(lambda: page.result is not None and "Sales rose" in page.result.reader.toPlainText())


def test_pause_continue_cancel_and_remove(page: DocumentsPage, scripted: Session, client: Any, qtbot: QtBot) -> None:
    client.answers |= {
        "document_events": lambda job_id: [],
        "pause_job": job(state="paused", updated=2.0),
        "resume_job": job(state="running", updated=3.0),
        "cancel_job": job(state="cancelled", updated=4.0),
        "remove_job": JobsReply(jobs=[]),
    }
    scripted._take_event(ServiceEvent(kind="job", job=job()))
    result = page.result
    assert result is not None
    qtbot.waitUntil(result.pause.isVisible)
    press(qtbot, result.pause)
    qtbot.waitUntil(result.resume.isVisible)
    assert page.focusWidget() is result.resume  # the keyboard goes on from here
    qtbot.keyClick(page.focusWidget(), Qt.Key.Key_Space)
    qtbot.waitUntil(result.pause.isVisible)
    assert page.focusWidget() is result.pause
    press(qtbot, result.cancel)
    qtbot.waitUntil(lambda: page.model.rowCount() == 0)
    assert page.result is None
    failed = job(id="summarize-2", state="failed", error="scan.pdf has no text.")
    scripted._take_event(ServiceEvent(kind="job", job=failed))
    assert page.result is not None
    assert page.result.problem.text() == "scan.pdf has no text."
    page.result.remove.click()
    assert page.model.rowCount() == 0


def test_the_list_is_a_sound_model(qtmodeltester: ModelTester, qtbot: QtBot) -> None:
    model = WorksModel()
    qtmodeltester.check(model)
    works = [Work(job()), Work(job(id="b", state="failed"))]
    model.set_works(works)
    qtmodeltester.check(model)
    works[0].job = job(stage="map", done=1, total=4)
    with qtbot.assertNotEmitted(model.modelReset):
        model.set_works(list(works))
    assert model.find("summarize-1").data(FACTS) == "Summary · Reading every part · 25 %"
    assert model.find("b").data(PROBLEM) is True
    model.set_works([])
    assert model.rowCount() == 0


@pytest.mark.skipif(all(kind.name != "summarize" for kind in KINDS), reason="this service runs no document jobs yet")
def test_the_real_service(real: Session, show: Show, qtbot: QtBot, tmp_path: Path, said: list[Message]) -> None:
    """A text of two pages through the real reader and the demo model."""
    file = tmp_path / "notes.md"
    file.write_text("# Notes\n\nThe harbour opens at six. The ferry leaves at seven.\n" * 8, encoding="utf-8")
    page = DocumentsPage(real)
    show(page)
    qtbot.waitUntil(lambda: page.form.model.count() > 0, timeout=10_000)
    page.form.add([str(file)])
    page.form.go.click()
    qtbot.waitUntil(lambda: page.result is not None or bool(said), timeout=10_000)
    assert said == []
    assert page.result is not None
    work = page.result.work
    qtbot.waitUntil(lambda: work.job.state in ("done", "failed"), timeout=60_000)
    assert work.job.state == "done", work.job.error
    qtbot.waitUntil(lambda: work.summary is not None, timeout=5_000)
    assert work.coverage == 100.0
    assert page.result.reader.toPlainText()


def test_a_list_from_before_does_not_drop_what_was_just_begun(
    page: DocumentsPage, scripted: Session, client: Any, qtbot: QtBot
) -> None:
    qtbot.waitUntil(lambda: client.asked("jobs") != [])
    client.answers["document_events"] = lambda job_id: []
    client.held.add("jobs")
    page.controller.refresh()
    scripted._take_event(ServiceEvent(kind="job", job=job()))
    qtbot.wait(50)
    client.held.clear()
    qtbot.wait(150)
    assert len(client.asked("jobs")) == 2
    assert page.model.rowCount() == 1


@pytest.mark.parametrize(("width", "size"), [(400, 10), (544, 10), (608, 10), (1000, 10), (1060, 20), (600, 20)])
def test_the_form_is_whole_however_narrow_the_window(width: int, size: int, page: DocumentsPage, qtbot: QtBot) -> None:
    Theme.current().set("light", size)
    page.form.add(["/d/A very long name of a document that somebody was sent.pdf"])
    page.resize(width, 760)
    qtbot.wait(20)
    wide = page.splitter.orientation() == Qt.Orientation.Horizontal
    assert wide == (width >= (540 if size == 10 else 1060))
    edge = page._left.parentWidget().visibleRegion().boundingRect()
    for control in (page.form.go, page.form.ask, page.form.length, page.form.model, page.form.question):
        right = control.mapTo(page._left.parentWidget(), control.rect().topRight()).x()
        assert right <= edge.right(), (control.accessibleName(), right, edge)
    Theme.current().set("system", 10)
