"""Tables, and how an older, newer or damaged file becomes one that can be used."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from pathlib import Path

from core.errors import DiskFull, UserError

# One entry per version; an entry that was released is never changed. The index at N brings version N to N + 1.
MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE folders (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, name TEXT NOT NULL);
    CREATE TABLE chats (
        number INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        title TEXT NOT NULL DEFAULT '',
        folder TEXT NOT NULL DEFAULT '',
        pinned INTEGER NOT NULL DEFAULT 0,
        model TEXT NOT NULL DEFAULT '',
        created REAL NOT NULL,
        updated REAL NOT NULL,
        deleted REAL,
        head TEXT NOT NULL DEFAULT '',
        settings TEXT NOT NULL DEFAULT '{}',
        draft TEXT NOT NULL DEFAULT '',
        draft_attachments TEXT NOT NULL DEFAULT '[]'
    );
    CREATE INDEX chats_by_time ON chats (updated DESC) WHERE deleted IS NULL;
    CREATE TABLE messages (
        number INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        chat TEXT NOT NULL REFERENCES chats (id) ON DELETE CASCADE,
        parent TEXT NOT NULL DEFAULT '',
        role TEXT NOT NULL,
        content TEXT NOT NULL DEFAULT '',
        reasoning TEXT NOT NULL DEFAULT '',
        state TEXT NOT NULL DEFAULT 'done',
        error TEXT NOT NULL DEFAULT '',
        model TEXT NOT NULL DEFAULT '',
        created REAL NOT NULL,
        deleted REAL,
        attachments TEXT NOT NULL DEFAULT '[]',
        info TEXT NOT NULL DEFAULT '{}'
    );
    CREATE INDEX messages_by_chat ON messages (chat, number);
    CREATE INDEX messages_open ON messages (state) WHERE state = 'streaming';
    -- An answer under way, as it comes; joined to its message when it ends, or after a crash.
    CREATE TABLE pieces (
        number INTEGER PRIMARY KEY,
        message TEXT NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
        content TEXT NOT NULL,
        reasoning TEXT NOT NULL
    );
    CREATE INDEX pieces_by_message ON pieces (message, number);
    -- rowid: 2 * number of a message, 2 * number + 1 of a chat (its title).
    CREATE VIRTUAL TABLE search USING fts5 (text, pairs, tokenize = 'unicode61 remove_diacritics 2', prefix = '1 2 3 4 5');
    """,
)
VERSION = len(MIGRATIONS)


def open_database(path: Path) -> tuple[sqlite3.Connection, str]:
    """A connection to the newest form of the file, made if there is none, and a sentence for the user, "" if all is well.
    Before a migration the file is copied to one with the date in its name. A damaged file is put aside, never deleted.
    Raises UserError (not writable, written by a version too new) and DiskFull."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        return _open(path), ""
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError) and not _damaged(error):
            raise explain(error, path) from error
        aside = _put_aside(path)
        sentence = (
            f"The file of your chats was damaged ({error}); it was put aside as {aside.name}, and a new one was begun. "
            "A copy made before an update may lie beside it."
        )
        return _open(path), sentence


def explain(error: sqlite3.Error, path: Path) -> UserError:
    """SQLite's errors that a user can do something about."""
    text = str(error)
    if "full" in text or "disk I/O" in text:
        return DiskFull(f"The disk of {path.parent} is full ({text}); free some space: chats are not saved until then.")
    return UserError(
        f"Your chats in {path} cannot be read or written ({text}); correct its permissions, then try again."
    )


def _damaged(error: sqlite3.Error) -> bool:
    return any(word in str(error) for word in ("malformed", "corrupt", "not a database"))


def _open(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, timeout=10.0, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA temp_store = MEMORY")
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version > VERSION:
            _check_newer(connection, path)
        elif version < VERSION:
            _migrate(connection, path, version)
        else:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection


def _migrate(connection: sqlite3.Connection, path: Path, version: int) -> None:
    if version:
        backup(connection, path, version)
    for step in range(version, VERSION):
        connection.executescript(f"BEGIN IMMEDIATE; {MIGRATIONS[step]}; PRAGMA user_version = {step + 1}; COMMIT;")


def backup(connection: sqlite3.Connection, path: Path, version: int) -> Path:
    """A copy beside the file: chats.2026-01-31.v1.db, with a number if that is there already."""
    stem = f"{path.stem}.{time.strftime('%Y-%m-%d')}.v{version}"
    target = path.with_name(f"{stem}{path.suffix}")
    count = 1
    while target.exists():
        count += 1
        target = path.with_name(f"{stem}-{count}{path.suffix}")
    with contextlib.closing(sqlite3.connect(target)) as copy:
        connection.backup(copy)
    return target


def _put_aside(path: Path) -> Path:
    stamp = time.strftime("%Y-%m-%d-%H%M%S")
    aside = path.with_name(f"{path.stem}.damaged-{stamp}{path.suffix}")
    path.replace(aside)
    for end in ("-wal", "-shm"):
        extra = path.with_name(path.name + end)
        if extra.exists():
            extra.replace(aside.with_name(aside.name + end))
    return aside


def _check_newer(connection: sqlite3.Connection, path: Path) -> None:
    """A file of a newer version serves as long as it has all we know; what it has besides is left alone."""
    with contextlib.closing(sqlite3.connect(":memory:")) as ours:
        for step in MIGRATIONS:
            ours.executescript(step)
        for table in ("chats", "messages", "folders", "pieces", "search"):
            columns = [{row[1] for row in db.execute(f"PRAGMA table_info({table})")} for db in (ours, connection)]
            if not columns[0] <= columns[1]:
                raise UserError(
                    f"Your chats in {path} were written by a newer Deskside, in a form that this version cannot read; "
                    "install that version again, or move the file away to begin anew."
                )
