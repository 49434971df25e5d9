"""What stands below a message: its actions, which version it is, how it was made. And the note of an answer that did not end
well, with its button."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QSizePolicy, QToolButton, QWidget

from app.chat.rows import Entry
from app.icons import SMALL, icon, icon_button, scaled
from app.sentences import said
from app.store.records import UNFINISHED, State
from app.theme import M, S, Theme


def first_pictures() -> Iterator[object]:
    """Draws what the buttons show, one picture at a time: the first footer would take as long as ten later ones."""
    for name in ("edit", "copy", "branch", "delete", "retry"):
        yield icon(name, Theme.current().colors.muted, scaled(SMALL))


class Footer(QWidget):
    """`acted`: a word of what the user asks for this message."""

    acted = Signal(str)

    def __init__(self, entry: Entry, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.entry = entry
        self.made_for = self.shape(entry)  # which an entry may outgrow
        self._how_label: QLabel | None = None
        self._switcher: tuple[QToolButton, QLabel, QToolButton] | None = None
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(2)
        if entry.is_user:
            row.addStretch(1)
        for action, picture, text in self._actions(entry):
            button = icon_button(picture, text, self, "muted", SMALL)
            button.setObjectName(action)
            button.clicked.connect(partial(self.acted.emit, action))
            row.addWidget(button)
        if entry.versions > 1:
            self._add_switcher(row)
        if not entry.is_user:
            label = self._how_label = QLabel()
            label.setProperty("kind", "small")
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
            row.addSpacing(S)
            row.addWidget(label, 1)
        self.show_entry(entry)

    @staticmethod
    def shape(entry: Entry) -> tuple[bool, bool, bool]:
        """Footers of the same shape have the same widgets."""
        return entry.is_user, entry.versions > 1, _continues(entry)

    def show_entry(self, entry: Entry) -> None:
        """It stands below this one now, which has the same shape."""
        self.entry = entry
        if self._how_label is not None:
            how = self._how(entry)
            self._how_label.setText(how)
            self._how_label.setToolTip(how)
        if self._switcher is not None:
            back, label, on = self._switcher
            back.setEnabled(entry.version > 1)
            on.setEnabled(entry.version < entry.versions)
            label.setText(f"{entry.version}/{entry.versions}")
            words = self.tr("Version %1 of %2").replace("%1", str(entry.version))
            label.setAccessibleName(words.replace("%2", str(entry.versions)))

    def _actions(self, entry: Entry) -> list[tuple[str, str, str]]:
        actions = []
        if entry.is_user:
            actions += [("edit", "edit", self.tr("Edit"))]
        actions += [("copy", "copy", self.tr("Copy"))]
        if not entry.is_user:
            actions += [("regenerate", "retry", self.tr("Regenerate")), ("edit", "edit", self.tr("Edit"))]
            if _continues(entry):
                actions += [("continue", "continue", self.tr("Continue"))]
        actions += [
            ("branch", "branch", self.tr("New chat from here")),
            ("delete", "delete", self.tr("Delete")),
        ]
        return actions

    def _add_switcher(self, row: QHBoxLayout) -> None:
        back = icon_button("left", self.tr("Version before"), self, "muted", SMALL)
        back.setObjectName("previous")
        back.clicked.connect(partial(self.acted.emit, "previous"))
        label = QLabel()
        label.setObjectName("version")
        label.setProperty("kind", "small")
        on = icon_button("right", self.tr("Version after"), self, "muted", SMALL)
        on.setObjectName("next")
        on.clicked.connect(partial(self.acted.emit, "next"))
        self._switcher = back, label, on
        for widget in self._switcher:
            row.addWidget(widget)

    def _how(self, entry: Entry) -> str:
        message, info = entry.message, entry.message.info
        parts = [message.model] if message.model else []
        if isinstance(info.get("tokens"), int):
            count = info["tokens"]
            parts.append(self.tr("1 token") if count == 1 else self.tr("%1 tokens").replace("%1", f"{count:,}"))
        if isinstance(info.get("speed"), (int, float)) and info["speed"] > 0:
            parts.append(self.tr("%1 tokens/s").replace("%1", f"{info['speed']:.1f}"))
        if info.get("cached"):
            text = self.tr("%1 of %2 tokens from cache")
            parts.append(text.replace("%1", str(info["cached"])).replace("%2", str(info.get("prompt", "?"))))
        if message.state is State.STOPPED:
            parts.append(self.tr("stopped"))
        return " · ".join(parts)


def _continues(entry: Entry) -> bool:
    """Whether there is a button to go on with the answer."""
    return not entry.is_user and entry.last and entry.message.state in UNFINISHED


class Note(QFrame):
    """Why an answer ended early, in one sentence; and what to do."""

    acted = Signal(str)

    def __init__(self, entry: Entry, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("kind", "banner")
        message = entry.message
        failed = message.state is State.FAILED
        self.setProperty("error", "true" if failed else "false")
        row = QHBoxLayout(self)
        row.setContentsMargins(M, S, S, S)
        self.label = QLabel(said(message.error, str(message.info.get("code", ""))) or self._sentence(message.state))
        self.label.setWordWrap(True)
        self.label.setTextFormat(Qt.TextFormat.PlainText)
        self.label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        row.addWidget(self.label, 1)
        self.button: QPushButton | QToolButton | None = None
        if entry.last:
            action = "continue" if message.content else "regenerate"
            self.button = QPushButton(self.tr("Continue") if action == "continue" else self.tr("Try again"))
            self.button.setObjectName(action)
            self.button.clicked.connect(partial(self.acted.emit, action))
            row.addWidget(self.button)

    def _sentence(self, state: State) -> str:
        if state is State.LENGTH:
            return self.tr("The answer reached its longest length; it can go on from here.")
        if state is State.INTERRUPTED:
            return self.tr("This answer was interrupted; what had been written is kept.")
        return self.tr("The answer failed.")
