"""A running service, with the face of an LLM as far as `chat` and `generate` need it: one loaded model for everybody.

The service speaks text, so results have no token ids. What only an engine in this process can do (an engine option, a folder
that is not installed, prompts as token ids, log-probabilities by token id) is done here in this process.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import closing
from types import TracebackType
from typing import Any, Self

from core.client import Client, attach, connect
from core.client_events import Finished, Text, Used
from core.errors import InvalidRequest
from core.generation import Delta
from core.llm import PromptLike
from core.protocol import FinishReason, Priority
from core.results import Result, Sample, Usage
from core.sampling import SamplingParams

AT_ONCE = 32  # requests in flight; the service queues more, but they would only wait there


def open_remote(args: argparse.Namespace) -> RemoteModel | None:
    """The service's model MODEL, or None where this process has to run it. Raises InvalidRequest for --service where it must."""
    reason = _only_here(args)
    if reason and args.service:
        raise InvalidRequest(f"{reason} works in this process only; leave out --service.")
    if reason:
        return None
    client = connect(start=True) if args.service else attach()
    if client is None:
        return None
    card = next((card for card in client.models().data if card.id == args.model), None)
    if card is not None:
        return RemoteModel(client, args.model)
    client.close()
    if args.service:
        raise InvalidRequest(
            f"The service has no model '{args.model}'; it serves installed ones, see `deskside core list`."
        )
    return None


def _only_here(args: argparse.Namespace) -> str:
    for name in ("backend", "kv_tokens", "logprobs"):
        if getattr(args, name) is not None:
            return f"--{name.replace('_', '-')}"
    return ""


class RemoteModel:
    """Use as LLM: `stream`, `generate_many`, `context`, `backend`."""

    has_token_ids = False

    def __init__(self, client: Client, model: str) -> None:
        self._client = client
        self._model = model
        status = client.load(model)
        self.context = status.context or 0
        self.backend = f"{status.backend} in the service"

    def stream(self, messages: Sequence[Mapping[str, Any]], params: SamplingParams) -> RemoteStream:
        """A chat's answer as it is made."""
        return RemoteStream(self._client, self._model, messages, params)

    def generate_many(
        self,
        prompts: Sequence[PromptLike],
        params: Sequence[SamplingParams],
        *,
        priority: Priority = Priority.INTERACTIVE,
        on_done: Callable[[int, Result], None] | None = None,
    ) -> list[Result]:
        """All prompts (texts or conversations), at most AT_ONCE in flight; results in order. The first error ends it."""
        results: dict[int, Result] = {}
        with ThreadPoolExecutor(min(AT_ONCE, len(prompts) or 1)) as pool:
            jobs = {
                pool.submit(self._one, prompt, one, priority): i
                for i, (prompt, one) in enumerate(zip(prompts, params, strict=True))
            }
            try:
                for job in as_completed(jobs):
                    results[jobs[job]] = job.result()
                    if on_done:
                        on_done(jobs[job], results[jobs[job]])
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        return [results[i] for i in range(len(prompts))]

    def _one(self, prompt: PromptLike, params: SamplingParams, priority: Priority) -> Result:
        body = request_fields(params) | {"model": self._model, "priority": priority.name.lower()}
        if isinstance(prompt, str):
            # OpenAI's default of 16 tokens is not ours.
            completion = self._client.complete(prompt, **({"max_tokens": self._room(prompt)} | body))
            samples = [Sample(text=c.text, finish_reason=_reason(c.finish_reason)) for c in completion.choices]
            return Result([], samples, _usage(completion.usage))
        if not prompt or not isinstance(prompt[0], Mapping):
            raise InvalidRequest("Prompts as token ids work in this process only; add --local.")
        answer = self._client.chat(prompt, **body)  # type: ignore[arg-type]
        samples = [
            Sample(text=choice.message.content or "", finish_reason=_reason(choice.finish_reason))
            for choice in answer.choices
        ]
        return Result([], samples, _usage(answer.usage))

    def _room(self, prompt: str) -> int:
        count = self._client.count_tokens(model=self._model, prompt=prompt).tokens
        return max(1, self.context - count)

    def close(self) -> None:
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class RemoteStream:
    """As core.llm.Stream: deltas, then `result`."""

    def __init__(
        self, client: Client, model: str, messages: Sequence[Mapping[str, Any]], params: SamplingParams
    ) -> None:
        self._events = client.stream_chat(messages, model=model, **request_fields(params))
        self._samples = [Sample() for _ in range(params.n)]
        self._usage: Usage | None = None

    def __iter__(self) -> Iterator[Delta]:
        with closing(self._events):
            for event in self._events:
                if isinstance(event, Text):
                    self._samples[event.index].text += event.text
                    yield Delta(event.index, event.text, [], [])
                elif isinstance(event, Finished):
                    self._samples[event.index].finish_reason = _reason(event.reason)
                elif isinstance(event, Used):
                    self._usage = _usage(event.usage)

    @property
    def result(self) -> Result:
        if self._usage is None:
            raise InvalidRequest("The stream has not ended yet; read it to its end first.")
        return Result([], self._samples, self._usage)

    def close(self) -> None:
        """Cancel the request if it still runs."""
        self._events.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def request_fields(params: SamplingParams) -> dict[str, Any]:
    """What differs from the defaults, as fields of a request to the service."""
    default = SamplingParams()
    fields = {
        name: getattr(params, name)
        for name in SamplingParams.__struct_fields__
        if getattr(params, name) != getattr(default, name)
    }
    for name in ("stop", "stop_token_ids"):
        if name in fields:
            fields[name] = list(fields[name])
    if "logit_bias" in fields:
        fields["logit_bias"] = {str(token): bias for token, bias in params.logit_bias.items()}
    return fields


def _reason(reason: str | None) -> FinishReason | None:
    return None if reason is None else FinishReason.LENGTH if reason == "length" else FinishReason.STOP


def _usage(usage: Any) -> Usage:
    if usage is None:
        return Usage(0, 0, 0)
    return Usage(usage.prompt_tokens, usage.prompt_tokens_details.cached_tokens, usage.completion_tokens)
