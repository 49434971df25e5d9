"""Where everything lies, and how much room there is."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QUrl, Slot
from PySide6.QtGui import QDesktopServices

from app import formats
from app.parts import Card, button, label
from app.session import Session
from core.schemas import Status


class StorageCard(Card):
    def __init__(self, session: Session) -> None:
        super().__init__(self.tr("Storage"))
        self._session = session
        places = session.config.places
        self.column.addWidget(label(self.tr("Models, engines and chats: {folder}").format(folder=places.data)))
        self.free = label("", "muted")
        self.free.hide()
        self.column.addWidget(self.free)
        self.column.addWidget(label(self.tr("Settings: {folder}").format(folder=places.config), "muted"))
        self.column.addWidget(label(self.tr("Logs: {folder}").format(folder=places.logs), "muted"))
        self.column.addWidget(
            label(
                self.tr(
                    "To keep everything elsewhere, move the folders and set the environment variable DESKSIDE_HOME. A model "
                    "that lies elsewhere already can be imported in place, without a copy (Models, Import a folder)."
                ),
                "muted",
            )
        )
        self.open_data = button(self.tr("Open the folder"))
        self.open_logs = button(self.tr("Open the logs"))
        self.open_data.clicked.connect(self._open_data)
        self.open_logs.clicked.connect(self._open_logs)
        self.row(self.open_data, self.open_logs)

    def show_status(self, status: Status) -> None:
        if status.disk is not None:
            self.free.setText(
                self.tr("{free} of {total} are free on its volume.").format(
                    free=formats.size(status.disk.free), total=formats.size(status.disk.total)
                )
            )
            self.free.show()

    @Slot()
    def _open_data(self) -> None:
        self._open(self._session.config.places.data)

    @Slot()
    def _open_logs(self) -> None:
        self._open(self._session.config.places.logs)

    def _open(self, folder: Path) -> None:
        if not folder.is_dir() or not QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder))):
            self._session.messages.error(self.tr("{folder} cannot be opened here.").format(folder=folder))
