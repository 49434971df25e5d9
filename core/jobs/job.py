"""What a job is, to everybody who sees one."""

from __future__ import annotations

import enum
from dataclasses import dataclass

import msgspec


class JobState(enum.StrEnum):
    """DONE, FAILED and CANCELLED are ends; a FAILED job may be resumed all the same."""

    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


ENDED = frozenset({JobState.DONE, JobState.FAILED, JobState.CANCELLED})


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A snapshot. `params` is a JSON object as text. `done` of `total` (0: unknown) in `stage`, in whatever the kind counts;
    `done` never falls within a stage. `code` and `error` say what went wrong, or why it is paused. `result`: a path, once
    DONE. Times are seconds since 1970; `number` is the place in the queue."""

    id: str
    kind: str
    params: str
    number: int
    created: float
    updated: float
    state: JobState = JobState.QUEUED
    stage: str = ""
    done: int = 0
    total: int = 0
    code: str = ""
    error: str = ""
    result: str = ""
    attempts: int = 0
    started: float | None = None
    ended: float | None = None

    def changed(self, now: float, **fields: object) -> Job:
        """A later snapshot."""
        return msgspec.structs.replace(self, updated=max(now, self.updated), **fields)


@dataclass(frozen=True, slots=True)
class JobKind:
    """What the service must know to run jobs of a kind.

    `role`: what core.spawn starts: a name in ROLES or "module:function"; it hands its connection to `core.jobs.child.run`.
    `resumable`: a new process can go on with what an earlier one left in the job's folder, so that such a job can be paused
    and survives a crash. `limit`: how many run at once. `grace`: seconds that its process may take to stop.
    """

    name: str
    role: str
    resumable: bool = False
    limit: int = 1
    grace: float = 10.0
