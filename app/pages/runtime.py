"""The page Runtime: sequences, KV pages, tokens/s, GPUs. Asks the service once a second while it is in front."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from PySide6.QtCore import QTimer, Slot
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app import formats
from app.pages.base import Page, scrolled_column
from app.parts import Card, label
from app.runtime.cards import Figure, GpuCard, ModelCard
from app.runtime.chart import RateChart
from app.runtime.figures import Figures, History, Sample, figures_of
from app.runtime.words import no_gpu_text
from app.session import Session
from app.theme import M
from core.errors import DesksideError

if TYPE_CHECKING:
    from core.schemas import Status

EVERY_MS = 1000


class RuntimePage(Page):
    def __init__(self, session: Session, whole: bool = True) -> None:
        super().__init__(session, whole)
        self.history = History()
        self.figures: Figures | None = None
        self.asking = False
        self._models: dict[str, ModelCard] = {}
        self._gpus: dict[int, GpuCard] = {}
        self._timer = QTimer(self)
        self._timer.setInterval(EVERY_MS)
        self._timer.timeout.connect(self._ask)
        session.service_changed.connect(self._service_changed)
        self.rebuild()

    def build(self) -> QWidget:
        area, column = scrolled_column()
        column.addWidget(label(self.tr("Runtime"), "title"))
        self._note = label("", "muted")
        column.addWidget(self._note)
        chart = Card(self.tr("Tokens per second"))
        self._output = Figure(self.tr("Answers, now"))
        self._prompt = Figure(self.tr("Prompts, now (dashed line)"))
        self._peak = Figure(self.tr("Peak"))
        chart.row(self._output, self._prompt, self._peak)
        self.chart = RateChart(self.history)
        chart.column.addWidget(self.chart)
        column.addWidget(chart)
        self._models_column = QVBoxLayout()
        self._models_column.setSpacing(M)
        column.addLayout(self._models_column)
        column.addWidget(label(self.tr("Graphics cards"), "heading"))
        self._gpu_note = label("", "muted")
        column.addWidget(self._gpu_note)
        self._gpus_column = QVBoxLayout()
        self._gpus_column.setSpacing(M)
        column.addLayout(self._gpus_column)
        column.addStretch(1)
        self._models, self._gpus = {}, {}
        self._render()
        return area

    def shown(self) -> None:
        self._timer.start()
        self._ask()

    def hidden(self) -> None:
        self._timer.stop()

    @Slot()
    def _ask(self) -> None:
        if self.asking or self.session.service.phase != "ready":
            return
        self.asking = True
        self.session.call(lambda client: client.status(), self._take, self._failed, self)

    @Slot(object)
    def _service_changed(self, state: object) -> None:
        self.asking = False
        if self.session.service.phase != "ready":
            self.figures = None
            self._render()
        elif self.isVisible():
            self._ask()

    def _take(self, status: Status) -> None:
        self.asking = False
        self.figures = figures_of(status)
        self.history.add(Sample(time.monotonic(), self.figures.output, self.figures.prompt))
        self._render()

    def _failed(self, error: DesksideError) -> None:
        """The session says so itself when the service is gone; the next second asks again."""
        self.asking = False

    def _render(self) -> None:
        figures = self.figures
        now = self.history.now
        self._output.show_text(formats.rate(now.output if figures else 0.0))
        self._prompt.show_text(formats.rate(now.prompt if figures else 0.0))
        self._peak.show_text(formats.rate(self.history.peak))
        self.chart.refresh()
        if figures is None:
            self._note.setText(self.tr("Waiting for the service…"))
        elif not figures.models:
            self._note.setText(self.tr("No model is loaded. The first question loads one."))
        self._note.setVisible(figures is None or not figures.models)
        self._render_models(figures)
        self._render_gpus(figures)

    def _render_models(self, figures: Figures | None) -> None:
        models = {model.name: model for model in figures.models} if figures else {}
        for name in [name for name in self._models if name not in models]:
            self._models.pop(name).deleteLater()
        for name, model in models.items():
            if name not in self._models:
                self._models[name] = ModelCard(name)
                self._models_column.addWidget(self.below(self._models[name]))
            self._models[name].show_figures(model)

    def _render_gpus(self, figures: Figures | None) -> None:
        gpus = {gpu.index: gpu for gpu in figures.gpus} if figures else {}
        self._gpu_note.setVisible(not gpus)
        self._gpu_note.setText(no_gpu_text(figures.no_gpu) if figures else "–")
        for index in [index for index in self._gpus if index not in gpus]:
            self._gpus.pop(index).deleteLater()
        for index, gpu in gpus.items():
            if index not in self._gpus:
                self._gpus[index] = GpuCard(gpu.index, gpu.name)
                self._gpus_column.addWidget(self.below(self._gpus[index]))
            self._gpus[index].show_status(gpu)
