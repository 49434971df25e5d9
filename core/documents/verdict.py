"""Whether what a model wrote answers a question from a document: by the words of question, answer and passages alone."""

from __future__ import annotations

import re
from dataclasses import dataclass

from core.documents.cite import ENOUGH, FEW_TERMS, RELATED, without_marks
from core.documents.passages import Match, PassageIndex
from core.documents.prompts import NOT_FOUND
from core.documents.words import fold, sentences, terms

SURE = 0.75  # score of a passage from where a sentence that sounds like "it does not say" is the document's own
_FULL_STOPS = (".", "!", "?", "…", "。", "！", "？")
QUOTED = 240  # characters of a passage within a note

# Answers that are no words of the text. One that agrees needs a passage that speaks of the question.
_YES_OR_NO = frozenset(
    fold(word)
    for word in (
        *("yes", "no", "ja", "nein", "oui", "non", "sì", "sí", "sim", "não", "nee", "nej", "tak", "nie", "kyllä", "ei"),
        *("да", "нет", "是", "是的", "不是", "否", "はい", "いいえ", "네", "아니요"),
    )
)
_THE_TEXT = r"(?:document|text|passage|context|article|source|report|file|excerpt)s?"
_TELLS = r"(?:say|mention|state|specif|contain|provide|include|give|indicate|tell|explain|discuss|address|hold|name)"
_REFUSALS = re.compile(
    rf"\b{_THE_TEXT}\b.{{0,40}}?(?:\bnot|n['’]t|\bnever|\bcannot)\s(?:\w+\s){{0,2}}{_TELLS}"
    rf"|\b{_THE_TEXT}\b.{{0,20}}?\b{_TELLS}\w*\s(?:no|nothing)\b"
    r"|\b(?:not|never)\s(?:\w+ly\s)?(?:mentioned|stated|specified|provided|given|discussed|included|addressed|available|known)\b"
    r"|\b(?:no|not enough|insufficient)\s(?:\w+\s)?(?:information|mention|answer)\b"
    r"|\b(?:i|one|it)\s(?:do not|don['’]t|cannot|can['’]t|could not)\s(?:be\s)?(?:know|find|found|answer|determine|tell|say)"
    r"|\b(?:dokument|text)\b.{0,40}\b(?:nicht|kein\w*)\b|\b(?:document|texte)\b.{0,30}\b(?:ne\s|n['’]).{0,30}\bpas\b"
    r"|\b(?:documento|texto)\b.{0,20}\bno\b|\b(?:documento|testo)\b.{0,20}\bnon\b"
    r"|(?:文档|文件|文中|文本|原文).{0,12}(?:没有|未|沒有|无)|(?:文書|文章|本文|資料).{0,24}(?:ない|ません|なし)",
    re.IGNORECASE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """`passage`: of the index, one that an answer without citations of its own stands on."""

    found: bool
    passage: int | None = None


def judge(asked: str, answer: str, index: PassageIndex, cited: bool) -> Verdict:
    """`index`: of what was read; `cited`: a passage holds the words of the answer.

    A sentence or more must have its words in a passage. A word or a number stands nearly everywhere: its passage, or the
    heading above that, must speak of what was asked as well. Yes and no need a passage that speaks of it."""
    plain = without_marks(answer).strip()
    if not plain or _refuses(plain, index):
        return Verdict(False)
    wanted = set(terms(asked))
    words = set(terms(plain)) - _YES_OR_NO
    known = {term for term in wanted if term in index}
    if _is_yes_or_no(plain) and words <= wanted:
        found = index.find(wanted)
        supported = bool(found) and found[0].score >= ENOUGH
        return Verdict(supported, found[0].passage if supported else None)
    if not words:
        return Verdict(False)
    if len(words) >= FEW_TERMS or not known:
        return Verdict(cited)
    near = [match for match in index.find(words, wanted) if match.score >= SURE]
    place = next((match.passage for match in near if _speaks_of(match, known, index)), None)
    return Verdict(place is not None, place)


def nearest(asked: str, index: PassageIndex) -> int | None:
    """The passage with most of the question's words, if it has enough of them."""
    found = index.find(set(terms(asked)))
    return found[0].passage if found and found[0].score >= ENOUGH and len(found[0].shared) > 1 else None


def shortened(text: str) -> str:
    """A passage as a note quotes it."""
    flat = " ".join(text.split())
    return flat if len(flat) <= QUOTED else flat[: QUOTED - 1].rsplit(" ", 1)[0] + "…"


def _refuses(plain: str, index: PassageIndex) -> bool:
    if fold(plain).startswith(fold(NOT_FOUND.rstrip("."))):
        return True
    start, end = sentences(plain)[0]
    first = plain[start:end]
    if not _REFUSALS.search(first):
        return False
    found = index.find(set(terms(first)))
    return not found or found[0].score < SURE


def _is_yes_or_no(plain: str) -> bool:
    first = re.match(r"\w+", plain)
    return first is not None and fold(first[0]) in _YES_OR_NO


def _speaks_of(match: Match, known: set[str], index: PassageIndex) -> bool:
    """Whether the passage holds the question's words, together with the line before it if that is a heading or a row."""
    own = index.passages[match.passage]
    held = set(terms(own.text))
    if match.passage:
        above = index.passages[match.passage - 1]
        if above.chunk == own.chunk and not above.text.endswith(_FULL_STOPS):
            held.update(terms(above.text))
    return index.share(held & known, known) >= RELATED
