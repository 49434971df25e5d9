"""What the documents page can do, one method per action of the user; it follows what runs and keeps what came of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal, Slot

from app.documents.works import KINDS, Work
from app.session import Session
from app.threads import Operation, silently
from core.errors import DesksideError

if TYPE_CHECKING:
    from core.client import AsyncClient
    from core.schemas import DocumentEvent, DocumentReports, JobReply, JobsReply, ServiceEvent


class DocumentsController(QObject):
    works_changed = Signal()  # there are others, or one's state changed
    work_changed = Signal(str)  # more of one: text, progress
    submitted = Signal(str)  # a new one, by id
    refused = Signal()  # what was submitted is not a job; why was said

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._works: dict[str, Work] = {}
        self._following: dict[str, Operation] = {}
        session.service_changed.connect(self._service_changed)
        session.service_event.connect(self._event)

    @property
    def works(self) -> list[Work]:
        """The newest first."""
        return sorted(self._works.values(), key=lambda work: work.job.created, reverse=True)

    def get(self, job: str) -> Work | None:
        return self._works.get(job)

    def refresh(self) -> None:
        if self._session.service.phase == "ready":
            before = set(self._works)
            self._session.call(
                lambda client: client.jobs(), lambda reply: self._take_jobs(reply, before), silently, self
            )

    def summarize(self, paths: Sequence[str], **options: Any) -> None:
        """`options`: of core.schemas.SummarizeRequest; what is None is left out."""
        given = {name: value for name, value in options.items() if value is not None}
        self._session.call(lambda client: client.summarize(paths, **given), self._submitted, self._not_submitted, self)

    def ask(self, paths: Sequence[str], question: str, **options: Any) -> None:
        given = {name: value for name, value in options.items() if value is not None}
        self._session.call(
            lambda client: client.ask_documents(paths, question, **given), self._submitted, self._not_submitted, self
        )

    def act(self, job: str, action: str) -> None:
        """pause, resume, cancel, or remove from the list."""
        session = self._session
        if action == "pause":
            session.call(lambda client: client.pause_job(job), self._take_job, owner=self)
        elif action == "resume":
            session.call(lambda client: client.resume_job(job), self._take_job, owner=self)
        elif action == "cancel":
            session.call(lambda client: client.cancel_job(job), self._take_job, owner=self)
        else:
            self._forget(job)
            session.call(lambda client: client.remove_job(job), None, silently, self)

    def open(self, job: str) -> None:
        """Somebody looks at it: follow what runs, fetch what is done."""
        work = self._works.get(job)
        if work is None:
            return
        if work.running:
            self._follow(work)
        elif work.job.state == "done" and work.summary is None and work.answer is None:
            self._session.call(
                lambda client: client.document_report(job), lambda reports: self._take_report(job, reports), owner=self
            )

    def _submitted(self, job: JobReply) -> None:
        self._take_job(job)
        self.submitted.emit(job.id)

    def _not_submitted(self, error: DesksideError) -> None:
        self._session.messages.error(error)
        self.refused.emit()

    def _follow(self, work: Work) -> None:
        if work.followed:
            return
        work.followed = True
        job = work.job.id

        async def read(client: AsyncClient) -> None:
            async for event in client.document_events(job):
                self._session.courier.send(_taker(self, job, event))

        self._following[job] = self._session.call(
            read, lambda _: self._stopped(job, None), lambda error: self._stopped(job, error), self
        )

    def _stopped(self, job: str, error: DesksideError | None) -> None:
        """The stream is over, or broke: the job goes on in the service, and is followed again when that is back."""
        self._following.pop(job, None)
        work = self._works.get(job)
        if work is not None:
            work.followed = False

    def take(self, job: str, event: DocumentEvent) -> None:
        """One event of a stream."""
        work = self._works.get(job)
        if work is None:
            return
        state = work.job.state
        work.apply(event)
        self.work_changed.emit(job)
        if work.job.state != state or event.kind == "end":
            self.works_changed.emit()

    def _take_report(self, job: str, reports: DocumentReports) -> None:
        work = self._works.get(job)
        if work is not None:
            work.summary, work.answer = reports.summary, reports.answer
            self.work_changed.emit(job)
            self.works_changed.emit()

    def _take_jobs(self, reply: JobsReply, before: set[str]) -> None:
        """What the service does not know any more is gone; what came since it was asked is not. `before`: known then."""
        for job_id in before - {job.id for job in reply.jobs}:
            self._forget(job_id)
        for job in reply.jobs:
            if job.state != "cancelled":
                self._take_job(job)
        self.works_changed.emit()

    def _take_job(self, job: JobReply) -> None:
        if job.kind not in KINDS:
            return
        if job.state == "cancelled":
            self._forget(job.id)
            return
        work = self._works.get(job.id)
        if work is None:
            self._works[job.id] = work = Work(job)
        elif job.updated < work.job.updated:
            return
        else:
            work.job = job
        self.works_changed.emit()
        self.work_changed.emit(job.id)
        if work.running:
            self._follow(work)

    def _forget(self, job: str) -> None:
        if self._works.pop(job, None) is None:
            return
        operation = self._following.pop(job, None)
        if operation is not None:
            operation.cancel()
        self.works_changed.emit()

    @Slot(object)
    def _service_changed(self, state: object) -> None:
        self.refresh()

    @Slot(object)
    def _event(self, event: ServiceEvent) -> None:
        if event.kind == "job" and event.job is not None:
            self._take_job(event.job)


def _taker(controller: DocumentsController, job: str, event: DocumentEvent) -> Callable[[], None]:
    return lambda: controller.take(job, event)
