"""What a finished request gives back: the same for `LLM` and for the command line over the service."""

from __future__ import annotations

from dataclasses import dataclass, field

from core.protocol import FinishReason, TokenLogprob


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of a request. `cached_tokens`: of the prompt's, those whose KV was reused."""

    prompt_tokens: int
    cached_tokens: int
    output_tokens: int


@dataclass(slots=True)
class Sample:
    """One of a request's n answers. `token_ids` include the end token, `text` does not; `logprobs` run beside the tokens
    that make the text, where asked for."""

    text: str = ""
    token_ids: list[int] = field(default_factory=list)
    logprobs: list[TokenLogprob] | None = None
    finish_reason: FinishReason | None = None
    stop: str | int | None = None


@dataclass(slots=True)
class Result:
    """A finished request; its own text, token_ids, ... are the first sample's."""

    prompt_token_ids: list[int]
    samples: list[Sample]
    usage: Usage

    @property
    def text(self) -> str:
        return self.samples[0].text

    @property
    def token_ids(self) -> list[int]:
        return self.samples[0].token_ids

    @property
    def logprobs(self) -> list[TokenLogprob] | None:
        return self.samples[0].logprobs

    @property
    def finish_reason(self) -> FinishReason | None:
        return self.samples[0].finish_reason
