"""A built engine: load, unload, its report card, remove."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QFormLayout, QWidget

from app import formats
from app.library.remove import RemoveBar
from app.library.words import precision_text, report_lines, why_text
from app.parts import Card, button, form, label
from app.sentences import said

if TYPE_CHECKING:
    from core.schemas import EngineStatus


class EngineCard(Card):
    load_asked = Signal(str)
    unload_asked = Signal(str)
    remove_asked = Signal(str)

    def __init__(self, engine: EngineStatus) -> None:
        super().__init__(precision_text(engine.precision))
        self._engine = engine
        self.name = engine.name
        self.setAccessibleName(engine.name)
        facts = [engine.backend, engine.gpu, formats.size(engine.size), engine.created[:10]]
        if engine.loaded:
            facts.insert(0, self.tr("loaded"))
        self.column.addWidget(label(" · ".join(fact for fact in facts if fact), "muted"))
        if engine.problem:
            self.column.addWidget(label(said(engine.problem, "engine_stale"), "error"))
        self.load = button(
            self.tr("Unload") if engine.loaded else self.tr("Load"),
            name=(self.tr("Unload {name}") if engine.loaded else self.tr("Load {name}")).format(name=engine.name),
        )
        self.load.setEnabled(engine.loaded or not engine.problem)
        self.load.clicked.connect(self._load)
        self.report_button = button(
            self.tr("Report card"), name=self.tr("Report card of {name}").format(name=engine.name)
        )
        self.report_button.setCheckable(True)
        self.report_button.setVisible(engine.report is not None)
        self.report = self._make_report(engine)
        self.report_button.toggled.connect(self.report.setVisible)
        self.remove = RemoveBar(engine.name, formats.size(engine.size), loaded=engine.loaded)
        self.remove.confirmed.connect(self._remove)
        self.row(self.load, self.report_button, self.remove.ask)
        self.column.addWidget(self.remove)
        self.column.addWidget(self.report)

    @staticmethod
    def _make_report(engine: EngineStatus) -> QWidget:
        widget = QWidget()
        rows: QFormLayout = form()
        rows.setFieldGrowthPolicy(
            QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow
        )  # else a value is cut at some width
        rows.setContentsMargins(0, 0, 0, 0)
        if engine.report is not None:
            for what, value in report_lines(engine.report):
                rows.addRow(label(what, "muted", wrap=False), label(value))
            why = label(why_text(engine.report, engine.backend), "muted")
            why.setToolTip(engine.report.reason)
            if why.text():
                rows.addRow(why)
        widget.setLayout(rows)
        widget.hide()
        return widget

    @Slot()
    def _load(self) -> None:
        (self.unload_asked if self._engine.loaded else self.load_asked).emit(self._engine.name)

    @Slot()
    def _remove(self) -> None:
        self.remove_asked.emit(self._engine.name)
