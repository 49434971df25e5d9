"""The model picker at the top of a chat: what is installed, how large it is, what is loaded, and why one does not work."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QPoint, QSize, Qt, Signal, Slot
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QFrame, QLabel, QLineEdit, QPushButton, QScrollArea, QStyle, QVBoxLayout, QWidget

from app.chat.choices import choices, doubt
from app.icons import scaled, set_icon
from app.session import Session
from app.theme import M, S
from app.threads import silently

if TYPE_CHECKING:
    from core.schemas import Status

WIDTH, HEIGHT = 380, 460  # at the ordinary font size


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
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(M, S - 2, M, S - 2)
        self._column.setSpacing(1)
        for text, kind in ((name, ""), (about, "small"), (problem, "warning")):
            self._add(text, kind)

    def warn(self, doubt: str) -> None:
        """It can be chosen all the same."""
        self.setAccessibleName(f"{self.accessibleName()}. {doubt}")
        self.setAccessibleDescription(doubt)
        self._add(doubt, "warning")

    def _add(self, text: str, kind: str) -> None:
        if text:
            label = QLabel(text)
            label.setProperty("kind", kind)
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setWordWrap(True)
            label.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
            self._column.addWidget(label)

    def sizeHint(self) -> QSize:
        return self._column.sizeHint()

    def minimumSizeHint(self) -> QSize:
        return self._column.minimumSize()

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        return self._column.heightForWidth(width)


class PickerPopup(QFrame):
    """`chosen(name)`; closes on Escape or a click outside."""

    chosen = Signal(str)
    models_page = Signal()

    def __init__(self, session: Session, current: str, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setProperty("kind", "popup")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setAccessibleName(self.tr("Choose a model"))
        self.setFixedWidth(scaled(WIDTH))
        self._session = session
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
        self._choices = list(choices(models))
        for each in self._choices:
            row = ModelRow(each.name, each.about, each.problem, each.name == current)
            row.clicked.connect(partial(self._choose, each.name))
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
        self._inside, self._others = inside, self.field.sizeHint().height() + more.sizeHint().height() + 60
        self._fit_height()
        if session.service.phase == "ready":
            session.call(lambda client: client.status(), self._take_status, silently, self)

    def _fit_height(self) -> None:
        width = self.width() - 2 * M - self.style().pixelMetric(QStyle.PixelMetric.PM_ScrollBarExtent)
        layout = self._inside.layout()
        assert layout is not None
        rows = layout.heightForWidth(width) if layout.hasHeightForWidth() else self._inside.sizeHint().height()
        self.setFixedHeight(min(scaled(HEIGHT), rows + self._others))

    def _take_status(self, status: Status) -> None:
        """What speaks against a model on this computer is said where it is chosen."""
        for row, each in zip(self.rows, self._choices, strict=True):
            text = "" if each.problem else doubt(each, status.gpus)
            if text:
                row.warn(text)
        self._fit_height()

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
