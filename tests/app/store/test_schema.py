"""Older, newer and damaged files."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

import pytest

from app.store import schema
from app.store.records import Chat, ChatSummary, Message
from app.store.store import Store
from core.errors import UserError


def filled(path: Path) -> str:
    store = Store(path)
    chat = Chat(ChatSummary(title="kept"), messages=[Message("user", "hello")])
    store.add_chat(chat)
    store.close()
    return chat.summary.id


def test_a_migration_makes_a_dated_copy_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "chats.db"
    chat = filled(path)
    more = (*schema.MIGRATIONS, "ALTER TABLE chats ADD COLUMN color TEXT NOT NULL DEFAULT 'red'")
    monkeypatch.setattr(schema, "MIGRATIONS", more)
    monkeypatch.setattr(schema, "VERSION", len(more))
    store = Store(path)
    found = store.chat(chat)
    assert found is not None
    assert found.messages[0].content == "hello"
    assert store._db.execute("SELECT color FROM chats").fetchone() == ("red",)
    store.close()
    copies = [each.name for each in tmp_path.glob("chats.*.v1.db")]
    assert copies == [f"chats.{time.strftime('%Y-%m-%d')}.v1.db"]
    monkeypatch.undo()
    copy = Store(tmp_path / copies[0])
    assert copy.chat(chat) is not None
    copy.close()


def test_a_migration_that_fails_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "chats.db"
    chat = filled(path)
    with monkeypatch.context() as patch:
        patch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, "CREATE TABLE a (x); CREATE TABLE a (x)"))
        patch.setattr(schema, "VERSION", 2)
        with pytest.raises(UserError):
            Store(path)
    store = Store(path)
    assert store.chat(chat) is not None
    store.close()


def test_two_copies_of_one_day_do_not_overwrite_each_other(tmp_path: Path) -> None:
    path = tmp_path / "chats.db"
    filled(path)
    db = sqlite3.connect(path)
    assert schema.backup(db, path, 1) != schema.backup(db, path, 1)
    db.close()


def test_a_newer_file_serves_as_long_as_it_has_what_we_know(tmp_path: Path) -> None:
    path = tmp_path / "chats.db"
    chat = filled(path)
    db = sqlite3.connect(path)
    db.execute("ALTER TABLE messages ADD COLUMN mood TEXT DEFAULT 'fine'")
    db.execute("UPDATE messages SET state = 'a word of tomorrow'")
    db.execute("PRAGMA user_version = 99")
    db.commit()
    db.close()
    store = Store(path)
    found = store.chat(chat)
    assert found is not None
    assert found.messages[0].content == "hello"
    store.add_message(chat, Message("user", "again"))
    assert store._db.execute("PRAGMA user_version").fetchone() == (99,)
    store.close()


def test_a_newer_file_of_another_form_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "chats.db"
    filled(path)
    db = sqlite3.connect(path)
    db.execute("ALTER TABLE messages RENAME COLUMN content TO body")
    db.execute("PRAGMA user_version = 99")
    db.commit()
    db.close()
    with pytest.raises(UserError, match="newer Deskside"):
        Store(path)
    assert path.exists()


@pytest.mark.parametrize("damage", [b"not a database at all" * 100, b"SQLite format 3\x00" + b"\xff" * 5000])
def test_a_damaged_file_is_put_aside(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "chats.db"
    path.write_bytes(damage)
    store = Store(path)
    assert "damaged" in store.notice
    assert store.chats() == []
    store.close()
    aside = list(tmp_path.glob("chats.damaged-*.db"))
    assert [each.read_bytes() for each in aside] == [damage]


def test_an_empty_file_is_a_new_one(tmp_path: Path) -> None:
    path = tmp_path / "chats.db"
    path.touch()
    store = Store(path)
    assert store.notice == ""
    store.close()
