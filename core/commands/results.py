"""A Result as the JSON object that --json prints."""

from __future__ import annotations

from typing import Any

from core.results import Result, Sample


def result_json(result: Result, *, with_ids: bool = True, **extra: Any) -> dict[str, Any]:
    """Keys: those of `extra`, then text, token_ids, finish_reason, stop, logprobs (if asked for) of the first sample, `samples`
    (all of them, if more than one), usage. `with_ids` False leaves out token_ids: the service's answers are text."""
    first, *others = [sample_json(sample) for sample in result.samples]
    if not with_ids:
        for sample in (first, *others):
            del sample["token_ids"]
    value = {**extra, **first}
    if others:
        value["samples"] = [first, *others]
    usage = result.usage
    value["usage"] = {
        "prompt_tokens": usage.prompt_tokens,
        "cached_tokens": usage.cached_tokens,
        "output_tokens": usage.output_tokens,
    }
    return value


def sample_json(sample: Sample) -> dict[str, Any]:
    value: dict[str, Any] = {
        "text": sample.text,
        "token_ids": sample.token_ids,
        "finish_reason": sample.finish_reason.value if sample.finish_reason else None,
    }
    if sample.stop is not None:
        value["stop"] = sample.stop
    if sample.logprobs is not None:
        value["logprobs"] = [
            {"logprob": item.logprob, "top": [{"id": token, "logprob": logprob} for token, logprob in item.top]}
            for item in sample.logprobs
        ]
    return value
