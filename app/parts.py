"""Small widgets that several pages put together."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QFormLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QStyleOptionButton,
    QVBoxLayout,
    QWidget,
)

from app.flow import FlowLayout
from app.theme import L, M, S

LEAST = 5  # letters of what may be elided


class ElidedLabel(QLabel):
    """One line; what does not fit is left out, with an ellipsis."""

    def minimumSizeHint(self) -> QSize:
        whole = super().minimumSizeHint()
        return QSize(min(whole.width(), LEAST * self.fontMetrics().averageCharWidth()), whole.height())

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setPen(self.palette().color(self.foregroundRole()))
        text = self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, self.width())
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignVCenter, text)
        painter.end()


class ElidedButton(QPushButton):
    """As wide as its text where there is room; else what does not fit is left out, with an ellipsis."""

    def __init__(self, text: str = "") -> None:
        super().__init__(text)
        self._measuring = False
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        self._measuring = True  # Qt's hint asks for the option
        hint = super().sizeHint()
        self._measuring = False
        return hint

    def minimumSizeHint(self) -> QSize:
        whole = self.sizeHint()
        least = self._beside(whole) + LEAST * self.fontMetrics().averageCharWidth()
        return QSize(min(whole.width(), least), whole.height())

    def initStyleOption(self, option: QStyleOptionButton) -> None:
        super().initStyleOption(option)
        if not self._measuring:
            room = self.width() - self._beside(self.sizeHint())
            mnemonic = Qt.TextFlag.TextShowMnemonic
            text = self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideMiddle, max(0, room), mnemonic)
            option.text = text

    def _beside(self, whole: QSize) -> int:
        """Pixels of the width that are not text."""
        return whole.width() - self.fontMetrics().size(Qt.TextFlag.TextShowMnemonic, self.text()).width()


def label(text: str = "", kind: str = "", *, wrap: bool = True) -> QLabel:
    """Plain text in the look `kind` of the style sheet."""
    made = QLabel(text)
    made.setTextFormat(Qt.TextFormat.PlainText)
    made.setWordWrap(wrap)
    if kind:
        made.setProperty("kind", kind)
    return made


def set_kind(widget: QWidget, kind: str) -> None:
    """Another look for a widget that is on the screen already."""
    if widget.property("kind") != kind:
        widget.setProperty("kind", kind)
        widget.style().unpolish(widget)
        widget.style().polish(widget)


def button(text: str, kind: str = "", *, name: str = "") -> QPushButton:
    """`name`: what a screen reader says where the text alone would not do, as "Remove" of several rows."""
    made = QPushButton(text)
    made.setAccessibleName(name or text)
    if kind:
        made.setProperty("kind", kind)
    return made


class Card(QFrame):
    """A framed column; `row` is a line of buttons or chips in it that breaks where it is too long."""

    def __init__(self, title: str = "") -> None:
        super().__init__()
        self.setProperty("kind", "card")
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(L, M, L, M)
        self.column.setSpacing(S)
        if title:
            self.column.addWidget(label(title, "heading"))

    def row(self, *widgets: QWidget) -> FlowLayout:
        made = FlowLayout()
        for widget in widgets:
            made.addWidget(widget)
        self.column.addLayout(made)
        return made


def form() -> QFormLayout:
    """Labels and fields; a field goes below its label where there is too little room."""
    rows = QFormLayout()
    rows.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
    rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.FieldsStayAtSizeHint)
    rows.setFormAlignment(Qt.AlignmentFlag.AlignLeading | Qt.AlignmentFlag.AlignTop)
    rows.setLabelAlignment(Qt.AlignmentFlag.AlignLeading | Qt.AlignmentFlag.AlignVCenter)
    rows.setHorizontalSpacing(L)
    rows.setVerticalSpacing(S)
    return rows


def line() -> QFrame:
    made = QFrame()
    made.setProperty("kind", "line")
    return made


def progress_bar(name: str) -> QProgressBar:
    """In thousandths; without a known end its maximum is 0."""
    bar = QProgressBar()
    bar.setRange(0, 1000)
    bar.setTextVisible(False)
    bar.setAccessibleName(name)
    return bar


def beside(*widgets: QWidget, stretch: int = 0) -> QHBoxLayout:
    """A row in which the widget number `stretch` takes what is left."""
    row = QHBoxLayout()
    row.setSpacing(M)
    for index, widget in enumerate(widgets):
        row.addWidget(widget, 1 if index == stretch else 0)
    return row
