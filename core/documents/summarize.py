"""Whole documents in one summary: in a single pass where they fit the context, else every chunk at once in the background, their
summaries combined as a tree, the last one streamed. Every chunk is read; every sentence of the result is looked up in the source.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from core.documents.budget import Budget, budget_for
from core.documents.chunk import Chunk, chunk
from core.documents.cite import Citer, without_marks
from core.documents.document import Document
from core.documents.model import Message, Prompter, TextModel, Written
from core.documents.passages import PassageIndex
from core.documents.prompts import Task
from core.documents.report import document_info, page_notes
from core.documents.store import AnswerStore

if TYPE_CHECKING:
    from core.schemas import SummaryReport


def _ignore(*_: object) -> None:
    return


@dataclass(frozen=True, slots=True)
class Listener:
    """Who follows a job. `progress(stage, done, total)`: stages read, map, combine, write. `text`: more of the final text. What
    these raise ends the job."""

    progress: Callable[[str, int, int], None] = _ignore
    text: Callable[[str], None] = _ignore


@dataclass(slots=True)
class Tally:
    """Tokens of all requests of a job."""

    prompt: int = 0
    cached: int = 0
    output: int = 0
    requests: int = 0

    def add(self, written: Written) -> None:
        self.prompt += written.prompt_tokens
        self.cached += written.cached_tokens
        self.output += written.output_tokens
        self.requests += 1


@dataclass(slots=True)
class Work:
    """One job under way."""

    model: TextModel
    store: AnswerStore
    listener: Listener
    prompter: Prompter
    tally: Tally = field(default_factory=Tally)
    notes: list[str] = field(default_factory=list)

    def many(self, stage: str, prompts: Sequence[list[Message]], max_tokens: int) -> list[str]:
        """An answer for each prompt: from the store where it is known, else all at once."""
        ids = [self.prompter.ids(prompt) for prompt in prompts]
        known = {i: kept for i, prompt in enumerate(ids) if (kept := self.store.get(prompt, max_tokens)) is not None}
        missing = [i for i in range(len(ids)) if i not in known]
        self.listener.progress(stage, len(known), len(ids))

        def on_done(number: int, written: Written) -> None:
            i = missing[number]
            self.store.put(ids[i], max_tokens, written)
            known[i] = written
            self.listener.progress(stage, len(known), len(ids))

        if missing:
            self.model.write_many([ids[i] for i in missing], max_tokens, on_done)
        for written in known.values():
            self.tally.add(written)
        return [self.prompter.answer(known[i].text) for i in range(len(ids))]

    def last(self, messages: list[Message], max_tokens: int, citer: Citer, *, interactive: bool) -> str:
        """The final text with its marks, told to the listener sentence by sentence."""
        split = self.prompter.splitter()
        whole: list[str] = []

        def show(text: str) -> None:
            text = text if whole else text.lstrip()
            if text:
                whole.append(text)
                self.listener.text(text)

        self.listener.progress("write", 0, 0)
        for piece in self.model.write(self.prompter.ids(messages), max_tokens, interactive=interactive):
            if isinstance(piece, Written):
                self.tally.add(piece)
                if piece.cut:
                    self.notes.append(
                        f"The text was ended at {max_tokens} tokens; ask for a longer one to have all of it."
                    )
            else:
                show(citer.feed(split.feed(piece)))
        show(citer.feed(split.finish()))
        show(citer.finish())
        return "".join(whole).strip()

    def tell_numbers(self, citer: Citer) -> None:
        """A model that copies a number wrongly is found out by that alone."""
        if citer.unknown_numbers:
            listed = ", ".join(citer.unknown_numbers[:8])
            self.notes.append(f"Check these numbers, which are not in the source as they are written here: {listed}.")


def summarize_documents(
    model: TextModel,
    documents: Sequence[Document],
    task: Task,
    *,
    store: AnswerStore | None = None,
    listener: Listener | None = None,
    notes: Sequence[str] = (),
) -> SummaryReport:
    """Raises InvalidRequest (context too small), and what the model and the listener raise. A job that failed goes on with the
    answers in `store` if called again."""
    from core.schemas import SummaryReport

    began = time.monotonic()
    work = Work(model, store or AnswerStore(), listener or Listener(), Prompter(model.prompts))
    work.notes += notes
    work.notes += page_notes(documents)
    budget = budget_for(model, work.prompter, task)
    chunks = chunk(documents, budget.chunk, lambda text: work.prompter.count(work.prompter.plain(text)))
    text = _joined(documents, chunks)
    levels = 0
    if sum(item.tokens for item in chunks) <= budget.whole and work.prompter.count(text) <= budget.whole:
        chunks = chunk(documents, budget.whole, work.prompter.count)
        messages = task.whole(work.prompter.plain(text))
        read = len(chunks)
    else:
        parts = [task.part(work.prompter.plain(item.text)) for item in chunks]
        answers = work.many("map", parts, budget.note)
        read = len(answers)
        written = [_note(note) for note in answers]
        levels, written = reduce_notes(work, task, budget, written)
        messages = task.final(written)
    citer = Citer(PassageIndex(chunks), len(documents))
    summary = work.last(messages, budget.answer, citer, interactive=False)
    work.tell_numbers(citer)
    if not citer.citations or (citer.sentences and citer.unsupported == citer.sentences):
        work.notes.append(
            "The words of this summary are hardly found in the source: the model is too small for this text; check it."
        )
    return SummaryReport(
        summary=summary,
        coverage=100.0 * read / len(chunks),
        citations=citer.citations,
        chunks=len(chunks),
        tokens=work.tally.prompt,
        cached_tokens=work.tally.cached,
        output_tokens=work.tally.output,
        seconds=round(time.monotonic() - began, 3),
        requests=work.tally.requests,
        levels=levels,
        unsupported=citer.unsupported,
        model=model.name,
        documents=[document_info(document) for document in documents],
        notes=work.notes,
    )


def _joined(documents: Sequence[Document], chunks: Sequence[Chunk]) -> str:
    """All text, each document under its name where there are several."""
    if len(documents) == 1:
        return "\n\n".join(item.text for item in chunks)
    return "\n\n".join(
        f"Document {i + 1}, {document.name}:\n\n" + "\n\n".join(item.text for item in chunks if item.document == i)
        for i, document in enumerate(documents)
    )


def _note(text: str) -> str:
    """A part's summary as the next step reads it. A model that wrote nothing has still read the part."""
    return " ".join(without_marks(text).split()) or "(no content)"


def reduce_notes(work: Work, task: Task, budget: Budget, notes: list[str]) -> tuple[int, list[str]]:
    """(levels, notes that fit the last step): neighbours are combined until they do."""
    levels = 0
    while len(notes) > 1 and work.prompter.count(_as_prompt(notes)) > budget.notes:
        levels += 1
        groups = _groups(work, notes, budget.notes)
        combined = work.many("combine", [task.combine(group) for group in groups if len(group) > 1], budget.note)
        texts = iter(combined)
        notes = [_note(next(texts)) if len(group) > 1 else group[0] for group in groups]
    return levels, notes


def _groups(work: Work, notes: Sequence[str], room: int) -> list[list[str]]:
    """Neighbours together, as many as fit, but evenly; two at least, so that every level has fewer notes than the last."""
    sizes = [work.prompter.count(f"Part 100: {note}\n\n") for note in notes]
    least = -(-sum(sizes) // room)
    target = sum(sizes) / least
    groups: list[list[str]] = [[]]
    filled = 0
    for note, size in zip(notes, sizes, strict=True):
        if len(groups[-1]) > 1 and (filled + size > room or filled >= target):
            groups.append([])
            filled = 0
        groups[-1].append(note)
        filled += size
    return groups


def _as_prompt(notes: Sequence[str]) -> str:
    return "\n\n".join(f"Part {i}: {note}" for i, note in enumerate(notes, 1))
