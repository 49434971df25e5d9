"""/v1/deskside/documents: summaries of whole documents and questions about them, as durable jobs."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from core.schemas.base import Reply, Strict
from core.schemas.deskside import JobReply

Length = Literal["short", "medium", "long"]
SummaryStyle = Literal["paragraph", "bullets", "outline", "plain"]
MAX_PATHS = 500


class SummarizeRequest(Strict):
    """`paths`: absolute, files or folders on this machine; several make one summary. `plain` style: simple words.
    `language`: of the summary, in words ("German"); None is the document's own. `focus`: a question to keep to."""

    paths: list[str] = Field(min_length=1, max_length=MAX_PATHS)
    model: str | None = None
    length: Length = "medium"
    style: SummaryStyle = "paragraph"
    language: str | None = Field(default=None, min_length=1, max_length=60)
    focus: str | None = Field(default=None, min_length=1, max_length=2000)


class AskRequest(Strict):
    """A question about documents; `paths` as in SummarizeRequest."""

    paths: list[str] = Field(min_length=1, max_length=MAX_PATHS)
    question: str = Field(min_length=1, max_length=8000)
    model: str | None = None
    language: str | None = Field(default=None, min_length=1, max_length=60)


class ReadRequest(Strict):
    """`path`: absolute, a file on this machine."""

    path: str = Field(min_length=1, max_length=4096)


class Citation(Reply):
    """`quote` stands on `page` of document number `document` (from 0), word for word but for white space. `page` counts from 1,
    in the document's own `unit`; `chunk` from 0. In the text it is the mark `[p. PAGE]`, or `[n, p. PAGE]` with document
    number n (from 1) where there are several."""

    page: int
    chunk: int
    quote: str
    document: int = 0


class UnreadPage(Reply):
    """A page without text: `reason` is "scanned" (it has pictures), "empty", or "unreadable"."""

    page: int
    reason: str


class DocumentInfo(Reply):
    """A document as it was read. `unit`: what its pages are: page, slide, chapter, or part (of a text without pages)."""

    path: str
    name: str
    format: str
    title: str = ""
    unit: str = "page"
    pages: int = 0
    chars: int = 0
    unread: list[UnreadPage] = Field(default_factory=list)


class ReadReply(DocumentInfo):
    """Its text as well, each page under a mark `[page 3]` (or slide, chapter, part). `notes`: what was left out and why."""

    text: str
    notes: list[str] = Field(default_factory=list)


class SummaryReport(Reply):
    """`coverage`: chunks read of all, in per cent; `notes` say what is not in them and why. `tokens`: of all prompts, of
    which `cached_tokens` were reused; `output_tokens`: of all answers. `unsupported`: sentences of the summary whose words
    are nowhere in the source."""

    kind: Literal["summary"] = "summary"
    summary: str
    coverage: float
    citations: list[Citation]
    chunks: int
    tokens: int
    cached_tokens: int
    output_tokens: int = 0
    seconds: float
    requests: int = 0
    levels: int = 0
    unsupported: int = 0
    model: str = ""
    documents: list[DocumentInfo] = Field(default_factory=list)
    notes: list[str] = Field(default_factory=list)


class AnswerReport(Reply):
    """`found` False: the documents do not hold the answer, and `answer` says so. `whole`: the model read all of the text;
    else the `chunks` that `retrieval` found."""

    kind: Literal["answer"] = "answer"
    answer: str
    found: bool
    citations: list[Citation]
    whole: bool
    chunks: int
    chunks_read: int
    tokens: int
    cached_tokens: int
    output_tokens: int = 0
    seconds: float
    model: str = ""
    documents: list[DocumentInfo] = Field(default_factory=list)
    notes: list[str] = Field(default_factory=list)


class DocumentEvent(Reply):
    """One event of a document job's stream.

    progress: `job` changed (stages read, map, combine, write; `done` of `total`). text: more of the final text: what a
    reader has, cut to `offset` characters, plus `text`. end: the last event; `job` is done (then `summary` or `answer` is
    there), failed, cancelled or paused.
    """

    kind: Literal["progress", "text", "end"]
    job: JobReply | None = None
    text: str = ""
    offset: int = 0
    summary: SummaryReport | None = None
    answer: AnswerReport | None = None


class DocumentReports(Reply):
    """The result of a document job that is done: one of the two."""

    summary: SummaryReport | None = None
    answer: AnswerReport | None = None
