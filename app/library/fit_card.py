"""Will it fit? One choice per precision, with its bar and the reason; and the button that goes from weights to an engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QButtonGroup, QComboBox, QRadioButton, QVBoxLayout, QWidget

from app import formats
from app.flow import FlowLayout
from app.library.fit_bar import FitBar
from app.library.words import advice_text, fit_text, precision_text, wants_token
from app.parts import Card, beside, button, label
from app.sentences import said_of
from app.swatch import Legend
from app.theme import XL, XS, L, S
from app.ticks import RadioButton

if TYPE_CHECKING:
    from core.errors import DesksideError
    from core.schemas import FitPrecision, FitReply

# Where there is no GPU to ask about: what can be built for anybody's.
ALWAYS = ("int4", "int8", "fp8", "bf16")
# Cards to compare with; the service knows more and takes any of their names.
OTHERS = ("RTX 4060", "RTX 4070", "RTX 4080", "RTX 4090", "RTX 5070", "RTX 5080", "RTX 5090", "H100", "H200")


class FitCard(Card):
    build_asked = Signal(str, object)  # precision, GPU by name or None
    gpu_asked = Signal(object)  # a GPU by name, or None: the one here

    def __init__(self, *, on_hub: bool) -> None:
        super().__init__(self.tr("Make it fit"))
        self._on_hub = on_hub
        self.setAccessibleName(self.tr("Make it fit"))
        self.advice = label(self.tr("Looking whether it fits…"), "muted")
        self.column.addWidget(self.advice)
        self.gpu = QComboBox()
        self.gpu.setAccessibleName(self.tr("Graphics card"))
        self.gpu.addItem(self.tr("The card in this computer"), None)
        for name in OTHERS:
            self.gpu.addItem(name, name)
        self.gpu.activated.connect(self._gpu_chosen)
        gpu_label = label(self.tr("For"), wrap=False)
        gpu_label.setBuddy(self.gpu)
        choice = beside(gpu_label, self.gpu, stretch=-1)
        choice.addStretch(1)
        self.column.addLayout(choice)
        self.choices = QVBoxLayout()
        self.choices.setSpacing(S)
        self.column.addLayout(self.choices)
        self._group: QButtonGroup | None = None
        self._held = self._useless = False
        self._selecting = False
        self.chosen = ""  # by the user
        self.buttons: dict[str, QRadioButton] = {}
        self._legend = QWidget()
        legend = FlowLayout(self._legend, spacing=L)
        for role, text in (
            ("strong_border", self.tr("Other programs")),
            ("accent", self.tr("Weights")),
            ("link", self.tr("Chats (KV pages)")),
            ("muted", self.tr("Working space")),
        ):
            legend.addWidget(Legend(role, text))
        self._legend.hide()
        self.column.addWidget(self._legend)
        self.go = button(self.tr("Download and build") if on_hub else self.tr("Build the engine"), "primary")
        self.go.setEnabled(False)
        self.go.clicked.connect(self._go)
        self.row(self.go)

    @property
    def precision(self) -> str | None:
        return next((name for name, made in self.buttons.items() if made.isChecked()), None)

    def show_fit(self, reply: FitReply) -> None:
        self.advice.setText(advice_text(reply))
        self.advice.setToolTip("")
        self._clear()
        for fit in reply.precisions:
            recommended = fit.precision == reply.recommended
            self._add(fit.precision, recommended, fit, reply.gpu.bytes)
        self._legend.show()
        self._select(reply.recommended or "")
        if reply.on_hub and reply.download_bytes:
            self.go.setText(self.tr("Download {size} and build").format(size=formats.size(reply.download_bytes)))
        self._useless = all(fit.precision == "as stored" for fit in reply.precisions)
        self._enable()

    def show_problem(self, error: DesksideError) -> None:
        """Without an answer (no GPU here, no network) it can still be built, to be tried."""
        self.advice.setText(
            self.tr("Whether it fits is known once its files may be read.") if wants_token(error) else said_of(error)
        )
        self._clear()
        if error.code == "device_unusable":
            self.advice.setText(
                self.tr(
                    "No NVIDIA GPU was found in this computer. Choose a card to see what would fit it, or build an engine for "
                    "the processor: good for trying small models."
                )
            )
            self.advice.setToolTip(said_of(error))
            for name in ALWAYS:
                self._add(name, False, None, 0)
            self._select(ALWAYS[0])
        self._useless = False
        self._enable()

    def hold(self, held: bool) -> None:
        """While it is under way already."""
        self._held = held
        self._enable()

    def _enable(self) -> None:
        """`_useless`: its authors quantized it already, and there is nothing to build."""
        self.go.setEnabled(not self._held and not self._useless and self.precision is not None)

    def _clear(self) -> None:
        while (item := self.choices.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        self._legend.hide()
        self.buttons = {}
        self._group = QButtonGroup(self)

    def _add(self, precision: str, recommended: bool, fit: FitPrecision | None, gpu_bytes: int) -> None:
        box = QWidget()
        column = QVBoxLayout(box)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(XS)
        text = precision_text(precision)
        radio = RadioButton(self.tr("{precision} – recommended").format(precision=text) if recommended else text)
        column.addWidget(radio)
        if fit is not None:
            facts = fit_text(fit)
            radio.setAccessibleDescription(facts)
            below = QVBoxLayout()  # the bar and its figures begin where the radio button's words do
            below.setContentsMargins(XL + XS, 0, 0, XS)
            below.setSpacing(XS)
            below.addWidget(FitBar(fit, gpu_bytes))
            below.addWidget(label(facts, "muted" if fit.fits else "warning"))
            column.addLayout(below)
            radio.setEnabled(fit.fits or fit.weights_bytes > 0)
        assert self._group is not None
        self._group.addButton(radio)
        radio.toggled.connect(self._toggled)
        self.buttons[precision] = radio
        self.choices.addWidget(box)
        box.show()

    def _select(self, precision: str) -> None:
        """`precision`, unless the user chose another."""
        own = self.buttons.get(self.chosen)
        chosen = own if own is not None and own.isEnabled() else self.buttons.get(precision)
        chosen = chosen or next(iter(self.buttons.values()), None)
        if chosen is not None:
            self._selecting = True
            chosen.setChecked(True)
            self._selecting = False

    @Slot(bool)
    def _toggled(self, on: bool) -> None:
        if not self._selecting:
            self.chosen = self.precision or ""
        self._enable()

    @Slot(int)
    def _gpu_chosen(self, index: int) -> None:
        self.advice.setText(self.tr("Looking whether it fits…"))
        self.gpu_asked.emit(self.gpu.itemData(index, Qt.ItemDataRole.UserRole))

    @Slot()
    def _go(self) -> None:
        if self.precision is not None:
            self.build_asked.emit(self.precision, self.gpu.currentData())
