"""Citations: attached by us, not by the model. Each sentence that a model wrote is looked up in the source; where a passage holds
its words, the sentence gets a mark with that passage's page. What a model writes as a mark itself only decides between
passages that fit about as well; it is never shown unless it is true.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from core.documents.passages import Match, Passage, PassageIndex
from core.documents.words import sentences, terms

if TYPE_CHECKING:
    from core.schemas import Citation

ENOUGH = 0.42  # score of a passage that supports a sentence
RELATED = 0.2  # score of one that a mark of the model's may choose
MOST = 3  # marks of one sentence
FEW_TERMS = 3  # a sentence with fewer is a heading or a phrase, and needs no source
LONGEST_QUOTE = 500

_NUMBERS = r"\d{1,6}(?:\s*[-–—,&]\s*(?:pp?\.\s*)?\d{1,6})*"
_MARK = re.compile(
    rf"\s*[\[(（]\s*(?:(?:doc(?:ument)?\.?\s*)?\d{{1,3}}\s*,\s*)?(?:pp?|pages?|seiten?|slides?|part|ch(?:apter)?s?)\.?\s*({_NUMBERS})\s*[\])）]",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"\d+")


class Citer:
    """Give it a text in pieces, as a model writes it; it returns the same text with marks, sentence by sentence. Afterwards
    `citations` are all that the marks stand for, `unsupported` counts the sentences whose words are nowhere, and
    `unknown_numbers` are those that are not in the source. `asked`: of passages that hold a sentence equally well, the one that
    speaks of this is cited."""

    def __init__(self, index: PassageIndex, documents: int = 1, asked: str = "") -> None:
        self._index = index
        self._asked = frozenset(terms(asked))
        self._several = documents > 1
        self._text = ""
        self._weak: tuple[float, Match] | None = None
        self.citations: list[Citation] = []
        self.sentences = 0
        self.unsupported = 0
        self.unknown_numbers: list[str] = []

    def feed(self, text: str) -> str:
        """What can be shown now: all but the last sentence, which may go on."""
        self._text += text
        spans = _merged(self._text, sentences(self._text))
        if len(spans) < 2 or len(self._text) - spans[-1][0] < 40:
            return ""
        cut = spans[-1][0]
        done, self._text = self._text[:cut], self._text[cut:]
        return "".join(self._marked(done, spans[:-1]))

    def finish(self) -> str:
        """The rest. A text of which no sentence is supported gets the mark of the passage that is nearest, if any word of it
        is related to it."""
        text = "".join(self._marked(self._text, _merged(self._text, sentences(self._text))))
        self._text = ""
        if not self.citations and self._weak is not None and self._weak[0] >= RELATED:
            tail = text[len(text.rstrip()) :]
            text = text.rstrip() + " " + self._cite([self._weak[1]]) + tail
        return text

    def _marked(self, text: str, spans: list[tuple[int, int]]) -> Iterator[str]:
        at = 0
        for start, end in spans:
            yield text[at:start]
            sentence = text[start:end]
            hints = {int(n) for mark in _MARK.finditer(sentence) for n in _NUMBER.findall(mark[1])}
            plain = _MARK.sub("", sentence)
            self.unknown_numbers += [n for n in self._index.unknown_numbers(plain) if n not in self.unknown_numbers]
            yield plain
            marks = self._cite(self._support(plain, hints))
            if marks:
                yield (" " if plain and not plain[-1].isspace() else "") + marks
            at = end
        yield text[at:]

    def _support(self, sentence: str, hints: set[int]) -> list[Match]:
        wanted = set(terms(sentence))
        if not wanted:
            return []
        chosen: list[Match] = []
        left = set(wanted)
        while len(chosen) < MOST and left:
            found = self._index.find(left, self._asked)
            if not found:
                break
            match = self._preferred(found, hints)
            if not chosen:
                if self._weak is None or match.score > self._weak[0]:
                    self._weak = (match.score, match)
                if not _supports(match, wanted, bool(hints)):
                    break
            elif len(match.shared) < FEW_TERMS or match.score < ENOUGH:
                break
            chosen.append(match)
            left -= match.shared
        if len(wanted) >= FEW_TERMS:
            self.sentences += 1
            self.unsupported += not chosen
        return chosen

    def _preferred(self, found: list[Match], hints: set[int]) -> Match:
        """The best match, unless one on a page that the model named is good as well."""
        named = [match for match in found if self._index.passages[match.passage].page in hints]
        if named and named[0].score >= max(RELATED, 0.75 * found[0].score):
            return named[0]
        return found[0]

    def _cite(self, matches: list[Match]) -> str:
        marks = []
        for match in matches:
            passage = self._index.passages[match.passage]
            self._note(passage)
            mark = self._mark(passage)
            if mark not in marks:
                marks.append(mark)
        return " ".join(marks)

    def stand_on(self, text: str, number: int) -> str:
        """A text with the mark of one passage of the index, in place of all others."""
        self.citations.clear()
        passage = self._index.passages[number]
        self._note(passage)
        return f"{without_marks(text).rstrip()} {self._mark(passage)}"

    def _note(self, passage: Passage) -> None:
        citation = citation_of(passage)
        if citation not in self.citations:
            self.citations.append(citation)

    def _mark(self, passage: Passage) -> str:
        return f"[{passage.document + 1}, p. {passage.page}]" if self._several else f"[p. {passage.page}]"


def citation_of(passage: Passage) -> Citation:
    from core.schemas import Citation

    return Citation(
        page=passage.page, chunk=passage.chunk, quote=passage.text[:LONGEST_QUOTE], document=passage.document
    )


def without_marks(text: str) -> str:
    """A text without the page marks that a model wrote."""
    return _MARK.sub("", text)


def _supports(match: Match, wanted: set[str], named: bool) -> bool:
    least = min(2, len(wanted))
    return len(match.shared) >= least and match.score >= (RELATED if named else ENOUGH)


def _merged(text: str, spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """A mark that follows a full stop belongs to the sentence before it."""
    merged: list[tuple[int, int]] = []
    for start, end in spans:
        mark = _MARK.match(text, start, end)
        if merged and mark:
            rest = mark.end()
            while again := _MARK.match(text, rest, end):
                rest = again.end()
            merged[-1] = (merged[-1][0], rest)
            start = rest + len(text[rest:end]) - len(text[rest:end].lstrip())
            if start >= end:
                continue
        merged.append((start, end))
    return merged
