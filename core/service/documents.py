"""/v1/deskside/documents: document jobs, what they write while it is written, and their reports."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request, Response

from core.documents.read import read as read_document
from core.documents.report import document_info
from core.errors import InvalidRequest, NotFound, Unavailable
from core.jobs.job import ENDED, Job, JobState
from core.jobs.kinds import DOCUMENT_KINDS
from core.schemas import (
    AskRequest,
    DocumentEvent,
    DocumentReports,
    JobReply,
    ReadReply,
    ReadRequest,
    SummarizeRequest,
)
from core.service.body import JsonRoute
from core.service.replies import ERRORS, answer_stream
from core.service.sse import event
from core.service.state import Service

MOST_READERS = 2  # documents read at once for chats; each is a process
_OVER = ENDED | {JobState.PAUSED}


def routes(service: Service) -> APIRouter:
    router = APIRouter(prefix="/v1/deskside/documents", route_class=JsonRoute, tags=["Documents"], responses=ERRORS)

    @router.post("/summarize")
    async def summarize(body: SummarizeRequest) -> JobReply:
        """Queue a summary of whole documents: files or folders on this machine."""
        return await _submit(service, "summarize", body)

    @router.post("/ask")
    async def ask(body: AskRequest) -> JobReply:
        """Queue a question about documents."""
        return await _submit(service, "ask", body)

    readers = asyncio.Semaphore(MOST_READERS)

    @router.post("/read")
    async def read(body: ReadRequest) -> ReadReply:
        """The text of one document on this machine, page by page: to put it into a chat as a whole."""
        service.check_accepting()
        _check_absolute([body.path], "path")
        async with readers:
            return await asyncio.to_thread(_read, body.path)

    @router.get("/{job}/report")
    async def report(job: str) -> DocumentReports:
        """What came out, once the job is done."""
        return await _reports(_document_job(service, job))

    @router.get("/{job}/events", response_model=DocumentEvent)
    async def events(request: Request, job: str) -> Response:
        """Progress, the final text as it is written, and the report, as server-sent events. Leaving does not end the job."""
        _document_job(service, job)
        return await answer_stream(service, request, _events(service, job), lambda error: event(error.model_dump()))

    return router


async def _submit(service: Service, kind: str, body: SummarizeRequest | AskRequest) -> JobReply:
    service.check_accepting()
    _check_absolute(body.paths, "paths")
    model = service.models.name_of(body.model)
    if not await service.models.knows(model):
        raise NotFound(f"There is no model '{model}'; GET /v1/models lists those that can be used.")
    params = body.model_dump(exclude_none=True) | {"model": model}
    return service.job_reply(service.jobs.submit(kind, params))


def _check_absolute(paths: list[str], name: str) -> None:
    if not all(Path(path).is_absolute() for path in paths):
        raise InvalidRequest("Paths must be absolute: the service has a working directory of its own.", name)


def _read(path: str) -> ReadReply:
    """In a child process with limits, as every document is read."""
    document = read_document(path)
    pages = [f"[{document.unit} {page.number}]\n{page.text}" for page in document.pages if page.blocks]
    return ReadReply(
        **dict(document_info(document)),
        notes=list(document.notes),
        text="\n\n".join(pages),
    )


def _document_job(service: Service, job_id: str) -> Job:
    job = service.jobs.get(job_id)
    if job.kind not in DOCUMENT_KINDS:
        raise InvalidRequest(f"The job '{job_id}' is of kind '{job.kind}', not about documents.")
    return job


async def _reports(job: Job) -> DocumentReports:
    if job.state is not JobState.DONE:
        raise NotFound(f"The job '{job.id}' is {job.state.value}, so it has no report{_why(job)}.")
    try:
        content = await asyncio.to_thread(Path(job.result).read_bytes)
        return DocumentReports.model_validate_json(content)
    except (OSError, ValueError) as error:
        raise Unavailable(
            f"The report '{job.result}' cannot be read ({type(error).__name__}); run the job again."
        ) from error


def _why(job: Job) -> str:
    return f" ({job.error.rstrip('.')})" if job.error else ""


async def _events(service: Service, job_id: str) -> AsyncGenerator[bytes, None]:
    """A snapshot first, then what changes. A reader who is slow sees fewer snapshots and longer pieces of text."""
    changes = service.jobs.events()
    shown: Job | None = None
    sent = ""
    try:
        job: Job | None = service.jobs.get(job_id)
        while True:
            if job is not None:
                text = service.jobs.text(job_id)
                if text != sent:
                    offset = len(sent) if text.startswith(sent) else 0
                    yield _event(DocumentEvent(kind="text", text=text[offset:], offset=offset))
                    sent = text
                if job.state in _OVER:
                    yield _event(await _end(service, job))
                    return
                if job is not shown:
                    shown = job
                    yield _event(DocumentEvent(kind="progress", job=service.job_reply(job)))
            changed = await anext(changes, None)
            if changed is None:
                return  # the service is stopping; the job goes on with the next one
            job = changed if changed.id == job_id else None
    finally:
        await _aclose(changes)


async def _end(service: Service, job: Job) -> DocumentEvent:
    reports = await _reports(job) if job.state is JobState.DONE else DocumentReports()
    return DocumentEvent(kind="end", job=service.job_reply(job), summary=reports.summary, answer=reports.answer)


def _event(reply: DocumentEvent) -> bytes:
    return event(reply.model_dump(exclude_none=True))


async def _aclose(stream: Any) -> None:
    await stream.aclose()
