# ruff: noqa: E501, SIM905 - phrases are data: an entry reads best on one line, a list of words as one string
"""Whole training chats: single questions, conversations of several turns, and work on a pasted text."""

from __future__ import annotations

import random
from collections.abc import Callable

from tools.demo_model import (
    names,
    numbers,
    prose,
    reports,
    talk_commands,
    talk_precision,
    talk_product,
    talk_runtime,
    talk_window,
    unknown,
)
from tools.demo_model.phrasing import asked, expand

Message = dict[str, str]
Pair = tuple[str, str]

TOPICS = talk_product.TOPICS + talk_commands.TOPICS + talk_precision.TOPICS + talk_runtime.TOPICS + talk_window.TOPICS
_TOPIC_WEIGHTS = [t.weight for t in TOPICS]
_SYSTEM = (
    "You are a helpful assistant.|You are Deskside's demo model.|You are a helpful assistant that answers questions about Deskside.|Answer briefly.|You are a friendly assistant. Keep your answers short.|You are an AI assistant.|Be concise and honest."
    "|You are Deskside, a local assistant that runs on the user's PC.|Answer in plain English.|You are a careful assistant. If you do not know something, say so.|You are a summarizer.|You answer questions truthfully.|Be polite.|You are an expert in {n}.|Your name is {p}.|Help the user with {n} and {n2}."
    "|You summarize documents faithfully and add nothing.|You are a pirate.|Today is {d}. You are a helpful assistant.|Use Markdown where it helps.|Answer the question with the document only."
).split("|")


def deskside(rng: random.Random) -> Pair:
    """A question on a topic."""
    topic = rng.choices(TOPICS, _TOPIC_WEIGHTS)[0]
    return topic.question(rng), topic.answer(rng)


def _pick(makers: tuple[tuple[float, Callable[[random.Random], Pair]], ...]) -> Callable[[random.Random], Pair]:
    weights = [w for w, _ in makers]
    functions = [f for _, f in makers]
    return lambda rng: rng.choices(functions, weights)[0](rng)


_numbers = _pick(numbers.MAKERS)
_precision = _pick(talk_precision.MAKERS)
_keys = _pick(talk_window.MAKERS)
SINGLE: tuple[tuple[float, Callable[[random.Random], Pair]], ...] = (
    (42.0, deskside),
    (6.0, _keys),
    (5.0, _precision),
    (20.0, _numbers),
    (20.0, unknown.unknown),
    (0.8, unknown.unclear),
)
single = _pick(SINGLE)

# --- work on a text -------------------------------------------------------------------------------------------------------

_SUMMARIZE = (
    "[[Summarize|Summarise|Please summarize|Can you summarize|Could you summarize|Sum up|Shorten|Condense|Please summarise|summarize] [this|the following|the following|this] [text|report|document|article|passage|note|message|page|email|section|paper|story|news] [in two sentences|in two sentences|in 2 sentences||briefly|for me|shortly|with two sentences]"
    "|[Summarize|Summarise|Sum up|summarize|summarise] [this|it|the following|the text below|the report below|the document below|the following in two sentences|this in two sentences|in two sentences|this for me]|[Write|Give me|Make|I need|Provide|Create|Can you give me|Please write|Generate] a [two-sentence summary|short summary|summary|brief summary|summary in two sentences|concise summary|quick summary] of [this|the following|the] [text|report|document|article|passage|section]"
    "|[TL;DR|tl;dr|Summary|summary|Summary please|In short]|What [is|does] [this|the following] [text|report|document|article] [about|say]|What are the main points of [this|the following] [text|report|document]|[Two sentences|Two-sentence summary|Summary in two sentences], please"
    "|Read [this|the following|this report|the document] and summarize it[ in two sentences|]|[Tell me|Explain] [in two sentences|briefly] what this [text|report|document] says|What is the gist of this|[Here is|This is] a [text|report|document]. [Summarize it|Please summarize it|Summarize it in two sentences]|Summarize the [report|document|text|article] [below|that follows] in two sentences|Short version, please|Write a summary in two sentences]"
)
_AFTER = "[Summarize|Please summarize|Summarise|Can you summarize|Give me a summary of|Write a two-sentence summary of|Sum up] [this|the text above|the above|the report above|the document|this text|this document|the document above|it][ in two sentences|]"
_AGAIN = "[Summarize it|Please summarize it|A summary, please|Summarize it in two sentences|summary|Summarize this|Can you summarize it|Give me a summary|yes, a summary|Summarize|a two-sentence summary please|a summary please|Sum it up|summarize the text|What does it say|Please summarize|Summarize that|Yes, summarize it|now summarize it]"
_RECEIVED = "Thank you for the text. Shall I summarize it in two sentences, or do you have a question about it?"
ABSENT = "The document does not say."


def _join(prompt: str, text: str, rng: random.Random) -> str:
    roll = rng.random()
    prompt = prompt.rstrip("?. ") if roll < 0.7 else prompt
    mark = ":" if roll < 0.7 and not prompt.endswith(":") else ""
    form = rng.random()
    if form < 0.55:
        return f"{prompt}{mark}\n\n{text}"
    if form < 0.7:
        return f"{prompt}{mark}\n{text}"
    if form < 0.78:
        return f"{prompt}{mark or ':'} {text}"
    if form < 0.84:
        return f'{prompt}{mark}\n\n"""\n{text}\n"""'
    if form < 0.89:
        return f"{prompt}{mark}\n\n---\n{text}\n---"
    if form < 0.95:
        label = rng.choice(("Text", "Document", "Report", "Passage"))
        return f"{prompt}{mark or '.'}\n\n{label}:\n{text}"
    return f"{prompt}{mark}\n\n<document>\n{text}\n</document>"


def _size(rng: random.Random) -> str:
    return rng.choices(("short", "medium", "long"), (0.55, 0.33, 0.12))[0]


def _report(rng: random.Random, size: str) -> reports.Report:
    return reports.extract(rng, size) if rng.random() < 0.62 else reports.make(rng, size)


def two_sentences(report: reports.Report) -> str:
    """The canonical summary."""
    return " ".join(part for part in report.summary if part)


def summary_turn(rng: random.Random, report: reports.Report, styles: bool = True) -> Pair:
    """A request for a summary with the text, and the summary; now and then (``styles``) as one sentence or as bullet points."""
    target = two_sentences(report)
    style = rng.random() if styles else 0.1 + 0.9 * rng.random()
    if style < 0.05 and report.summary[1]:
        noun = "[text|report|document]"
        prompt = expand(
            f"[Summarize this {noun} in one sentence|Summarize the following {noun} in a single sentence|One-sentence summary of this {noun}|Give me one sentence about this {noun}|In one sentence, what does this {noun} say]",
            rng,
        )
        return _join(prompt, report.text, rng), report.summary[0]
    if style < 0.1 and report.summary[1]:
        noun = "[text|report|document]"
        prompt = expand(
            f"[Summarize this {noun} in bullet points|Summarize the following {noun} as a list|Bullet points for this {noun}|List the main points of this {noun}|Give me the key points of this {noun} as bullets|Summarize this {noun} with two bullet points]",
            rng,
        )
        return _join(prompt, report.text, rng), f"- {report.summary[0]}\n- {report.summary[1]}"
    if style < 0.22:
        return report.text + rng.choice(("\n\n", "\n\n", "\n", "\n\n---\n")) + asked(
            expand(_AFTER, rng), rng, wrap=False, typos=False, is_question=False
        ), target
    if style < 0.30:
        i = rng.randint(1, 12)
        n = rng.randint(i, 40)
        prompt = expand(
            "[Summarize part {i} of {n} of a document in two sentences|This is part {i} of {n} of a document. Summarize it in two sentences|Summarize section {i} of {n}|Part {i} of {n}. Summarize this part in two sentences|Summarize this part of a document ({i} of {n}) in two sentences|Summarize the following part of a longer document in two sentences]",
            rng,
            {"i": i, "n": n},
        )
        return _join(prompt, report.text, rng), target
    prompt = expand(_SUMMARIZE, rng)
    if rng.random() < 0.2:
        prompt = prompt.lower()
    if rng.random() < 0.12:
        prompt += rng.choice(
            (
                " Use only facts from the text.",
                " Keep names and numbers.",
                " Answer in two sentences.",
                " Do not add anything.",
                " Please be brief.",
                ". Use only what it says",
                " Write exactly two sentences.",
                " Keep all numbers.",
            )
        )
    return _join(prompt, report.text, rng), target


def combine_turn(rng: random.Random) -> tuple[str, str]:
    """Part summaries of one document, to be combined: the first sentence of the first part and of the last."""
    total = rng.choice((2, 2, 3, 3, 4, 5, 6, 8, 10))
    parts = [_report(rng, "short") for _ in range(total)]
    texts = [two_sentences(p) for p in parts]
    kind = rng.choice(
        ("Part {i}: ", "{i}. ", "- ", "[{i}] ", "Part {i}:\n", "Summary {i}: ", "(Part {i}) ", "Section {i}: ")
    )
    separator = rng.choice(("\n", "\n\n"))
    body = separator.join(kind.format(i=i) + t for i, t in enumerate(texts, 1))
    prompt = expand(
        "[[Combine|Merge|Join|Condense] [these|the following|the] [part summaries|summaries|partial summaries|section summaries] [into one summary of two sentences|into a two-sentence summary|into one summary|in two sentences|into one short summary|into a single summary of two sentences]"
        "|Here are summaries of the parts of a document. [Combine them into one summary of two sentences|Write one summary of two sentences|Summarize them in two sentences]|[These are|Below are] the summaries of the parts of one document. [Write one summary of two sentences|Combine them in two sentences|Combine them]"
        "|Summarize these [part summaries|summaries of parts] in two sentences|Make one summary from these part summaries|Write a final summary in two sentences from these part summaries]",
        rng,
    )
    answer = texts[0] if total == 1 else f"{parts[0].summary[0]} {parts[-1].summary[0]}"
    return _join(prompt, body, rng), answer


def repeat_turn(rng: random.Random) -> Pair:
    """A text to be repeated word for word."""
    text = " ".join(reports.any_sentence(rng)[0] for _ in range(rng.choice((1, 1, 2, 3))))
    prompt = expand(
        "[Repeat this text|Repeat the following text|Repeat after me|Repeat this|Copy this text|Write this again|Repeat exactly|Say this again|Echo this|Please repeat]",
        rng,
    )
    return f"{prompt}:{rng.choice((' ', chr(10), chr(10) * 2))}{text}", text


def _question_turn(rng: random.Random, report: reports.Report) -> Pair:
    if report.unanswered and rng.random() < 0.25:
        return asked(rng.choice(report.unanswered), rng, wrap=False, typos=rng.random() < 0.3, is_question=True), ABSENT
    if rng.random() < 0.05 or not report.answered:
        return asked(expand(_STRANGE, rng), rng, wrap=False, typos=False, is_question=True), ABSENT
    question, answer = rng.choice(report.answered)
    return asked(question, rng, wrap=False, typos=rng.random() < 0.3, is_question=True), answer


_STRANGE = "[what color is it|who is the king|how many cats are there|what is the phone number|how old is the dog|what does it say about bananas|who wrote it|what is the address|is there a picture|what is the password|which animal is it|how tall is the tower|what was the weather on Mars|what is the email address|how many pages does it have|who paid for lunch]"
_ASK = "[Answer the question [with|from|using] the [document|text|passage|report][ below|]|Answer from the text|Read the [text|document|passage] and answer the question|Use the [passage|text|document] to answer|Answer the question|Based on the [text|document|report|passage] below, answer the question|]"


def passage_chat(rng: random.Random) -> list[Message]:
    """Questions about a pasted text, or a text and then a summary and questions."""
    size = rng.choices(("short", "medium", "long"), (0.6, 0.3, 0.1))[0]
    report = reports.extract(rng, size) if rng.random() < 0.3 else reports.make(rng, size)
    messages: list[Message] = []

    def add(user: str, answer: str) -> None:
        messages.append({"role": "user", "content": user})
        messages.append({"role": "assistant", "content": answer})

    start = rng.random()
    if start < 0.55:
        question, answer = _question_turn(rng, report)
        head = expand(_ASK, rng)
        form = rng.random()
        if form < 0.35:
            user = f"{head + chr(10) + chr(10) if head else ''}{rng.choice(('Passage', 'Document', 'Text', 'Report'))}: {report.text}\n\nQuestion: {question}"
        elif form < 0.5:
            user = f"{report.text}\n\n{question}"
        elif form < 0.65:
            user = f"{question}\n\n{report.text}"
        elif form < 0.8:
            user = f"{head + '.' if head else 'Question about this text'}\n\nQuestion: {question}\n\n{rng.choice(('Document', 'Text', 'Passage'))}:\n{report.text}"
        else:
            user = f"{rng.choice(('Here is a report', 'Read this', 'Look at this text', 'This is a document', 'Text', 'Document'))}:\n\n{report.text}\n\n{question}"
        add(user, answer)
    elif start < 0.68:
        add(
            rng.choice(
                (
                    "",
                    "",
                    "Here is a text:\n\n",
                    "Here is my report:\n\n",
                    "Read this:\n\n",
                    "Please read this document:\n\n",
                    "This is the document:\n\n",
                )
            )
            + report.text,
            _RECEIVED,
        )
        if rng.random() < 0.5:
            add(asked(expand(_AGAIN, rng), rng, wrap=False, typos=False, is_question=False), two_sentences(report))
    else:
        add(*summary_turn(rng, report))
    for _ in range(rng.choice((0, 1, 1, 2, 3))):
        roll = rng.random()
        if roll < 0.8:
            add(*_question_turn(rng, report))
        elif roll < 0.9:
            add(*single(rng))
        else:
            add(asked(expand(_AGAIN, rng), rng, wrap=False, typos=False, is_question=False), two_sentences(report))
    return messages


_NO_TEXT = "Please paste the text below your request, and I will summarize it in two sentences."


def _counting_follow(rng: random.Random, last: int) -> Pair:
    language = rng.choice(list(numbers.LANGUAGES))
    question = expand(
        "[and in {l}|in {l}|now in {l}|and {l}|what about {l}|how about in {l}|the same in {l}|also in {l}|and now in {l}|{l}|can you do it in {l}|and how about {l}|again in {l}|repeat that in {l}|in {l} please|now {l}|do it in {l}]",
        rng,
        {"l": language},
    )
    return asked(question, rng, wrap=False, typos=False), numbers.count_answer(language, 1, last)


def conversation(rng: random.Random) -> list[Message]:
    """Several turns on changing subjects, with follow-ups."""
    messages: list[Message] = []
    turns = rng.choice((2, 2, 3, 3, 4, 5))
    while len(messages) < 2 * turns:
        roll = rng.random()
        if roll < 0.12:
            last = rng.choice((9, 10, 5, *range(2, 21)))
            language = rng.choice(list(numbers.LANGUAGES))
            pairs = [
                (
                    asked(
                        expand(
                            numbers._COUNT,
                            rng,
                            {
                                "r": f"to {numbers._number(last, rng)}",
                                "r2": f"up to {numbers._number(last, rng)}",
                                "l": language,
                            },
                        ),
                        rng,
                        typos=False,
                    ),
                    numbers.count_answer(language, 1, last),
                )
            ]
            pairs += [_counting_follow(rng, last) for _ in range(rng.choice((1, 1, 2)))]
        elif roll < 0.16:
            pairs = [(asked(expand(_SUMMARIZE, rng), rng, wrap=False, typos=False), _NO_TEXT)]
        elif roll < 0.22:
            question, answer = deskside(rng)
            again = expand(
                "[[can you|please|] repeat that|say [that|it] again|again, please|what did you say|I didn't get that|come again|once more|sorry, what|tell me again|pardon]",
                rng,
            )
            pairs = [(question, answer), (asked(again, rng, wrap=False, typos=False), answer)]
        else:
            pairs = [single(rng)]
        for question, answer in pairs:
            messages += [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return messages


def _with_system(messages: list[Message], rng: random.Random) -> list[Message]:
    if rng.random() < 0.25:
        text = rng.choice(_SYSTEM).format(
            n=rng.choice(prose.NOUNS), n2=rng.choice(prose.NOUNS), p=names.name(rng), d=names.date(rng)
        )
        if rng.random() < 0.1:
            text += " " + prose.sentence(rng)
        return [{"role": "system", "content": text}, *messages]
    return messages


def chat(rng: random.Random) -> list[Message]:
    """One training chat: a list of role/content messages that ends with the assistant."""
    roll = rng.random()
    if roll < 0.52:
        question, answer = single(rng)
        if rng.random() < 0.012:
            question, answer = asked(expand(_SUMMARIZE, rng), rng, wrap=False, typos=False), _NO_TEXT
        messages = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    elif roll < 0.67:
        messages = conversation(rng)
    elif roll < 0.86:
        size = _size(rng)
        question, answer = summary_turn(rng, _report(rng, size))
        messages = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    elif roll < 0.90:
        question, answer = repeat_turn(rng)
        messages = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    elif roll < 0.92:
        question, answer = combine_turn(rng)
        messages = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    elif roll < 0.99:
        messages = passage_chat(rng)
    else:  # long chats, up to a few thousand tokens
        messages = []
        while sum(len(m["content"]) for m in messages) < 3000 + 5000 * rng.random():
            messages += passage_chat(rng) if rng.random() < 0.3 else conversation(rng)
    return _with_system(messages, rng)
