"""The chats at the left: new, search, the list with its menu."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from functools import partial

from PySide6.QtCore import QEvent, QModelIndex, QPoint, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QDragMoveEvent, QDropEvent, QKeyEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QInputDialog,
    QLabel,
    QLineEdit,
    QListView,
    QMenu,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app.chat.controller import ChatController
from app.chat.list_delegate import ChatListDelegate
from app.chat.list_model import ChatListModel, ListRow, Role, Words, hit_rows, list_rows
from app.icons import ORDINARY, icon, icon_button, set_icon
from app.search_field import SearchField
from app.store.records import Hit
from app.theme import S, Theme
from app.threads import Operation

WIDTH = 264  # at the ordinary font size
WIDEST = 1.4  # times that
SOON_MS = 20


class ChatList(QListView):
    """`chosen`: Enter or a click. `renaming`, `deleting`: F2 and Delete."""

    chosen = Signal(object)
    renaming = Signal(object)
    deleting = Signal(object)
    dropped = Signal(str, str)  # chat, folder

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setItemDelegate(ChatListDelegate(self))
        self.setMouseTracking(True)
        self.setUniformItemSizes(False)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setLayoutMode(QListView.LayoutMode.Batched)
        self.setBatchSize(200)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setDragDropMode(QAbstractItemView.DragDropMode.InternalMove)
        self.setTabKeyNavigation(False)
        self.clicked.connect(self._clicked)

    def at(self, index: QModelIndex) -> ListRow | None:
        row = index.data(Role.ROW) if index.isValid() else None
        return row if isinstance(row, ListRow) else None

    def keyPressEvent(self, event: QKeyEvent) -> None:
        row = self.at(self.currentIndex())
        if row is not None and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            self.chosen.emit(row)
        elif row is not None and event.key() == Qt.Key.Key_F2:
            self.renaming.emit(row)
        elif row is not None and event.key() == Qt.Key.Key_Delete:
            self.deleting.emit(row)
        else:
            super().keyPressEvent(event)

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        row = self.at(self.indexAt(event.position().toPoint()))
        event.setAccepted(row is None or row.kind != "hit")

    def dropEvent(self, event: QDropEvent) -> None:
        dragged = self.at(self.currentIndex())
        target = self.at(self.indexAt(event.position().toPoint()))
        if dragged is not None and dragged.kind == "chat":
            self.dropped.emit(dragged.id, target.id if target is not None and target.kind == "folder" else "")
        event.setDropAction(Qt.DropAction.IgnoreAction)
        event.accept()

    def _clicked(self, index: QModelIndex) -> None:
        row = self.at(index)
        if row is not None:
            self.chosen.emit(row)


class Sidebar(QWidget):
    """`opened(chat, message, query)`: the user wants to see a chat; message and query are of a search's hit."""

    opened = Signal(str, str, str)
    new_chat = Signal()
    import_wanted = Signal()
    export_wanted = Signal(str)

    def __init__(self, controller: ChatController, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("kind", "sidebar")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._controller = controller
        self._open_folders: set[str] = set()
        self._search: Operation | None = None
        self._hits: list[Hit] | None = None

        self.new_button = QPushButton(self.tr("New chat"))
        set_icon(self.new_button, "new")
        self.new_button.clicked.connect(self.new_chat)
        more = icon_button("more", self.tr("More"), role="muted")
        more.clicked.connect(partial(self._more_menu, more))
        self.field = SearchField(self.tr("Search"), self.tr("Search all chats"))
        self.list = ChatList()
        self.list.setAccessibleName(self.tr("Chats"))
        self.model = ChatListModel(self.list)
        self.list.setModel(self.model)
        self._empty = QLabel()
        self._empty.setProperty("kind", "muted")
        self._empty.setWordWrap(True)
        self._empty.setAlignment(Qt.AlignmentFlag.AlignCenter)

        top = QHBoxLayout()
        top.setSpacing(S)
        top.addWidget(self.new_button, 1)
        top.addWidget(more)
        column = QVBoxLayout(self)
        column.setContentsMargins(S, S + 2, S, 0)
        column.setSpacing(S)
        column.addLayout(top)
        column.addWidget(self.field)
        column.addWidget(self._empty)
        column.addWidget(self.list, 1)

        self._fit_font()
        self.field.textChanged.connect(self._typed)
        self.field.installEventFilter(self)
        self.list.chosen.connect(self._choose)
        self.list.renaming.connect(self._rename)
        self.list.deleting.connect(self._delete)
        self.list.dropped.connect(controller.move)
        self.list.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.list.customContextMenuRequested.connect(self._menu_at)
        self._soon = QTimer(self)  # what the user did often changes the list twice, and is to be seen first
        self._soon.setSingleShot(True)
        self._soon.setInterval(SOON_MS)
        self._soon.timeout.connect(self.refresh)
        for changed in (controller.summaries_changed, controller.opened, controller.answers.changed):
            changed.connect(self._soon.start)
        self.refresh()

    @Slot()
    def refresh(self) -> None:
        """The list from the controller's chats, or the search's hits."""
        words = Words(
            self.tr("Pinned"),
            self.tr("Today"),
            self.tr("Yesterday"),
            self.tr("Last 7 days"),
            self.tr("Older"),
            self.tr("New chat"),
        )
        rows: Iterable[ListRow]
        if self._hits is not None:
            rows = hit_rows(self._hits, words)
        else:
            running = {answer.chat for answer in self._controller.answers.running}
            controller = self._controller
            rows = list_rows(
                controller.summaries.values(), controller.folders, self._open_folders, running, date.today(), words
            )
        at = self.list.at(self.list.currentIndex()) if self.list.hasFocus() else None
        last = self.list.indexAt(self.list.viewport().rect().bottomLeft())
        self.model.set_rows(rows, last.row() + 1 if last.isValid() else 0)
        empty = not self.model.rowCount()
        self.list.setHidden(empty)
        self._empty.setVisible(empty)
        self._empty.setText(
            self.tr("Nothing was found.") if self._hits is not None else self.tr("Your chats will be listed here.")
        )
        # Who works in the list stays where they are; else the open chat is marked.
        index = self.model.find(at.id) if at is not None else QModelIndex()
        if not index.isValid():
            index = self.model.find(self._controller.current.id)
        if index.isValid():
            self.list.setCurrentIndex(index)
        else:
            self.list.clearSelection()

    def focus_search(self) -> None:
        self.field.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.field.selectAll()

    def rename(self, chat: str) -> None:
        """Ask for another name of what the list has the focus on, else of this chat."""
        row = self.list.at(self.list.currentIndex()) if self.list.hasFocus() else self.model.row(self.model.find(chat))
        summary = self._controller.summaries.get(chat)
        if row is None and summary is not None:  # in a folder that is closed, or not among what was found
            row = ListRow("chat", chat, summary.title)
        if row is not None:
            self._rename(row)

    # Search

    def _typed(self, text: str) -> None:
        """One search at a time: it takes some milliseconds, and what was typed meanwhile is looked for next."""
        if text.strip():
            if self._search is None or not self._search.wanted:
                found = partial(self._found, text)
                self._search = self._controller.archive.do(lambda store: store.search(text), found, owner=self)
            return
        if self._search is not None:
            self._search.cancel()
        self._hits = None
        self.refresh()

    def _found(self, query: str, hits: list[Hit]) -> None:
        self._hits = hits
        self.refresh()
        if self.field.text() != query:
            self._typed(self.field.text())

    def eventFilter(self, watched: object, event: QEvent) -> bool:
        """Down goes from the search to the list, Escape ends the search."""
        if watched is self.field and isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            if event.key() in (Qt.Key.Key_Down, Qt.Key.Key_Return) and self.model.rowCount():
                self.list.setFocus()
                if not self.list.currentIndex().isValid():
                    self.list.setCurrentIndex(self.model.index(0))
                return True
            if event.key() == Qt.Key.Key_Escape and self.field.text():
                self.field.clear()
                return True
        return False

    # What the list asks for

    def _choose(self, row: ListRow) -> None:
        if row.kind == "folder":
            self._open_folders ^= {row.id}
            self.refresh()
        elif row.kind in ("chat", "hit"):
            self.opened.emit(row.id, row.message, self.field.text() if row.kind == "hit" else "")

    def _rename(self, row: ListRow) -> None:
        title = self.tr("Rename")
        name, done = QInputDialog.getText(self, title, self.tr("Name:"), QLineEdit.EchoMode.Normal, row.title)
        if done and name.strip():
            if row.kind == "folder":
                self._controller.rename_folder(row.id, name.strip())
            elif row.kind in ("chat", "hit"):
                self._controller.rename(row.id, name)

    def _delete(self, row: ListRow) -> None:
        if row.kind == "folder":
            self._controller.delete_folder(row.id)
        elif row.kind in ("chat", "hit"):
            self._controller.delete_chat(row.id)
            if self._hits is not None:
                self._hits = [hit for hit in self._hits if hit.chat != row.id]
                self.refresh()

    def _new_folder(self, chat: str = "") -> None:
        name, done = QInputDialog.getText(self, self.tr("New folder"), self.tr("Name:"))
        if done and name.strip():
            folder = self._controller.add_folder(name.strip())
            self._open_folders.add(folder.id)
            if chat:
                self._controller.move(chat, folder.id)
            self.refresh()

    def _more_menu(self, button: QWidget) -> None:
        menu = QMenu(self)
        menu.addAction(icon("folder"), self.tr("New folder…"), self._new_folder)
        menu.addAction(icon("import"), self.tr("Import chats…"), self.import_wanted.emit)
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(button.mapToGlobal(QPoint(0, button.height())))

    def _menu_at(self, point: QPoint) -> None:
        row = self.list.at(self.list.indexAt(point))
        if row is not None and row.kind != "heading":
            self.menu_of(row).popup(self.list.viewport().mapToGlobal(point))

    def menu_of(self, row: ListRow) -> QMenu:
        """The menu of a chat or folder."""
        menu = QMenu(self)
        menu.aboutToHide.connect(menu.deleteLater)
        menu.addAction(icon("edit"), self.tr("Rename…"), partial(self._rename, row))
        if row.kind != "folder":
            controller = self._controller
            summary = controller.summaries.get(row.id)
            pinned = summary is not None and summary.pinned
            word = self.tr("Unpin") if pinned else self.tr("Pin")
            menu.addAction(icon("pin"), word, partial(controller.pin, row.id, not pinned))
            folders = menu.addMenu(icon("folder"), self.tr("Move to folder"))
            folders.addAction(self.tr("None"), partial(controller.move, row.id, ""))
            for folder in controller.folders:
                folders.addAction(folder.name, partial(controller.move, row.id, folder.id))
            folders.addSeparator()
            folders.addAction(self.tr("New folder…"), partial(self._new_folder, row.id))
            menu.addAction(icon("export"), self.tr("Export…"), partial(self.export_wanted.emit, row.id))
        menu.addSeparator()
        menu.addAction(icon("delete"), self.tr("Delete"), partial(self._delete, row))
        return menu

    def _fit_font(self) -> None:
        """Titles need more room in large letters; the chat needs the most."""
        self.setFixedWidth(round(WIDTH * max(1.0, min(WIDEST, Theme.current().font_size / ORDINARY))))

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.FontChange:
            self._fit_font()
        super().changeEvent(event)
