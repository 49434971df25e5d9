"""Questions about documents: the model reads all of the text where that fits its context, else the chunks that speak of the
question. An answer that the text does not hold is no answer, and is said to be none.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from core.documents.budget import CHUNK_SHARE, LEAST_TEXT, MARGIN
from core.documents.chunk import Chunk, chunk
from core.documents.cite import Citer
from core.documents.document import Document
from core.documents.model import Prompter, TextModel
from core.documents.passages import PassageIndex
from core.documents.prompts import NOT_FOUND, question
from core.documents.report import document_info, page_notes
from core.documents.search import rank
from core.documents.store import AnswerStore
from core.documents.summarize import Listener, Work
from core.documents.verdict import judge, nearest, shortened
from core.documents.words import function_words, terms
from core.errors import InvalidRequest

if TYPE_CHECKING:
    from core.schemas import AnswerReport

ANSWER_TOKENS = 384
LONGEST_CHUNK = 512  # tokens: small enough that several passages from all over a document fit


def ask_documents(
    model: TextModel,
    documents: Sequence[Document],
    asked: str,
    *,
    language: str | None = None,
    listener: Listener | None = None,
    notes: Sequence[str] = (),
) -> AnswerReport:
    """Raises InvalidRequest (no question, context too small), and what the model and the listener raise."""
    from core.schemas import AnswerReport

    began = time.monotonic()
    asked = asked.strip()
    if not asked:
        raise InvalidRequest("The question is empty; ask something.", "question")
    work = Work(model, AnswerStore(), listener or Listener(), Prompter(model.prompts))
    work.notes += notes
    work.notes += page_notes(documents)
    prompter = work.prompter
    answer_tokens = min(ANSWER_TOKENS, model.context // 4)
    room = model.context - answer_tokens - len(prompter.ids(question("", asked, language))) - MARGIN
    if room < LEAST_TEXT:
        raise InvalidRequest(
            f"The question leaves {max(0, room)} of the {model.context} tokens of '{model.name}' for the document; ask a shorter "
            "one, or take a model with more context.",
            "question",
        )
    size = max(LEAST_TEXT, min(LONGEST_CHUNK, model.context // CHUNK_SHARE, room // 2))
    chunks = chunk(documents, size, lambda text: prompter.count(prompter.plain(text)))
    text = prompter.plain(_joined(chunks, documents))
    whole = prompter.count(text) <= room
    read = chunks
    if not whole:
        read = _fitting(prompter, chunks, rank(chunks, asked), room, documents)
        text = prompter.plain(_joined(read, documents))
    index = PassageIndex(chunks)
    of_read = index if whole else PassageIndex(read)
    citer = Citer(of_read, len(documents), asked)
    answer, found = "", False
    if read and not _is_foreign(asked, index, chunks):
        answer = work.last(question(text, asked, language), answer_tokens, citer, interactive=True)
        verdict = judge(asked, answer, of_read, bool(citer.citations))
        found = verdict.found
        if verdict.passage is not None:
            answer = citer.stand_on(answer, verdict.passage)
    missing = [word for word in _words(asked) if not any(index.holds(term) for term in terms(word))]
    if found:
        work.tell_numbers(citer)
        _tell_doubts(work, citer, missing)
    else:
        answer = f"{NOT_FOUND} It does not mention {_listed(missing, 'or')}." if missing else NOT_FOUND
        near = nearest(asked, index)
        if near is not None:
            place = index.passages[near]
            of = f" of {documents[place.document].name}" if len(documents) > 1 else ""
            work.notes.append(
                f"The passage nearest to the question, on {documents[place.document].unit} {place.page}{of}, is: "
                f"\u201c{shortened(place.text)}\u201d"
            )
    return AnswerReport(
        answer=answer,
        found=found,
        citations=citer.citations if found else [],
        whole=whole,
        chunks=len(chunks),
        chunks_read=len(read),
        tokens=work.tally.prompt,
        cached_tokens=work.tally.cached,
        output_tokens=work.tally.output,
        seconds=round(time.monotonic() - began, 3),
        model=model.name,
        documents=[document_info(document) for document in documents],
        notes=work.notes,
    )


def _fitting(
    prompter: Prompter, chunks: Sequence[Chunk], ranked: Sequence[int], room: int, documents: Sequence[Document]
) -> list[Chunk]:
    """The best chunks that fit, in the order of the documents."""
    chosen: list[Chunk] = []
    left = room
    for number in ranked:
        item = chunks[number]
        cost = item.tokens + prompter.count(_label(item, documents)) + MARGIN
        if cost > left:
            break
        chosen.append(item)
        left -= cost
    return sorted(chosen, key=lambda item: item.number)


def _joined(chunks: Sequence[Chunk], documents: Sequence[Document]) -> str:
    if len(documents) == 1:
        return "\n\n".join(item.text for item in chunks)
    return "\n\n".join(_label(item, documents) + item.text for item in chunks)


def _label(item: Chunk, documents: Sequence[Document]) -> str:
    """Which of several documents a chunk is from."""
    return f"From {documents[item.document].name}:\n" if len(documents) > 1 else ""


def _is_foreign(asked: str, index: PassageIndex, chunks: Sequence[Chunk]) -> bool:
    """No word of the question is in the documents, though they are in its language: a model could only invent."""
    wanted = terms(asked)
    if not wanted or any(index.holds(term) for term in wanted):
        return False
    own = function_words(asked)
    return bool(own) and any(own & function_words(item.text) for item in chunks)


def _tell_doubts(work: Work, citer: Citer, missing: Sequence[str]) -> None:
    """What a reader should know of an answer that stands on the document in part only."""
    if citer.unsupported:
        several = citer.unsupported > 1
        what = f"{citer.unsupported} sentences" if several else "1 sentence"
        work.notes.append(f"Check {what} of this answer, whose words are not in the source.")
    if missing:
        work.notes.append(f"The document does not mention {_listed(missing, 'or')}, which the question speaks of.")


def _words(asked: str) -> list[str]:
    """The words of a question that say what it is about."""
    return list(dict.fromkeys(word for word in asked.replace("?", " ").split() if terms(word)))


def _listed(words: Sequence[str], last: str) -> str:
    plain = [word.strip(".,;:!()\"'") for word in words[:5]]
    quoted = [f"'{word}'" for word in plain]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} {last} {quoted[-1]}"
