# ruff: noqa: E501, SIM905 - phrases are data: an entry reads best on one line, a list of words as one string
"""A small phrase grammar: many ways to say one thing, expanded with a seeded random generator.

Notation: ``[a|b|]`` picks one alternative (they nest, the last one here is empty), ``{name}`` is filled from a mapping,
``@NAME`` is a macro from ``MACROS``. ``\\`` escapes the next character. Nothing here knows what the phrases mean.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from functools import cache
from typing import NamedTuple


class Slot(NamedTuple):
    """A ``{name}`` of a phrase."""

    name: str


class Choice(NamedTuple):
    """A ``[a|b]`` of a phrase: each option is a sequence of parts."""

    options: tuple[tuple[Part, ...], ...]


Part = str | Slot | Choice

MACROS = {
    "@HOW": "[how do I|how can I|how do you|how to|how would I|how does one|how could I|how should I|how might I|how do we"
    "|what is the way to|what do I do to|what must I do to|what's the best way to|is there a way to|is it possible to|can I|could I"
    "|I want to|I need to|I'd like to|I would like to|I am trying to|help me|help me to|show me how to|explain how to|tell me how to"
    "|teach me to|teach me how to|let me know how to|steps to|instructions to|what are the steps to|please explain how I"
    "|can you explain how to|can you tell me how to|could you tell me how I can|do you know how to|any idea how to|whats the way to]",
    "@WHAT": "[what is|what's|whats|what are|explain|define|describe|tell me about|tell me more about|what does it mean:|what exactly is"
    "|can you explain|could you explain|please explain|can you describe|what do you know about|give me an overview of|I'd like to know about"
    "|I want to understand|help me understand|what do you mean by|what is meant by|info on|information about|talk about|say something about"
    "|teach me about|so what is|and what is|what on earth is|in short, what is|briefly, what is|in simple words, what is|do you know what is"
    "|can you tell me what is|tell me what is|introduce me to]",
}

POLITE_BEFORE = (
    "please, ", "please ", "hi, ", "hi! ", "hello, ", "hello! ", "hey, ", "hey ", "quick question: ", "question: ", "ok, ", "okay, ",
    "so, ", "so ", "sorry, ", "excuse me, ", "um, ", "well, ", "now, ", "good morning, ", "good evening! ", "one more thing: ", "also, ",
    "I have a question: ", "just wondering, ", "just curious: ", "tell me, ", "hi there. ", "dear assistant, ", "and ", "but ",
    "I'm new here. ", "I am new to this. ", "Sorry if this is obvious: ", "Hey Deskside, ", "Deskside, ", "I was wondering: ",
)  # fmt: skip
POLITE_AFTER = (
    ", please", " please", " thanks", ", thanks", ", thank you", " pls", " exactly", " in simple words", " in a few words", ", briefly",
    " in one sentence", " (short answer please)", ", if I may ask", " for a beginner", " again", " here", " then", ", do you know",
    " in plain English", " really", " actually", " right now", " today",
)  # fmt: skip


def _parse(text: str, pos: int, closing: bool) -> tuple[list[tuple[Part, ...]], int]:
    options: list[tuple[Part, ...]] = []
    parts: list[Part] = []
    buffer = ""

    def flush() -> None:
        nonlocal buffer
        if buffer:
            parts.append(buffer)
            buffer = ""

    while pos < len(text):
        char = text[pos]
        if char == "\\":
            buffer += text[pos + 1]
            pos += 2
        elif char == "[":
            flush()
            inner, pos = _parse(text, pos + 1, True)
            parts.append(Choice(tuple(inner)))
        elif char == "{":
            flush()
            end = text.index("}", pos)
            parts.append(Slot(text[pos + 1 : end]))
            pos = end + 1
        elif closing and char == "|":
            flush()
            options.append(tuple(parts))
            parts = []
            pos += 1
        elif closing and char == "]":
            flush()
            options.append(tuple(parts))
            return options, pos + 1
        else:
            buffer += char
            pos += 1
    if closing:
        raise ValueError(f"unclosed '[' in phrase: {text!r}")
    flush()
    return [tuple(parts)], pos


@cache
def parse(text: str) -> tuple[Part, ...]:
    """The parts of a phrase, macros replaced. Raises ValueError where a bracket is left open."""
    for name, value in MACROS.items():
        text = text.replace(name, value)
    return _parse(text, 0, False)[0][0]


def _expand(parts: tuple[Part, ...], rng: random.Random, slots: Mapping[str, object]) -> str:
    out = ""
    for part in parts:
        if isinstance(part, str):
            out += part
        elif isinstance(part, Slot):
            out += str(slots[part.name])
        else:
            out += _expand(part.options[int(rng.random() * len(part.options))], rng, slots)
    return out


def expand(text: str, rng: random.Random, slots: Mapping[str, object] | None = None) -> str:
    """One random expansion of a phrase. Raises KeyError for a slot that has no value."""
    return _expand(parse(text), rng, slots or {})


def every(text: str) -> Iterator[str]:
    """All expansions of a phrase without slots (used for answers, which have few)."""

    def walk(parts: tuple[Part, ...]) -> Iterator[str]:
        if not parts:
            yield ""
            return
        head, rest = parts[0], parts[1:]
        if isinstance(head, Slot):
            raise ValueError(f"a phrase with slots has no finite list: {text!r}")
        heads = (head,) if isinstance(head, str) else (h for option in head.options for h in walk(option))
        for begin in heads:
            for end in walk(rest):
                yield begin + end

    yield from walk(parse(text))


def capital(text: str) -> str:
    """The text with its first letter in upper case."""
    return text[:1].upper() + text[1:]


def _typo(word: str, rng: random.Random) -> str:
    if len(word) < 4 or not word.isalpha():
        return word
    at = rng.randrange(1, len(word) - 1)
    kind = rng.random()
    if kind < 0.35:
        return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    if kind < 0.65:
        return word[:at] + word[at + 1 :]
    if kind < 0.85:
        return word[:at] + word[at] + word[at:]
    return word[:at] + rng.choice("abcdefghijklmnoprstuvwy") + word[at + 1 :]


def asked(
    question: str, rng: random.Random, *, wrap: bool = True, typos: bool = True, is_question: bool | None = None
) -> str:
    """A question as people type it: politeness before or after, other case, missing punctuation, now and then a typo."""
    if wrap and rng.random() < 0.22:
        question = rng.choice(POLITE_BEFORE) + question
    if wrap and rng.random() < 0.10:
        question = question.rstrip("?. ") + rng.choice(POLITE_AFTER)
    if typos and rng.random() < 0.12:
        words = question.split(" ")
        for _ in range(rng.choice((1, 1, 1, 2))):
            at = rng.randrange(len(words))
            words[at] = _typo(words[at], rng)
        question = " ".join(words)
    if is_question is None:
        first = question.lower().lstrip("\"'(").split(" ")[0].rstrip(",:!")
        is_question = first in ASKING
    if question and question[-1] not in "?.!:":
        end = rng.random()
        if is_question:
            question += "?" if end < 0.72 else "??" if end < 0.74 else " ?" if end < 0.76 else ""
        else:
            question += "." if end < 0.45 else "!" if end < 0.5 else "?" if end < 0.55 else ""
    case = rng.random()
    if case < 0.62:
        question = capital(question)
    elif case < 0.86:
        question = question.lower()
    elif case < 0.87:
        question = question.upper()
    return question


ASKING = frozenset(
    "what what's whats how why when where which who whose can could do does did is are am should would will may might has have was were"
    " any isn't doesn't can't".split()
)
