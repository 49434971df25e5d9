"""What the pages share: a scrolled column of readable width, built anew when the language changes."""

from __future__ import annotations

from collections.abc import Iterator

from PySide6.QtCore import QEvent, QSize, Qt, QTimer, Slot
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QScrollArea, QSplitter, QVBoxLayout, QWidget
from shiboken6 import isValid

from app.session import Session
from app.theme import XL, L

COLUMN_WIDTH = 920
SECOND = 32  # letters that a column beside another needs at least
ABOVE = 6  # lines of text that one above another does


class Page(QWidget):
    """A subclass makes its widgets in `build` and keeps what they show elsewhere: `build` runs again for another language.
    `shown` and `hidden` are for what costs something while nobody looks."""

    def __init__(self, session: Session, whole: bool = True) -> None:
        """`whole` False: `step` is called until it has made the rest, or `finish`."""
        super().__init__()
        self.session = session
        self._rest: Iterator[None] = iter(())
        self._whole = whole
        self._below: list[QWidget] = []
        self._revealing = QTimer(self)
        self._revealing.timeout.connect(self._reveal)
        self.body: QWidget | None = None
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)

    def build(self) -> QWidget:
        """The page's whole content."""
        raise AssertionError("a page builds itself")

    def build_rest(self) -> Iterator[None]:
        """What `build` leaves for later turns, a piece at a time."""
        return iter(())

    def step(self) -> bool:
        """Make one more piece. False once the page is whole."""
        return next(self._rest, self) is not self

    def finish(self) -> None:
        """Somebody wants to see it."""
        self._whole = True
        while self.step():
            pass

    def below(self, widget: QWidget) -> QWidget:
        """What is below the screen at first: laid out in a turn of its own once the page is shown, which is sooner for it."""
        widget.hide()
        self._below.append(widget)
        if self.isVisible():
            self._revealing.start(0)
        return widget

    @Slot()
    def _reveal(self) -> None:
        if self._below and isValid(widget := self._below.pop(0)):
            widget.show()
        if not self._below:
            self._revealing.stop()

    def shown(self) -> None:
        """The page has come to the front."""

    def hidden(self) -> None:
        """Another page has."""

    def rebuild(self) -> None:
        """Throw the widgets away and make them again."""
        self._below.clear()
        if self.body is not None:
            self._layout.removeWidget(self.body)
            self.body.hide()
            self.body.deleteLater()
        self.body = self.build()
        self._layout.addWidget(self.body)
        self.body.show()
        self._rest = self.build_rest()
        if self._whole:
            self.finish()

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.LanguageChange and self.body is not None:
            self.rebuild()
        super().changeEvent(event)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if not event.spontaneous():
            if self._below:
                self._revealing.start(0)
            self.shown()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        if not event.spontaneous():
            self.hidden()


class Columns(QSplitter):
    """Two columns for `turn_splitter`. They ask for the width of one of them: a page that is too narrow for both turns them."""

    def __init__(self) -> None:
        super().__init__()
        self.setChildrenCollapsible(False)

    def minimumSizeHint(self) -> QSize:
        columns = [widget for index in range(self.count()) if (widget := self.widget(index)) is not None]
        width = max((widget.minimumSizeHint().width() for widget in columns), default=0)
        return QSize(width, super().minimumSizeHint().height())


def turn_splitter(splitter: QSplitter, size: QSize, least: int, second: int = SECOND, part: float = 0.5) -> None:
    """Columns beside each other, the first `least` pixels wide or wider, the second `second` letters; or one below the other where
    the `size` of the page is too small for that: then the first has `part` of the height."""
    wide = size.width() >= least + second * splitter.fontMetrics().averageCharWidth()
    wanted = Qt.Orientation.Horizontal if wide else Qt.Orientation.Vertical
    first = splitter.widget(0)
    assert first is not None
    first.setMinimumWidth(least if wide else 0)
    first.setMinimumHeight(0 if wide else ABOVE * splitter.fontMetrics().lineSpacing())
    if splitter.orientation() != wanted:
        splitter.setOrientation(wanted)
        share = size.width() * 3 // 8 if wide else round(part * size.height())
        splitter.setSizes([share, (size.width() if wide else size.height()) - share])


def scrolled_column(width: int = COLUMN_WIDTH) -> tuple[QScrollArea, QVBoxLayout]:
    """A vertical scroll area, and the layout of a centred column in it, at most `width` pixels (at the ordinary font)."""
    area = QScrollArea()
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    outer = QWidget()
    inner = QWidget()
    for each in (outer, inner):  # they paint nothing: when they grow, what is in them need not be painted again
        each.setAttribute(Qt.WidgetAttribute.WA_StaticContents)
    scale = area.fontMetrics().averageCharWidth() / 7
    inner.setMaximumWidth(round(width * max(1.0, scale)))
    row = QHBoxLayout(outer)
    row.setContentsMargins(XL, XL, XL, XL)
    row.addStretch(1)
    row.addWidget(inner, 100)
    row.addStretch(1)
    column = QVBoxLayout(inner)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(L)
    area.setWidget(outer)
    return area, column
