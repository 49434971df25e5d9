"""The chat with the list of chats at its left and its settings at its right. A side that leaves the chat too little room folds
away by itself; its button and its key then show it above the chat, until one is done with it. What the user chose by hand is
kept for when there is room again."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QRect, QSize, Qt, Signal, Slot
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QApplication, QStyle, QWidget

from app.chat.panel import Panel
from app.chat.sidebar import Sidebar
from app.preferences import Preferences

LEAST = 56  # letters that the chat is wide beside a side
LEFT_FREE = 40  # pixels of the chat that are seen beside a side above it
SHADE = QColor(0, 0, 0, 96)


class Shade(QWidget):
    """Over the chat while a side is above it; a click on it is a click beside the side."""

    pressed = Signal()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(event.rect(), SHADE)
        painter.end()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self.pressed.emit()


class Sides(QWidget):
    """`closed`: a side went away that may have had the keyboard."""

    closed = Signal()

    def __init__(self, sidebar: Sidebar, centre: QWidget, panel: Panel, preferences: Preferences) -> None:
        super().__init__()
        self._preferences = preferences
        self._sidebar, self._centre, self._panel = sidebar, centre, panel
        self._names: dict[QWidget, str] = {sidebar: "sidebar_open", panel: "panel_open"}
        self._above: QWidget | None = None
        for each in (sidebar, centre, panel):
            each.setParent(self)
        self._shade = Shade(self)
        self._shade.hide()
        self._shade.pressed.connect(self.close_above)
        sidebar.opened.connect(self.close_above)
        sidebar.new_chat.connect(self.close_above)
        application = QApplication.instance()
        assert isinstance(application, QApplication)
        application.focusChanged.connect(self._focus_changed)
        self._arrange()

    def toggle(self, side: QWidget) -> None:
        if not self._fits(side):
            if side is self._above:
                self.close_above()
            else:
                self._open_above(side)
            return
        shown = side.isHidden()
        self._preferences.set(self._names[side], shown)
        self._arrange()
        if not shown:
            self.closed.emit()

    @Slot()
    def close_above(self) -> bool:
        """False if no side is above the chat."""
        if self._above is None:
            return False
        self._above = None
        self._arrange()
        self.closed.emit()
        return True

    def sizeHint(self) -> QSize:
        shown = [each.sizeHint() for each in self._names if not each.isHidden()]
        centre = self._centre.sizeHint()
        width = centre.width() + sum(each.width() for each in shown)
        return QSize(width, max([centre.height(), *(each.height() for each in shown)]))

    def minimumSizeHint(self) -> QSize:
        """The chat's alone: a narrower window is what makes the sides fold."""
        return self._centre.minimumSizeHint()

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._arrange()

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.LayoutRequest:  # there is another hint, or a side another width
            self.updateGeometry()
            self._arrange()
        return super().event(event)

    def changeEvent(self, event: QEvent) -> None:
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.LayoutDirectionChange) and hasattr(self, "_shade"):
            self._arrange()
        super().changeEvent(event)

    def _fits(self, side: QWidget) -> bool:
        """Whether there is room for a side beside the chat. The chats go before the settings."""
        least = LEAST * self.fontMetrics().averageCharWidth() + side.minimumWidth()
        if side is self._panel and self._preferences.get("sidebar_open") and self._fits(self._sidebar):
            least += self._sidebar.minimumWidth()
        return self.width() >= least

    def _open_above(self, side: QWidget) -> None:
        self._above = side
        self._arrange()
        first: QWidget = self._panel.prompt
        if side is self._sidebar:
            first = self._sidebar.new_button if self._sidebar.list.isHidden() else self._sidebar.list
        first.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def _arrange(self) -> None:
        """Every widget to its place."""
        if self._above is not None and self._fits(self._above):
            self._above = None
        left, right, whole = 0, self.width(), self.rect()
        for side, name in self._names.items():
            width = side.minimumWidth()
            beside = self._preferences.get(name) and self._fits(side)
            if side is self._above:
                width = min(width, max(0, whole.width() - LEFT_FREE))
            place = QRect(0 if side is self._sidebar else whole.width() - width, 0, width, whole.height())
            side.setGeometry(self._turned(place))
            if beside and side is self._sidebar:
                left = width
            elif beside:
                right -= width
            side.setVisible(beside or side is self._above)
        self._centre.setGeometry(self._turned(QRect(left, 0, max(0, right - left), whole.height())))
        self._shade.setGeometry(whole)
        self._shade.setVisible(self._above is not None)
        if self._above is not None:
            self._shade.raise_()
            self._above.raise_()

    def _turned(self, place: QRect) -> QRect:
        """In a language that is read from right to left."""
        return QStyle.visualRect(self.layoutDirection(), self.rect(), place)

    @Slot(QWidget, QWidget)
    def _focus_changed(self, old: QWidget | None, new: QWidget | None) -> None:
        """The keyboard went on into the chat: the side above it is in the way."""
        if self._above is not None and new is not None and self._centre.isAncestorOf(new):
            self.close_above()
