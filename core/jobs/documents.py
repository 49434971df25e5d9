"""The job kinds `summarize` and `ask`: a process each, which reads the documents (in a child of its own), asks the service's model
like any other client, and keeps in its folder what it needs to go on after a restart:

    documents.msgpack   what was read, so that the files may change or go meanwhile
    answers.jsonl       every answer of the model, as it came
    report.json         the result: core.schemas.DocumentReports
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TypeVar

import msgspec
from pydantic import BaseModel, ValidationError

from core.config import load_config
from core.documents.api import load
from core.documents.ask import ask_documents
from core.documents.document import Document
from core.documents.prompts import Task
from core.documents.store import AnswerStore
from core.documents.summarize import Listener, summarize_documents
from core.errors import InvalidRequest
from core.jobs.child import JobContext, run
from core.jobs.served_model import ServedModel, find_service
from core.pipes import Connection
from core.schemas import AskRequest, DocumentReports, SummarizeRequest

R = TypeVar("R", bound=BaseModel)


class _Read(msgspec.Struct, frozen=True):
    documents: list[Document]
    notes: list[str]


def summarize_main(connection: Connection) -> None:
    """The role `summarize`."""
    run(connection, summarize_work)


def ask_main(connection: Connection) -> None:
    """The role `ask`."""
    run(connection, ask_work)


def summarize_work(context: JobContext) -> Path:
    """Returns the report's path."""
    request = _request(SummarizeRequest, context)
    listener = _listener(context)
    read = _documents(context, request.paths, listener)
    model = _model(context, request.model)
    with AnswerStore(context.folder / "answers.jsonl") as store:
        report = summarize_documents(
            model,
            read.documents,
            Task(request.length, request.style, request.language, request.focus),
            store=store,
            listener=listener,
            notes=read.notes,
        )
    return _result(context, DocumentReports(summary=report))


def ask_work(context: JobContext) -> Path:
    """Returns the report's path."""
    request = _request(AskRequest, context)
    listener = _listener(context)
    read = _documents(context, request.paths, listener)
    model = _model(context, request.model)
    report = ask_documents(
        model, read.documents, request.question, language=request.language, listener=listener, notes=read.notes
    )
    context.rewrite(report.answer)  # what was written may have turned out to be no answer
    return _result(context, DocumentReports(answer=report))


def _request(kind: type[R], context: JobContext) -> R:
    try:
        return kind.model_validate(context.params)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(map(str, first["loc"]))
        raise InvalidRequest(f"The parameter '{name}' of the job cannot be used: {first['msg']}.", name) from error


def _listener(context: JobContext) -> Listener:
    if context.resumed:
        context.rewrite("")  # the last text is written anew
    return Listener(context.progress, context.write)


def _documents(context: JobContext, paths: list[str], listener: Listener) -> _Read:
    kept = context.folder / "documents.msgpack"
    if context.resumed and kept.exists():
        return msgspec.msgpack.decode(kept.read_bytes(), type=_Read)
    read = _Read(*load([Path(path) for path in paths], listener, check=context.check))
    context.write_result(kept, [msgspec.msgpack.encode(read)])
    return read


def _model(context: JobContext, model: str | None) -> ServedModel:
    places = load_config(os.environ).places
    info = find_service(places, context.check)
    return ServedModel(info, model or "demo", places, context.check, f"job {context.id}")


def _result(context: JobContext, reports: DocumentReports) -> Path:
    context.flush()
    return context.write_result(context.folder / "report.json", [reports.model_dump_json(indent=1).encode()])
