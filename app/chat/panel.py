"""The collapsible panel at the right: this chat's system prompt, preset and sampling, and its context."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QCoreApplication, Qt, QTimer, Slot
from PySide6.QtWidgets import (
    QComboBox,
    QDoubleSpinBox,
    QHBoxLayout,
    QInputDialog,
    QLabel,
    QPlainTextEdit,
    QPushButton,
    QScrollArea,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from app.chat.controller import ChatController
from app.chat.presets import BUILT_IN, PARAMETERS, Parameter, Preset, own, to_store
from app.icons import ORDINARY, set_icon
from app.theme import M, S, Theme

WIDTH = 290  # at the ordinary font size
WIDEST = 1.6  # times that
FIELD = 104
PROMPT = 130
TYPING_MS = 500


class Panel(QWidget):
    """Shows and changes the settings of the open chat."""

    def __init__(self, controller: ChatController, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("kind", "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._controller = controller
        self._preferences = controller.session.preferences
        self._showing = False

        self.prompt = QPlainTextEdit()
        self.prompt.setProperty("kind", "field")
        self.prompt.setPlaceholderText(self.tr("How the model should behave in this chat"))
        self.prompt.setAccessibleName(self.tr("System prompt"))
        self.prompt.setTabChangesFocus(True)
        self.preset = QComboBox()
        self.preset.setAccessibleName(self.tr("Preset"))
        self.preset.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.save_button = QPushButton(self.tr("Save as preset…"))
        self.remove_button = QPushButton(self.tr("Remove"))
        self.fields: dict[str, QDoubleSpinBox | QSpinBox] = {}

        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(M, M, M, M)
        column.setSpacing(S)
        self._heading(column, self.tr("System prompt"))
        column.addWidget(self.prompt)
        column.addSpacing(S)
        self._heading(column, self.tr("Preset"))
        column.addWidget(self.preset)
        row = QHBoxLayout()
        row.addWidget(self.save_button, 1)
        row.addWidget(self.remove_button)
        column.addLayout(row)
        column.addSpacing(S)
        self._heading(column, self.tr("Sampling"))
        for parameter in PARAMETERS:
            self._add_field(column, parameter)
        column.addStretch(1)
        area = QScrollArea()
        area.setWidget(inside)
        inside.setAutoFillBackground(False)
        area.viewport().setAutoFillBackground(False)
        area.setWidgetResizable(True)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(area)
        set_icon(self.remove_button, "delete", "muted")

        self._typing = QTimer(self)
        self._typing.setSingleShot(True)
        self._typing.setInterval(TYPING_MS)
        self._typing.timeout.connect(self._take)
        self.prompt.textChanged.connect(self._typed)
        self.preset.activated.connect(self._use_preset)
        self.save_button.clicked.connect(self._save_preset)
        self.remove_button.clicked.connect(self._remove_preset)
        Theme.current().changed.connect(self._fit_font)
        self._fit_font()
        controller.settings_changed.connect(self.refresh)  # also when another chat is open
        self.refresh()

    @Slot()
    def _fit_font(self) -> None:
        """Large letters need more room; the chat needs the most."""
        larger = max(1.0, min(WIDEST, Theme.current().font_size / ORDINARY))
        self.setFixedWidth(round(WIDTH * larger))
        self.prompt.setFixedHeight(round(PROMPT * larger))
        for field in self.fields.values():
            field.setFixedWidth(round(FIELD * larger))

    @Slot()
    def refresh(self) -> None:
        """From the open chat."""
        settings = self._controller.current.chat.settings
        self._showing = True
        if self.prompt.toPlainText() != settings.system_prompt:
            self.prompt.setPlainText(settings.system_prompt)
        for parameter in PARAMETERS:
            field = self.fields[parameter.name]
            value = settings.sampling.get(parameter.name, parameter.default)
            if isinstance(field, QSpinBox):
                field.setValue(int(value))
            else:
                field.setValue(float(value))
        names = [preset.name for preset in self._presets()]
        if names != [self.preset.itemData(at) for at in range(self.preset.count())]:  # each change is measured again
            self.preset.clear()
            for name in names:
                self.preset.addItem(QCoreApplication.translate("Panel", name), name)
        at = self.preset.findData(settings.preset)
        if at < 0 and not settings.system_prompt and not settings.sampling:
            at = 0
        self.preset.setPlaceholderText(self.tr("Own values"))
        self.preset.setCurrentIndex(at)
        self.remove_button.setEnabled(at >= len(BUILT_IN))
        self._showing = False

    def flush(self) -> None:
        """What was typed counts now."""
        if self._typing.isActive():
            self._typing.stop()
            self._take()

    def _presets(self) -> list[Preset]:
        return [*BUILT_IN, *own(self._preferences.get("presets"))]

    def _heading(self, column: QVBoxLayout, text: str) -> None:
        label = QLabel(text)
        label.setProperty("kind", "strong")
        column.addWidget(label)

    def _add_field(self, column: QVBoxLayout, parameter: Parameter) -> None:
        words = QCoreApplication.translate("Panel", parameter.label)
        label = QLabel(words)
        label.setProperty("kind", "muted")
        label.setWordWrap(True)
        field: QDoubleSpinBox | QSpinBox
        if parameter.digits:
            real = QDoubleSpinBox()
            real.setDecimals(parameter.digits)
            real.setRange(parameter.low, parameter.high)
            real.setSingleStep(parameter.step)
            real.valueChanged.connect(self._changed)
            field = real
        else:
            whole = QSpinBox()
            whole.setRange(int(parameter.low), int(parameter.high))
            whole.setSingleStep(int(parameter.step))
            whole.valueChanged.connect(self._changed)
            if parameter.default == parameter.low:
                words_for_none = {"seed": self.tr("random"), "top_k": self.tr("all")}
                whole.setSpecialValueText(words_for_none.get(parameter.name, self.tr("no limit")))
            field = whole
        field.lineEdit().setTextMargins(S, 0, 0, 0)  # which a style sheet cannot
        field.setAccessibleName(words)
        field.setKeyboardTracking(False)
        label.setBuddy(field)
        row = QHBoxLayout()
        row.addWidget(label, 1)
        row.addWidget(field)
        column.addLayout(row)
        self.fields[parameter.name] = field

    @Slot()
    def _typed(self) -> None:
        if not self._showing:
            self._typing.start()

    @Slot()
    def _changed(self) -> None:
        if not self._showing:
            self._take()

    @Slot()
    def _take(self) -> None:
        """The fields, into the chat; what is at its default is not sent at all."""
        sampling = {
            parameter.name: round(self.fields[parameter.name].value(), 4)
            for parameter in PARAMETERS
            if abs(self.fields[parameter.name].value() - parameter.default) > 1e-9
        }
        settings = self._controller.current.chat.settings
        prompt = self.prompt.toPlainText()
        if (prompt, sampling) != (settings.system_prompt, settings.sampling):
            self._controller.change_settings(replace(settings, system_prompt=prompt, sampling=sampling, preset=""))

    def _use_preset(self, at: int) -> None:
        preset = self._presets()[at]
        settings = self._controller.current.chat.settings
        prompt = preset.system_prompt or (settings.system_prompt if at < len(BUILT_IN) else "")
        self._controller.change_settings(
            replace(settings, system_prompt=prompt, sampling=dict(preset.sampling), preset=preset.name)
        )

    @Slot()
    def _save_preset(self) -> None:
        self.flush()
        name, done = QInputDialog.getText(self, self.tr("Save as preset"), self.tr("Name:"))
        name = name.strip()
        if not done or not name:
            return
        if name in [preset.name for preset in BUILT_IN]:
            self._controller.session.messages.error(self.tr("This name is taken; choose another one."))
            return
        settings = self._controller.current.chat.settings
        kept = [each for each in self._preferences.get("presets") if each.get("name") != name]
        self._preferences.set("presets", [*kept, to_store(settings, name)])
        self._controller.change_settings(replace(settings, preset=name))

    @Slot()
    def _remove_preset(self) -> None:
        name = self.preset.currentData()
        kept = [each for each in self._preferences.get("presets") if each.get("name") != name]
        self._preferences.set("presets", kept)
        self.refresh()
