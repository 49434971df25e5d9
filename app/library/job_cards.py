"""Downloads and builds under way: stages, per cent, time left, and what can be done with them."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from app.flow import FlowLayout
from app.library.jobs import JobView
from app.library.words import action_text, progress_text, stage_text, state_text
from app.parts import Card, button, label, progress_bar, set_kind
from app.sentences import said
from app.theme import S

_MARKS = {"done": "✓", "now": "●", "next": "○"}


class JobCard(Card):
    acted = Signal(str, str)  # job, action

    def __init__(self, job: JobView) -> None:
        super().__init__()
        name = f"{job.model} · {job.precision}" if job.precision else job.model
        self._name = name
        self.setAccessibleName(name)
        head = QHBoxLayout()
        head.addWidget(label(name, "heading"), 1)
        self._state = label("", "muted", wrap=False)
        head.addWidget(self._state, 0, Qt.AlignmentFlag.AlignTop)
        self.column.addLayout(head)
        self._stages = FlowLayout()
        self.column.addLayout(self._stages)
        self._stage_labels: list[QLabel] = []
        self.bar = progress_bar(self.tr("Progress of {name}").format(name=name))
        self.column.addWidget(self.bar)
        self.figures = label("", "muted")
        self.column.addWidget(self.figures)
        self.problem = label("", "error")
        self.column.addWidget(self.problem)
        self._row = self.row()
        self.buttons: dict[str, QPushButton] = {}
        self.show_job(job)

    def show_job(self, job: JobView) -> None:
        self._state.setText(state_text(job.state))
        set_kind(self._state, {"done": "success", "failed": "error"}.get(job.state, "muted"))
        self._show_stages(job)
        busy = job.state == "running" and job.share is None
        self.bar.setRange(0, 0 if busy else 1000)
        if not busy:
            self.bar.setValue(1000 if job.state == "done" else round(1000 * (job.share or 0.0)))
        self.bar.setVisible(job.state != "failed")
        text = progress_text(job) if job.state in ("running", "paused") else ""
        self.figures.setText(" · ".join(part for part in (text, said(job.note)) if part))
        self.figures.setVisible(bool(self.figures.text()))
        self.bar.setAccessibleDescription(self.figures.text())
        self.problem.setText(said(job.problem, job.code))
        self.problem.setVisible(bool(job.problem))
        self._show_actions(job)

    def _show_stages(self, job: JobView) -> None:
        while len(self._stage_labels) < len(job.stages):
            item = label("", "small", wrap=False)
            self._stage_labels.append(item)
            self._stages.addWidget(item)
        for item in self._stage_labels[len(job.stages) :]:
            item.hide()
        for item, (stage, state) in zip(self._stage_labels, job.stages, strict=False):
            item.setHidden(False)
            item.setText(f"{_MARKS[state]} {stage_text(stage)}")
            set_kind(item, "success" if state == "done" else "" if state == "now" else "small")

    def _show_actions(self, job: JobView) -> None:
        if tuple(self.buttons) == job.actions:
            return
        had = next((action for action, made in self.buttons.items() if made.hasFocus()), None)
        for made in self.buttons.values():
            self._row.removeWidget(made)
            made.hide()
            made.deleteLater()
        self.buttons = {}
        for action in job.actions:
            text = action_text(action)
            made = button(text, name=f"{text}: {self._name}")
            made.clicked.connect(partial(self.acted.emit, job.id, action))
            self._row.addWidget(made)
            self.buttons[action] = made
        if had is not None and self.buttons:  # the keyboard stays where it was
            first = next(iter(self.buttons.values()))
            first.show()
            first.setFocus()


class JobCards(QWidget):
    """As many cards as there are jobs."""

    acted = Signal(str, str)

    def __init__(self) -> None:
        super().__init__()
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(S)
        self.cards: dict[str, JobCard] = {}

    def show_jobs(self, jobs: list[JobView]) -> None:
        wanted = {job.id for job in jobs}
        for job_id in [job_id for job_id in self.cards if job_id not in wanted]:
            card = self.cards.pop(job_id)
            card.hide()
            card.deleteLater()
        for job in jobs:
            if job.id not in self.cards:
                self.cards[job.id] = JobCard(job)
                self.cards[job.id].acted.connect(self.acted)
                self._column.addWidget(self.cards[job.id])
            self.cards[job.id].show_job(job)
        self.setVisible(bool(jobs))
