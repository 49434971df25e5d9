"""Summaries and questions as they go: what is known of each, out of the service's events. No Qt."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import PurePath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from core.schemas import AnswerReport, Citation, DocumentEvent, DocumentInfo, JobReply, SummaryReport

KINDS = ("summarize", "ask")
STAGES = ("read", "map", "combine", "write")
OPEN = ("queued", "running")


@dataclass(slots=True)
class Work:
    """One job. `text`: what has been written so far. `followed`: its events are being read."""

    job: JobReply
    text: str = ""
    summary: SummaryReport | None = None
    answer: AnswerReport | None = None
    followed: bool = field(default=False, compare=False)

    @property
    def name(self) -> str:
        """The documents' names."""
        paths = self.job.params.get("paths") or []
        names = [PurePath(str(path)).name or str(path) for path in paths]
        return ", ".join(names)

    @property
    def question(self) -> str:
        return str(self.job.params.get("question", ""))

    @property
    def running(self) -> bool:
        return self.job.state in OPEN

    @property
    def shown(self) -> str:
        """The final text where there is one."""
        if self.summary is not None:
            return self.summary.summary
        return self.answer.answer if self.answer is not None else self.text

    @property
    def citations(self) -> list[Citation]:
        report = self.summary or self.answer
        return report.citations if report is not None else []

    @property
    def documents(self) -> list[DocumentInfo]:
        report = self.summary or self.answer
        return report.documents if report is not None else []

    @property
    def notes(self) -> list[str]:
        report = self.summary or self.answer
        return report.notes if report is not None else []

    @property
    def coverage(self) -> float | None:
        """Per cent of the chunks that were read; None until it is known."""
        if self.summary is not None:
            return self.summary.coverage
        if self.answer is not None and self.answer.chunks:
            return 100.0 * self.answer.chunks_read / self.answer.chunks
        return None

    @property
    def chunks(self) -> tuple[int, int] | None:
        """(read, all) while it reads them."""
        if self.job.stage == "map" and self.job.total > 0:
            return min(self.job.done, self.job.total), self.job.total
        return None

    def share(self) -> float | None:
        """Of the current stage, 0 to 1."""
        return min(1.0, self.job.done / self.job.total) if self.job.total > 0 else None

    def apply(self, event: DocumentEvent) -> None:
        """What a reader of the stream has learned."""
        if event.kind == "text":
            self.text = self.text[: event.offset] + event.text
        if event.job is not None:
            self.job = event.job
        if event.kind == "end":
            self.summary, self.answer = event.summary, event.answer
