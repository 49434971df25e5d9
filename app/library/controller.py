"""What the models page can do, one method per action of the user; it keeps what came of them and tells the widgets."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot

from app import formats
from app.library.jobs import JobList, JobView, loading_of, waiting_of
from app.library.rows import Row, meant, rows_of, same_model
from app.session import Session
from app.threads import silently
from core.errors import DesksideError

if TYPE_CHECKING:
    from core.schemas import JobReply, JobsReply, RemoveReply, SearchReply, ServiceEvent, Status


class LibraryController(QObject):
    """`fit_changed` and `look_changed` carry the model they are about, an answer or an error."""

    rows_changed = Signal()
    jobs_changed = Signal()
    searching = Signal(bool)
    search_failed = Signal(object)  # DesksideError
    fit_changed = Signal(str, object)  # model, FitReply or DesksideError
    look_changed = Signal(str, object)  # model, HubModelReply or DesksideError
    status_changed = Signal(object)  # core.schemas.Status
    token_kept = Signal()
    chosen = Signal(str)  # key of a row that should be shown

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._jobs = JobList()
        self._found: SearchReply | None = None
        self._ours: set[str] = set()  # builds begun here: their engines are loaded when they are done
        self._loading: set[str] = set()  # builds that are done, and whose engines are being loaded
        self._dismissed: set[str] = set()  # gone from the list; a late event does not bring them back
        self._search = 0
        session.models_changed.connect(self._models_changed)
        session.service_changed.connect(self._service_changed)
        session.service_event.connect(self._event)

    @property
    def rows(self) -> list[Row]:
        return rows_of(self._session.models, self._found)

    @property
    def jobs(self) -> list[JobView]:
        views = [loading_of(view) if view.id in self._loading else view for view in self._jobs.views()]
        return views if self._session.service.phase == "ready" else [waiting_of(view) for view in views]

    def job_of(self, model: str) -> JobView | None:
        return self._jobs.of_model(model)

    def refresh(self) -> None:
        """Ask for everything again."""
        if self._session.service.phase == "ready":
            self._session.refresh_models()
            before = self._jobs.ids
            self._session.call(
                lambda client: client.jobs(), lambda reply: self._take_jobs(reply, before), silently, self
            )
            self._ask_status()

    def search(self, text: str) -> None:
        """Words, a model's id, the address of its page, or a folder."""
        what, value = meant(text)
        if what == "nothing":
            self._found = None
            self.searching.emit(False)
            self.rows_changed.emit()
        elif what == "folder":
            self.link(value)
        else:
            self._search += 1
            number = self._search
            self.searching.emit(True)
            self._session.call(
                lambda client: client.search(value),
                lambda reply: self._take_found(number, reply),
                lambda error: self._search_gone_wrong(number, error),
                self,
            )

    def look(self, model: str) -> None:
        """Facts of a model on the Hub."""
        self._session.call(
            lambda client: client.hub_model(model),
            lambda reply: self.look_changed.emit(model, reply),
            lambda error: self.look_changed.emit(model, error),
            self,
        )

    def ask_fit(self, model: str, gpu: str | None = None) -> None:
        self._session.call(
            lambda client: client.fit(model, gpu=gpu),
            lambda reply: self.fit_changed.emit(model, reply),
            lambda error: self.fit_changed.emit(model, error),
            self,
        )

    def build(self, model: str, precision: str, gpu: str | None = None) -> None:
        """From weights to an engine, the download before it where it is needed, loading it after."""
        self._session.call(
            lambda client: client.build(model, precision=precision, gpu=gpu), self._began_build, self._refused, self
        )

    def pull(self, model: str) -> None:
        self._session.call(lambda client: client.pull(model), self._take_job, self._refused, self)

    def act(self, job: str, action: str) -> None:
        """An action of a JobView."""
        session = self._session
        if action == "pause":
            session.call(lambda client: client.pause_job(job), self._take_job, owner=self)
        elif action in ("resume", "retry"):
            session.call(lambda client: client.resume_job(job), self._take_job, owner=self)
        elif action == "cancel":
            session.call(lambda client: client.cancel_job(job), self._take_job, owner=self)
        else:
            self._dismiss(job)

    def load(
        self, model: str, then: Callable[[], None] = lambda: None, fails: Callable[[], None] = lambda: None
    ) -> None:
        def loaded(reply: object) -> None:
            then()
            self._session.messages.info(self.tr("{model} is loaded and answers.").format(model=model), topic=model)
            self._session.refresh_models()

        def failed(error: DesksideError) -> None:
            self._session.messages.error(error, topic=model)
            fails()

        self._session.messages.info(self.tr("Loading {model}…").format(model=model), topic=model)
        self._session.call(lambda client: client.load(model), loaded, failed, self)

    def unload(self, model: str) -> None:
        self._session.call(lambda client: client.unload(model), self._changed, owner=self)

    def remove(self, model: str) -> None:
        """A model with its engines, or one engine. What is loaded of it is unloaded first, by the service: it knows what is."""
        self._session.call(lambda client: client.remove(model, unload=True), self._removed, owner=self)

    def link(self, folder: str) -> None:
        """Install a folder as it lies there."""

        def linked(reply: object) -> None:
            name = str(getattr(reply, "name", ""))
            self._session.messages.info(
                self.tr("{name} is installed. Its files stay in {folder}.").format(name=name, folder=folder)
            )
            self._session.refresh_models()
            self.chosen.emit(f"here:{name}")

        self._session.call(lambda client: client.link(folder), linked, owner=self)

    def keep_token(self, token: str) -> None:
        def kept(reply: object) -> None:
            self._session.messages.info(self.tr("The access token is kept: {where}.").format(where=reply.kept))  # type: ignore[attr-defined]
            self.token_kept.emit()

        self._session.call(lambda client: client.keep_hub_token(token), kept, owner=self)

    def _take_found(self, number: int, reply: SearchReply) -> None:
        if number != self._search:
            return  # a later search has begun
        self._found = reply
        self.searching.emit(False)
        self.rows_changed.emit()
        first = next((row for row in self.rows if row.section == "hub" and not row.header), None)
        here = {row.name: row for row in self.rows if row.installed is not None}
        if reply.models and reply.models[0].repo in here and len(reply.models) == 1:
            first = here[reply.models[0].repo]
        exact = same_model(self.rows, f"hub:{reply.query}")  # an id that was pasted
        first = next((row for row in self.rows if row.key == exact), first)
        if first is not None:
            self.chosen.emit(first.key)

    def _search_gone_wrong(self, number: int, error: DesksideError) -> None:
        if number == self._search:
            self.searching.emit(False)
            self.search_failed.emit(error)

    def _refused(self, error: DesksideError) -> None:
        """What was asked for is not a job: it can be asked for again."""
        self._session.messages.error(error)
        self.jobs_changed.emit()

    def _began_build(self, job: JobReply) -> None:
        self._ours.add(job.id)
        self._take_job(job)

    def _take_job(self, job: JobReply) -> None:
        if (job.id in self._dismissed and job.state == "done") or not self._jobs.take(job):
            return  # news that is older than the user's wish, or than what is known
        self.jobs_changed.emit()
        if job.state == "done":
            self._session.refresh_models()
            self._ask_status()
            if job.id in self._ours:
                self._ours.discard(job.id)
                model, precision = str(job.params.get("model", "")), str(job.params.get("precision", ""))
                self._load_built(job.id, f"{model.partition('@')[0]}:{precision}")

    def _load_built(self, job: str, engine: str) -> None:
        """The last stage; the job is not worth a line once its engine answers."""
        self._loading.add(job)
        self.jobs_changed.emit()
        self.load(engine, lambda: self._dismiss(job), lambda: self._not_loaded(job))

    def _not_loaded(self, job: str) -> None:
        self._loading.discard(job)
        self.jobs_changed.emit()

    def _take_jobs(self, reply: JobsReply, before: set[str]) -> None:
        self._jobs.replace(reply.jobs, before)
        self.jobs_changed.emit()

    def _dismiss(self, job: str) -> None:
        """Gone from the list at once; the service forgets it too."""
        self._loading.discard(job)
        self._dismissed.add(job)
        if self._jobs.drop(job):
            self.jobs_changed.emit()
        self._session.call(lambda client: client.remove_job(job), None, silently, self)

    def _removed(self, reply: RemoveReply) -> None:
        if reply.linked:
            text = self.tr("{name} is gone from the list. Its files are where they were.").format(name=reply.name)
        else:
            text = self.tr("{name} is removed; {size} came free.").format(
                name=reply.name, size=formats.size(reply.freed)
            )
        self._session.messages.info(text, topic=reply.name)
        self._session.refresh_models()
        self._ask_status()

    def _changed(self, reply: object) -> None:
        self._session.refresh_models()

    def _ask_status(self) -> None:
        self._session.call(lambda client: client.status(), self._take_status, silently, self)

    def _take_status(self, status: Status) -> None:
        self.status_changed.emit(status)

    @Slot(object)
    def _models_changed(self, models: object) -> None:
        self.rows_changed.emit()

    @Slot(object)
    def _service_changed(self, state: object) -> None:
        self.jobs_changed.emit()
        self.refresh()

    @Slot(object)
    def _event(self, event: ServiceEvent) -> None:
        if event.kind == "job" and event.job is not None:
            self._take_job(event.job)
        elif event.kind == "library":
            self._session.refresh_models()
