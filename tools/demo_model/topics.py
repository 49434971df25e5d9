# ruff: noqa: E501 - phrases are data: an entry reads best on one line, a list of words as one string
"""Topics: one intent each, with the ways it is asked and the answer that is given.

A topic names *concepts* (noun phrases, asked about with the concept frames), *actions* (verb phrases, asked about with the action
frames), whole *questions*, and one or two *answers*. ``held`` are questions kept out of training, to score intent accuracy.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from tools.demo_model.phrasing import asked, every, expand
from tools.demo_model.vary import vary

CONCEPT_FRAMES = (
    "@WHAT {x}", "@WHAT {x}", "@WHAT {x}", "@WHAT {x} in Deskside", "{x}", "{x}?", "how does {x} work", "how does {x} work [in|inside|for|with] Deskside",
    "[why|when] [is|are] {x} useful", "what [is|are] {x} [good|used|useful] for", "what [is|are] {x} for", "why does [Deskside|this app|it] [use|have|do] {x}",
    "what does {x} mean", "what does {x} do", "I [do not|don't] understand {x}", "I [heard|read|keep reading] about {x}[, what is it| here, what is it|]",
    "does [Deskside|this app|this program|it] [have|support|use|do|offer] {x}", "[something|a bit|a little] [about|on] {x}", "meaning of {x}", "{x} explained",
    "[what|anything] about {x}", "how about {x}", "why do I need {x}", "what's the [point|idea|use|purpose|benefit|advantage] of {x}", "how would you explain {x}",
    "[can|could] you [tell me|say] [more|something|anything] about {x}", "{x} meaning", "I have a question about {x}", "{x}, what is [that|it]",
    "what should I know about {x}", "why would I [want|care about] {x}", "[give me|write] a [short|quick|brief] [explanation|description|summary] of {x}",
    "what happens with {x}", "[is|are] {x} important", "[is|are] there {x}", "my friend asked about {x}", "who needs {x}",
)  # fmt: skip
ACTION_FRAMES = (
    "@HOW {x}", "@HOW {x}", "@HOW {x}", "@HOW {x}", "@HOW {x} [in|with|using] Deskside", "{x}", "{x}", "how {x}",
    "[I want you to help me|I would love to|I wish to|we want to|let's|let me] {x}", "[I can't|I cannot|I could not] [figure out|find out|see|find] how to {x}",
    "what [do I need|is needed|should I do] to {x}", "[does|can] [Deskside|this app|the app|it] [let me|allow me to|help me to] {x}", "where [do|can] I {x}",
    "[I don't know|I have no idea|not sure] how to {x}", "what [steps|actions] [do I take|are needed] to {x}", "which way to {x}", "how does [a user|somebody|a person] {x}",
    "what's the [easiest|quickest|fastest|right|correct|simplest] way to {x}", "I [just|only] want to {x}", "my [boss|friend|colleague] wants to {x}[, how|]",
    "[would|could] you tell me how [I can|to] {x}", "I'd like you to tell me how to {x}", "what if I want to {x}", "[suppose|say] I want to {x}",
)  # fmt: skip


@dataclass(frozen=True)
class Topic:
    """One intent. ``answers`` are phrases without slots; the first is given most often."""

    name: str
    concepts: tuple[str, ...]
    actions: tuple[str, ...]
    questions: tuple[str, ...]
    answers: tuple[str, ...]
    held: tuple[str, ...] = ()
    weight: float = 1.0
    wrap: bool = True

    def question(self, rng: random.Random) -> str:
        """A question that asks for this topic; never one of the held-out ones."""
        pools: list[tuple[float, str]] = []
        if self.concepts:
            pools.append((1.0, "concept"))
        if self.actions:
            pools.append((1.0, "action"))
        if self.questions:
            pools.append((1.0 + 0.04 * len(self.questions), "question"))
        held = {h.lower().strip("?!. ") for h in self.held}
        while True:
            kind = rng.choices([p[1] for p in pools], [p[0] for p in pools])[0]
            if kind == "concept":
                text = expand(rng.choice(CONCEPT_FRAMES), rng, {"x": expand(rng.choice(self.concepts), rng)})
            elif kind == "action":
                text = expand(rng.choice(ACTION_FRAMES), rng, {"x": expand(rng.choice(self.actions), rng)})
            else:
                text = expand(rng.choice(self.questions), rng)
            if text.lower().strip("?!. ") not in held:
                if self.wrap or rng.random() < 0.15:
                    text = vary(text, rng, frozenset(self.name.split("_")))
                return asked(text, rng, wrap=self.wrap)

    def answer(self, rng: random.Random) -> str:
        """One of the answers."""
        first = rng.random() < 0.7 or len(self.answers) == 1
        return expand(self.answers[0] if first else rng.choice(self.answers[1:]), rng)

    def accepts(self, text: str) -> bool:
        """Whether a text is, letter for letter, one of this topic's answers."""
        return any(text == candidate for answer in self.answers for candidate in every(answer))


def topic(
    name: str,
    answers: list[str],
    concepts: str = "",
    actions: str = "",
    questions: str = "",
    held: str = "",
    weight: float = 1.0,
    wrap: bool = True,
) -> Topic:
    """A topic from semicolon-separated lists."""

    def split(text: str) -> tuple[str, ...]:
        return tuple(part.strip() for part in text.replace("\n", " ").split(";") if part.strip())

    spare = split(held)
    return Topic(
        name,
        split(concepts),
        split(actions),
        split(questions) + spare[1::2] * 3,
        tuple(answers),
        spare[::2],
        weight,
        wrap,
    )
