"""The model picker at the top of a chat: what is installed, how large it is, what is loaded, and why one does not work."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, QEvent, QPoint, QSize, Qt, Signal, Slot
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QFrame, QLabel, QLineEdit, QPushButton, QScrollArea, QVBoxLayout, QWidget

from app.icons import set_icon
from app.sentences import said
from app.session import Session
from app.theme import M, S

if TYPE_CHECKING:
    from core.schemas import InstalledStatus, ModelStatus


def describe(session: Session, name: str) -> str:
    """Size, precision, context and state of a model, in one line."""
    models = session.models
    if models is None:
        return ""
    loaded = next((each for each in models.loaded if each.name == name), None)
    installed = next((each for each in models.installed if each.name == name), None)
    parts = _of_installed(installed) + _of_loaded(session, loaded)
    return " · ".join(parts)


def _of_installed(model: InstalledStatus | None) -> list[str]:
    if model is None:
        return []
    size = f"{model.size / 1e9:.1f} GB" if model.size >= 1e8 else f"{model.size / 1e6:.0f} MB"
    context = f"{model.context:,} tokens" if model.context else ""
    return [part for part in (size, context) if part]


def _of_loaded(session: Session, model: ModelStatus | None) -> list[str]:
    if model is None:
        return []
    state = {
        "ready": QCoreApplication.translate("PickerPopup", "loaded"),
        "loading": QCoreApplication.translate("PickerPopup", "loading…"),
        "restarting": QCoreApplication.translate("PickerPopup", "restarting…"),
        "safe_mode": QCoreApplication.translate("PickerPopup", "safe mode"),
    }.get(model.state, model.state)
    return [part for part in (model.precision or "", model.backend or "", state) if part]


class ModelRow(QPushButton):
    """One model: its name, a line about it, and the reason if it cannot be used."""

    def __init__(self, name: str, about: str, problem: str, chosen: bool) -> None:
        super().__init__()
        self.name = name
        self.setProperty("kind", "plain")
        self.setAccessibleName(f"{name}. {about}. {problem}".strip(". "))
        self.setAccessibleDescription(problem)
        self.setCheckable(True)
        self.setChecked(chosen)
        self.setEnabled(not problem)
        column = QVBoxLayout(self)
        column.setContentsMargins(M, S - 2, M, S - 2)
        column.setSpacing(1)
        for text, kind in ((name, ""), (about, "small"), (problem, "warning")):
            if text:
                label = QLabel(text)
                label.setProperty("kind", kind)
                label.setTextFormat(Qt.TextFormat.PlainText)
                label.setWordWrap(kind == "warning")
                label.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
                column.addWidget(label)

    def sizeHint(self) -> QSize:
        layout = self.layout()
        assert layout is not None
        return layout.sizeHint()

    minimumSizeHint = sizeHint


class PickerPopup(QFrame):
    """`chosen(name)`; closes on Escape or a click outside."""

    chosen = Signal(str)
    models_page = Signal()

    def __init__(self, session: Session, current: str, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setProperty("kind", "popup")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setAccessibleName(self.tr("Choose a model"))
        self.setFixedWidth(380)
        self.field = QLineEdit()
        self.field.setProperty("kind", "search")
        self.field.setPlaceholderText(self.tr("Find a model"))
        self.field.setAccessibleName(self.tr("Find a model"))
        self.field.textChanged.connect(self._filter)
        self.field.installEventFilter(self)
        self.rows: list[ModelRow] = []
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        models = session.models
        for model in models.installed if models is not None else []:
            row = ModelRow(
                model.name, describe(session, model.name), said(model.problem, "model_unusable"), model.name == current
            )
            row.clicked.connect(partial(self._choose, model.name))
            column.addWidget(row)
            self.rows.append(row)
        if models is None:
            waiting = QLabel(self.tr("The models are listed once the service has started."))
            waiting.setProperty("kind", "muted")
            waiting.setWordWrap(True)
            column.addWidget(waiting)
        column.addStretch(1)
        area = QScrollArea()
        area.setWidget(inside)
        inside.setAutoFillBackground(False)
        area.viewport().setAutoFillBackground(False)
        area.setWidgetResizable(True)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        more = QPushButton(self.tr("Get more models"))
        set_icon(more, "download")
        more.clicked.connect(self._more)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(M, M, M, M)
        outer.setSpacing(S)
        outer.addWidget(self.field)
        outer.addWidget(area, 1)
        outer.addWidget(more)
        wanted = inside.sizeHint().height() + self.field.sizeHint().height() + more.sizeHint().height() + 60
        self.setFixedHeight(min(460, wanted))

    def show_below(self, button: QWidget) -> None:
        self.move(button.mapToGlobal(QPoint(0, button.height() + 4)))
        self.show()
        self.field.setFocus()

    def _choose(self, name: str) -> None:
        self.chosen.emit(name)
        self.close()

    @Slot()
    def _more(self) -> None:
        self.models_page.emit()
        self.close()

    def _filter(self, text: str) -> None:
        for row in self.rows:
            row.setVisible(text.casefold() in row.name.casefold())

    def _visible(self) -> list[ModelRow]:
        return [row for row in self.rows if not row.isHidden() and row.isEnabled()]

    def eventFilter(self, watched: object, event: QEvent) -> bool:
        if watched is self.field and isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            rows = self._visible()
            if event.key() == Qt.Key.Key_Down and rows:
                rows[0].setFocus()
                return True
            if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and rows:
                self._choose(rows[0].name)
                return True
        return False

    def keyPressEvent(self, event: QKeyEvent) -> None:
        rows = self._visible()
        at = next((i for i, row in enumerate(rows) if row.hasFocus()), -1)
        if event.key() == Qt.Key.Key_Escape:
            self.close()
        elif event.key() == Qt.Key.Key_Down and at + 1 < len(rows):
            rows[at + 1].setFocus()
        elif event.key() == Qt.Key.Key_Up:
            (rows[at - 1] if at > 0 else self.field).setFocus()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and at >= 0:
            self._choose(rows[at].name)
        else:
            super().keyPressEvent(event)
