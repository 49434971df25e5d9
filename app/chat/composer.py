"""Where the user writes: grows with the text, takes files by button, drop and paste, keeps a draft."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QMimeData, QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QAction, QDragEnterEvent, QDropEvent, QFontMetricsF, QKeyEvent
from PySide6.QtWidgets import (
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app.chat.attachments import MOST_BYTES, MOST_FILES, is_document, read_attachment
from app.flow import FlowLayout
from app.icons import icon_button, set_icon
from app.messages import Messages
from app.preferences import Preferences, folder_of, keep_folder
from app.store.records import Attachment
from app.theme import M, S
from core.errors import DesksideError

if TYPE_CHECKING:
    from core.schemas import ReadReply

MOST_LINES = 10
DRAFT_MS = 600
PASTED_AS_FILE = 20_000  # characters from which a pasted text becomes an attachment


class Editor(QPlainTextEdit):
    """Enter sends, Shift+Enter is a new line; while an input method composes, keys are its own."""

    submitted = Signal()
    escaped = Signal()
    recall = Signal()  # Up in an empty field
    files_dropped = Signal(list)
    long_paste = Signal(object)  # a str, which need not be copied
    image_pasted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setTabChangesFocus(True)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)
        self.document().setDocumentMargin(2)
        self.setViewportMargins(0, 2, 0, 0)  # what sizeHint has below, so that one line is in the middle
        self.textChanged.connect(self.updateGeometry)
        self.textChanged.connect(self._fit)
        self._fit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        enter = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        if enter and not event.modifiers() & (Qt.KeyboardModifier.ShiftModifier | Qt.KeyboardModifier.AltModifier):
            self.submitted.emit()
        elif enter:
            self.insertPlainText("\n")
        elif event.key() == Qt.Key.Key_Escape:
            self.escaped.emit()
            event.ignore()
        elif event.key() == Qt.Key.Key_Up and not self.toPlainText():
            self.recall.emit()
        else:
            super().keyPressEvent(event)

    def canInsertFromMimeData(self, source: QMimeData) -> bool:
        return source.hasUrls() or source.hasImage() or super().canInsertFromMimeData(source)

    def insertFromMimeData(self, source: QMimeData) -> None:
        files = [url.toLocalFile() for url in source.urls() if url.isLocalFile()]
        if files:
            self.files_dropped.emit(files)
        elif source.hasText():
            text = source.text()  # once: 1 MB takes 10 ms
            if len(text) > PASTED_AS_FILE:
                self.long_paste.emit(text)
            else:
                self.insertPlainText(text)
        elif source.hasImage():
            self.image_pasted.emit()

    def sizeHint(self) -> QSize:
        line = QFontMetricsF(self.font()).lineSpacing()
        lines = max(1.0, self.document().size().height())
        margins = 2 * self.document().documentMargin()
        return QSize(200, int(min(lines, MOST_LINES) * line + margins + 4))

    def resizeEvent(self, event: object) -> None:
        super().resizeEvent(event)  # type: ignore[arg-type]
        self._fit()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self._fit()

    @Slot()
    def _fit(self) -> None:
        self.setFixedHeight(self.sizeHint().height())


class Composer(QFrame):
    """`submitted(text, attachments)`; `stopped`; `draft_changed`: some time after the last key; `edit_ended`: an edit of an
    older message was given up."""

    submitted = Signal(str, list)
    stopped = Signal()
    draft_changed = Signal(str, list)
    recall = Signal()
    edit_ended = Signal()
    changed = Signal()
    document_wanted = Signal(str)

    def __init__(
        self, messages: Messages, preferences: Preferences, attach: QAction, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setProperty("kind", "composer")
        self.setAcceptDrops(True)
        self._messages, self._preferences = messages, preferences
        self.attachments: list[Attachment] = []
        self.reading: list[str] = []  # documents that the service reads, by path
        self._running = False
        self._editing = False

        self._note = QWidget()
        note = QHBoxLayout(self._note)
        note.setContentsMargins(S, 0, 0, 0)
        label = QLabel(self.tr("Editing a message: the version before stays."))
        label.setProperty("kind", "small")
        cancel = icon_button("close", self.tr("Give up the edit"), role="muted")
        cancel.clicked.connect(self.edit_ended)
        note.addWidget(label, 1)
        note.addWidget(cancel)
        self._note.hide()

        self._files = QWidget()
        self._files_row = FlowLayout(self._files)
        self._files.hide()

        self.editor = Editor()
        self.editor.setPlaceholderText(self.tr("Write a message"))
        self.editor.setAccessibleName(self.tr("Message"))
        self.editor.submitted.connect(self._submit)
        self.editor.escaped.connect(self._escape)
        self.editor.recall.connect(self.recall)
        self.editor.files_dropped.connect(self.attach)
        self.editor.long_paste.connect(self._paste_as_file)
        self.editor.image_pasted.connect(self._refuse_image)
        self.editor.textChanged.connect(self._text_changed)

        self.attach_button = icon_button("attach", self.tr("Attach files"), role="muted")
        self.attach_button.setProperty("kind", "attach")
        self.attach_button.clicked.connect(self.choose_files)
        attach.triggered.connect(self.choose_files)
        self.send_button = QPushButton()
        self.send_button.setProperty("kind", "send")
        self.send_button.clicked.connect(self._button)

        row = QHBoxLayout()
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(S)
        row.addWidget(self.attach_button, alignment=Qt.AlignmentFlag.AlignBottom)
        row.addWidget(self.editor, 1, alignment=Qt.AlignmentFlag.AlignVCenter)
        row.addWidget(self.send_button, alignment=Qt.AlignmentFlag.AlignBottom)
        column = QVBoxLayout(self)
        column.setContentsMargins(M, S, S, S)
        column.setSpacing(S)
        column.addWidget(self._note)
        column.addWidget(self._files)
        column.addLayout(row)
        self._draft = QTimer(self)
        self._draft.setSingleShot(True)
        self._draft.setInterval(DRAFT_MS)
        self._draft.timeout.connect(self.flush_draft)
        self.set_running(False)

    def set_content(self, text: str, attachments: list[Attachment]) -> None:
        """A draft, or a message to edit. Tells nobody."""
        self.editor.blockSignals(True)
        self.editor.setPlainText(text)
        self.editor.blockSignals(False)
        self.editor.moveCursor(self.editor.textCursor().MoveOperation.End)
        self.editor._fit()
        self.attachments, self.reading = list(attachments), []
        self._draft.stop()
        self._show_files()
        self._refresh()

    @property
    def text(self) -> str:
        return self.editor.toPlainText()

    def set_editing(self, editing: bool) -> None:
        self._editing = editing
        self._note.setVisible(editing)

    def set_running(self, running: bool) -> None:
        """While an answer is under way the button stops it."""
        self._running = running
        self._refresh()

    def flush_draft(self) -> None:
        """Tell of the draft now, if it changed."""
        self._draft.stop()
        if not self._editing:
            self.draft_changed.emit(self.text, list(self.attachments))

    def attach(self, names: list[str]) -> None:
        """Files by path; what cannot be used is said, the others are taken."""
        for name in names[: MOST_FILES + 1]:
            if len(self.attachments) + len(self.reading) >= MOST_FILES:
                self._messages.error(self.tr("A message takes at most %1 files.").replace("%1", str(MOST_FILES)))
                break
            path = Path(name)
            if is_document(path) and path.is_file():
                if name not in self.reading:
                    self.reading.append(name)
                    self.document_wanted.emit(name)
                continue
            try:
                self.attachments.append(read_attachment(path))
            except DesksideError as error:
                self._messages.error(error)
        self._show_files()
        self._text_changed()

    def document_read(self, path: str, document: ReadReply) -> None:
        """What `document_wanted` asked for; too late if the user went on to another chat or took it out."""
        if path not in self.reading:
            return
        self.reading.remove(path)
        pages = self.tr("1 page") if document.pages == 1 else self.tr("%1 pages").replace("%1", f"{document.pages:,}")
        if len(document.text.encode()) > MOST_BYTES:
            text = self.tr("“%1” has %2, more text than a message can take; summarize it on the page Documents.")
            self._messages.error(text.replace("%1", document.name).replace("%2", pages))
        else:
            self.attachments.append(Attachment(f"{document.name} ({pages})", document.text, path))
            if document.unread:
                text = self.tr("“%1”: %2 of %3 could not be read, as they have no text (scans, pictures).")
                counts = text.replace("%2", str(len(document.unread))).replace("%3", pages)
                self._messages.info(counts.replace("%1", document.name))
        self._show_files()
        self._text_changed()

    def document_refused(self, path: str, error: DesksideError) -> None:
        if path in self.reading:
            self.reading.remove(path)
            self._messages.error(error)
            self._show_files()
            self._text_changed()

    @Slot()
    def choose_files(self) -> None:
        names, _ = QFileDialog.getOpenFileNames(self, self.tr("Attach files"), folder_of(self._preferences))
        if names:
            keep_folder(self._preferences, Path(names[0]))
            self.attach(names)

    def _paste_as_file(self, text: str) -> None:
        count = sum(each.name.startswith("pasted") for each in self.attachments)
        self.attachments.append(Attachment(f"pasted-{count + 1}.txt", text))
        self._show_files()
        self._text_changed()

    @Slot()
    def _refuse_image(self) -> None:
        """Rather than doing nothing, of which nobody knows why."""
        self._messages.error(self.tr("The models here read text only, no pictures; paste or attach text."))

    def _show_files(self) -> None:
        while (item := self._files_row.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        for attachment in self.attachments:
            self._add_chip(attachment.name, attachment.name, partial(self._remove, attachment))
        for path in self.reading:
            name = Path(path).name
            self._add_chip(self.tr("Reading %1…").replace("%1", name), name, partial(self._remove, path))
        self._files.setVisible(bool(self.attachments or self.reading))

    def _add_chip(self, text: str, name: str, remove: Callable[[], None]) -> None:
        chip = QPushButton(text if len(text) <= 36 else text[:20] + "…" + text[-14:])
        chip.setToolTip(self.tr("Remove %1").replace("%1", name))
        chip.setAccessibleName(chip.toolTip())
        set_icon(chip, "close", "muted")
        chip.clicked.connect(remove)
        self._files_row.addWidget(chip)

    def _remove(self, file: Attachment | str) -> None:
        if isinstance(file, Attachment):
            self.attachments = [each for each in self.attachments if each is not file]
        else:
            self.reading.remove(file)
        self._show_files()
        self._text_changed()
        self.editor.setFocus()

    @Slot()
    def _text_changed(self) -> None:
        self._draft.start()
        self._refresh()
        self.changed.emit()

    def _refresh(self) -> None:
        if self._running:
            set_icon(self.send_button, "stop", "on_accent")
            name = self.tr("Stop the answer")
        else:
            set_icon(self.send_button, "send", "on_accent")
            name = self.tr("Send")
        self.send_button.setAccessibleName(name)
        self.send_button.setToolTip(name)
        self.send_button.setEnabled(self._running or self._sendable)

    @Slot()
    def _button(self) -> None:
        if self._running:
            self.stopped.emit()
        else:
            self._submit()

    @property
    def _sendable(self) -> bool:
        """There is something, and nothing of it is still being read."""
        return bool(self.text.strip() or self.attachments) and not self.reading

    @Slot()
    def _submit(self) -> None:
        if self._running or not self._sendable:
            return
        text, attachments = self.text.strip("\n"), list(self.attachments)
        self.set_content("", [])
        self.submitted.emit(text, attachments)

    @Slot()
    def _escape(self) -> None:
        if self._editing:
            self.edit_ended.emit()
        else:
            self.stopped.emit()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        self.attach([url.toLocalFile() for url in event.mimeData().urls() if url.isLocalFile()])
        event.acceptProposedAction()
