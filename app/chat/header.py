"""The line above a chat: the model, the chat's title, how the service is, what can be shown beside the chat."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QWidget

from app.icons import SMALL, icon_button, set_icon
from app.parts import ElidedButton, ElidedLabel
from app.sentences import said
from app.session import ServiceState
from app.theme import M, S


class Header(QWidget):
    """Signals: a button was pressed."""

    sidebar_wanted = Signal()
    model_wanted = Signal()
    export_wanted = Signal()
    panel_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.sidebar_button = icon_button("sidebar", self.tr("Show or hide the chats"), role="muted")
        self.sidebar_button.clicked.connect(self.sidebar_wanted)
        self.model_button = ElidedButton()
        self.model_button.setProperty("kind", "plain")
        reading = QGuiApplication.layoutDirection()  # the arrow stands behind the name
        self.model_button.setLayoutDirection(
            Qt.LayoutDirection.RightToLeft
            if reading == Qt.LayoutDirection.LeftToRight
            else Qt.LayoutDirection.LeftToRight
        )
        set_icon(self.model_button, "down", "muted", SMALL)
        self.model_button.clicked.connect(self.model_wanted)
        self.title = ElidedLabel()
        self.title.setProperty("kind", "muted")
        self.title.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.state = ElidedLabel()
        self.state.setProperty("kind", "small")
        export = icon_button("export", self.tr("Export this chat"), role="muted")
        export.clicked.connect(self.export_wanted)
        self.panel_button = icon_button("panel", self.tr("Show or hide this chat's settings"), role="muted")
        self.panel_button.clicked.connect(self.panel_wanted)
        row = QHBoxLayout(self)
        row.setContentsMargins(M, S, M, S)
        row.setSpacing(S)
        row.addWidget(self.sidebar_button)
        row.addWidget(self.model_button)
        row.addWidget(self.title, 1)
        row.addWidget(self.state)
        row.addWidget(export)
        row.addWidget(self.panel_button)

    def show_title(self, title: str) -> None:
        self.title.setText(title)
        self.title.setToolTip(title)

    def show_model(self, name: str, about: str) -> None:
        """`about`: what is said of it, "" if it is not known."""
        self.model_button.setText(name if name else self.tr("Choose a model"))
        self.model_button.setAccessibleName(self.tr("Model: %1").replace("%1", name))
        self.model_button.setToolTip(about or self.tr("Choose a model"))

    def show_service(self, state: ServiceState) -> None:
        words = {
            "starting": self.tr("Starting the service…"),
            "lost": self.tr("The service ended; starting it again…"),
            "failed": self.tr("The service does not start"),
        }
        self.state.setText(words.get(state.phase, ""))
        self.state.setToolTip(said(state.message, "unavailable") or self.state.text())
