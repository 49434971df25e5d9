"""The page Documents: what to summarize and earlier work at the left, the text with its sources beside it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from PySide6.QtCore import QItemSelectionModel, QModelIndex, Qt, QTimer, Slot
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QResizeEvent
from PySide6.QtWidgets import QStyle, QWidget

from app.documents.controller import DocumentsController
from app.documents.form import DocumentForm
from app.documents.list_model import WorksModel
from app.documents.marks import Mark
from app.documents.result import ResultView
from app.documents.works import Work
from app.pages.base import Columns, Page, scrolled_column, turn_splitter
from app.parts import label
from app.session import Session
from app.theme import XL, L, M
from app.two_lines import ROW, two_line_list

if TYPE_CHECKING:
    from core.errors import DesksideError
    from core.schemas import Status

EVERY_MS = 1000


class DocumentsPage(Page):
    def __init__(self, session: Session, whole: bool = True) -> None:
        super().__init__(session, whole)
        self.controller = DocumentsController(session, self)
        self.model = WorksModel(self)
        self.result: ResultView | None = None
        self._chosen = ""
        self._asking = False
        self._ready = False  # all widgets are there
        self._place: int | None = None  # where one read before a passage was opened
        self._timer = QTimer(self)
        self._timer.setInterval(EVERY_MS)
        self._timer.timeout.connect(self._ask_status)
        self.controller.works_changed.connect(self._show_works)
        self.controller.work_changed.connect(self._work_changed)
        self.controller.submitted.connect(self._submitted)
        session.models_changed.connect(self._models_changed)
        self.setAcceptDrops(True)
        self.rebuild()

    def build(self) -> QWidget:
        self._ready, self.result = False, None
        splitter = Columns()
        area, self._left = scrolled_column(520)
        self._left.setSpacing(M)
        self._left.addWidget(label(self.tr("Documents"), "title"))
        splitter.addWidget(area)
        self._area, self._holder = scrolled_column(760)
        self._holder.setContentsMargins(0, 0, 0, L)
        splitter.addWidget(self._area)
        splitter.setStretchFactor(0, 3)
        splitter.setStretchFactor(1, 5)
        splitter.setSizes([400, 640])
        self.splitter = splitter
        return splitter

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._turn()

    def _turn(self) -> None:
        """The form is never cut off: it says how wide it has to be."""
        if self._ready:
            margins = self._left.contentsMargins()
            bar = self.style().pixelMetric(QStyle.PixelMetric.PM_ScrollBarExtent)
            outer = self.form.minimumSizeHint().width() + margins.left() + margins.right() + 2 * XL + bar
            turn_splitter(self.splitter, self.size(), outer)

    def build_rest(self) -> Iterator[None]:
        self.form = DocumentForm()
        self.form.summarize.connect(self._summarize)
        self.form.asked.connect(self._ask)
        yield
        self._left.addWidget(self.form)
        yield
        self.earlier = label(self.tr("Earlier"), "heading")
        self._left.addWidget(self.earlier)
        self.list = two_line_list(self.tr("Summaries and answers"))
        self.list.setModel(self.model)
        self.list.setMinimumHeight(self.fontMetrics().height() * 9)
        self.list.selectionModel().currentChanged.connect(self._current_changed)
        self._left.addWidget(self.list, 1)
        self._left.addStretch(0)  # while the list is hidden
        yield
        self._ready = True
        self._turn()
        self._show_result(None)
        self._models_changed(self.session.models)
        self._show_works()

    def shown(self) -> None:
        self.controller.refresh()
        self._timer.start()

    def hidden(self) -> None:
        self._timer.stop()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        self.form.add([url.toLocalFile() for url in event.mimeData().urls() if url.isLocalFile()])
        event.acceptProposedAction()

    def choose(self, job: str) -> None:
        """Show one."""
        index = self.model.find(job)
        if index.isValid():
            self.list.selectionModel().setCurrentIndex(index, QItemSelectionModel.SelectionFlag.ClearAndSelect)
            self.list.scrollTo(index)

    @Slot(list, dict)
    def _summarize(self, paths: list[str], options: dict[str, str | None]) -> None:
        self.controller.summarize(paths, **options)

    @Slot(list, str, dict)
    def _ask(self, paths: list[str], question: str, options: dict[str, str | None]) -> None:
        self.controller.ask(paths, question, **options)

    @Slot(str)
    def _submitted(self, job: str) -> None:
        self.form.question.clear()
        self.choose(job)

    @Slot()
    def _show_works(self) -> None:
        if not self._ready:
            return
        self.model.set_works(self.controller.works)
        self.earlier.setVisible(self.model.rowCount() > 0)
        self.list.setVisible(self.model.rowCount() > 0)
        index = self.model.find(self._chosen)
        if not index.isValid() and self.model.rowCount():
            index = self.model.index(0)
        if index.isValid() and self.list.currentIndex() != index:
            self.list.selectionModel().setCurrentIndex(index, QItemSelectionModel.SelectionFlag.ClearAndSelect)
        if not index.isValid():
            self._show_result(None)
        elif self.result is not None:
            self.result.changed()

    @Slot(QModelIndex, QModelIndex)
    def _current_changed(self, index: QModelIndex, before: QModelIndex) -> None:
        work: Work | None = index.data(ROW) if index.isValid() else None
        if work is not None:
            self._chosen = work.job.id
            self._show_result(work)
            self.controller.open(work.job.id)

    def _show_result(self, work: Work | None) -> None:
        if work is not None and self.result is not None and self.result.work is work:
            return
        while (item := self._holder.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        self.result = None
        if work is None:
            empty = label(
                self.tr(
                    "A summary reads all of a document, says how much it has read, and shows where each sentence stands."
                ),
                "muted",
            )
            empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
            self._holder.addWidget(empty, 1)
            return
        self._place = None
        self.result = ResultView(work)
        self.result.acted.connect(self.controller.act)
        self.result.said.connect(self.session.messages.info)
        self.result.went_wrong.connect(self.session.messages.error)
        self.result.reader.cited.connect(self._cited)
        self.result.passage.closed.connect(self._back)
        self._holder.addWidget(self.result)
        self._area.verticalScrollBar().setValue(0)

    @Slot(object)
    def _cited(self, mark: Mark) -> None:
        """The passage stands below a text that may be long: it is brought into sight, once it has its size."""
        if self._place is None:
            self._place = self._area.verticalScrollBar().value()
        QTimer.singleShot(0, self._reveal)

    @Slot()
    def _reveal(self) -> None:
        if self.result is not None and self.result.passage.isVisible():
            self._area.ensureWidgetVisible(self.result.passage, 0, L)

    @Slot()
    def _back(self) -> None:
        """To where the citation was."""
        if self._place is not None:
            self._area.verticalScrollBar().setValue(self._place)
        self._place = None

    @Slot(str)
    def _work_changed(self, job: str) -> None:
        if self.result is not None and self.result.work.job.id == job:
            self.result.changed()

    @Slot(object)
    def _models_changed(self, models: object) -> None:
        reply = self.session.models
        if reply is None or not self._ready:
            return
        names = []
        for model in reply.installed:
            if not model.problem:
                names.append(model.name)
            names += [engine.name for engine in model.engines if not engine.problem]
        self.form.show_models(names, self.session.preferences.get("model"))

    @Slot()
    def _ask_status(self) -> None:
        """How many parts are read at the same time."""
        busy = self.result is not None and self.result.work.chunks is not None
        if busy and not self._asking and self.session.service.phase == "ready":
            self._asking = True
            self.session.call(lambda client: client.status(), self._take_status, self._no_status, self)

    def _take_status(self, status: Status) -> None:
        self._asking = False
        if self.result is not None:
            name = self.result.work.job.params.get("model")
            running = [model.running or 0 for model in status.models if model.name == name]
            self.result.show_flying(sum(running))

    def _no_status(self, error: DesksideError) -> None:
        self._asking = False
