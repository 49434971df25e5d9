"""What the service says, in the window's language.

The service speaks English: to programs, in logs, on the command line. Its sentences are made where something happens, in whatever
process, so here a sentence is found again in the table of those that a user can meet (app.service_sentences), and what was put into
its blanks goes into the translation. Where it advises a command or an environment variable, the window has words of its own, in
English too. What is not in the table, such as what is wrong with a model's files, keeps its English, after what its code means.
"""

from __future__ import annotations

import re
from functools import lru_cache

from PySide6.QtCore import QCoreApplication

from app.service_codes import CODES, OWN
from app.service_sentences import REWORDED, SENTENCES
from core.errors import DesksideError

_BLANK = re.compile(r"\{(\w+)\}")
_DEEPEST = 3  # a sentence in a blank of a sentence


def said(sentence: str, code: str = "") -> str:
    """`sentence` of the service in the window's language. `code`: of the error that it tells of, if it tells of one."""
    found = _translated(sentence, _DEEPEST)
    if found is not None or not sentence:
        return found or sentence
    if code in OWN:
        fact = sentence.partition("; ")[0]  # advice comes behind it, as with every error (core.errors)
        text = QCoreApplication.translate("Service", "{summary} Details: {fact}")
        return text.format(summary=_translate(OWN[code]), fact=fact.rstrip(".") + ".")
    source = CODES.get(code, "")
    meaning = _translate(source) if source else ""
    if meaning == source:  # English, or nobody knows
        return sentence
    return QCoreApplication.translate("Service", "{summary} In detail, in English: {sentence}").format(
        summary=meaning, sentence=sentence
    )


def said_of(error: DesksideError) -> str:
    return said(error.message, error.code)


def _translated(sentence: str, depth: int) -> str | None:
    """None for a sentence that is not in the table."""
    found = _find(sentence)
    if found is None:
        return None
    template, values = found
    if depth > 1:
        values = {name: _translated(value, depth - 1) or value for name, value in values.items()}
    text = _translate(REWORDED.get(template, template))
    return _BLANK.sub(lambda blank: values.get(blank[1], blank[0]), text)


def _translate(text: str) -> str:
    return QCoreApplication.translate("Service", text)


@lru_cache(maxsize=256)
def _find(sentence: str) -> tuple[str, dict[str, str]] | None:
    for template, pattern in _patterns():
        match = pattern.fullmatch(sentence)
        if match is not None:
            return template, match.groupdict()
    return None


@lru_cache(maxsize=1)
def _patterns() -> list[tuple[str, re.Pattern[str]]]:
    """Those with the most letters of their own first: a short one may match more than it means."""
    ordered = sorted((*SENTENCES, *REWORDED), key=lambda text: len(_BLANK.sub("", text)), reverse=True)
    return [(text, re.compile(_pattern(text), re.DOTALL)) for text in ordered]


def _pattern(template: str) -> str:
    parts, seen = _BLANK.split(template), set[str]()
    pattern = ""
    for index, part in enumerate(parts):
        if index % 2 == 0:
            pattern += re.escape(part)
        elif part in seen:
            pattern += f"(?P={part})"
        else:
            seen.add(part)
            pattern += f"(?P<{part}>.*?)"
    return pattern
