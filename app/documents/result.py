"""One summary or answer: how far it is, its text as it is written, coverage, sources, export."""

from __future__ import annotations

import os
from pathlib import Path

from PySide6.QtCore import QTimer, Signal, Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFileDialog, QVBoxLayout, QWidget

from app import formats
from app.documents.export import export
from app.documents.marks import Mark
from app.documents.passage import PassageCard
from app.documents.reader import Reader
from app.documents.strip import ChunkStrip
from app.documents.words import coverage_text, export_words, facts_text, notes_text
from app.documents.works import Work
from app.parts import Card, button, label, progress_bar, set_kind
from app.sentences import said
from app.theme import M

FLUSH_MS = 66  # a text of some pages is laid out anew with each


class ResultView(QWidget):
    acted = Signal(str, str)  # job, action
    said = Signal(str)
    went_wrong = Signal(str)

    def __init__(self, work: Work) -> None:
        super().__init__()
        self.work = work
        self._flying = 0
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(M)
        column.addWidget(label(work.question or work.name, "title"))
        if work.question:
            column.addWidget(label(work.name, "muted"))
        self.state = label("", "muted")
        column.addWidget(self.state)
        self.bar = progress_bar(self.tr("Progress"))
        column.addWidget(self.bar)
        self.strip = ChunkStrip()
        column.addWidget(self.strip)
        self.coverage = label("", "muted")
        column.addWidget(self.coverage)
        self.problem = label("", "error")
        column.addWidget(self.problem)
        self.reader = Reader()
        self.reader.cited.connect(self._cited)
        column.addWidget(self.reader)
        self.passage = PassageCard()
        self.passage.failed.connect(self.went_wrong)
        self.passage.closed.connect(self.reader.setFocus)
        column.addWidget(self.passage)
        self.notes = label("", "warning")
        column.addWidget(self.notes)
        bar = Card()
        self.pause = button(self.tr("Pause"))
        self.resume = button(self.tr("Continue"), "primary")
        self.cancel = button(self.tr("Cancel"))
        self.copy = button(self.tr("Copy"))
        self.export = button(self.tr("Export…"))
        self.remove = button(self.tr("Remove from the list"))
        for made, action in (
            (self.pause, self._pause),
            (self.resume, self._resume),
            (self.cancel, self._cancel),
            (self.copy, self._copy),
            (self.export, self._export),
            (self.remove, self._remove),
        ):
            made.clicked.connect(action)
        self._buttons = (self.pause, self.resume, self.cancel, self.copy, self.export, self.remove)
        bar.row(*self._buttons)
        column.addWidget(bar)
        column.addStretch(1)
        self._flush = QTimer(self)
        self._flush.setSingleShot(True)
        self._flush.setInterval(FLUSH_MS)
        self._flush.timeout.connect(self.render_work)
        self.render_work()

    def changed(self) -> None:
        """There is more; shown soon, together with what comes until then."""
        if not self._flush.isActive():
            self._flush.start()

    def show_flying(self, count: int) -> None:
        """How many sequences the model has in flight."""
        self._flying = count
        self._show_progress()

    @Slot()
    def render_work(self) -> None:
        work = self.work
        self.reader.show_text(work.shown)
        self.reader.setVisible(bool(work.shown))
        self._show_progress()
        self.problem.setText(said(work.job.error, work.job.code))
        self.problem.setVisible(bool(work.job.error))
        self.notes.setText("\n".join(notes_text(work)))
        self.notes.setVisible(bool(work.notes))
        state = work.job.state
        had = next((made for made in self._buttons if made.hasFocus()), None)
        self.pause.setVisible(work.running)
        self.resume.setVisible(state in ("paused", "failed"))
        self.cancel.setVisible(work.running or state == "paused")
        self.copy.setVisible(bool(work.shown))
        self.export.setVisible(bool(work.shown))
        self.remove.setVisible(state in ("done", "failed"))
        left = [made for made in self._buttons if not made.isHidden()]
        if had is not None and had not in left and left:
            left[0].setFocus()  # the keyboard stays here: from "Pause" to "Continue"

    def _show_progress(self) -> None:
        work = self.work
        self.state.setText(facts_text(work))
        chunks = work.chunks
        share = work.share()
        self.bar.setVisible(work.running and chunks is None)
        self.bar.setRange(0, 1000 if share is not None else 0)
        if share is not None:
            self.bar.setValue(round(1000 * share))
        self.strip.setVisible(chunks is not None)
        text = coverage_text(work)
        if chunks is not None:
            self.strip.show_parts(chunks[0], self._flying if work.job.state == "running" else 0, chunks[1])
            if self.strip.flying:
                text += " · " + self.tr("{number} at the same time").format(number=formats.number(self.strip.flying))
        self.coverage.setText(text)
        self.coverage.setVisible(bool(text))
        complete = work.coverage is not None and work.coverage >= 100.0
        set_kind(self.coverage, "success" if complete else "muted" if work.coverage is None else "warning")

    @Slot(object)
    def _cited(self, mark: Mark) -> None:
        self.passage.show_passage(self.work, mark)

    @Slot()
    def _pause(self) -> None:
        self.acted.emit(self.work.job.id, "pause")

    @Slot()
    def _resume(self) -> None:
        self.acted.emit(self.work.job.id, "resume")

    @Slot()
    def _cancel(self) -> None:
        self.acted.emit(self.work.job.id, "cancel")

    @Slot()
    def _remove(self) -> None:
        self.acted.emit(self.work.job.id, "remove")

    @Slot()
    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self.work.shown)
        self.said.emit(self.tr("Copied."))

    @Slot()
    def _export(self) -> None:
        kinds = ";;".join(
            (
                self.tr("Markdown") + " (*.md)",
                self.tr("Web page") + " (*.html)",
                self.tr("Text") + " (*.txt)",
                "JSON (*.json)",
            )
        )
        stem = Path(self.work.name.split(",")[0]).stem or "summary"
        path, _ = QFileDialog.getSaveFileName(self, self.tr("Export"), f"{stem}.md", kinds)
        if path:
            self.write(Path(path))

    def write(self, path: Path) -> None:
        """As a whole file or none; the kind is that of its ending."""
        kind = path.suffix.lstrip(".").lower()
        content = export(self.work, kind if kind in ("md", "html", "txt", "json") else "md", export_words(self.work))
        part = path.with_name(f".{path.name}.part")
        try:
            part.write_text(content, encoding="utf-8")
            os.replace(part, path)
        except OSError as error:
            part.unlink(missing_ok=True)
            self.went_wrong.emit(
                self.tr("{file} cannot be written ({reason}); choose another folder.").format(
                    file=path, reason=error.strerror
                )
            )
            return
        self.said.emit(self.tr("Saved as {file}.").format(file=path))
