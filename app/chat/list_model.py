"""The list of chats as an item model: pinned ones, folders, then by day, newest first; or what a search found. Of 10,000
chats only the first rows are made; the view asks for more as it is scrolled.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from enum import IntEnum
from itertools import islice
from operator import attrgetter
from typing import Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QPersistentModelIndex, Qt

from app.markdown.safe import plain
from app.store.records import ChatSummary, Folder, Hit

Index = QModelIndex | QPersistentModelIndex
_ROOT = QModelIndex()
PAGE = 100  # rows made at once: some screens


class Role(IntEnum):
    """What the delegate and the view ask for besides the title."""

    ROW = int(Qt.ItemDataRole.UserRole) + 1


@dataclass(frozen=True, slots=True)
class ListRow:
    """`kind`: "heading" (not selectable), "folder", "chat" or "hit". `id`: of the chat or folder. `depth`: inside a folder."""

    kind: str
    id: str
    title: str
    depth: int = 0
    pinned: bool = False
    open: bool = False
    running: bool = False
    snippet: str = ""
    mark: tuple[int, int] = (0, 0)
    message: str = ""


class ChatListModel(QAbstractListModel):
    """Plain rows; the sidebar makes them. Rows that did not change keep their place, so that the selection stays."""

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self._rows: list[ListRow] = []
        self._more: Iterator[ListRow] = iter(())
        self._next: list[ListRow] = []  # taken from there already: the next row, if there is one

    def row(self, index: Index) -> ListRow | None:
        return self._rows[index.row()] if index.isValid() and index.row() < len(self._rows) else None

    def find(self, chat: str) -> QModelIndex:
        """The first row of a chat or folder, among those made so far."""
        for number, row in enumerate(self._rows):
            if row.id == chat and row.kind != "heading":
                return self.index(number)
        return QModelIndex()

    def set_rows(self, rows: Iterable[ListRow], seen: int = 0) -> None:
        """`seen`: how many the view shows, down to the end of its screen; they and a page more are made."""
        self._more = iter(rows)
        old, new = self._rows, list(islice(self._more, min(seen, len(self._rows)) + PAGE))
        following = list(islice(self._more, 1))
        if old == new:
            self._next = following
            return
        if [(r.kind, r.id) for r in old] == [(r.kind, r.id) for r in new]:
            self._rows, self._next = new, following
            changed = [i for i, (a, b) in enumerate(zip(old, new, strict=True)) if a != b]
            self.dataChanged.emit(self.index(changed[0]), self.index(changed[-1]))
            return
        self._next = []  # nothing is fetched in the midst of a change
        self.beginResetModel()
        self._rows = new
        self.endResetModel()
        self._next = following

    def canFetchMore(self, parent: Index = _ROOT) -> bool:
        return not parent.isValid() and bool(self._next)

    def fetchMore(self, parent: Index = _ROOT) -> None:
        if parent.isValid() or not self._next:
            return
        rows = [*self._next, *islice(self._more, PAGE - 1)]
        self._next = list(islice(self._more, 1))
        self.beginInsertRows(QModelIndex(), len(self._rows), len(self._rows) + len(rows) - 1)
        self._rows += rows
        self.endInsertRows()

    def rowCount(self, parent: Index = _ROOT) -> int:
        return 0 if parent.isValid() else len(self._rows)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        row = self.row(index)
        if row is None:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return row.title
        if role in (Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleTextRole):
            return row.title if not row.snippet else f"{row.title}: {row.snippet}"
        if role == Role.ROW:
            return row
        return None

    def flags(self, index: Index) -> Qt.ItemFlag:
        row = self.row(index)
        if row is None or row.kind == "heading":
            return Qt.ItemFlag.NoItemFlags
        flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        return flags | (Qt.ItemFlag.ItemIsDragEnabled if row.kind == "chat" else Qt.ItemFlag.ItemIsDropEnabled)


@dataclass(frozen=True, slots=True)
class Words:
    """Translated headings."""

    pinned: str = "Pinned"
    today: str = "Today"
    yesterday: str = "Yesterday"
    week: str = "Last 7 days"
    older: str = "Older"
    untitled: str = "New chat"


def list_rows(
    chats: Iterable[ChatSummary],
    folders: Sequence[Folder],
    open_folders: set[str],
    running: set[str],
    today: date,
    words: Words,
) -> Iterator[ListRow]:
    """The rows without a search, each made when it is asked for."""
    ordered = sorted(chats, key=attrgetter("updated"), reverse=True)
    known = {folder.id for folder in folders}

    def row(chat: ChatSummary, depth: int = 0) -> ListRow:
        title = plain(chat.title) or words.untitled
        return ListRow("chat", chat.id, title, depth, chat.pinned, running=chat.id in running)

    pinned = [row(chat) for chat in ordered if chat.pinned]
    if pinned:
        yield ListRow("heading", "pinned", words.pinned)
        yield from pinned
    for folder in folders:
        is_open = folder.id in open_folders
        yield ListRow("folder", folder.id, plain(folder.name), open=is_open)
        if is_open:
            yield from (row(chat, 1) for chat in ordered if chat.folder == folder.id and not chat.pinned)
    heading = ""
    for chat in ordered:
        if chat.pinned or chat.folder in known:
            continue
        days = (today - date.fromtimestamp(chat.updated)).days
        title = words.today if days <= 0 else words.yesterday if days == 1 else words.week if days < 7 else words.older
        if title != heading:
            heading = title
            yield ListRow("heading", title, title)
        yield row(chat)


def hit_rows(hits: Iterable[Hit], words: Words) -> list[ListRow]:
    """The rows of a search."""
    return [
        ListRow("hit", hit.chat, plain(hit.title) or words.untitled, snippet=plain(hit.snippet) if hit.message else "",
                mark=(hit.start, hit.length) if hit.message else (0, 0), message=hit.message)
        for hit in hits
    ]  # fmt: skip
