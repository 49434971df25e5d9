"""The page of the chats: sidebar, transcript, composer, panel. It shows what the controller says and passes on what the user
does."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QEvent, QTimer, QUrl, Signal, Slot
from PySide6.QtGui import QAction, QCloseEvent, QDesktopServices, QGuiApplication
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from app.chat.answers import Answer
from app.chat.archive import Archive
from app.chat.choices import choice
from app.chat.composer import Composer
from app.chat.context import ContextCount
from app.chat.controller import ChatController
from app.chat.export_dialog import export_dialog, import_dialog
from app.chat.file_view import FileView
from app.chat.find_bar import FindBar
from app.chat.header import Header
from app.chat.meter import Meter
from app.chat.panel import Panel
from app.chat.picker import PickerPopup
from app.chat.rows import Entry
from app.chat.sidebar import Sidebar
from app.chat.sides import Sides
from app.chat.transcript import Transcript
from app.chat.welcome import Welcome
from app.icons import icon_button
from app.markdown.highlight import tokens_of
from app.markdown.parser import parse
from app.markdown.safe import plain, safe_link
from app.sentences import said
from app.session import ServiceState, Session
from app.store.records import Attachment, Chat, Message
from app.theme import READING_WIDTH, XL, M, S
from app.threads import SerialThread

METER_MS = 250


class ChatPage(QWidget):
    """`page_wanted(key)`: another page should be shown."""

    page_wanted = Signal(str)

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self.archive = Archive(session.config.places.chats_db, session.courier, session.messages, self)
        self.controller = ChatController(session, self.archive, self)
        self.setAutoFillBackground(True)  # what is behind the page need not be painted with it
        self._editing = ""
        self._attach_action = QAction(self)

        self.sidebar = Sidebar(self.controller)
        self.panel = Panel(self.controller)
        # Takes code apart; its first work is to load what every answer needs.
        self._colours = SerialThread(session.courier, "deskside-colours", _warm_up)
        self.transcript = Transcript(self._colours)
        self.welcome = Welcome()
        self.find_bar = FindBar(lambda: self.controller.current.tree.path())
        self.composer = Composer(session.messages, session.preferences, self._attach_action)
        self.meter = Meter()
        self.context = ContextCount(self.controller, self.composer, self.meter, self)
        self._stack = QStackedWidget()
        self._stack.addWidget(self.welcome)
        self._stack.addWidget(self.transcript)
        self.end_button = icon_button("down", self.tr("To the end"), self.transcript)
        self.end_button.setProperty("kind", "floating")
        self.end_button.hide()

        self.header = Header()
        middle = QWidget()
        centre = QVBoxLayout(middle)
        centre.setContentsMargins(0, 0, 0, 0)
        centre.setSpacing(0)
        centre.addWidget(self.header)
        centre.addWidget(self.find_bar)
        centre.addWidget(self._stack, 1)
        centre.addLayout(self._make_bottom())
        self.sides = Sides(self.sidebar, middle, self.panel, session.preferences)
        self.sides.closed.connect(self.composer.editor.setFocus)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.sides)

        self._metering = QTimer(self)
        self._metering.setSingleShot(True)
        self._metering.setInterval(METER_MS)
        self._metering.timeout.connect(self._show_meter)
        self._connect()
        self._show_chat()
        self._service_changed(session.service)
        last = session.preferences.get("last_chat")
        if last:
            self.archive.do(lambda store: store.chat(last), self._reopen, owner=self)

    # Layout

    def _make_bottom(self) -> QHBoxLayout:
        box = QWidget()
        box.setMaximumWidth(READING_WIDTH + 2 * M)
        column = QVBoxLayout(box)
        column.setContentsMargins(0, 0, 0, S)
        column.setSpacing(S - 2)
        column.addWidget(self.composer)
        column.addWidget(self.meter)
        row = QHBoxLayout()
        row.setContentsMargins(XL - M, S, XL - M, 0)
        row.addStretch(1)
        row.addWidget(box, 1000)
        row.addStretch(1)
        return row

    def _connect(self) -> None:
        controller, session = self.controller, self.session
        controller.opened.connect(self._show_chat)
        controller.moved.connect(self._moved)
        controller.answer_began.connect(self._follow)
        controller.settings_changed.connect(self._show_model)
        controller.summaries_changed.connect(self._show_title)
        controller.answers.changed.connect(self._answers_changed)
        session.service_changed.connect(self._service_changed)
        session.models_changed.connect(self._show_model)
        self.header.sidebar_wanted.connect(self.toggle_sidebar)
        self.header.model_wanted.connect(self.choose_model)
        self.header.export_wanted.connect(self.export)
        self.header.panel_wanted.connect(self.toggle_panel)
        self.sidebar.opened.connect(self._open)
        self.sidebar.new_chat.connect(self.new_chat)
        self.sidebar.import_wanted.connect(self.import_chats)
        self.sidebar.export_wanted.connect(self._export_listed)
        self.composer.submitted.connect(self._submitted)
        self.composer.stopped.connect(controller.stop)
        self.composer.draft_changed.connect(controller.save_draft)
        self.composer.recall.connect(self._edit_last)
        self.composer.edit_ended.connect(self._end_edit)
        self.composer.changed.connect(self.context.count_soon)
        self.composer.document_wanted.connect(self._read_document)
        self.welcome.chosen.connect(self._begin_with)
        self.transcript.acted.connect(self._acted)
        self.transcript.link_clicked.connect(self.open_link)
        self.transcript.file_wanted.connect(self._show_file)
        self.transcript.verticalScrollBar().valueChanged.connect(self._scrolled)
        self.transcript.verticalScrollBar().rangeChanged.connect(self._scrolled)
        self.end_button.clicked.connect(self.transcript.scroll_to_end)
        self.find_bar.found.connect(self.transcript.scroll_to)
        self.find_bar.closed.connect(self.composer.editor.setFocus)

    # Showing

    @Slot()
    def _show_chat(self) -> None:
        """Another chat is open."""
        self._editing = ""
        self.composer.set_editing(False)
        chat = self.controller.current.chat
        self.composer.set_content(chat.draft, chat.draft_attachments)
        self.find_bar.hide()
        self._show_path()
        self._show_model()
        self._show_title()
        self.composer.editor.setFocus()

    @Slot(str, bool)
    def _moved(self, after: str, new: bool) -> None:
        """What is new is read at its end; the reader of another version stays where it begins."""
        self._show_path(None if new else after)

    def _show_path(self, keep: str | None = None) -> None:
        """The messages of the branch that is shown now. `keep`: see `Transcript.show_entries`."""
        opened = self.controller.current
        answer = self.controller.answers.of(opened.id)
        entries = []
        for message in opened.tree.path():
            siblings = opened.tree.siblings(message.id)
            live = answer is not None and answer.message is message
            entry = self.transcript.entry(message.id)
            if entry is None or entry.message is not message or entry.live or live:
                entry = Entry(message, live=live)
            # One that was there is shown again: its rows are measured.
            entry.version, entry.versions = siblings.index(message.id) + 1, len(siblings)
            entries.append(entry)
        self._stack.setCurrentWidget(self.transcript if entries else self.welcome)  # first: it may get another size
        self.transcript.show_entries(entries, keep)
        self._answers_changed()
        self.context.count_soon()

    @Slot()
    def _show_title(self) -> None:
        self.header.show_title(plain(self.controller.current.chat.summary.title))

    @Slot()
    def _show_model(self) -> None:
        name = self.controller.model
        found = choice(self.session.models, name)
        self.header.show_model(name, found.about if found is not None else "")
        self.context.estimate_soon()

    @Slot(object)
    def _service_changed(self, state: ServiceState) -> None:
        self.header.show_service(state)
        if state.phase == "failed" and state.message:
            self.session.messages.error(said(state.message, "unavailable"))

    # Answers

    @Slot(object)
    def _follow(self, answer: Answer) -> None:
        """Show an answer of the open chat as it comes."""
        message = answer.message.id
        answer.grew.connect(partial(self._grew, answer))
        answer.progressed.connect(partial(self._progressed, answer))
        answer.ended.connect(partial(self._ended, answer))
        entry = self.transcript.entry(message)
        if entry is not None and not entry.live:
            entry.live = True
            self.transcript.settle(message)
        self._answers_changed()

    def _grew(self, answer: Answer, content: str, reasoning: str) -> None:
        if answer.chat == self.controller.current.id:
            self.transcript.grow(answer.message.id, content, reasoning)
            if not self._metering.isActive():
                self._metering.start()

    @Slot()
    def _show_meter(self) -> None:
        """A few times a second: nobody reads faster, and every new text costs a layout of the page."""
        answer = self.controller.answers.of(self.controller.current.id)
        if answer is not None:
            self.meter.show_answer(answer)
            if answer.inbox.prefill is not None:
                self.context.show_used(answer.inbox.prefill[1] + answer.inbox.events, exact=False)

    def _progressed(self, answer: Answer) -> None:
        entry = self.transcript.entry(answer.message.id)
        if entry is not None and answer.inbox.prefill is not None:
            computed, total, _ = answer.inbox.prefill
            entry.progress = computed / total if total else None
            self.transcript.progress(answer.message.id)
        if answer.chat == self.controller.current.id:
            self.meter.show_answer(answer)

    def _ended(self, answer: Answer) -> None:
        entry = self.transcript.entry(answer.message.id)
        if entry is not None:
            entry.live = False
            self.transcript.settle(answer.message.id)
        if answer.chat == self.controller.current.id:
            self.meter.show_answer(None)
            info = answer.message.info
            if isinstance(info.get("prompt"), int):
                self.context.show_used(info["prompt"] + int(info.get("tokens", 0)), exact=True)
        self._answers_changed()

    @Slot()
    def _answers_changed(self) -> None:
        answer = self.controller.answers.of(self.controller.current.id)
        self.composer.set_running(answer is not None)
        if answer is None:
            self.meter.show_answer(None)

    # What the user does

    def new_chat(self) -> None:
        self.composer.flush_draft()
        self.panel.flush()
        self.controller.new_chat()
        self.composer.editor.setFocus()

    @Slot()
    def toggle_sidebar(self) -> None:
        self.sides.toggle(self.sidebar)

    @Slot()
    def toggle_panel(self) -> None:
        self.sides.toggle(self.panel)

    def write(self) -> None:
        """What is typed next is a message."""
        self.composer.editor.setFocus()

    @Slot()
    def choose_model(self) -> None:
        popup = PickerPopup(self.session, self.controller.model, self)
        popup.chosen.connect(self.controller.choose_model)
        popup.models_page.connect(partial(self.page_wanted.emit, "models"))
        popup.show_below(self.header.model_button)

    def search(self) -> None:
        if self.sidebar.isHidden():
            self.toggle_sidebar()
        self.sidebar.focus_search()

    def rename(self) -> None:
        """The chat that is open, or the one that the keys are on in the list."""
        self.sidebar.rename(self.controller.current.id)

    def find_in_chat(self) -> None:
        self.find_bar.open_bar()

    def stop(self) -> None:
        """Escape: what is nearest goes first."""
        selection = self.transcript.selection
        answering = self.controller.answers.of(self.controller.current.id) is not None
        if self.find_bar.isVisible() and self.find_bar.field.hasFocus():
            self.find_bar.close_bar()
        elif self.sidebar.field.text() and (self.sidebar.field.hasFocus() or self.sidebar.list.hasFocus()):
            self.sidebar.field.clear()
        elif self.sides.close_above():
            pass
        elif selection.span() is not None and (self.transcript.has_focus or not (self._editing or answering)):
            selection.clear()
        elif self._editing:
            self._end_edit()
        else:
            self.controller.stop()

    def regenerate(self) -> None:
        path = self.controller.current.tree.path()
        if path and path[-1].role == "assistant":
            self.controller.regenerate(path[-1].id)
        elif path:
            self.controller._answer(path[-1].id)

    def copy_answer(self) -> None:
        path = self.controller.current.tree.path()
        answer = next((each for each in reversed(path) if each.role == "assistant"), None)
        if answer is not None:
            self._copy(answer)

    def attach(self) -> None:
        self.composer.choose_files()

    @Slot(str)
    def _read_document(self, path: str) -> None:
        composer = self.composer
        self.session.call(
            lambda client: client.read_document(path),
            partial(composer.document_read, path),
            partial(composer.document_refused, path),
            owner=self,
        )

    @Slot()
    def export(self) -> None:
        opened = self.controller.current
        chat = Chat(opened.chat.summary, opened.chat.settings, opened.tree.head, messages=opened.tree.messages)
        export_dialog(self.controller, chat, self)

    def import_chats(self) -> None:
        import_dialog(self.controller, self)

    def open_link(self, url: str) -> None:
        """Only after a click, and only a web page."""
        address = safe_link(url)
        if address is not None:
            QDesktopServices.openUrl(QUrl(address))

    @Slot(object)
    def _show_file(self, file: Attachment) -> None:
        FileView(file, self).open()

    def _export_listed(self, chat: str) -> None:
        if chat == self.controller.current.id:
            self.export()
        else:
            self.archive.do(
                lambda store: store.chat(chat),
                lambda found: export_dialog(self.controller, found, self) if found is not None else None,
                owner=self,
            )

    def _open(self, chat: str, message: str, query: str) -> None:
        self.composer.flush_draft()
        self.panel.flush()

        def show_hit() -> None:
            if message and self.controller.current.id == chat:
                self.controller.show_message(message)
                content = self.controller.current.tree[message].content.casefold()
                words = [query.strip(), *sorted(query.split(), key=len, reverse=True)]
                found = next((each for each in words if each.casefold() in content), "")
                if found:  # the bar brings it into view
                    self.find_bar.open_bar(found, message)
                else:
                    self.transcript.scroll_to(message)

        self.controller.open_chat(chat, lambda: QTimer.singleShot(0, self, show_hit))  # a turn of its own

    def _reopen(self, chat: Chat | None) -> None:
        """The chat of last time, unless the user has begun another already."""
        opened = self.controller.current
        if chat is not None and not opened.stored and not opened.tree.messages and not self.composer.text:
            self.controller.open_chat(chat.summary.id)

    def _begin_with(self, text: str) -> None:
        self.session.preferences.set("onboarded", True)
        self.controller.send(text, [])
        self.composer.editor.setFocus()

    def _submitted(self, text: str, attachments: list[Attachment]) -> None:
        self.session.preferences.set("onboarded", True)  # who asks needs no welcome any more
        self.panel.flush()
        if self._editing:
            editing, self._editing = self._editing, ""
            self._end_edit()
            self.controller.edit(editing, text, attachments)
        else:
            self.controller.send(text, attachments)
            self.controller.save_draft("", [])

    def _acted(self, message: str, action: str) -> None:
        controller = self.controller
        if message not in controller.current.tree:
            return
        found = controller.current.tree[message]
        if action == "copy":
            self._copy(found)
        elif action == "edit":
            self._begin_edit(found)
        elif action in ("previous", "next"):
            controller.switch(message, -1 if action == "previous" else 1)
        elif action == "continue":
            controller.continue_answer(message)
        else:
            calls = {
                "regenerate": controller.regenerate,
                "delete": controller.delete_message,
                "branch": controller.branch,
            }
            calls[action](message)

    def _copy(self, message: Message) -> None:
        QGuiApplication.clipboard().setText(plain(message.content))
        self.session.messages.info(self.tr("Copied."))

    def _begin_edit(self, message: Message) -> None:
        if not self._editing:
            self.composer.flush_draft()
        self._editing = message.id
        self.composer.set_editing(True)
        self.composer.set_content(message.content, message.attachments)
        self.composer.editor.setFocus()

    @Slot()
    def _end_edit(self) -> None:
        self._editing = ""
        self.composer.set_editing(False)
        chat = self.controller.current.chat
        self.composer.set_content(chat.draft, chat.draft_attachments)
        self.composer.editor.setFocus()

    @Slot()
    def _edit_last(self) -> None:
        """Up in an empty composer: the last message of the user."""
        path = self.controller.current.tree.path()
        last = next((each for each in reversed(path) if each.role == "user"), None)
        if last is not None and self.controller.answers.of(self.controller.current.id) is None:
            self._begin_edit(last)

    @Slot()
    def _scrolled(self) -> None:
        transcript = self.transcript
        if transcript.at_end == self.end_button.isHidden() and transcript.at_end:
            return
        self.end_button.setVisible(not transcript.at_end)
        x = transcript.width() - self.end_button.width() - XL
        self.end_button.move(x, transcript.height() - self.end_button.height() - M)
        self.end_button.raise_()

    @property
    def busy(self) -> bool:
        """An answer is being written."""
        return bool(self.controller.answers.running)

    def closeEvent(self, event: QCloseEvent) -> None:
        self.composer.flush_draft()
        self.panel.flush()
        self.controller.close()
        self._colours.close()
        super().closeEvent(event)

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.LanguageChange:
            self._show_model()
        super().changeEvent(event)


def _warm_up() -> None:
    """Import and compile what the first answer would wait for."""
    parse("*a* [b](c) `d`\n\n- e\n\n| f |\n|---|\n")
    tokens_of("x = 1", "python")
