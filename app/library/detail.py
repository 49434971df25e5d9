"""One model: what it is, will it fit, its engines, and everything that can be done with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QUrl, Slot
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QAbstractButton, QComboBox, QLineEdit, QVBoxLayout, QWidget

from app import formats
from app.library.controller import LibraryController
from app.library.engine_card import EngineCard
from app.library.fit_card import FitCard
from app.library.remove import RemoveBar
from app.library.rows import Row
from app.library.words import found_text, problem_text, wants_token
from app.parts import Card, beside, button, label
from app.sentences import said_of
from app.theme import M
from core.errors import DesksideError

if TYPE_CHECKING:
    from core.schemas import HubModelReply, InstalledStatus

DEMO = "demo"
HUB = "https://huggingface.co/"  # before the service has said where the model's page is


@dataclass(frozen=True, slots=True)
class Kept:
    """What the user did to a detail, so that another of the same model can go on from there. `focus`: the name of the control with
    the keyboard, and its place among the controls."""

    gpu: int
    precision: str
    answer: object
    reports: frozenset[str]
    focus: tuple[str, int] | None


class ModelDetail(QWidget):
    """Made anew for every model, and whenever its facts change; asks for what it shows."""

    def __init__(self, row: Row, controller: LibraryController, kept: Kept | None = None) -> None:
        super().__init__()
        self.row = row
        self._controller = controller
        self._page = ""
        self._answer: object = None  # FitReply or DesksideError
        self.engines: list[EngineCard] = []
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(M)
        self._column.addWidget(label(row.name, "title"))
        self.facts = label("", "muted")
        self._column.addWidget(self.facts)
        self.problem = label("", "error")
        self.problem.hide()
        self._column.addWidget(self.problem)
        self.fit = FitCard(on_hub=row.found is not None)
        self.fit.build_asked.connect(self._build)
        self.fit.gpu_asked.connect(self._ask_fit)
        if row.installed is not None:
            self._installed(row.installed)
        else:
            self._found()
        self._column.addStretch(1)
        controller.fit_changed.connect(self._fit_changed)
        controller.look_changed.connect(self._look_changed)
        controller.jobs_changed.connect(self._jobs_changed)
        controller.token_kept.connect(self._look_again)
        if kept is not None:
            self._take_up(kept)
        self._look_again()

    @property
    def kept(self) -> Kept:
        focus = self.window().focusWidget()
        controls = self._controls()
        return Kept(
            self.fit.gpu.currentIndex(),
            self.fit.chosen,
            self._answer,
            frozenset(card.name for card in self.engines if card.report_button.isChecked()),
            (focus.accessibleName(), controls.index(focus)) if focus in controls else None,
        )

    def _take_up(self, kept: Kept) -> None:
        self.fit.gpu.setCurrentIndex(kept.gpu)
        self.fit.chosen = kept.precision
        if kept.answer is not None:
            self._fit_changed(self.row.name, kept.answer)
        for card in self.engines:
            card.report_button.setChecked(card.name in kept.reports)

    def focus_again(self, kept: Kept) -> bool:
        """Give the keyboard to the control that had it, or the one in its place. False if there is none."""
        if kept.focus is None:
            return False
        controls = [control for control in self._controls() if control.isEnabled()]
        name, place = kept.focus
        same = next((control for control in controls if control.accessibleName() == name), None)
        if same is None and self._controls()[place : place + 1] and self._controls()[place].isEnabled():
            same = self._controls()[place]  # "Load" that is "Unload" now
        if same is not None:
            same.setFocus()
        return same is not None

    def _controls(self) -> list[QWidget]:
        """Those that are shown, in reading order."""
        kinds = (QAbstractButton, QComboBox, QLineEdit)
        return [each for each in self.findChildren(QWidget) if isinstance(each, kinds) and each.isVisibleTo(self)]

    @Slot()
    def _look_again(self) -> None:
        self._ask_fit(self.fit.gpu.currentData())
        if self.row.found is not None:
            self._controller.look(self.row.name)

    def _installed(self, model: InstalledStatus) -> None:
        facts = [model.architecture, formats.size(model.size)]
        if model.context:
            facts.append(self.tr("context of {tokens} tokens").format(tokens=formats.number(model.context)))
        if model.licence:
            facts.append(model.licence)
        if model.linked:
            facts.append(self.tr("files in {folder}").format(folder=model.folder))
        self.facts.setText(" · ".join(fact for fact in facts if fact))
        self.problem.setText(problem_text(model))
        self.problem.setVisible(bool(model.problem))
        self.load = button(self.tr("Unload") if model.loaded else self.tr("Load"), "" if model.loaded else "primary")
        self.load.setAccessibleName(
            (self.tr("Unload {name}") if model.loaded else self.tr("Load {name}")).format(name=model.name)
        )
        self.load.setEnabled(model.loaded or (not model.problem and model.complete))
        self.load.clicked.connect(self._load)
        self.resume = button(self.tr("Continue the download"), "primary")
        self.resume.setVisible(not model.complete)
        self.resume.clicked.connect(self._pull)
        in_use = model.loaded or any(engine.loaded for engine in model.engines)
        self.remove = RemoveBar(model.name, formats.size(_size(model)), linked=model.linked, loaded=in_use)
        self.remove.ask.setVisible(model.name != DEMO)
        self.remove.confirmed.connect(self._remove)
        bar = Card()
        bar.row(self.load, self.resume, self.remove.ask)
        bar.column.addWidget(self.remove)
        self._column.addWidget(bar)
        if model.engines:
            self._column.addWidget(label(self.tr("Engines"), "heading"))
        for engine in model.engines:
            card = EngineCard(engine)
            card.load_asked.connect(self._controller.load)
            card.unload_asked.connect(self._controller.unload)
            card.remove_asked.connect(self._controller.remove)
            self._column.addWidget(card)
            self.engines.append(card)
        if model.complete and not model.problem:
            self._column.addWidget(self.fit)
        else:
            self.fit.setParent(self)
            self.fit.hide()

    def _found(self) -> None:
        assert self.row.found is not None
        self.facts.setText(found_text(self.row.found))
        self.gate = Card(self.tr("Its authors ask for an accepted licence"))
        self.gate.column.addWidget(
            label(
                self.tr(
                    "Accept it on the model's page, make an access token (read) in your Hugging Face settings, and paste it."
                ),
                "muted",
            )
        )
        self.token = QLineEdit()
        self.token.setEchoMode(QLineEdit.EchoMode.Password)
        self.token.setPlaceholderText("hf_…")
        self.token.setAccessibleName(self.tr("Access token"))
        keep = button(self.tr("Keep the token"))
        keep.clicked.connect(self._keep_token)
        self.token.returnPressed.connect(self._keep_token)
        self.gate.column.addLayout(beside(self.token, keep))
        self.gate.setVisible(False)
        self._column.addWidget(self.fit)
        self._column.addWidget(self.gate)
        self.only_pull = button(self.tr("Only download"))
        self.only_pull.clicked.connect(self._pull)
        self.open_page = button(self.tr("Open its page in the browser"))
        self.open_page.clicked.connect(self._open_page)
        bar = Card()
        bar.row(self.only_pull, self.open_page)
        self._column.addWidget(bar)

    @Slot(object)
    def _ask_fit(self, gpu: str | None) -> None:
        self._controller.ask_fit(self.row.name, gpu)

    @Slot(str, object)
    def _fit_changed(self, model: str, answer: object) -> None:
        if model != self.row.name:
            return
        self._answer = answer
        if isinstance(answer, DesksideError):
            self.fit.show_problem(answer)
        else:
            self.fit.show_fit(answer)  # type: ignore[arg-type]
        self._jobs_changed()

    @Slot(str, object)
    def _look_changed(self, model: str, answer: HubModelReply | DesksideError) -> None:
        if model != self.row.name or self.row.found is None:
            return
        denied = isinstance(answer, DesksideError) and answer.code in ("access_denied", "token_needed")
        self.problem.setText(said_of(answer) if isinstance(answer, DesksideError) else "")
        # what the card below says is not said twice
        self.problem.setVisible(isinstance(answer, DesksideError) and not wants_token(answer))
        if isinstance(answer, DesksideError):
            self.gate.setVisible(denied)
            return
        self._page = answer.page
        self.gate.setVisible(answer.gated and not answer.token)
        facts = [
            formats.parameters(answer.parameters),
            formats.size(answer.size),
            self.tr("context of {tokens} tokens").format(tokens=formats.number(answer.context)),
            answer.licence,
            self.tr("quantized by its authors") if answer.quantized else "",
        ]
        self.facts.setText(" · ".join(fact for fact in facts if fact))

    @Slot()
    def _jobs_changed(self) -> None:
        under_way = self._controller.job_of(self.row.name) is not None
        self.fit.hold(under_way)
        (self.resume if self.row.found is None else self.only_pull).setEnabled(not under_way)

    @Slot(str, object)
    def _build(self, precision: str, gpu: str | None) -> None:
        self.fit.hold(True)
        self._controller.build(self.row.name, precision, gpu)

    @Slot()
    def _pull(self) -> None:
        self._controller.pull(self.row.name)

    @Slot()
    def _load(self) -> None:
        assert self.row.installed is not None
        if self.row.installed.loaded:
            self._controller.unload(self.row.name)
        else:
            self._controller.load(self.row.name)

    @Slot()
    def _remove(self) -> None:
        model = self.row.installed
        assert model is not None
        self._controller.remove(model.name)

    @Slot()
    def _keep_token(self) -> None:
        if self.token.text().strip():
            self._controller.keep_token(self.token.text().strip())
            self.token.clear()

    @Slot()
    def _open_page(self) -> None:
        page = QUrl(self._page) if self._page else QUrl(HUB + self.row.name)
        if page.scheme() == "https":
            QDesktopServices.openUrl(page)


def _size(model: InstalledStatus) -> int:
    """Of the model with its engines."""
    return model.size + sum(engine.size for engine in model.engines)
