"""All that documents need of a model: the length of prompts, many prompts in the background, one text as it is written."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from core.errors import InvalidRequest
from core.text.prompt import PromptBuilder
from core.text.reasoning import ReasoningSplitter, find_markers, starts_inside

Message = Mapping[str, str]


class Written(msgspec.Struct, frozen=True):
    """What a model wrote, and the tokens of its request. `cut`: it reached the limit of tokens."""

    text: str
    prompt_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    cut: bool = False


class TextModel(Protocol):
    """`context`: tokens of prompt and answer together. Answers are greedy: the same prompt gives the same text.

    `write_many` runs all prompts at once at background priority, and calls `on_done(i, written)` as each ends; what that
    raises ends all. `write` gives the pieces of one text, then its `Written`."""

    name: str
    context: int
    prompts: PromptBuilder

    def write_many(
        self, prompts: Sequence[list[int]], max_tokens: int, on_done: Callable[[int, Written], None]
    ) -> None: ...
    def write(self, prompt: list[int], max_tokens: int, *, interactive: bool) -> Iterator[str | Written]: ...


class Prompter:
    """Messages -> token ids for one model, and back: without the reasoning that some models write first."""

    def __init__(self, prompts: PromptBuilder) -> None:
        self._prompts = prompts
        source = prompts.template.source() if prompts.template is not None else ""
        self._markers = find_markers(source)
        self._opens = False
        tokenizer = prompts.tokenizer
        marks = sorted(filter(None, map(tokenizer.token_text, tokenizer.special_ids)), key=len, reverse=True)
        self._special = re.compile("|".join(map(re.escape, marks))) if marks else None

    def count(self, text: str) -> int:
        """Tokens of a text within a prompt."""
        return len(self._prompts.tokenizer.encode(text))

    def ids(self, messages: Sequence[Message]) -> list[int]:
        """Through the chat template; for a base model, as one text to go on from."""
        if self._prompts.template is None:
            text = "\n\n".join(message["content"] for message in messages)
            return self._prompts.text(f"{text}\n\nAnswer:").ids
        variables: dict[str, Any] = {"enable_thinking": False} if self._markers else {}
        try:
            prompt = self._prompts.chat(messages, **variables)
        except InvalidRequest:  # a template without a system role
            joined = "\n\n".join(message["content"] for message in messages)
            prompt = self._prompts.chat([{"role": "user", "content": joined}], **variables)
        self._opens = self._markers is not None and starts_inside(self._markers, prompt.text)
        return prompt.ids

    def plain(self, text: str) -> str:
        """Text of a stranger, in which no special token of this model is left: it must not end a turn or begin another."""
        return self._special.sub(lambda match: f"{match[0][0]} {match[0][1:]}", text) if self._special else text

    def splitter(self) -> Reasoned:
        """For one answer."""
        return Reasoned(ReasoningSplitter(self._markers, self._opens) if self._markers else None)

    def answer(self, text: str) -> str:
        """A whole text without its reasoning."""
        split = self.splitter()
        return (split.feed(text) + split.finish()).strip()


class Reasoned:
    """An answer that comes in pieces, without what its model thought before it."""

    def __init__(self, splitter: ReasoningSplitter | None) -> None:
        self._splitter = splitter

    def feed(self, text: str) -> str:
        return self._splitter.feed(text).text if self._splitter else text

    def finish(self) -> str:
        return self._splitter.finish().text if self._splitter else ""
