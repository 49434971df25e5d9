"""Words that carry meaning, and sentences: what citations and search compare. For languages with spaces, and Chinese, Japanese
and Korean by pairs of characters."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

# Characters of scripts that are written without spaces, and Hangul, whose words carry endings.
_CJK = "\u3005\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
_TOKEN = re.compile(rf"[{_CJK}]+|\d+(?:[.,:]\d+)*|[^\W\d_{_CJK}]+(?:['’][^\W\d_]+)?")
_IS_CJK = re.compile(f"[{_CJK}]")
_RAISED = re.compile("[⁰¹²³⁴-⁻]+")
STEM = 7  # letters that tell a word from others, whatever its ending

# Words that say nothing about what a text is about, of the languages that documents here come in most.
_STOP_WORDS = """
    a about above after again all also an and any are as at be been before being but by can could did do does for from had
    has have he her here him his how if in into is it its itself just many may me might more most much must my no nor not of
    off on one only or other our out over own said same says she should so some such than that the their them then there
    these they this those through to too under up upon us very was we were what when where which while who whom whose why
    will with within would you your document text tell please according der die das den dem des ein eine einer eines einem
    einen und oder aber nicht ist sind war waren wird werden wurde wurden hat haben mit von vom zu zum zur im am auf aus bei
    für als auch nach um durch über unter wie wer wo wann warum welche welcher welches es er sie wir ihr ich sich dass wenn
    noch nur le la les un une du de et ou mais ne pas est sont était ont au aux en dans par pour sur avec que qui quoi où
    quand comment pourquoi ce cette ces il elle nous vous ils elles se sa son ses leur leurs el los las una unos unas y o
    pero era fueron ha han del al por para con quien como cuando donde su sus lo gli i uno e ed ma non è sono erano hanno
    della dei delle alla nel nella per che chi come quando dove si suo sua suoi os uma uns umas mas não é são foi foram tem
    da dos na nos nas com quem onde seu het een maar niet zijn heeft hebben van voor met op te dat wat waar wanneer hoe
"""
_STOP = frozenset(_STOP_WORDS.split())
# Function words alone tell that two texts are in the same language; these are too short to.
_SHARED = frozenset(("a", "e", "o", "i", "y", "in", "de", "la", "en", "se", "no", "an", "is"))


def fold(text: str) -> str:
    """Without case and accents."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))


def terms(text: str) -> list[str]:
    """The content words in order, folded and cut to their first letters; numbers whole; pairs of CJK characters."""
    return list(_terms(text))


def _terms(text: str) -> Iterator[str]:
    text = _RAISED.sub(" ", text)  # or 10⁶ would become 106
    for match in _TOKEN.finditer(unicodedata.normalize("NFKC", text).casefold()):
        token = match[0]
        if _IS_CJK.match(token):
            yield from (token[i : i + 2] for i in range(max(1, len(token) - 1)))
        elif token[0].isdecimal():
            yield token.strip(".,:")
        elif token not in _STOP and (word := fold(token).split("'")[0].split("’")[0]) and len(word) > 1:
            yield _stem(word)[:STEM]


_ENDINGS = (("ies", "y"), ("sses", "ss"), ("xes", "x"), ("ches", "ch"), ("shes", "sh"), ("s", ""))
_KEPT = ("ss", "us", "is")
_FORMS = ("ing", "ed")


def _stem(word: str) -> str:
    """Without the endings of English plurals and verbs, so that what was counted is found by who asks for the count. What other
    languages lose by it, they lose on both sides."""
    if len(word) > 3 and not word.endswith(_KEPT):
        ending, instead = next(((e, i) for e, i in _ENDINGS if word.endswith(e)), ("", ""))
        word = word.removesuffix(ending) + instead
    for ending in _FORMS:
        if word.endswith(ending) and len(word) - len(ending) >= 4:
            word = word.removesuffix(ending)
            word = word[:-1] if word[-1] == word[-2] and word[-1] not in "lsz" else word
            break
    return word.removesuffix("e") if len(word) > 4 else word


def function_words(text: str) -> set[str]:
    """The words of `text` that only tell which language it is in."""
    return {word for word in re.findall(r"[^\W\d_]+", text.casefold()) if word in _STOP and word not in _SHARED}


_ABBREVIATION = re.compile(
    r"(?:\b(?:mr|mrs|ms|dr|prof|sr|jr|st|no|nr|vol|fig|eq|sec|ch|p|pp|ed|eds|etc|vs|cf|al|inc|ltd|co|approx|dept|z\.b|d\.h|bzw|"
    r"ca|bspw|e\.g|i\.e|a\.m|p\.m|u\.s|jan|feb|mar|apr|jun|jul|aug|sep|sept|oct|nov|dec)|\b[a-z]|\d)\.$",
    re.IGNORECASE,
)
_END = re.compile(r"[.!?…]+[\"'”’»)\]]*(?=\s)|[。！？]+[」』”’)\]]*|\n")
LONGEST = 1200  # characters of what counts as one sentence


def sentences(text: str) -> list[tuple[int, int]]:
    """(start, end) of each sentence, in order, without the white space between them. A line break ends one too only where a new
    paragraph, list item or table row begins."""
    found: list[tuple[int, int]] = []
    start = 0
    for match in _END.finditer(text):
        at = match.end()
        if match[0] == "\n":
            if not _begins_item(text, at):
                continue
        elif match[0] == "." and _ABBREVIATION.search(text, max(start, at - 12), at) and not _ends_anyway(text, at):
            continue
        start = _add(found, text, start, at)
    _add(found, text, start, len(text))
    return found


def _begins_item(text: str, at: int) -> bool:
    line = text[at : at + 4].lstrip(" ")
    return (
        line[:1] in ("\n", "-", "*", "•", "|", "#")
        or line[:1].isdigit()
        or line[:1].isupper()
        or text[at - 2 : at - 1] == "\n"
    )


def _ends_anyway(text: str, at: int) -> bool:
    """A number at the end of a sentence, before a line break: '... in 1912.'"""
    return text[at : at + 1] == "\n" or (text[max(0, at - 5) : at - 1].isdigit() and text[at + 1 : at + 2].isupper())


def _add(found: list[tuple[int, int]], text: str, start: int, end: int) -> int:
    piece = text[start:end]
    left = start + len(piece) - len(piece.lstrip())
    right = left + len(piece.strip())
    while right - left > LONGEST:
        cut = text.rfind(" ", left + LONGEST // 2, left + LONGEST)
        cut = left + LONGEST if cut < 0 else cut
        found.append((left, cut))
        left = cut + (text[cut : cut + 1] == " ")
    if right > left:
        found.append((left, right))
    return end
