"""The page Models: the list at the left, the chosen model beside it, what is under way above."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QItemSelectionModel, QModelIndex, Qt, QTimer, Slot
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QResizeEvent
from PySide6.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QLineEdit,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from app import formats
from app.library.controller import LibraryController
from app.library.detail import ModelDetail
from app.library.job_cards import JobCards
from app.library.list_model import RowsModel
from app.library.rows import Row, same_model
from app.pages.base import COLUMN_WIDTH, Columns, Page, scrolled_column, turn_splitter
from app.parts import beside, button, label
from app.sentences import said_of
from app.session import Session
from app.theme import XL, L, M, S
from app.two_lines import ROW, two_line_list

if TYPE_CHECKING:
    from core.errors import DesksideError
    from core.schemas import Status

LIST = 22  # letters that the list needs at least
DETAIL = 44  # letters that the model beside it does
ABOVE = 0.3  # of the height, where it stands above the model


class ModelsPage(Page):
    def __init__(self, session: Session, whole: bool = True) -> None:
        super().__init__(session, whole)
        self.controller = LibraryController(session, self)
        self.model = RowsModel(self)
        self.detail: ModelDetail | None = None
        self._chosen = ""
        self._disk = ""
        self.controller.rows_changed.connect(self._show_rows)
        self.controller.jobs_changed.connect(self._show_jobs)
        self.controller.searching.connect(self._searching)
        self.controller.search_failed.connect(self._search_failed)
        self.controller.status_changed.connect(self._status_changed)
        self.controller.chosen.connect(self.choose)
        self.rebuild()
        self.setAcceptDrops(True)

    def build(self) -> QWidget:
        body = QWidget()
        column = QVBoxLayout(body)
        column.setContentsMargins(XL, XL, XL, S)
        column.setSpacing(M)
        self.import_folder = button(self.tr("Import a folder…"))
        self.import_folder.clicked.connect(self._import)
        column.addLayout(beside(label(self.tr("Models"), "title", wrap=False), self.import_folder, stretch=0))
        self.disk = label(self._disk, "muted")
        column.addWidget(self.disk)

        self.search = QLineEdit()
        self.search.setProperty("kind", "search")
        self.search.setClearButtonEnabled(True)
        self.search.setPlaceholderText(self.tr("Search Hugging Face, or paste a model's id or a folder"))
        self.search.setAccessibleName(self.tr("Search models"))
        self.search.returnPressed.connect(self._search)
        self.search.textChanged.connect(self._text_changed)
        self.search_button = button(self.tr("Search"))
        self.search_button.clicked.connect(self._search)
        column.addLayout(beside(self.search, self.search_button))
        self.note = label("", "muted")
        self.note.hide()
        column.addWidget(self.note)

        self.jobs = JobCards()
        self.jobs.acted.connect(self.controller.act)
        self._jobs_area = QScrollArea()
        self._jobs_area.setWidgetResizable(True)
        self._jobs_area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._jobs_area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._jobs_area.setWidget(self.jobs)
        column.addWidget(self._jobs_area)

        self.list = two_line_list(self.tr("Models"))
        self.list.setModel(self.model)
        self.list.selectionModel().currentChanged.connect(self._current_changed)
        self.splitter = Columns()
        self.splitter.addWidget(self.list)
        self._area, _ = scrolled_column()
        self._area.setWidget(self._detail_holder())
        self.splitter.addWidget(self._area)
        self.splitter.setStretchFactor(0, 2)
        self.splitter.setStretchFactor(1, 5)
        self.splitter.setSizes([300, 700])
        self._turn()
        column.addWidget(self.splitter, 1)
        self.detail = None
        self._show_rows()
        self._show_jobs()
        return body

    def _turn(self) -> None:
        turn_splitter(self.splitter, self.size(), LIST * self.fontMetrics().averageCharWidth(), DETAIL, ABOVE)

    def _detail_holder(self) -> QWidget:
        """At most as wide as one likes to read, beside the list."""
        holder, inner = QWidget(), QWidget()
        inner.setMaximumWidth(round(COLUMN_WIDTH * max(1.0, self.fontMetrics().averageCharWidth() / 7)))
        row = QHBoxLayout(holder)
        row.setContentsMargins(L, 0, M, L)
        row.addWidget(inner, 100)
        row.addStretch(1)
        self._detail_column = QVBoxLayout(inner)
        self._detail_column.setContentsMargins(0, 0, 0, 0)
        return holder

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if _folders(event):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Folders of checkpoints; of a file, the folder it lies in."""
        for folder in _folders(event):
            self.controller.link(folder)
        event.acceptProposedAction()

    def shown(self) -> None:
        self.controller.refresh()
        if not self.search.text():
            self.search.setFocus()

    @Slot(str)
    def choose(self, key: str) -> None:
        """Show the model of a row."""
        index = self.model.find(key)
        if index.isValid():
            self.list.selectionModel().setCurrentIndex(index, QItemSelectionModel.SelectionFlag.ClearAndSelect)
            self.list.scrollTo(index)
        else:
            self._chosen = key  # it comes with the next list

    @Slot()
    def _show_rows(self) -> None:
        self.model.set_rows(self.controller.rows)
        keys = [row.key for row in self.model.rows if not row.header]
        wanted = same_model(self.model.rows, self._chosen) or (keys[0] if keys else "")
        index = self.model.find(wanted)
        if index.isValid():
            if self.list.currentIndex() != index:
                self.list.selectionModel().setCurrentIndex(index, QItemSelectionModel.SelectionFlag.ClearAndSelect)
            self._show_detail(index.data(ROW))
        else:
            self._show_detail(None)

    @Slot(QModelIndex, QModelIndex)
    def _current_changed(self, index: QModelIndex, before: QModelIndex) -> None:
        row: Row | None = index.data(ROW) if index.isValid() else None
        if row is not None and not row.header:
            self._chosen = row.key
            self._show_detail(row)

    def _show_detail(self, row: Row | None) -> None:
        if row is not None and self.detail is not None and self.detail.row == row:
            return
        kept = None
        if row is not None and self.detail is not None and self.detail.row.key == row.key:
            kept = self.detail.kept
        position = self._area.verticalScrollBar().value()
        while (item := self._detail_column.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        self.detail = None
        if row is None:
            self._detail_column.addWidget(
                label(self.tr("Waiting for the service…"), "muted"), 0, Qt.AlignmentFlag.AlignTop
            )
            return
        self.detail = ModelDetail(row, self.controller, kept)
        self._detail_column.addWidget(self.detail)
        self.detail.show()  # at once: the keyboard may go there
        self._area.verticalScrollBar().setValue(position if kept is not None else 0)
        if kept is not None and kept.focus is not None and not self.detail.focus_again(kept):
            self.list.setFocus()

    @Slot()
    def _show_jobs(self) -> None:
        self.jobs.show_jobs(self.controller.jobs)
        self._jobs_area.setVisible(bool(self.jobs.cards))
        QTimer.singleShot(0, self._fit_jobs)  # once the cards know their new heights

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._turn()
        self._fit_jobs()

    @Slot()
    def _fit_jobs(self) -> None:
        """As high as they are, and at most a third of the page: the list stays in sight."""
        if self.jobs.cards:
            width = max(self._jobs_area.viewport().width(), 200)
            wanted = self.jobs.heightForWidth(width)
            self._jobs_area.setFixedHeight(min(wanted + 2, max(self.height() // 3, 120)))

    @Slot()
    def _search(self) -> None:
        self.note.hide()
        self.controller.search(self.search.text())

    @Slot(str)
    def _text_changed(self, text: str) -> None:
        if not text:
            self.note.hide()
            self.controller.search("")

    @Slot(bool)
    def _searching(self, on: bool) -> None:
        self.search_button.setEnabled(not on)
        self.note.setText(self.tr("Searching…") if on else "")
        if not on and self.search.text() and not any(row.found is not None for row in self.controller.rows):
            self.note.setText(self.tr("Nothing new was found. Only models with safetensors weights are shown."))
        self.note.setVisible(bool(self.note.text()))

    @Slot(object)
    def _search_failed(self, error: DesksideError) -> None:
        self.note.setText(said_of(error))
        self.note.show()

    @Slot(object)
    def _status_changed(self, status: Status) -> None:
        if status.disk is not None:
            self._disk = self.tr("{free} of {total} free in {folder}").format(
                free=formats.size(status.disk.free), total=formats.size(status.disk.total), folder=status.disk.folder
            )
            self.disk.setText(self._disk)

    @Slot()
    def _import(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, self.tr("The folder of a Hugging Face checkpoint"))
        if folder:
            self.controller.link(folder)


def _folders(event: QDropEvent) -> list[str]:
    paths = [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]
    return list(dict.fromkeys(str(path if path.is_dir() else path.parent) for path in paths))
