"""How a model's context is shared between instruction, text and answer."""

from __future__ import annotations

from dataclasses import dataclass

from core.documents.model import Prompter, TextModel
from core.documents.prompts import Task
from core.errors import InvalidRequest

LEAST_TEXT = 48  # tokens of text below which a summary is no use
CHUNK_SHARE = 4  # a chunk takes this part of the context, and at most:
LONGEST_CHUNK = 2048
NOTE_SHARE = 6  # of a chunk, for its summary
NOTE_TOKENS = (32, 256)
MARGIN = 8  # tokens that joining texts may add


@dataclass(frozen=True, slots=True)
class Budget:
    """In tokens. `whole`: of a text that is summarized in one pass; `chunk`: of a part; `note`: of a part's summary; `notes`: of
    the summaries that one reduce step takes, at least two; `answer`: of the final text."""

    whole: int
    chunk: int
    note: int
    notes: int
    answer: int


def budget_for(model: TextModel, prompter: Prompter, task: Task) -> Budget:
    """Raises InvalidRequest for a context that is too small."""
    context = model.context
    answer = max(16, min(task.answer_tokens, context // 4))
    whole = context - answer - len(prompter.ids(task.whole(""))) - MARGIN
    note = context // CHUNK_SHARE // NOTE_SHARE
    note = max(NOTE_TOKENS[0], min(NOTE_TOKENS[1], note))
    part = context - note - len(prompter.ids(task.part(""))) - MARGIN
    chunk = min(LONGEST_CHUNK, max(context // CHUNK_SHARE, 4 * note), part)
    combine = context - note - len(prompter.ids(task.combine([]))) - MARGIN
    final = context - answer - len(prompter.ids(task.final([]))) - MARGIN
    notes = min(combine, final)
    label = prompter.count("Part 100: ") + 2
    note = min(note, notes // 2 - label)
    if chunk < LEAST_TEXT or note < LEAST_TEXT // 4:
        raise InvalidRequest(
            f"The model '{model.name}' takes {context} tokens, too few to summarize a document with this request; "
            "take a model with more context, or a shorter focus.",
            "model",
        )
    return Budget(whole, chunk, note, notes, answer)
