"""A calm welcome above the chats until it is dismissed: the GPU, or why there is none; what fits it; the demo model is ready."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, Signal, Slot
from PySide6.QtWidgets import QFrame, QVBoxLayout

from app import formats
from app.onboarding.fits import Machine, largest, machine
from app.parts import Card, button, label
from app.runtime.words import no_gpu_text
from app.sentences import said
from app.session import Session
from app.theme import M, S

if TYPE_CHECKING:
    from core.errors import DesksideError
    from core.schemas import ModelsReply, Status

DEMO = "demo"


class WelcomeCard(QFrame):
    """Remembers in the preferences that it was seen."""

    models_wanted = Signal()
    dismissed = Signal()

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self._machine = Machine("waiting")
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(M, M, M, S)
        self._card: Card | None = None
        session.service_changed.connect(self._ask)
        session.models_changed.connect(self._models_changed)
        self._build()
        self._ask()

    def _build(self) -> None:
        had_focus = self._card is not None and self.isAncestorOf(self.focusWidget() or self)
        if self._card is not None:
            self._layout.removeWidget(self._card)
            self._card.hide()
            self._card.deleteLater()
        self._card = Card(self.tr("Welcome to Deskside"))
        self._card.column.setSpacing(S)
        self.gpu = label("")
        self.fits = label("", "muted")
        self.demo = label("", "muted")
        for widget in (self.gpu, self.fits, self.demo):
            self._card.column.addWidget(widget)
        self.browse = button(self.tr("Find a model that fits"))
        self.browse.clicked.connect(self._find)
        self.start = button(self.tr("Start with the demo model"), "primary")
        self.start.clicked.connect(self._dismiss)
        self._card.row(self.start, self.browse)
        self._layout.addWidget(self._card)
        self._render()
        if had_focus:
            self.start.setFocus()

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.LanguageChange:
            self._build()
        super().changeEvent(event)

    @Slot()
    def _ask(self) -> None:
        self._render()
        if self._session.service.phase == "ready":
            self._session.call(lambda client: client.status(), self._take, self._failed, self)

    def _take(self, status: Status) -> None:
        self._machine = machine(status.gpus, status.no_gpu)
        self._render()

    def _failed(self, error: DesksideError) -> None:
        """It is asked again when the service is back."""

    @Slot(object)
    def _models_changed(self, models: ModelsReply) -> None:
        self._render()

    def _render(self) -> None:
        found = self._machine
        phase = self._session.service.phase
        if phase == "failed":
            self.gpu.setText(said(self._session.service.message, "unavailable"))
        elif found.gpu is not None:
            self._show_gpu(found)
        elif found.state == "none":
            self.gpu.setText(no_gpu_text(found.reason))
        else:
            self.gpu.setText(self.tr("Looking at this computer…"))
        self.fits.setText(self._fits_text(found))
        self.fits.setVisible(bool(self.fits.text()))
        self.demo.setText(self._demo_text())

    def _show_gpu(self, found: Machine) -> None:
        assert found.gpu is not None
        gpu = found.gpu
        text = self.tr("{name}: {free} of {total} of its memory are free.").format(
            name=gpu.name, free=formats.memory(gpu.memory - gpu.used), total=formats.memory(gpu.memory)
        )
        if found.state == "old":
            text = self.tr("{name} is too old for this program (it needs compute capability 7.5).").format(
                name=gpu.name
            )
        elif found.others:
            text += " " + self.tr("%n more graphics card(s).", "", found.others)
        self.gpu.setText(text)

    def _fits_text(self, found: Machine) -> str:
        if found.state != "gpu" or found.gpu is None:
            return ""
        sizes = largest(found.gpu)
        if not sizes:
            return self.tr("Other programs use most of it: close some to run larger models.")
        parts = [
            self.tr("{size} B at {bits} bits").format(
                size=formats.number(size, 0 if size == int(size) else 1), bits=bits
            )
            for bits, size in sizes.items()
        ]
        return self.tr("It takes models of up to about {sizes} (billions of parameters).").format(
            sizes=", ".join(parts)
        )

    def _demo_text(self) -> str:
        models = self._session.models
        if models is None:
            return self.tr("The background service is starting…")
        demo = next((model for model in models.installed if model.name == DEMO), None)
        if demo is None:
            return self.tr("The demo model is missing; install Deskside again.")
        if demo.problem:
            return said(demo.problem, "model_unusable")
        return self.tr(
            "The demo model is ready: it is small, answers at once and needs no network. Ask it something below."
        )

    @Slot()
    def _find(self) -> None:
        self._dismiss()
        self.models_wanted.emit()

    @Slot()
    def _dismiss(self) -> None:
        self._session.preferences.set("onboarded", True)
        self.hide()
        self.dismissed.emit()
