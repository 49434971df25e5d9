"""Every kind of job that the service runs. A kind is names and numbers: its code is loaded in its own process only."""

from __future__ import annotations

from core.jobs.job import JobKind

# params {"model": "REPO[@revision]"}; the result is the model's folder. One at a time: several share one network anyway.
PULL = JobKind("pull", "pull", resumable=True)

# params: core.schemas.SummarizeRequest and AskRequest; the result is a file with core.schemas.DocumentReports.
SUMMARIZE = JobKind("summarize", "summarize", resumable=True, limit=2)
ASK = JobKind("ask", "ask", resumable=True, limit=4)
DOCUMENT_KINDS = frozenset({SUMMARIZE.name, ASK.name})

# params of core.library.build_job.BuildParams; the result is the engine's folder. One at a time: it takes all cores, and the GPU.
BUILD = JobKind("build", "build", resumable=True, grace=15.0)

# params {"folder": absolute}; the result is that folder. What was copied is gone on with.
MOVE = JobKind("move", "move", resumable=True)

KINDS = (PULL, BUILD, SUMMARIZE, ASK, MOVE)
