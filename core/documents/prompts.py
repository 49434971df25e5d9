"""What we say to a model. The instruction comes first and is the same for all chunks of a job, so that its keys and values are
computed once; the text comes last. For questions it is the other way round: the next question finds the text computed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core.documents.model import Message

NOT_FOUND = "The document does not say."

_SUMMARIZER = "You summarize documents faithfully and add nothing."
_READER = "Answer the question with the document only."
_STYLES = {
    "paragraph": "",
    "bullets": " as bullet points",
    "outline": " as an outline of headings with bullet points",
    "plain": " in plain words that everybody understands",
}
_LENGTHS = {"short": "in two sentences", "medium": "in about 150 words", "long": "in about 400 words"}
ANSWER_TOKENS = {"short": 128, "medium": 320, "long": 800}  # room for the text of each length


@dataclass(frozen=True, slots=True)
class Task:
    """What a summary shall be, see core.schemas.SummarizeRequest."""

    length: str = "medium"
    style: str = "paragraph"
    language: str | None = None
    focus: str | None = None

    @property
    def answer_tokens(self) -> int:
        return ANSWER_TOKENS[self.length]

    def whole(self, text: str) -> list[Message]:
        """All of the text at once."""
        return self._messages(f"Summarize the following text {self._form()}.{self._wishes()}", text)

    def part(self, text: str) -> list[Message]:
        """One chunk of many."""
        return self._messages(
            "Summarize the following part of a longer document in a few sentences. Keep names, numbers and dates, and use "
            f"only what the text says.{self._wishes()}",
            text,
        )

    def combine(self, notes: Sequence[str]) -> list[Message]:
        """Summaries of parts that follow each other, to be combined further."""
        return self._messages(
            "Combine these part summaries of a longer document into one. Keep names, numbers and dates, and use only what they "
            f"say.{self._wishes()}",
            _listed(notes),
        )

    def final(self, notes: Sequence[str]) -> list[Message]:
        """The last step."""
        return self._messages(
            f"Combine these part summaries into one summary of the whole document, {self._form()}.{self._wishes()}",
            _listed(notes),
        )

    def _form(self) -> str:
        return _LENGTHS[self.length] + _STYLES[self.style]

    def _wishes(self) -> str:
        wishes = f" Keep to what matters for this question: {self.focus}" if self.focus else ""
        return wishes + (f" Write in {self.language}." if self.language else "")

    def _messages(self, instruction: str, text: str) -> list[Message]:
        return [{"role": "system", "content": _SUMMARIZER}, {"role": "user", "content": f"{instruction}\n\n{text}"}]


def question(text: str, asked: str, language: str | None = None) -> list[Message]:
    """A question about a text."""
    wish = f" Answer in {language}." if language else ""
    return [
        {"role": "system", "content": _READER},
        {
            "role": "user",
            "content": f"{text}\n\nAnswer with the text above only. If it does not say, answer: {NOT_FOUND}{wish}\n\n{asked}",
        },
    ]


def _listed(notes: Sequence[str]) -> str:
    return "\n\n".join(f"Part {i}: {note}" for i, note in enumerate(notes, 1))
