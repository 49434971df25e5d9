"""The `openai` package as its users call it, against a real server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import openai
import pytest

MESSAGES = [{"role": "user", "content": "Say something."}]


@pytest.fixture
def sdk(server: Any) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key=server.info.token, max_retries=0) as sdk:
        yield sdk


def test_chat_in_one_piece(sdk: openai.OpenAI) -> None:
    reply = sdk.chat.completions.create(
        model="tiny", messages=MESSAGES, max_tokens=12, seed=3, extra_body={"ignore_eos": True}
    )
    assert reply.choices[0].message.role == "assistant"
    assert reply.choices[0].message.content
    assert reply.choices[0].finish_reason == "length"
    assert reply.usage.completion_tokens == 12
    assert reply.usage.total_tokens == reply.usage.prompt_tokens + 12


def test_a_stream_says_the_same_as_the_whole(sdk: openai.OpenAI) -> None:
    asked = {
        "model": "tiny",
        "messages": MESSAGES,
        "max_tokens": 40,
        "seed": 7,
        "n": 2,
        "extra_body": {"ignore_eos": True},
    }
    whole = sdk.chat.completions.create(**asked)
    texts, reasons, usage = ["", ""], [None, None], None
    for chunk in sdk.chat.completions.create(**asked, stream=True, stream_options={"include_usage": True}):
        usage = chunk.usage or usage
        for choice in chunk.choices:
            texts[choice.index] += choice.delta.content or ""
            reasons[choice.index] = choice.finish_reason or reasons[choice.index]
    assert texts == [choice.message.content for choice in whole.choices]
    assert texts[0] != texts[1]
    assert reasons == ["length", "length"]
    assert usage.completion_tokens == 80
    assert usage.prompt_tokens_details.cached_tokens > 0
