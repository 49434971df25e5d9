"""Downloads and builds as they are shown. No Qt."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from core.schemas import JobReply

KINDS = ("pull", "build")
Action = Literal["pause", "resume", "retry", "cancel", "dismiss"]
StageState = Literal["done", "now", "next"]

# In the order they come; others are shown while they last, in their place of _ORDER, or last.
STAGES = {
    "pull": ("look up", "check", "download", "install"),
    "build": ("download", "check", "quantize", "compile", "verify", "load"),
    "move": ("copy", "check", "delete"),
}
_ORDER = (
    "look up",
    "download",
    "check",
    "install",
    "calibrate",
    "quantize",
    "compile",
    "tune",
    "verify",
    "measure",
    "load",
)
IN_BYTES = frozenset({"download", "check", "install", "quantize", "copy"})

_ACTIONS: dict[str, tuple[Action, ...]] = {
    "queued": ("pause", "cancel"),
    "running": ("pause", "cancel"),
    "paused": ("resume", "cancel"),
    "failed": ("retry", "dismiss"),
    "done": ("dismiss",),
    "cancelled": ("dismiss",),
}


@dataclass(frozen=True, slots=True)
class JobView:
    """`share` of the stage, 0 to 1, None unknown. `rate` in bytes/s, where the stage counts bytes; `eta` in seconds. `problem`: a
    sentence, of a job that failed or was paused by a full disk, and `code`: its error's. `note`: what it waits for."""

    id: str
    kind: str
    model: str
    precision: str
    state: str
    stages: tuple[tuple[str, StageState], ...]
    stage: str
    share: float | None
    done: int
    total: int
    rate: float | None
    eta: float | None
    note: str
    problem: str
    code: str
    actions: tuple[Action, ...]

    @property
    def counts_bytes(self) -> bool:
        return self.stage in IN_BYTES and self.total > 0


def view_of(job: JobReply) -> JobView:
    running = job.state == "running"
    return JobView(
        id=job.id,
        kind=job.kind,
        model=str(job.params.get("model") or job.params.get("folder", "")),
        precision=str(job.params.get("precision", "")) if job.kind == "build" else "",
        state=job.state,
        stages=_stages(job),
        stage=job.stage,
        share=min(1.0, job.done / job.total) if job.total > 0 else None,
        done=job.done,
        total=job.total,
        rate=job.rate if running and job.stage in IN_BYTES else None,
        eta=job.eta if running else None,
        note=job.note,
        problem=job.error,
        code=job.code,
        actions=_ACTIONS.get(job.state, ()),
    )


def loading_of(view: JobView) -> JobView:
    """A finished build whose engine is being loaded, which is nothing that could be paused."""
    stages: tuple[tuple[str, StageState], ...] = tuple(
        (name, "now" if name == "load" else "done") for name, _ in view.stages
    )
    return replace(view, state="running", stage="load", stages=stages, share=None, done=0, total=0, actions=())


def waiting_of(view: JobView) -> JobView:
    """One of a service that is not there: it goes on, or says what became of it, once there is one again."""
    if view.state not in ("queued", "running"):
        return view
    return replace(view, state="waiting", rate=None, eta=None, note="", actions=())


def _stages(job: JobReply) -> tuple[tuple[str, StageState], ...]:
    names = STAGES.get(job.kind, ())
    if job.stage and job.stage not in names:
        place = _ORDER.index(job.stage) if job.stage in _ORDER else len(_ORDER)
        before = sum(1 for name in names if name in _ORDER and _ORDER.index(name) < place)
        names = (*names[:before], job.stage, *names[before:])
    reached = names.index(job.stage) if job.stage else 0
    if job.state == "done":
        reached = len(names)
    states: list[tuple[str, StageState]] = []
    for index, name in enumerate(names):
        begun = index == reached and bool(job.stage)
        states.append((name, "done" if index < reached else "now" if begun else "next"))
    return tuple(states)


class JobList:
    """The jobs of some kinds, oldest first, as events bring them. What is over and done with goes when the user says so."""

    def __init__(self, kinds: tuple[str, ...] = KINDS) -> None:
        self._kinds = kinds
        self._jobs: dict[str, JobReply] = {}

    @property
    def ids(self) -> set[str]:
        return set(self._jobs)

    def replace(self, jobs: list[JobReply], before: set[str]) -> None:
        """All that the service knew when it was asked; `before`: what the list held then, as what came since stays. Ended
        ones are history: only failed ones ask for something."""
        since = {job_id: job for job_id, job in self._jobs.items() if job_id not in before}
        self._jobs = {
            job.id: job for job in jobs if job.kind in self._kinds and job.state not in ("done", "cancelled")
        } | since

    def take(self, job: JobReply) -> bool:
        """One that changed. True if the list did."""
        known = self._jobs.get(job.id)
        if job.kind not in self._kinds or (known is not None and job.updated < known.updated):
            return False
        if job.state == "cancelled":
            return self.drop(job.id)
        self._jobs[job.id] = job
        return True

    def drop(self, job_id: str) -> bool:
        return self._jobs.pop(job_id, None) is not None

    def get(self, job_id: str) -> JobReply | None:
        return self._jobs.get(job_id)

    def views(self) -> list[JobView]:
        return [view_of(job) for job in sorted(self._jobs.values(), key=lambda job: job.created)]

    def of_model(self, model: str) -> JobView | None:
        """The one under way for a model, if any."""
        open_ones = (view for view in self.views() if view.state in ("queued", "running", "paused"))
        return next((view for view in open_ones if view.model.partition("@")[0] == model), None)
