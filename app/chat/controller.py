"""What the user can do with chats: one method per action. Owns the open chat; the page shows what the signals say."""

from __future__ import annotations

import copy
from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from PySide6.QtCore import QObject, Signal

from app.chat.answers import Answers
from app.chat.archive import Archive
from app.chat.choices import choices
from app.chat.prompt import messages_of, title_of
from app.chat.turns import Turns
from app.session import Session
from app.store.records import (
    UNFINISHED,
    Attachment,
    Chat,
    ChatSettings,
    ChatSummary,
    Folder,
    Message,
    State,
    new_id,
)
from app.store.store import Store
from app.store.tree import Tree
from app.threads import Failure, SerialThread, Success

R = TypeVar("R")


class Open:
    """The chat on the screen. `stored`: whether the database knows it; an empty new one it does not."""

    def __init__(self, chat: Chat, stored: bool) -> None:
        self.chat, self.stored = chat, stored
        self.tree = Tree(chat.messages, chat.head)

    @property
    def id(self) -> str:
        return self.chat.summary.id


class ChatController(QObject):
    """`opened`: another chat is; `moved(after, new)`: the open one has other messages after the message `after`, all of them
    where it is ""; `new`: they were written just now. `summaries_changed`: the list of chats is another."""

    opened = Signal()
    moved = Signal(str, bool)
    answer_began = Signal(object)  # Answer in the open chat
    summaries_changed = Signal()
    settings_changed = Signal()

    def __init__(self, session: Session, archive: Archive, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.session, self.archive = session, archive
        self.answers = Answers(session, archive, self)
        self.summaries: dict[str, ChatSummary] = {}
        self.folders: list[Folder] = []
        self.current = Open(Chat(ChatSummary()), stored=False)
        self._elsewhere: dict[str, Open] = {}  # chats with an answer under way that are not on the screen
        self._files: SerialThread | None = None
        archive.do(lambda store: (store.chats(), store.folders(), store.notice), self._loaded, owner=self)

    # The list

    def _loaded(self, loaded: tuple[list[ChatSummary], list[Folder], str]) -> None:
        chats, self.folders, notice = loaded
        self.summaries = {chat.id: chat for chat in chats} | self.summaries
        if notice:
            self.session.messages.error(notice)
        self.summaries_changed.emit()

    def new_chat(self) -> None:
        """An empty one; the database hears of it with its first message or draft."""
        if self.current.stored or self.current.tree.messages:
            self._show(Open(Chat(ChatSummary(model=self.model)), stored=False))
        else:
            self.opened.emit()

    def open_chat(self, chat: str, then: Callable[[], None] | None = None) -> None:
        if chat == self.current.id:
            if then is not None:
                then()
            return
        if chat in self._elsewhere:
            self._show(self._elsewhere[chat])
            if then is not None:
                then()
            return
        self.archive.do(lambda store: store.chat(chat), partial(self._read, then), owner=self)

    def _read(self, then: Callable[[], None] | None, chat: Chat | None) -> None:
        if chat is None:
            self.session.messages.error(self.tr("This chat is no longer there."))
            return
        self._show(Open(chat, stored=True))
        if then is not None:
            then()

    def _show(self, opened: Open) -> None:
        if self.answers.of(self.current.id) is not None:
            self._elsewhere[self.current.id] = self.current
        self._elsewhere.pop(opened.id, None)
        self.current = opened
        if opened.stored:
            self.session.preferences.set("last_chat", opened.id)
        self.opened.emit()
        self.settings_changed.emit()

    def rename(self, chat: str, title: str) -> None:
        title = " ".join(title.split())
        if title and chat in self.summaries:
            self.summaries[chat].title = title
            if chat == self.current.id:
                self.current.chat.summary.title = title
            self.archive.do(lambda store: store.rename_chat(chat, title))
            self.summaries_changed.emit()

    def pin(self, chat: str, pinned: bool) -> None:
        self.summaries[chat].pinned = pinned
        self.archive.do(lambda store: store.pin_chat(chat, pinned))
        self.summaries_changed.emit()

    def move(self, chat: str, folder: str) -> None:
        self.summaries[chat].folder = folder
        self.archive.do(lambda store: store.move_chat(chat, folder))
        self.summaries_changed.emit()

    def add_folder(self, name: str) -> Folder:
        folder = Folder(new_id(), name)
        self._put_folder(folder)
        return folder

    def _put_folder(self, folder: Folder) -> None:
        self.folders = sorted([*self.folders, folder], key=lambda each: each.name.casefold())
        self.archive.do(lambda store: store.add_folder(folder))
        self.summaries_changed.emit()

    def rename_folder(self, folder: str, name: str) -> None:
        self.folders = [replace(each, name=name) if each.id == folder else each for each in self.folders]
        self.archive.do(lambda store: store.rename_folder(folder, name))
        self.summaries_changed.emit()

    def delete_folder(self, folder: str) -> None:
        """Its chats stay. With a way back."""
        gone = next((each for each in self.folders if each.id == folder), None)
        if gone is None:
            return
        chats = [summary for summary in self.summaries.values() if summary.folder == folder]
        self.folders = [each for each in self.folders if each.id != folder]
        for summary in chats:
            summary.folder = ""
        self.archive.do(lambda store: store.delete_folder(folder))
        self.summaries_changed.emit()

        def undo() -> None:
            self._put_folder(gone)
            for summary in chats:
                if not summary.folder and summary.id in self.summaries:
                    self.move(summary.id, folder)

        text = self.tr("Removed the folder “%1”; its chats stay.").replace("%1", gone.name)
        self.session.messages.info(text, (self.tr("Undo"), undo))

    def delete_chat(self, chat: str) -> None:
        """With a way back."""
        answer = self.answers.of(chat)
        if answer is not None:
            answer.stop()
        summary = self.summaries.pop(chat, None)
        if summary is None:
            return
        self.archive.do(lambda store: store.delete_chat(chat))
        self._elsewhere.pop(chat, None)
        if chat == self.current.id:
            self._show(Open(Chat(ChatSummary(model=self.model)), stored=False))
        self.summaries_changed.emit()

        def undo() -> None:
            self.summaries[chat] = summary
            self.archive.do(lambda store: store.restore_chat(chat))
            self.summaries_changed.emit()
            self.open_chat(chat)

        text = self.tr("Deleted “%1”.").replace("%1", summary.title or self.tr("New chat"))
        self.session.messages.info(text, (self.tr("Undo"), undo))

    # The open chat

    @property
    def model(self) -> str:
        """The open chat's model, else the one used last, else what is installed."""
        models = self.session.models
        names = [each.name for each in choices(models) if not each.problem]
        for name in (self.current.chat.summary.model, self.session.preferences.get("model")):
            if name and (name in names or models is None):
                return str(name)
        return names[0] if names else self.current.chat.summary.model or "demo"

    def choose_model(self, name: str) -> None:
        self.current.chat.summary.model = name
        self.session.preferences.set("model", name)
        if self.current.stored:
            chat = self.current.id
            self.archive.do(lambda store: store.set_model(chat, name))
        self.settings_changed.emit()

    def change_settings(self, settings: ChatSettings) -> None:
        self.current.chat.settings = settings
        if self.current.stored:
            chat = self.current.id
            self.archive.do(lambda store: store.set_settings(chat, settings))
        self.settings_changed.emit()

    def save_draft(self, text: str, attachments: list[Attachment]) -> None:
        opened = self.current
        opened.chat.draft, opened.chat.draft_attachments = text, attachments
        if not opened.stored and not text.strip() and not attachments:
            return
        self._store_chat()
        chat = opened.id
        self.archive.do(lambda store: store.save_draft(chat, text, attachments))

    def send(self, text: str, attachments: list[Attachment]) -> None:
        """A new message of the user, and the answer to it; not while one is under way here."""
        if self.answers.of(self.current.id) is not None:
            return
        self._say(text, attachments, self.current.tree.head)

    def edit(self, message: str, text: str, attachments: list[Attachment]) -> None:
        """Another version of a message, beside it; after one of the user an answer follows."""
        old = self.current.tree[message]
        if old.role == "user":
            self._say(text, attachments, old.parent)
            return
        self._add(Message("assistant", text, old.parent, model=old.model, info={"edited": True}))
        self.moved.emit(old.parent, False)

    def _say(self, text: str, attachments: list[Attachment], parent: str) -> None:
        self._store_chat(title_of(text) or (attachments[0].name if attachments else ""))
        message = Message("user", text, parent, attachments=list(attachments))
        self._add(message)
        self._answer(message.id)

    def regenerate(self, message: str) -> None:
        """Another answer beside this one."""
        if self.answers.of(self.current.id) is None:
            self._answer(self.current.tree[message].parent)

    def continue_answer(self, message: str) -> None:
        """More of an answer that ended early."""
        found = self.current.tree[message]
        if self.answers.of(self.current.id) is not None or found.role != "assistant":
            return
        if not found.content:
            self.regenerate(message)
            return
        found.state, found.error = State.STREAMING, ""
        self.archive.do(lambda store: store.reopen(message))
        path = self.current.tree.path_to(message)
        self._begin(found, messages_of(path, self.current.chat.settings), {"continue_final_message": True})

    def stop(self) -> None:
        answer = self.answers.of(self.current.id)
        if answer is not None:
            answer.stop()

    def switch(self, message: str, step: int) -> None:
        """Show the version before or after."""
        siblings = self.current.tree.siblings(message)
        at = siblings.index(message) + step
        if 0 <= at < len(siblings):
            self._set_head(self.current.tree.choose(siblings[at]))
            self.moved.emit(self.current.tree[message].parent, False)

    def show_message(self, message: str) -> None:
        """Show the branch that a message is on."""
        tree = self.current.tree
        if message in tree and message not in [each.id for each in tree.path()]:
            self._set_head(tree.choose(message))
            self.moved.emit(tree[message].parent, False)

    def delete_message(self, message: str) -> None:
        """This version and what follows it; with a way back."""
        opened = self.current
        answer = self.answers.of(opened.id)
        if answer is not None and answer.message.id in opened.tree.below(message):
            answer.stop()
        before = opened.tree.head
        gone = opened.tree.remove(message)
        names, head, chat = [each.id for each in gone], opened.tree.head, opened.id
        self.archive.do(lambda store: store.delete_messages(names, head, chat))
        self.moved.emit(gone[0].parent, False)

        def undo() -> None:
            for each in gone:
                opened.tree.add(each)
            opened.tree.head = before
            self.archive.do(lambda store: store.restore_messages(names, before, chat))
            if opened is self.current:
                self.moved.emit(gone[0].parent, False)
            else:
                self.open_chat(chat)

        one, many = self.tr("Deleted the message."), self.tr("Deleted %1 messages.")
        text = one if len(gone) == 1 else many.replace("%1", str(len(gone)))
        self.session.messages.info(text, (self.tr("Undo"), undo))

    def branch(self, message: str) -> None:
        """A new chat with everything up to a message."""
        old = self.current
        names = {"": ""}
        messages = []
        for each in old.tree.path_to(message):
            made = copy.deepcopy(each)
            made.id, made.parent = new_id(), names[each.parent]
            if made.state is State.STREAMING:
                made.state = State.STOPPED
            names[each.id] = made.id
            messages.append(made)
        summary = ChatSummary(
            title=old.chat.summary.title, model=old.chat.summary.model, folder=old.chat.summary.folder
        )
        chat = Chat(summary, copy.deepcopy(old.chat.settings), head=names[message], messages=messages)
        self.add_chat(chat)

    def add_chat(self, chat: Chat) -> None:
        """One that was imported or copied, and show it."""
        self.add_chats([chat])

    def add_chats(self, chats: Sequence[Chat]) -> None:
        """And show the last."""
        for chat in chats:
            self.archive.do(partial(_add_chat, chat))
            self.summaries[chat.summary.id] = chat.summary
        if chats:
            self._show(Open(chats[-1], stored=True))
            self.summaries_changed.emit()

    def with_files(self, work: Callable[[], R], success: Success[R], failure: Failure) -> None:
        """Read or write files that the user chose: on a thread, which lives until the window is closed."""
        if self._files is None:
            self._files = SerialThread(self.session.courier, "deskside-files", lambda: None)
        self._files.submit(lambda _: work(), success, failure, owner=self)

    def in_turns(self, work: Generator[None, None, None], success: Success[None], failure: Failure) -> None:
        """Do what only the GUI thread can, a piece at a time; given up where the window is closed."""
        Turns(work, success, failure, self)

    def close(self) -> None:
        self.answers.close()
        for turns in self.findChildren(Turns):
            turns.close()
        if self._files is not None:
            self._files.close()
        self.archive.close()

    # Inside

    def _store_chat(self, title: str = "") -> None:
        """The database learns of the open chat, if it does not know it; a chat without a title gets one."""
        opened = self.current
        summary = opened.chat.summary
        if not opened.stored:
            opened.stored = True
            summary.model = summary.model or self.model
            chat = replace(opened.chat, messages=[], summary=replace(summary))
            self.archive.do(lambda store: store.add_chat(chat))
            self.summaries[opened.id] = summary
            self.session.preferences.set("last_chat", opened.id)
            self.summaries_changed.emit()
        if title and not summary.title:
            self.summaries[opened.id] = summary
            self.rename(opened.id, title)

    def _add(self, message: Message) -> None:
        opened = self.current
        chat = opened.id
        opened.tree.add(message)
        opened.tree.head = message.id
        stored = copy.deepcopy(message)
        self.archive.do(lambda store: store.add_message(chat, stored))
        if chat in self.summaries:
            self.summaries[chat].updated = message.created
            self.summaries_changed.emit()

    def _answer(self, parent: str) -> None:
        """A new answer below a message of the user."""
        path = self.current.tree.path_to(parent)
        message = Message("assistant", "", parent, state=State.STREAMING, model=self.model)
        self._add(message)
        self._begin(message, messages_of(path, self.current.chat.settings), {})

    def _begin(self, message: Message, messages: list[dict[str, Any]], more: dict[str, Any]) -> None:
        body = {"model": self.model, **self.current.chat.settings.sampling, **more}
        answer = self.answers.begin(self.current.id, message, messages, body)
        self.moved.emit(message.parent, True)
        self.answer_began.emit(answer)

    def _set_head(self, head: str) -> None:
        chat = self.current.id
        self.archive.do(lambda store: store.set_head(chat, head))

    @property
    def can_continue(self) -> bool:
        path = self.current.tree.path()
        return bool(path) and path[-1].role == "assistant" and path[-1].state in UNFINISHED


def _add_chat(chat: Chat, store: Store) -> None:
    store.add_chat(chat)
