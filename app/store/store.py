"""Every call on the stored chats. One object, used by one thread (`app.threads.SerialThread`); each call is one transaction.

An answer under way is written piece by piece before it is shown, so that whatever dies, what was seen is there.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from app.store import search
from app.store.records import Attachment, Chat, ChatSettings, ChatSummary, Folder, Hit, Message, State
from app.store.schema import explain, open_database

KEEP_DELETED = 7 * 86400.0  # seconds for which a deleted chat could still be brought back
_SUMMARY = "id, title, folder, pinned, model, created, updated"
_MESSAGE = "id, parent, role, content, reasoning, state, error, model, created, attachments, info"


class Store:
    """Errors of SQLite come out as core.errors.UserError or DiskFull. `notice`: a sentence for the user, or ""."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._db, self.notice = open_database(path)
        self.recovered = self._recover()
        self._purge()

    def close(self) -> None:
        self._db.close()

    # Chats

    def chats(self) -> list[ChatSummary]:
        """All that are not deleted, newest first."""
        with self._reading() as db:
            rows = db.execute(f"SELECT {_SUMMARY} FROM chats WHERE deleted IS NULL ORDER BY updated DESC").fetchall()
        return [_summary(row) for row in rows]

    def chat(self, chat: str) -> Chat | None:
        with self._reading() as db:
            row = db.execute(
                f"SELECT {_SUMMARY}, head, settings, draft, draft_attachments FROM chats WHERE id = ? AND deleted IS NULL",
                (chat,),
            ).fetchone()
            if row is None:
                return None
            messages = db.execute(
                f"SELECT {_MESSAGE} FROM messages WHERE chat = ? AND deleted IS NULL ORDER BY number", (chat,)
            ).fetchall()
        return Chat(
            _summary(row[:7]),
            _settings(row[8]),
            head=row[7],
            draft=row[9],
            draft_attachments=_attachments(row[10]),
            messages=[_message(each) for each in messages],
        )

    def add_chat(self, chat: Chat) -> None:
        """With its messages, parents before children."""
        with self._writing() as db:
            number = self._add_chat(db, chat)
            search.put_title(db, number, chat.summary.title)
            for message in chat.messages:
                self._add_message(db, chat.summary.id, message)

    def rename_chat(self, chat: str, title: str) -> None:
        with self._writing() as db:
            row = db.execute("UPDATE chats SET title = ? WHERE id = ? RETURNING number", (title, chat)).fetchone()
            if row is not None:
                search.put_title(db, row[0], title)

    def move_chat(self, chat: str, folder: str) -> None:
        self._set(chat, folder=folder)

    def pin_chat(self, chat: str, pinned: bool) -> None:
        self._set(chat, pinned=int(pinned))

    def set_settings(self, chat: str, settings: ChatSettings) -> None:
        """Fields that a newer version added stay."""
        with self._writing() as db:
            row = db.execute("SELECT settings FROM chats WHERE id = ?", (chat,)).fetchone()
            if row is not None:
                text = json.dumps(_object(row[0]) | asdict(settings), ensure_ascii=False)
                db.execute("UPDATE chats SET settings = ? WHERE id = ?", (text, chat))

    def set_model(self, chat: str, model: str) -> None:
        self._set(chat, model=model)

    def set_head(self, chat: str, head: str) -> None:
        self._set(chat, head=head)

    def save_draft(self, chat: str, text: str, attachments: Sequence[Attachment] = ()) -> None:
        files = json.dumps([asdict(each) for each in attachments], ensure_ascii=False)
        self._set(chat, draft=text, draft_attachments=files)

    def delete_chat(self, chat: str) -> None:
        """It can be brought back for KEEP_DELETED seconds."""
        self._set(chat, deleted=time.time())

    def restore_chat(self, chat: str) -> None:
        self._set(chat, deleted=None)

    # Messages

    def add_message(self, chat: str, message: Message, head: str | None = None) -> None:
        """Append to the chat and show it, or what `head` names."""
        with self._writing() as db:
            self._add_message(db, chat, message)
            db.execute(
                "UPDATE chats SET head = ?, updated = ? WHERE id = ?",
                (message.id if head is None else head, message.created, chat),
            )

    def append(self, message: str, content: str, reasoning: str = "") -> None:
        """More of an answer under way."""
        with self._writing() as db:
            db.execute(
                "INSERT INTO pieces (message, content, reasoning) VALUES (?, ?, ?)", (message, content, reasoning)
            )

    def finish(self, message: str, state: State, error: str = "", info: dict[str, Any] | None = None) -> None:
        """The answer ended; its text can be found from now on."""
        with self._writing() as db:
            self._join(db, message, state, error)
            if info:
                db.execute("UPDATE messages SET info = json_patch(info, ?) WHERE id = ?", (json.dumps(info), message))

    def reopen(self, message: str) -> None:
        """An answer that is continued."""
        with self._writing() as db:
            db.execute("UPDATE messages SET state = ?, error = '' WHERE id = ?", (State.STREAMING, message))

    def delete_messages(self, messages: Iterable[str], head: str, chat: str) -> None:
        self._mark_messages(messages, time.time(), head, chat)

    def restore_messages(self, messages: Iterable[str], head: str, chat: str) -> None:
        self._mark_messages(messages, None, head, chat)

    # Folders

    def folders(self) -> list[Folder]:
        with self._reading() as db:
            return [Folder(*row) for row in db.execute("SELECT id, name FROM folders ORDER BY name COLLATE NOCASE")]

    def add_folder(self, folder: Folder) -> None:
        with self._writing() as db:
            db.execute("INSERT INTO folders (id, name) VALUES (?, ?)", (folder.id, folder.name))

    def rename_folder(self, folder: str, name: str) -> None:
        with self._writing() as db:
            db.execute("UPDATE folders SET name = ? WHERE id = ?", (name, folder))

    def delete_folder(self, folder: str) -> None:
        """Its chats stay, outside of any folder."""
        with self._writing() as db:
            db.execute("UPDATE chats SET folder = '' WHERE folder = ?", (folder,))
            db.execute("DELETE FROM folders WHERE id = ?", (folder,))

    # Search

    def search(self, query: str, limit: int = 50) -> list[Hit]:
        with self._reading() as db:
            return search.find(db, query, limit)

    # Inside

    def _add_chat(self, db: sqlite3.Connection, chat: Chat) -> int:
        summary = chat.summary
        files = json.dumps([asdict(each) for each in chat.draft_attachments], ensure_ascii=False)
        cursor = db.execute(
            f"INSERT INTO chats ({_SUMMARY}, head, settings, draft, draft_attachments) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (summary.id, summary.title, summary.folder, int(summary.pinned), summary.model, summary.created,
             summary.updated, chat.head, json.dumps(asdict(chat.settings), ensure_ascii=False), chat.draft, files),
        )  # fmt: skip
        assert cursor.lastrowid is not None
        return cursor.lastrowid

    def _add_message(self, db: sqlite3.Connection, chat: str, message: Message) -> None:
        files = json.dumps([asdict(each) for each in message.attachments], ensure_ascii=False)
        cursor = db.execute(
            f"INSERT INTO messages (chat, {_MESSAGE}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (chat, message.id, message.parent, message.role, message.content, message.reasoning, message.state,
             message.error, message.model, message.created, files, json.dumps(message.info)),
        )  # fmt: skip
        assert cursor.lastrowid is not None
        if message.state is not State.STREAMING:
            search.put_message(db, cursor.lastrowid, message.content)

    def _join(self, db: sqlite3.Connection, message: str, state: State, error: str) -> None:
        row = db.execute("SELECT number, content, reasoning, chat FROM messages WHERE id = ?", (message,)).fetchone()
        if row is None:
            return
        pieces = db.execute(
            "SELECT content, reasoning FROM pieces WHERE message = ? ORDER BY number", (message,)
        ).fetchall()
        content = row[1] + "".join(piece[0] for piece in pieces)
        reasoning = row[2] + "".join(piece[1] for piece in pieces)
        db.execute(
            "UPDATE messages SET content = ?, reasoning = ?, state = ?, error = ? WHERE id = ?",
            (content, reasoning, state, error, message),
        )
        db.execute("DELETE FROM pieces WHERE message = ?", (message,))
        db.execute("UPDATE chats SET updated = max(updated, ?) WHERE id = ?", (time.time(), row[3]))
        search.put_message(db, row[0], content)

    def _recover(self) -> int:
        """Answers that a crash left open: joined, and marked so that the window offers to continue them."""
        with self._writing() as db:
            left = db.execute("SELECT id FROM messages WHERE state = ?", (State.STREAMING,)).fetchall()
            for (message,) in left:
                self._join(db, message, State.INTERRUPTED, "")
        return len(left)

    def _purge(self) -> None:
        before = time.time() - KEEP_DELETED
        with self._writing() as db:
            for (chat,) in db.execute("SELECT id FROM chats WHERE deleted < ?", (before,)).fetchall():
                search.drop_chat(db, chat)
                db.execute("DELETE FROM chats WHERE id = ?", (chat,))
            gone = db.execute("SELECT number FROM messages WHERE deleted < ?", (before,)).fetchall()
            for (number,) in gone:
                search.put_message(db, number, "")
                db.execute("DELETE FROM messages WHERE number = ?", (number,))

    def _mark_messages(self, messages: Iterable[str], deleted: float | None, head: str, chat: str) -> None:
        with self._writing() as db:
            db.executemany("UPDATE messages SET deleted = ? WHERE id = ?", [(deleted, each) for each in messages])
            db.execute("UPDATE chats SET head = ? WHERE id = ?", (head, chat))

    def _set(self, chat: str, **values: Any) -> None:
        names = ", ".join(f"{name} = ?" for name in values)
        with self._writing() as db:
            db.execute(f"UPDATE chats SET {names} WHERE id = ?", (*values.values(), chat))

    @contextlib.contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        try:
            yield self._db
        except sqlite3.Error as error:
            raise explain(error, self._path) from error

    @contextlib.contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        try:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                if self._db.in_transaction:  # after some errors SQLite has rolled back already
                    self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise explain(error, self._path) from error


def _summary(row: Sequence[Any]) -> ChatSummary:
    return ChatSummary(row[0], row[1], row[2], bool(row[3]), row[4], row[5], row[6])


def _message(row: Sequence[Any]) -> Message:
    identity, parent, role, content, reasoning, state, error, model, created, attachments, info = row
    return Message(
        role="user" if role == "user" else "assistant",
        content=content,
        parent=parent,
        id=identity,
        reasoning=reasoning,
        state=State(state) if state in State._value2member_map_ else State.DONE,  # a word of a newer version
        error=error,
        model=model,
        created=created,
        attachments=_attachments(attachments),
        info=_object(info),
    )


def _object(text: str) -> dict[str, Any]:
    value = _json(text)
    return value if isinstance(value, dict) else {}


def _settings(text: str) -> ChatSettings:
    value = _object(text)
    prompt, preset, sampling = value.get("system_prompt"), value.get("preset"), value.get("sampling")
    return ChatSettings(
        prompt if isinstance(prompt, str) else "",
        preset if isinstance(preset, str) else "",
        sampling if isinstance(sampling, dict) else {},
    )


def _attachments(text: str) -> list[Attachment]:
    value = _json(text)
    return [
        Attachment(str(each["name"]), str(each["text"]), str(each.get("path", "")))
        for each in (value if isinstance(value, list) else ())
        if isinstance(each, dict) and "name" in each and "text" in each
    ]


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None
