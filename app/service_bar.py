"""That the service is not there, at the foot of every page but the chats, which say it themselves: what is shown may be old, and
what is asked for waits."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Slot
from PySide6.QtWidgets import QFrame, QVBoxLayout

from app.parts import label
from app.sentences import said
from app.session import Session
from app.theme import L, S


class ServiceBar(QFrame):
    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self._wanted = False
        self.setProperty("kind", "banner")
        column = QVBoxLayout(self)
        column.setContentsMargins(L, S, L, S)
        self.label = label("", "warning")
        column.addWidget(self.label)
        session.service_changed.connect(self._show)
        self._show()

    def want(self, wanted: bool) -> None:
        """Whether a page is in front that does not say it itself."""
        self._wanted = wanted
        self._show()

    @Slot()
    def _show(self) -> None:
        state = self._session.service
        text = {
            "starting": self.tr("The service is starting…"),
            "lost": self.tr("The service ended. It is started again; what you ask for meanwhile waits for it."),
            "failed": self.tr("The service does not start, and it is tried again every few seconds. {reason}").format(
                reason=said(state.message, "unavailable")
            ),
        }.get(state.phase, "")
        self.label.setText(text.strip())
        self.setAccessibleName(text.strip())
        self.setVisible(self._wanted and bool(text))

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.LanguageChange:
            self._show()
        super().changeEvent(event)
