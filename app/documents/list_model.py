"""The list of summaries and answers as Qt's views want it."""

from __future__ import annotations

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, Qt

from app.documents.words import facts_text
from app.documents.works import Work
from app.two_lines import FACTS, HEADER, PROBLEM, ROW, Index

_NOWHERE = QModelIndex()


class WorksModel(QAbstractListModel):
    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._works: list[Work] = []

    def set_works(self, works: list[Work]) -> None:
        """What stays keeps its index where only states changed; else the list is new."""
        same = [work.job.id for work in works] == [work.job.id for work in self._works]
        if same:
            self._works = works
            if works:
                self.dataChanged.emit(self.index(0), self.index(len(works) - 1))
            return
        self.beginResetModel()
        self._works = works
        self.endResetModel()

    def find(self, job: str) -> QModelIndex:
        """Invalid if there is no such one."""
        return next((self.index(i) for i, work in enumerate(self._works) if work.job.id == job), QModelIndex())

    def rowCount(self, parent: Index = _NOWHERE) -> int:
        return 0 if parent.isValid() else len(self._works)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if not index.isValid() or not 0 <= index.row() < len(self._works):
            return None
        work = self._works[index.row()]
        title = work.question or work.name
        if role == ROW:
            return work
        if role == Qt.ItemDataRole.DisplayRole:
            return title
        if role == Qt.ItemDataRole.ToolTipRole:
            return f"{title}\n{work.name}" if work.question else title
        if role == FACTS:
            return facts_text(work)
        if role == HEADER:
            return False
        if role == PROBLEM:
            return work.job.state == "failed"
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{title}, {facts_text(work)}"
        return None
