"""A model in this process (core.LLM) as documents use it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from core.documents.model import Written
from core.protocol import FinishReason, Priority
from core.results import Result
from core.sampling import SamplingParams

if TYPE_CHECKING:
    from core.llm import LLM


class LocalModel:
    """See core.documents.model.TextModel."""

    def __init__(self, llm: LLM, name: str | None = None) -> None:
        self._llm = llm
        self.name = name or llm.folder.name
        self.prompts = llm.prompts
        kv = llm.spec.kv
        self.context = min(llm.context, kv.page_size * (kv.num_pages - 1))

    def write_many(
        self, prompts: Sequence[list[int]], max_tokens: int, on_done: Callable[[int, Written], None]
    ) -> None:
        self._llm.generate(
            prompts,
            greedy(max_tokens),
            priority=Priority.BATCH,
            on_done=lambda i, result: on_done(i, _written(result)),
        )

    def write(self, prompt: list[int], max_tokens: int, *, interactive: bool) -> Iterator[str | Written]:
        priority = Priority.INTERACTIVE if interactive else Priority.BATCH
        with self._llm.stream(prompt, greedy(max_tokens), priority=priority) as stream:
            for delta in stream:
                yield delta.text
            yield _written(stream.result)


def greedy(max_tokens: int) -> SamplingParams:
    return SamplingParams(temperature=0.0, max_tokens=max_tokens)


def _written(result: Result) -> Written:
    usage = result.usage
    cut = result.finish_reason is FinishReason.LENGTH
    return Written(result.text, usage.prompt_tokens, usage.cached_tokens, usage.output_tokens, cut)
