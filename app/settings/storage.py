"""Where everything lies, how much room there is, and another folder for what is large."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QUrl, Signal, Slot
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QFileDialog, QLineEdit

from app import formats
from app.library.job_cards import JobCards
from app.parts import Card, beside, button, label, line, set_kind
from app.sentences import said_of
from app.session import Session
from app.settings.library_place import LibraryPlace

if TYPE_CHECKING:
    from core.errors import DesksideError
    from core.schemas import StorageReply


class ChooseFolder(Card):
    """Asks for the folder and what to do with what there is, in place."""

    closed = Signal()

    def __init__(self, place: LibraryPlace) -> None:
        super().__init__()
        self._place = place
        self.setAccessibleName(self.tr("Another folder for models and engines"))
        self.folder = QLineEdit()
        self.folder.setPlaceholderText(self.tr("A folder, such as one on a second disk"))
        self.folder.setAccessibleName(self.tr("The new folder"))
        self.browse = button(self.tr("Browse…"), name=self.tr("Browse for the new folder"))
        self.column.addWidget(label(self.tr("Another folder for models and engines:")))
        self.column.addLayout(beside(self.folder, self.browse))
        self.column.addWidget(
            label(
                self.tr(
                    "Moving copies everything, compares it, and only then deletes it here. Models are unloaded meanwhile. Chats "
                    "and settings stay where they are."
                ),
                "muted",
            )
        )
        self.take_along = button(self.tr("Move everything there"), "primary")
        self.use = button(self.tr("Use that folder, move nothing"))
        self.cancel = button(self.tr("Cancel"), name=self.tr("Keep the present folder"))
        self.problem = label("", "error")
        self.problem.hide()
        self.column.addWidget(self.problem)
        self.row(self.take_along, self.use, self.cancel)
        place.answered.connect(self._answered)
        self.browse.clicked.connect(self._browse)
        self.take_along.clicked.connect(self._move)
        self.use.clicked.connect(self._use)
        self.cancel.clicked.connect(self.close_)
        self.folder.textChanged.connect(self._typed)
        self._typed()
        self.hide()

    def open(self, folder: str = "") -> None:
        self.problem.hide()
        self.folder.setText(folder)
        self.show()
        self.folder.setFocus()

    @Slot()
    def close_(self) -> None:
        """The keyboard goes back to where it came from."""
        self.hide()
        self.closed.emit()

    @Slot()
    def _typed(self) -> None:
        for item in (self.take_along, self.use):
            item.setEnabled(bool(self.folder.text().strip()))

    @Slot()
    def _browse(self) -> None:
        found = QFileDialog.getExistingDirectory(self, self.tr("Another folder for models and engines"))
        if found:
            self.folder.setText(found)

    @Slot()
    def _move(self) -> None:
        self._asked()
        self._place.move(self.folder.text().strip())

    @Slot()
    def _use(self) -> None:
        self._asked()
        self._place.use(self.folder.text().strip())

    def _asked(self) -> None:
        """Once is enough; the folder stays until the service has taken it."""
        self.problem.hide()
        self.folder.setFocus()
        for item in (self.take_along, self.use):
            item.setEnabled(False)

    @Slot(object)
    def _answered(self, error: DesksideError | None) -> None:
        self._typed()
        self.problem.setText(said_of(error) if error is not None else "")
        self.problem.setVisible(error is not None)
        if error is None:
            self.close_()


class StorageCard(Card):
    def __init__(self, session: Session, place: LibraryPlace) -> None:
        super().__init__(self.tr("Storage"))
        self._session, self._place = session, place
        places = session.config.places
        self.where = label(self.tr("Models and engines: {folder}").format(folder=places.library_root))
        self.sizes = label("", "muted")
        self.sizes.hide()
        self.column.addWidget(self.where)
        self.column.addWidget(self.sizes)
        self.change = button(self.tr("Change the folder…"), name=self.tr("Change the folder of models and engines"))
        self.back = button(self.tr("Back to the default folder…"))
        self.back.hide()
        self.open_data = button(self.tr("Open the folder"))
        self.row(self.change, self.back, self.open_data)
        self.choose = ChooseFolder(place)
        self.column.addWidget(self.choose)
        self.jobs = JobCards()
        self.column.addWidget(self.jobs)
        self.column.addWidget(line())
        self.chats = label(self._chats_text())
        self.column.addWidget(self.chats)
        self.column.addWidget(label(self.tr("Settings: {folder}").format(folder=places.config), "muted"))
        self.column.addWidget(label(self.tr("Logs: {folder}").format(folder=places.logs), "muted"))
        self.column.addWidget(
            label(
                self.tr(
                    "A model that lies elsewhere already can be imported in place, without a copy (Models, Import a folder)."
                ),
                "muted",
            )
        )
        self.open_logs = button(self.tr("Open the logs"))
        self.row(self.open_logs)
        self.open_data.clicked.connect(self._open_data)
        self.open_logs.clicked.connect(self._open_logs)
        self.change.clicked.connect(self._change)
        self.back.clicked.connect(self._back)
        self.choose.closed.connect(self.change.setFocus)
        self.jobs.acted.connect(place.act)
        place.changed.connect(self._show)
        place.jobs_changed.connect(self._show_jobs)
        if place.storage is not None:
            self._show(place.storage)
        self._show_jobs()

    @Slot(object)
    def _show(self, storage: StorageReply) -> None:
        self.where.setText(self.tr("Models and engines: {folder}").format(folder=storage.folder))
        if storage.missing:
            text = self.tr("This folder is not there. Connect its disk, or choose another folder.")
        else:
            text = self.tr("Models {models} · engines {engines} · {free} of {total} are free on its volume").format(
                models=formats.size(storage.models),
                engines=formats.size(storage.engines),
                free=formats.size(storage.free),
                total=formats.size(storage.total),
            )
        self.sizes.setText(text)
        set_kind(self.sizes, "warning" if storage.missing else "muted")
        self.sizes.show()
        self.back.setVisible(storage.folder != storage.default)
        for item in (self.change, self.back):
            item.setEnabled(not storage.held_by)
            held = self.tr("Set by the environment variable {name}.").format(name=storage.held_by)
            item.setToolTip(held if storage.held_by else "")

    @Slot()
    def _show_jobs(self) -> None:
        jobs = self._place.jobs
        self.jobs.show_jobs(jobs)
        for item in (self.change, self.back):
            item.setVisible(not jobs and (item is self.change or self._elsewhere))
        if jobs:
            self.choose.hide()

    @property
    def _elsewhere(self) -> bool:
        storage = self._place.storage
        return storage is not None and storage.folder != storage.default

    def _chats_text(self) -> str:
        """The chats are the window's own."""
        file = self._session.config.places.chats_db
        size = formats.size(file.stat().st_size if file.is_file() else 0)
        return self.tr("Chats: {folder} ({size})").format(folder=file.parent, size=size)

    @Slot()
    def _change(self) -> None:
        self.choose.open()

    @Slot()
    def _back(self) -> None:
        self.choose.open(str(self._session.config.places.data))

    @Slot()
    def _open_data(self) -> None:
        storage = self._place.storage
        self._open(Path(storage.folder) if storage is not None else self._session.config.places.library_root)

    @Slot()
    def _open_logs(self) -> None:
        self._open(self._session.config.places.logs)

    def _open(self, folder: Path) -> None:
        if not folder.is_dir() or not QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder))):
            self._session.messages.error(self.tr("{folder} cannot be opened here.").format(folder=folder))
