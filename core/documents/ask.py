"""Questions about documents: the model reads all of the text where that fits its context, else the chunks that speak of the
question. An answer that the text does not hold is no answer, and is said to be none.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

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
from core.documents.words import fold, function_words, terms
from core.errors import InvalidRequest
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
    citer = Citer(index if whole else PassageIndex(read), len(documents))
    answer, found = "", False
    if read and not _is_foreign(asked, index, chunks):
        answer = work.last(question(text, asked, language), answer_tokens, citer, interactive=True)
        found = _is_answer(answer) and (bool(citer.citations) or not terms(answer))
    if found:
        work.tell_numbers(citer)
    else:
        missing = [word for word in _words(asked) if not any(term in index for term in terms(word))]
        answer = NOT_FOUND if not missing else f"{NOT_FOUND} It does not mention {_listed(missing)}."
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
    if not wanted or any(term in index for term in wanted):
        return False
    own = function_words(asked)
    return bool(own) and any(own & function_words(item.text) for item in chunks)


def _is_answer(answer: str) -> bool:
    return bool(answer) and not fold(answer).startswith(fold(NOT_FOUND.rstrip(".")))


def _words(asked: str) -> list[str]:
    """The words of a question that say what it is about."""
    return list(dict.fromkeys(word for word in asked.replace("?", " ").split() if terms(word)))


def _listed(words: Sequence[str]) -> str:
    plain = [word.strip(".,;:!()\"'") for word in words[:5]]
    quoted = [f"'{word}'" for word in plain]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} or {quoted[-1]}"
