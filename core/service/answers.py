"""What one sample's text consists of: content, reasoning, calls of functions."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import Any, NamedTuple

from core.generation import Delta
from core.protocol import FinishReason
from core.schemas import FunctionCall, ToolCall
from core.service.models import LoadedModel
from core.text.prompt import Prompt


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


class Answer:
    """One sample: splits its deltas into parts and, where asked to `collect`, puts them together."""

    def __init__(self) -> None:
        self.content = ""
        self.reasoning = ""
        self.calls: list[ToolCall] = []
        self.reasoning_tokens = 0
        self.called = False

    @classmethod
    def of(cls, model: LoadedModel, prompt: Prompt, tools: Sequence[Any] | None) -> Answer:
        """For a model and what it was asked."""
        return cls()

    @property
    def is_plain(self) -> bool:
        """True if every delta's text is content, as it is."""
        return True

    def feed(self, delta: Delta) -> list[Part]:
        return [Part(PartKind.CONTENT, delta.text)] if delta.text else []

    def finish(self) -> list[Part]:
        """What was held back, once the sample is over."""
        return []

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
