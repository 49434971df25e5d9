"""jobs.db: migrations, a copy before each, and files that are no database."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from core.errors import Unavailable
from core.jobs import store as store_module
from core.jobs.job import Job, JobState
from core.jobs.migrations import MIGRATIONS, migrate
from core.jobs.store import JobStore

JOB = Job(id="download-1", kind="download", params='{"ü": 1}', number=1, created=1.5, updated=2.5)


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "new" / "jobs.db"
    store = JobStore(path)
    store.save(JOB)
    later = JOB.changed(9.0, state=JobState.DONE, result="/a/b", done=3, total=4, started=3.0, ended=9.0)
    store.save(later)
    store.save(Job(id="b", kind="k", params="{}", number=2, created=0, updated=0))
    assert store.last_number() == 2
    store.close()
    again = JobStore(path)
    assert [job.id for job in again.load()] == ["download-1", "b"]
    assert again.load()[0] == later
    again.remove("download-1")
    assert [job.id for job in again.load()] == ["b"]
    assert again.notes == []
    assert again._connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_migration_makes_a_dated_copy_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "jobs.db"
    store = JobStore(path)
    store.save(JOB)
    store.close()
    newer = (*MIGRATIONS, "ALTER TABLE jobs ADD COLUMN owner TEXT NOT NULL DEFAULT ''; UPDATE jobs SET owner = 'me'")
    monkeypatch.setattr(store_module, "migrate", lambda connection, where: migrate(connection, where, newer))
    store = JobStore(path)
    assert store.load() == [JOB]
    assert store._connection.execute("SELECT owner FROM jobs").fetchall() == [("me",)]
    (backup,) = tmp_path.glob("jobs.db.v1-*")
    assert str(backup) in store.notes[0]
    store.close()
    copy = sqlite3.connect(backup)
    assert copy.execute("PRAGMA user_version").fetchone() == (1,)
    assert copy.execute("SELECT id FROM jobs").fetchall() == [("download-1",)]
    copy.close()
    JobStore(path).close()
    assert len(list(tmp_path.glob("jobs.db.v1-*"))) == 1  # only when something changes


def test_a_migration_that_fails_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "jobs.db"
    store = JobStore(path)
    store.save(JOB)
    store.close()
    bad = (*MIGRATIONS, "ALTER TABLE jobs ADD COLUMN owner TEXT; SELECT * FROM missing")
    with monkeypatch.context() as patch:
        patch.setattr(store_module, "migrate", lambda connection, where: migrate(connection, where, bad))
        with pytest.raises(Unavailable, match="missing"):
            JobStore(path)
    assert JobStore(path).load() == [JOB]


def test_a_newer_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "jobs.db"
    JobStore(path).close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(Unavailable, match="newer Deskside"):
        JobStore(path)
    assert path.read_bytes() == before


def test_what_is_no_database_is_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "jobs.db"
    path.write_bytes(b"this is no database" * 100)
    store = JobStore(path)
    assert store.load() == []
    (aside,) = tmp_path.glob("jobs.db.damaged-*")
    assert aside.read_bytes().startswith(b"this is no database")
    assert "damaged" in store.notes[0]


def test_a_place_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable, match=r"jobs\.db"):
        JobStore(tmp_path / "file" / "jobs.db")
    (tmp_path / "jobs.db").mkdir()
    with pytest.raises(Unavailable, match=r"jobs\.db"):
        JobStore(tmp_path / "jobs.db")


def test_a_row_that_cannot_be_read_is_left_alone(tmp_path: Path) -> None:
    store = JobStore(tmp_path / "jobs.db")
    store.save(JOB)
    store._connection.execute("UPDATE jobs SET done = 'many'")
    assert store.load() == []
    assert "cannot be read" in store.notes[0]
    assert store.last_number() == 1  # its place is not given twice
