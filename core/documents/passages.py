"""All sentences of the chunks, to be found by the words of another sentence."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass

from core.documents.chunk import Chunk
from core.documents.document import SEPARATOR
from core.documents.words import sentences, terms

PREFIX = 5  # letters that forms of a word have in common


@dataclass(frozen=True, slots=True)
class Passage:
    """A sentence of the source as it stands on its page."""

    document: int
    page: int
    chunk: int
    text: str


@dataclass(frozen=True, slots=True)
class Match:
    """`score`: the share of a sentence's words, weighted by how rare they are, that the passage holds; `shared`: these words."""

    passage: int
    score: float
    shared: frozenset[str]


class PassageIndex:
    """Built once for all chunks; each search looks at the passages that share a word with the sentence."""

    def __init__(self, chunks: Sequence[Chunk]) -> None:
        self.passages: list[Passage] = []
        self._postings: dict[str, list[int]] = defaultdict(list)
        self._numbers: set[str] = set()
        self._prefixes: set[str] = set()
        for item in chunks:
            for passage in passages_of(item):
                number = len(self.passages)
                self.passages.append(passage)
                for term in set(terms(passage.text)):
                    self._postings[term].append(number)
                self._numbers.update(numbers_of(passage.text))

    def __contains__(self, term: str) -> bool:
        return term in self._postings

    def holds(self, term: str) -> bool:
        """Whether a word is there in any form: conclude for conclusion."""
        if term in self._postings or len(term) <= PREFIX or not term.isalpha():
            return term in self._postings
        if not self._prefixes:
            self._prefixes = {other[:PREFIX] for other in self._postings if len(other) >= PREFIX}
        return term[:PREFIX] in self._prefixes

    def unknown_numbers(self, text: str) -> list[str]:
        """The numbers of a text, as they are written there, that no passage holds in any form: 4,100 is 4100 and 4 100. Small
        ones may be spelled in the source, or count a list; they are left out."""
        written = (match[0].strip(" .,:") for match in _NUMBER.finditer(text))
        return [item for item in dict.fromkeys(written) if not (_is_small(item) or self._has_number(item))]

    def _has_number(self, number: str) -> bool:
        parts = _DIGITS.findall(number)
        return "".join(parts) in self._numbers or self._numbers.issuperset(parts)

    def weight(self, term: str) -> float:
        """Higher for rarer words; highest for one that is nowhere."""
        return math.log(1 + (len(self.passages) + 1) / (len(self._postings.get(term, ())) + 0.5))

    def share(self, some: Set[str], all_of: Set[str]) -> float:
        """The weight of some words beside that of all."""
        total = sum(map(self.weight, all_of))
        return sum(map(self.weight, some)) / total if total else 0.0

    def find(self, wanted: Iterable[str], context: Iterable[str] = ()) -> list[Match]:
        """The passages that hold some of the words, best first; of equals those that hold more of the words of `context`, then the
        earliest."""
        words, beside = set(wanted), set(context) - set(wanted)
        total = sum(map(self.weight, words))
        scores: defaultdict[int, float] = defaultdict(float)
        shared: dict[int, set[str]] = defaultdict(set)
        for word in sorted(words):
            weight = self.weight(word)
            for number in self._postings.get(word, ()):
                scores[number] += weight
                shared[number].add(word)
        related: defaultdict[int, float] = defaultdict(float)
        for word in sorted(beside):
            weight = self.weight(word)
            for number in self._postings.get(word, ()):
                related[number] += weight
        best = sorted(scores.items(), key=lambda item: (-round(item[1], 9), -related.get(item[0], 0.0), item[0]))[:50]
        return [Match(number, score / total, frozenset(shared[number])) for number, score in best]


_NUMBER = re.compile(r"\d+(?:[.,:'\u2019 \u00a0\u202f]\d+)*")
_DIGITS = re.compile(r"\d+")
_SMALL = 12


def numbers_of(text: str) -> Iterator[str]:
    """The digits of each number, as one, and of its parts."""
    for match in _NUMBER.finditer(text):
        digits = _DIGITS.findall(match[0])
        yield "".join(digits)
        yield from digits if len(digits) > 1 else ()


def _is_small(number: str) -> bool:
    return number.isdecimal() and int(number) <= _SMALL


def passages_of(item: Chunk) -> Iterator[Passage]:
    """The sentences of a chunk, with their pages."""
    at = 0
    for span in item.spans:
        piece = item.text[at : at + span.end - span.start]
        at += len(piece) + len(SEPARATOR)
        for start, end in sentences(piece):
            yield Passage(item.document, span.page, item.number, piece[start:end])
