"""What one sample's text consists of: content, reasoning, calls of functions."""

from __future__ import annotations

import enum
from typing import NamedTuple

from core.generation import Delta
from core.protocol import FinishReason
from core.schemas import FunctionCall, ToolCall
from core.text.prompt import PromptBuilder
from core.text.reasoning import ReasoningSplitter, find_markers
from core.text.tool_calls import ToolCallParser, ToolDelta
from core.text.tool_formats import PLAIN, find_tool_format


class PartKind(enum.Enum):
    """CALL begins a call (`name`, `id`, perhaps the first of its arguments), ARGUMENTS goes on with it."""

    CONTENT = "content"
    REASONING = "reasoning"
    CALL = "call"
    ARGUMENTS = "arguments"


class Part(NamedTuple):
    """A piece of an answer. `call`: the number of the call it belongs to, from 0."""

    kind: PartKind
    text: str
    call: int = 0
    id: str = ""
    name: str = ""


class Style:
    """How a model marks what is no content, as its chat template shows."""

    def __init__(self, prompts: PromptBuilder) -> None:
        template = prompts.template
        self.markers = find_markers(template.source()) if template is not None else None
        self.tools = find_tool_format(template.source(tools=True)) if template is not None else PLAIN
        tokenizer = prompts.tokenizer
        self._special = {text for text in self._marks() if tokenizer.token_id(text) in tokenizer.special_ids}

    def hides_marks(self, with_tools: bool) -> bool:
        """Whether leaving out special tokens would leave out a mark that is looked for."""
        wanted = {self.tools.marker, self.tools.close} if with_tools else set()
        if self.markers is not None:
            wanted |= {self.markers.open, self.markers.close}
        return bool(self._special & wanted)

    def _marks(self) -> list[str]:
        marks = [self.tools.marker, self.tools.close]
        if self.markers is not None:
            marks += [self.markers.open, self.markers.close]
        return [mark for mark in marks if mark]


class Answer:
    """One sample: splits its deltas into parts and, where asked to `collect`, puts them together."""

    def __init__(
        self,
        splitter: ReasoningSplitter | None = None,
        parser: ToolCallParser | None = None,
        only_one_call: bool = False,
    ) -> None:
        """Without splitter and parser all text is content. `only_one_call`: further ones are left out."""
        self.content = ""
        self.reasoning = ""
        self.calls: list[ToolCall] = []
        self.reasoning_tokens = 0
        self.called = False
        self._splitter = splitter
        self._parser = parser
        self._only_one = only_one_call

    @property
    def is_plain(self) -> bool:
        """True if every delta's text is content, as it is."""
        return self._splitter is None and self._parser is None

    def feed(self, delta: Delta) -> list[Part]:
        """The parts that a delta adds."""
        text = delta.text
        if not text:
            return []
        parts = []
        if self._splitter is not None:
            split = self._splitter.feed(text)
            if split.reasoning:
                parts.append(Part(PartKind.REASONING, split.reasoning))
                self.reasoning_tokens += len(delta.token_ids)
            text = split.text
        return parts + self._answered(text)

    def finish(self) -> list[Part]:
        """What was held back, once the sample is over."""
        parts: list[Part] = []
        if self._splitter is not None:
            split = self._splitter.finish()
            if split.reasoning:
                parts.append(Part(PartKind.REASONING, split.reasoning))
            parts += self._answered(split.text)
        if self._parser is not None:
            parts += self._calls(self._parser.finish())
        return parts

    def _answered(self, text: str) -> list[Part]:
        if not text:
            return []
        return [Part(PartKind.CONTENT, text)] if self._parser is None else self._calls(self._parser.feed(text))

    def _calls(self, found: ToolDelta) -> list[Part]:
        parts = [Part(PartKind.CONTENT, found.text)] if found.text else []
        for call in found.calls:
            if self._only_one and call.index > 0:
                continue
            self.called = True
            if call.id:
                parts.append(Part(PartKind.CALL, call.arguments, call.index, call.id, call.name))
            else:
                parts.append(Part(PartKind.ARGUMENTS, call.arguments, call.index))
        return parts

    def finish_reason(self, reason: FinishReason) -> str:
        """In the OpenAI API's words."""
        if self.called and reason is FinishReason.STOP:
            return "tool_calls"
        return reason.value

    def collect(self, parts: list[Part]) -> None:
        """Add parts to `content`, `reasoning` and `calls`."""
        for part in parts:
            if part.kind is PartKind.CONTENT:
                self.content += part.text
            elif part.kind is PartKind.REASONING:
                self.reasoning += part.text
            elif part.kind is PartKind.CALL:
                self.calls.append(ToolCall(id=part.id, function=FunctionCall(name=part.name, arguments=part.text)))
            else:
                self.calls[part.call].function.arguments += part.text
