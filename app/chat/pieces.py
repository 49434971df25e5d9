"""The smaller widgets of a message: folded reasoning, attached files, waiting for the first word."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QToolButton, QVBoxLayout, QWidget

from app.chat.rows import Entry
from app.flow import FlowLayout
from app.icons import SMALL, set_icon
from app.markdown.safe import plain
from app.parts import ElidedButton
from app.theme import M, S


class Reasoning(QWidget):
    """A button that unfolds what the model thought, which rows of their own show. `toggled`: it is wanted."""

    toggled = Signal()

    def __init__(self, entry: Entry, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._entry = entry
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        self.button = QToolButton()
        self.button.setProperty("kind", "fold")
        self.button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.button.setCheckable(True)
        self.button.clicked.connect(self.toggled)
        column.addWidget(self.button)
        self.refresh()

    def refresh(self) -> None:
        """The entry's reasoning or state changed."""
        entry = self._entry
        thinking = entry.live and not entry.message.content
        self.button.setText(self.tr("Thinking…") if thinking else self.tr("Thoughts"))
        self.button.setAccessibleName(self.tr("Show what the model thought"))
        self.button.setChecked(not entry.folded)
        set_icon(self.button, "right" if entry.folded else "down", "muted")

    def content_height(self, width: int) -> int:
        return max(self.button.sizeHint().height(), 28)


class Files(QWidget):
    """A button for each attached file. `wanted`: a look at this Attachment."""

    wanted = Signal(object)

    def __init__(self, entry: Entry, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._row = FlowLayout(self, S)
        self.buttons: list[QPushButton] = []
        for file in entry.message.attachments:
            name = plain(file.name).replace("\n", " ")
            made = ElidedButton(name.replace("&", "&&"))
            made.setProperty("kind", "file")
            made.setAutoDefault(True)  # Enter presses it
            made.setAccessibleName(self.tr("Look at %1").replace("%1", name))
            made.setToolTip("\n".join([name, plain(file.path)]).strip())
            set_icon(made, "attach", "muted", SMALL)
            made.clicked.connect(partial(self.wanted.emit, file))
            self._row.addWidget(made)
            self.buttons.append(made)

    def ideal_width(self) -> int:
        """At which no name is cut and all stand beside each other."""
        for each in self.buttons:
            each.ensurePolished()
        return sum(each.sizeHint().width() for each in self.buttons) + S * (len(self.buttons) - 1)

    def content_height(self, width: int) -> int:
        return max(28, self._row.heightForWidth(width))


class Waiting(QWidget):
    """Before the first word: how far the prompt is read."""

    def __init__(self, entry: Entry, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._entry = entry
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(M)
        self.label = QLabel()
        self.label.setProperty("kind", "muted")
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setFixedWidth(160)
        self.bar.setAccessibleName(self.tr("How far the prompt is read"))
        row.addWidget(self.label)
        row.addWidget(self.bar)
        row.addStretch(1)
        self.refresh()

    def refresh(self) -> None:
        progress = self._entry.progress
        self.bar.setVisible(progress is not None)
        if progress is None:
            self.label.setText(self.tr("Waiting for the model…"))
        else:
            percent = round(progress * 100)
            self.label.setText(self.tr("Reading… %1 %").replace("%1", str(percent)))
            self.bar.setValue(percent)

    def content_height(self, width: int) -> int:
        return max(28, self.sizeHint().height())
