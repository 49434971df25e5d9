"""jobs.db: what is left of the jobs when the service is gone. Only the service opens it, from one thread."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import msgspec

from core.errors import Unavailable
from core.jobs.job import Job, JobState
from core.jobs.migrations import dated, migrate

_COLUMNS = Job.__struct_fields__
_SAVE = (
    f"INSERT INTO jobs ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))}) ON CONFLICT (id) DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in _COLUMNS if name != "id")
)


class JobStore:
    """Calls take well under a millisecond (WAL, no sync on every commit: after a power cut the last moments may be missing,
    never a half of anything). `notes`: what a log should say of opening it."""

    def __init__(self, path: Path) -> None:
        """Raises Unavailable, naming the file and the reason. A file that is no database is set aside, not deleted."""
        self.path = path
        self.notes: list[str] = []
        with self._explained():
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                self._connection = self._open()
            except sqlite3.DatabaseError as error:
                if isinstance(
                    error, sqlite3.OperationalError
                ):  # locked, not writable, full: its content is not at fault
                    raise
                self._set_aside(error)
                self._connection = self._open()

    def load(self) -> list[Job]:
        """All jobs, in the order of the queue. A row that this version cannot read is left alone."""
        jobs = []
        with self._explained():
            rows = self._connection.execute(f"SELECT {', '.join(_COLUMNS)} FROM jobs ORDER BY number").fetchall()
        for row in rows:
            try:
                jobs.append(msgspec.convert(dict(zip(_COLUMNS, row, strict=True)), Job))
            except msgspec.ValidationError as error:
                self.notes.append(f"A job in '{self.path}' cannot be read ({error}) and is left out.")
        return jobs

    def last_number(self) -> int:
        """The highest place in the queue that was ever given and is still there."""
        with self._explained():
            (number,) = self._connection.execute("SELECT coalesce(max(number), 0) FROM jobs").fetchone()
        return int(number)

    def save(self, job: Job) -> None:
        """Raises Unavailable, as when the disk is full; then the stored job is as before."""
        values = [value.value if isinstance(value, JobState) else value for value in msgspec.structs.astuple(job)]
        with self._explained():
            self._connection.execute(_SAVE, values)

    def remove(self, job_id: str) -> None:
        with self._explained():
            self._connection.execute("DELETE FROM jobs WHERE id = ?", (job_id,))

    def close(self) -> None:
        with contextlib.suppress(sqlite3.Error):
            self._connection.close()

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=5.0, isolation_level=None)  # commits by itself
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            backup = migrate(connection, self.path)
        except BaseException:
            connection.close()
            raise
        if backup is not None:
            self.notes.append(f"'{self.path}' was brought to a newer form; '{backup}' is the old one.")
        return connection

    def _set_aside(self, error: sqlite3.Error) -> None:
        aside = dated(self.path, "damaged")
        for suffix in ("", "-wal", "-shm"):
            with contextlib.suppress(FileNotFoundError):
                Path(f"{self.path}{suffix}").replace(f"{aside}{suffix}")
        self.notes.append(f"'{self.path}' was damaged ({error}) and is now '{aside}'; the list of jobs starts anew.")

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise Unavailable(
                f"The list of jobs in '{self.path}' cannot be used ({error}); free space or see its rights."
            ) from error
