"""What the settings can do with the folder of models and engines; it keeps what came of it and tells the card."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot

from app.library.jobs import JobList, JobView
from app.session import Session
from app.threads import silently

if TYPE_CHECKING:
    from core.schemas import JobReply, JobsReply, ServiceEvent, StorageReply


class LibraryPlace(QObject):
    """`storage`: what the service last said, None before that. `answered`: to `move` or `use`; None, or why it was refused."""

    answered = Signal(object)  # DesksideError or None
    changed = Signal(object)  # core.schemas.StorageReply
    jobs_changed = Signal()

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._jobs = JobList(("move",))
        self.storage: StorageReply | None = None
        session.service_event.connect(self._event)

    @property
    def jobs(self) -> list[JobView]:
        """Moves that are under way, or ask for something."""
        return [job for job in self._jobs.views() if job.state != "done"]

    def refresh(self) -> None:
        """Ask for everything again."""
        before = self._jobs.ids
        self._session.call(lambda client: client.storage(), self._take, silently, self)
        self._session.call(lambda client: client.jobs(), lambda reply: self._take_jobs(reply, before), silently, self)

    def move(self, folder: str) -> None:
        """Models and engines go to `folder`; "": to the default one."""
        path = _whole(folder)
        self._session.call(lambda client: client.move_storage(path), self._moving, self.answered.emit, self)

    def use(self, folder: str) -> None:
        """What lies in `folder` counts from now on; the present models and engines stay where they are."""
        path = _whole(folder)
        self._session.call(lambda client: client.use_storage(path), self._used, self.answered.emit, self)

    def act(self, job: str, action: str) -> None:
        """An action of a JobView."""
        call = self._session.call
        if action == "pause":
            call(lambda client: client.pause_job(job), self._take_job, owner=self)
        elif action in ("resume", "retry"):
            call(lambda client: client.resume_job(job), self._take_job, owner=self)
        elif action == "cancel":
            call(lambda client: client.cancel_job(job), self._take_job, owner=self)
        else:
            self._jobs.drop(job)
            self.jobs_changed.emit()
            call(lambda client: client.remove_job(job), None, silently, self)

    def _moving(self, job: JobReply) -> None:
        self.answered.emit(None)
        self._take_job(job)

    def _used(self, storage: StorageReply) -> None:
        self.answered.emit(None)
        self._take(storage)
        self._session.refresh_models()

    def _take(self, storage: StorageReply) -> None:
        self.storage = storage
        self.changed.emit(storage)

    def _take_jobs(self, reply: JobsReply, before: set[str]) -> None:
        self._jobs.replace(reply.jobs, before)
        self.jobs_changed.emit()

    def _take_job(self, job: JobReply) -> None:
        if self._jobs.take(job):
            self.jobs_changed.emit()

    @Slot(object)
    def _event(self, event: ServiceEvent) -> None:
        if event.job is not None and event.job.kind == "move":
            self._take_job(event.job)
            if event.job.state in ("done", "cancelled"):
                self.refresh()
                self._session.refresh_models()


def _whole(folder: str) -> str:
    """The service has a home and a working directory of its own; what is not absolute it refuses in words."""
    return str(Path(folder).expanduser()) if folder.startswith("~") else folder
