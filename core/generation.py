"""One request's life as text: prompt -> Submit, events -> text. No I/O: `LLM` and the service both drive it.

generation = Generation(7, prompt, params, builder)
send(generation.submit)
for event in events_of_request_7:
    for delta in generation.take(event): show(delta)
    for finish in generation.take_finishes(): send(finish)
"""

from __future__ import annotations

from dataclasses import dataclass, field

from core.protocol import (
    Done,
    Event,
    Finish,
    FinishReason,
    Priority,
    Progress,
    SampleEnd,
    Submit,
    TokenLogprob,
    Tokens,
)
from core.sampling import SamplingParams
from core.text.prompt import Prompt, PromptBuilder
from core.text.stop import StopStrings
from core.text.stream import TextStream


@dataclass(frozen=True, slots=True)
class Delta:
    """What is new of one sample. Joined over a generation, `text` is its text and `token_ids` its tokens (an end token
    included). `finish_reason` is set once, on its last delta; `stop`: the stop string or token id that ended it."""

    index: int
    text: str
    token_ids: list[int]
    logprobs: list[TokenLogprob]
    finish_reason: FinishReason | None = None
    stop: str | int | None = None


@dataclass(slots=True)
class _Sample:
    stream: TextStream[TokenLogprob]
    received: int = 0
    generated: list[int] = field(default_factory=list)
    stop: str | int | None = None
    ended: bool = False


class Generation:
    """`params` is resolved. `done` is set by the terminal event; `progress` is the last Progress, if asked for."""

    def __init__(
        self,
        request: int,
        prompt: Prompt,
        params: SamplingParams,
        builder: PromptBuilder,
        *,
        priority: Priority = Priority.INTERACTIVE,
        client: str = "",
        wants_progress: bool = False,
    ) -> None:
        stop_ids = params.stop_token_ids if params.ignore_eos else (*builder.stop_ids, *params.stop_token_ids)
        self.prompt = prompt
        self.params = params
        self.submit = Submit(
            request=request,
            prompt_ids=prompt.ids,
            params=params,
            stop_ids=tuple(dict.fromkeys(stop_ids)),
            priority=priority,
            client=client,
            wants_progress=wants_progress,
        )
        self.done: Done | None = None
        self.progress: Progress | None = None
        self._builder = builder
        self._stop_ids = frozenset(stop_ids)
        stops = StopStrings(params.stop) if params.stop else None
        self._samples = [
            _Sample(builder.stream(prompt, stops, params.include_stop, params.min_tokens, params.skip_special_tokens))
            for _ in range(params.n)
        ]
        self._finishes: list[Finish] = []

    def take(self, event: Event) -> list[Delta]:
        """What an event of this request adds, perhaps nothing."""
        if isinstance(event, Tokens):
            return self._tokens(event)
        if isinstance(event, SampleEnd):
            return self._end(event)
        if isinstance(event, Progress):
            self.progress = event
        else:
            self.done = event
        return []

    def take_finishes(self) -> list[Finish]:
        """Frames to send now: samples whose text hit a stop string."""
        finishes, self._finishes = self._finishes, []
        return finishes

    def _tokens(self, event: Tokens) -> list[Delta]:
        sample = self._samples[event.index]
        if sample.stop is not None:
            return []  # on their way when the stop string was found
        ids, logprobs = event.ids, event.logprobs
        sample.generated += ids
        sample.received += len(ids)
        if ids[-1] in self._stop_ids and sample.received > self.params.min_tokens:
            ids, logprobs = ids[:-1], logprobs[:-1]  # ends the sample: SampleEnd follows; not part of its text
        if not ids:
            return []
        delta = sample.stream.push(ids, logprobs or None)
        if delta.stop is not None:
            sample.stop = delta.stop.stop
            del sample.generated[delta.stop.keep_tokens :]
            self._finishes.append(Finish(event.request, event.index, delta.stop.keep_tokens))
        if not delta.text and not delta.token_ids:
            return []
        return [Delta(event.index, delta.text, delta.token_ids, delta.extras)]

    def _end(self, event: SampleEnd) -> list[Delta]:
        sample = self._samples[event.index]
        if sample.ended:
            return []
        sample.ended = True
        rest = sample.stream.finish()
        ids = rest.token_ids
        if event.stop_token is not None:
            ids = [*ids, event.stop_token]
            if sample.stop is None:
                sample.stop = event.stop_token
        reason = event.reason
        if rest.stop is not None:  # a broken last character completed a stop string
            sample.stop, reason = rest.stop.stop, FinishReason.STOP
        elif isinstance(sample.stop, str):
            reason = FinishReason.STOP  # found while the sample ended for another reason
        self._builder.remember(self.prompt, sample.generated)  # also in part: what was stopped may be continued
        return [Delta(event.index, rest.text, ids, rest.extras, reason, sample.stop)]
