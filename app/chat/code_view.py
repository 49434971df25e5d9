"""A block of code in a message. It is as high as its content and scrolls only sideways; the transcript does the rest."""

from __future__ import annotations

from collections.abc import Iterator

from PySide6.QtCore import QEvent, QRectF, Qt, QTimer, Signal, Slot
from PySide6.QtGui import (
    QColor,
    QFontMetricsF,
    QGuiApplication,
    QPainter,
    QPaintEvent,
    QTextCursor,
    QWheelEvent,
)
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.chat.hand import Handed
from app.chat.views import occurrence, scroll_outside
from app.icons import SMALL, icon_button, set_icon
from app.markdown.highlight import Tokens, paint
from app.markdown.safe import plain, visible
from app.theme import M, S, Theme

COPIED_MS = 1500


class _CodeText(Handed, QPlainTextEdit):
    """The code itself: scrolls sideways only."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setReadOnly(True)
        self.setUndoRedoEnabled(False)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setTabChangesFocus(True)
        self.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self.viewport().setAutoFillBackground(False)
        self.document().setDocumentMargin(0)

    def line_height(self) -> float:
        """Of one line, as it is laid out."""
        return self.blockBoundingRect(self.document().begin()).height()

    def wheelEvent(self, event: QWheelEvent) -> None:
        sideways = abs(event.angleDelta().x()) > abs(event.angleDelta().y())
        if sideways or event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            super().wheelEvent(event)
        else:
            scroll_outside(self, event)


class CodeView(QFrame):
    """A block of code with its language and a copy button. `colours_wanted(source, language)`: `colour` waits for its tokens."""

    colours_wanted = Signal(str, str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("code")
        self._source = ""
        self._language = ""
        self._dropped_newline = False
        self._asked = ("", "")
        self._tokens: Tokens = []
        self._work: Iterator[None] | None = None
        self._label = QLabel()
        self._label.setProperty("kind", "small")
        self._label.setTextFormat(Qt.TextFormat.PlainText)
        self.copy_button: QToolButton = icon_button("copy", self.tr("Copy code"), role="muted", size=SMALL)
        self.copy_button.clicked.connect(self._copy)
        head = QHBoxLayout()
        head.setContentsMargins(M, 2, 4, 0)
        head.addWidget(self._label, 1)
        head.addWidget(self.copy_button)
        self._text = _CodeText(self)
        self._text.setAccessibleName(self.tr("Code"))
        column = QVBoxLayout(self)
        column.setContentsMargins(1, 1, 1, 1)
        column.setSpacing(0)
        column.addLayout(head)
        body = QVBoxLayout()
        body.setContentsMargins(M, 2, M, S)
        body.addWidget(self._text)
        column.addLayout(body)
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._colour_some)
        self._copied = QTimer(self)
        self._copied.setSingleShot(True)
        self._copied.timeout.connect(self._reset_copy)
        self._restyle()

    @property
    def source(self) -> str:
        return self._source

    @property
    def editor(self) -> _CodeText:
        """Which shows the code itself."""
        return self._text

    def show_code(self, source: str, language: str, closed: bool) -> None:
        """If `source` begins with what is shown, the rest is appended; colours follow when the block is closed."""
        self._language = language
        self._label.setText(plain(language.split()[0] if language.split() else self.tr("code")))
        if self._source and source.startswith(self._source):
            more = source[len(self._source) :]
            if more:
                cursor = self._text.textCursor()
                cursor.movePosition(cursor.MoveOperation.End)
                if not self._source.endswith("\n") or not self._dropped_newline:
                    cursor.insertText(visible(more.removesuffix("\n")))
                else:
                    cursor.insertText("\n" + visible(more.removesuffix("\n")))
                self._dropped_newline = more.endswith("\n")
        else:
            self._text.setPlainText(visible(source.removesuffix("\n")))
            self._dropped_newline = source.endswith("\n")
        self._source = source
        if closed:
            wanted = (visible(source.removesuffix("\n")), language)
            if self._asked != wanted:
                self._asked = wanted
                self.colours_wanted.emit(*wanted)

    def forget(self) -> None:
        """Show nothing, as when it was made."""
        self._source, self._asked, self._tokens, self._work = "", ("", ""), [], None
        self._dropped_newline = False
        self._timer.stop()
        if self._copied.isActive():
            self._copied.stop()
            self._reset_copy()
        self._text.clear()

    def mark(self, text: str, number: int) -> None:
        """Select this occurrence of `text`."""
        found = occurrence(self._text.document(), text, number)
        if not found.isNull():
            self._text.setTextCursor(found)

    def unmark(self) -> None:
        self._text.setTextCursor(QTextCursor(self._text.document()))

    def wants(self, source: str, language: str) -> bool:
        """Whether it waits for the colours of this code."""
        return self._asked == (source, language)

    def content_height(self, width: int) -> int:
        lines = max(1, self._text.blockCount())
        metrics = QFontMetricsF(self._text.font())
        bar = self._text.horizontalScrollBar()
        wide = self._widest(metrics) > width - 2 * M - 2
        height = lines * self._text.line_height() + (bar.sizeHint().height() if wide else 0)
        self._text.setHorizontalScrollBarPolicy(
            Qt.ScrollBarPolicy.ScrollBarAlwaysOn if wide else Qt.ScrollBarPolicy.ScrollBarAlwaysOff
        )
        return int(height + 3.999) + self.copy_button.sizeHint().height() + 4 + 2 + S + 4

    def _widest(self, metrics: QFontMetricsF) -> float:
        longest = max(self._source.splitlines() or [""], key=len)
        return metrics.horizontalAdvance(longest[:2000].expandtabs(8))

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.PaletteChange and hasattr(self, "_timer"):
            self._restyle()
            self.colour(self._tokens)
        super().changeEvent(event)

    def _restyle(self) -> None:
        theme = Theme.current()
        self._text.setFont(theme.font("mono"))
        self._text.setTabStopDistance(QFontMetricsF(self._text.font()).horizontalAdvance(" ") * 4)

    def paintEvent(self, event: QPaintEvent) -> None:
        colors = Theme.current().colors
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QColor(colors.border))
        painter.setBrush(QColor(colors.code))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 8, 8)
        painter.end()

    def colour(self, lines: Tokens) -> None:
        """The tokens of the code, as it was when they were asked for."""
        self._tokens = lines
        self._work = paint(self._text.document(), lines, Theme.current().colors)
        self._timer.start(0)

    @Slot()
    def _colour_some(self) -> None:
        if self._work is None or next(self._work, self) is self:
            self._work = None
            self._timer.stop()

    @Slot()
    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(plain(self._source))
        set_icon(self.copy_button, "check", "success")
        self._copied.start(COPIED_MS)

    @Slot()
    def _reset_copy(self) -> None:
        set_icon(self.copy_button, "copy", "muted")
