"""One card per loaded model, one per GPU."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from app import formats
from app.flow import FlowLayout
from app.parts import Card, label, progress_bar, set_kind
from app.runtime.chart import PagesBar
from app.runtime.figures import ModelFigures, Pages
from app.runtime.words import state_text
from app.sentences import said
from app.swatch import Legend
from app.theme import L, S

if TYPE_CHECKING:
    from core.schemas import GpuStatus


class Figure(QWidget):
    """A number with what it counts below it."""

    def __init__(self, caption: str) -> None:
        super().__init__()
        self._caption = caption
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, L, 0)
        column.setSpacing(0)
        self.value = label("–", "heading", wrap=False)
        column.addWidget(self.value)
        column.addWidget(label(caption, "small", wrap=False))
        self.show_text("–")

    def show_text(self, text: str) -> None:
        self.value.setText(text)
        self.setAccessibleName(f"{self._caption}: {text}")


class ModelCard(Card):
    def __init__(self, name: str) -> None:
        super().__init__()
        self.setAccessibleName(name)
        title = label(name, "heading")
        self._state = label("", "muted", wrap=False)
        head = QHBoxLayout()
        head.addWidget(title, 1)
        head.addWidget(self._state)
        self.column.addLayout(head)
        self._how = label("", "small")
        self.column.addWidget(self._how)
        self._message = label("", "warning")
        self.column.addWidget(self._message)
        self._running = Figure(self.tr("Sequences in flight"))
        self._waiting = Figure(self.tr("In the queue"))
        self._output = Figure(self.tr("Answers"))
        self._prompt = Figure(self.tr("Prompts"))
        self._cached = Figure(self.tr("Of prompts from cache"))
        self.row(self._running, self._waiting, self._output, self._prompt, self._cached)
        self._pages_title = label(self.tr("KV pages"), "muted")
        self._bar = PagesBar()
        self._legend = [Legend(role) for role in ("accent", "link", "pressed")]
        self.column.addWidget(self._pages_title)
        self.column.addWidget(self._bar)
        legend = FlowLayout(spacing=L)
        for item in self._legend:
            legend.addWidget(item)
        self.column.addLayout(legend)

    def show_figures(self, figures: ModelFigures) -> None:
        self._state.setText(state_text(figures.state))
        set_kind(self._state, {"ready": "success", "failed": "error"}.get(figures.state, "muted"))
        self._how.setText(" · ".join(part for part in (figures.precision, figures.backend) if part))
        self._how.setVisible(bool(self._how.text()))
        self._message.setText(said(figures.message))
        set_kind(self._message, {"failed": "error", "ready": "muted"}.get(figures.state, "warning"))
        self._message.setVisible(bool(figures.message))
        self._running.show_text(formats.number(figures.running))
        self._waiting.show_text(formats.number(figures.waiting))
        self._output.show_text(formats.rate(figures.output))
        self._prompt.show_text(formats.rate(figures.prompt))
        self._cached.show_text("–" if figures.from_cache is None else formats.percent(figures.from_cache))
        for widget in (self._pages_title, self._bar, *self._legend):
            widget.setVisible(figures.pages is not None)
        if figures.pages is not None:
            self._show_pages(figures.pages)

    def _show_pages(self, pages: Pages) -> None:
        self._bar.show_pages(pages)
        texts = (
            self.tr("{number} used").format(number=formats.number(pages.used)),
            self.tr("{number} cached").format(number=formats.number(pages.cached)),
            self.tr("{number} free").format(number=formats.number(pages.free)),
        )
        for item, text in zip(self._legend, texts, strict=True):
            item.text.setText(text)


class GpuCard(Card):
    """`index`: as the driver counts, which tells cards of one name apart."""

    def __init__(self, index: int, name: str) -> None:
        title = self.tr("GPU {index}: {name}").format(index=index, name=name)
        super().__init__(title)
        self.setAccessibleName(title)
        self._memory = label("")
        self._memory_bar = progress_bar(self.tr("{gpu}, memory in use").format(gpu=title))
        self._load = label("")
        self._load_bar = progress_bar(self.tr("{gpu}, load").format(gpu=title))
        for widget in (self._memory, self._memory_bar, self._load, self._load_bar):
            self.column.addWidget(widget)
        self.column.setSpacing(S)

    def show_status(self, gpu: GpuStatus) -> None:
        self._memory.setText(
            self.tr("Memory: {used} of {total} in use").format(
                used=formats.memory(gpu.used), total=formats.memory(gpu.memory)
            )
        )
        self._memory_bar.setAccessibleDescription(self._memory.text())
        self._memory_bar.setValue(round(1000 * gpu.used / max(1, gpu.memory)))
        known = gpu.load is not None
        self._load.setText(
            self.tr("Load: {percent}").format(percent=formats.percent((gpu.load or 0) / 100))
            if known
            else self.tr("Load: this driver does not tell")
        )
        self._load_bar.setAccessibleDescription(self._load.text())
        self._load_bar.setVisible(known)
        self._load_bar.setValue(10 * (gpu.load or 0))
