"""The form of jobs.db, step by step. A step is never changed once it was released; a new one is added."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from core.errors import Unavailable

MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE jobs (
        id TEXT PRIMARY KEY,
        kind TEXT NOT NULL,
        params TEXT NOT NULL,
        number INTEGER NOT NULL UNIQUE,
        state TEXT NOT NULL CHECK (state IN ('queued', 'running', 'paused', 'done', 'failed', 'cancelled')),
        stage TEXT NOT NULL,
        done INTEGER NOT NULL,
        total INTEGER NOT NULL,
        code TEXT NOT NULL,
        error TEXT NOT NULL,
        result TEXT NOT NULL,
        attempts INTEGER NOT NULL,
        created REAL NOT NULL,
        updated REAL NOT NULL,
        started REAL,
        ended REAL
    );
    """,
)


def migrate(connection: sqlite3.Connection, path: Path, migrations: Sequence[str] = MIGRATIONS) -> Path | None:
    """Bring the database at `path` to the newest form; a dated copy is made before one with content is changed, whose path
    is returned. Each step is whole or not at all. Raises Unavailable if a newer Deskside wrote it."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > len(migrations):
        raise Unavailable(
            f"'{path}' was written by a newer Deskside (form {version}, this one knows {len(migrations)}); update Deskside."
        )
    if version == len(migrations):
        return None
    backup = _backup(connection, path, version) if version else None
    for number, script in enumerate(migrations[version:], version + 1):
        try:
            connection.executescript(f"BEGIN IMMEDIATE; {script}; PRAGMA user_version = {number}; COMMIT;")
        except sqlite3.Error:
            if connection.in_transaction:
                connection.rollback()
            raise
    return backup


def _backup(connection: sqlite3.Connection, path: Path, version: int) -> Path:
    backup = dated(path, f"v{version}")
    copy = sqlite3.connect(backup)
    try:
        connection.backup(copy)
    finally:
        copy.close()
    return backup


def dated(path: Path, word: str) -> Path:
    """A name beside `path` that says when and what, and that is free."""
    stem = f"{path.name}.{word}-{datetime.now():%Y%m%d-%H%M%S}"
    return next(name for n in range(1000) if not (name := path.with_name(stem + (f"-{n}" if n else ""))).exists())
