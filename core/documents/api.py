"""The Python API: `read`, `summarize` and `ask`, with a model in this process."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from core.documents.ask import ask_documents
from core.documents.document import Document
from core.documents.limits import DEFAULT, ReadLimits
from core.documents.model import TextModel
from core.documents.prompts import Task
from core.documents.read import find_files
from core.documents.read import read as read
from core.documents.store import AnswerStore
from core.documents.summarize import Listener, summarize_documents

if TYPE_CHECKING:
    from core.llm import LLM
    from core.schemas import AnswerReport, SummaryReport

Source = Document | str | os.PathLike[str]


def summarize(
    model: LLM | TextModel,
    sources: Source | Iterable[Source],
    *,
    length: str = "medium",
    style: str = "paragraph",
    language: str | None = None,
    focus: str | None = None,
    store: AnswerStore | None = None,
    on_progress: Callable[[str, int, int], None] | None = None,
    on_text: Callable[[str], None] | None = None,
) -> SummaryReport:
    """One summary of documents (files, folders, or what `read` returned). Options: see core.schemas.SummarizeRequest.

    Raises NotFound, DocumentUnusable, InvalidRequest, and what the model raises."""
    task = checked_task(length=length, style=style, language=language, focus=focus)
    listener = _listener(on_progress, on_text)
    documents, notes = load(sources, listener)
    return summarize_documents(as_model(model), documents, task, store=store, listener=listener, notes=notes)


def ask(
    model: LLM | TextModel,
    sources: Source | Iterable[Source],
    question: str,
    *,
    language: str | None = None,
    on_progress: Callable[[str, int, int], None] | None = None,
    on_text: Callable[[str], None] | None = None,
) -> AnswerReport:
    """Answer a question from documents, with citations. Raises as `summarize`."""
    listener = _listener(on_progress, on_text)
    documents, notes = load(sources, listener)
    return ask_documents(as_model(model), documents, question, language=language, listener=listener, notes=notes)


def checked_task(*, length: str, style: str, language: str | None, focus: str | None) -> Task:
    """Raises InvalidRequest, naming the option."""
    from pydantic import ValidationError

    from core.errors import InvalidRequest
    from core.schemas import SummarizeRequest

    try:
        SummarizeRequest.model_validate(
            {"paths": ["-"], "length": length, "style": style, "language": language, "focus": focus}
        )
    except ValidationError as error:
        name = str(error.errors()[0]["loc"][0])
        raise InvalidRequest(f"{name} cannot be used: {error.errors()[0]['msg']}.", name) from error
    return Task(length, style, language, focus)


def as_model(model: LLM | TextModel) -> TextModel:
    from core.documents.local import LocalModel
    from core.llm import LLM

    return LocalModel(model) if isinstance(model, LLM) else model


def load(
    sources: Source | Iterable[Source],
    listener: Listener,
    *,
    limits: ReadLimits = DEFAULT,
    check: Callable[[], None] | None = None,
) -> tuple[list[Document], list[str]]:
    """All documents, and notes on what is left out: in a list of several, a file that cannot be read is left out, and named."""
    from core.errors import UserError

    items = [sources] if isinstance(sources, (Document, str, os.PathLike)) else list(sources)
    paths = [item for item in items if not isinstance(item, Document)]
    files, notes = find_files(paths) if paths else ([], [])
    documents = [item for item in items if isinstance(item, Document)]
    single = len(files) + len(documents) == 1
    problems: list[UserError] = []
    for number, file in enumerate(files):
        listener.progress("read", number, len(files))
        try:
            documents.append(read(file, limits, check=check))
        except UserError as error:
            if single:
                raise
            problems.append(error)
            notes.append(f"Left out: {error.message}")
    listener.progress("read", len(files), len(files))
    if not documents and problems:
        raise problems[0]
    return documents, notes


def _listener(on_progress: Callable[[str, int, int], None] | None, on_text: Callable[[str], None] | None) -> Listener:
    listener = Listener()
    return Listener(on_progress or listener.progress, on_text or listener.text)
