"""The list of models as Qt's views want it."""

from __future__ import annotations

from PySide6.QtCore import QAbstractListModel, QCoreApplication, QModelIndex, QObject, Qt

from app.library.rows import Row
from app.library.words import found_text, here_text
from app.two_lines import FACTS, HEADER, PROBLEM, ROW, Index

_NOWHERE = QModelIndex()


class RowsModel(QAbstractListModel):
    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rows: list[Row] = []

    @property
    def rows(self) -> list[Row]:
        return self._rows

    def set_rows(self, rows: list[Row]) -> None:
        """What stays keeps its index where only facts changed; else the list is new."""
        if [row.key for row in rows] == [row.key for row in self._rows]:
            self._rows = rows
            if rows:
                self.dataChanged.emit(self.index(0), self.index(len(rows) - 1))
            return
        self.beginResetModel()
        self._rows = rows
        self.endResetModel()

    def find(self, key: str) -> QModelIndex:
        """Invalid if there is no such row."""
        return next((self.index(i) for i, row in enumerate(self._rows) if row.key == key), QModelIndex())

    def rowCount(self, parent: Index = _NOWHERE) -> int:
        return 0 if parent.isValid() else len(self._rows)

    def flags(self, index: Index) -> Qt.ItemFlag:
        if not index.isValid():
            return Qt.ItemFlag.NoItemFlags
        if self._rows[index.row()].header:
            return Qt.ItemFlag.ItemNeverHasChildren
        return Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemNeverHasChildren

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if not index.isValid() or not 0 <= index.row() < len(self._rows):
            return None
        row = self._rows[index.row()]
        if role == ROW:
            return row
        if role == Qt.ItemDataRole.DisplayRole:
            return _header(row) if row.header else row.name
        if role == Qt.ItemDataRole.ToolTipRole:
            return None if row.header else f"{row.name}\n{_facts(row)}"
        if role == FACTS:
            return _facts(row)
        if role == HEADER:
            return row.header
        if role == PROBLEM:
            return row.installed is not None and (bool(row.installed.problem) or not row.installed.complete)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return _header(row) if row.header else f"{row.name}, {_facts(row)}"
        return None


def _header(row: Row) -> str:
    if row.section == "here":
        return QCoreApplication.translate("Library", "On this computer")
    return QCoreApplication.translate("Library", "On Hugging Face")


def _facts(row: Row) -> str:
    if row.installed is not None:
        return here_text(row.installed)
    return found_text(row.found) if row.found is not None else ""
