"""The bundled demo model behind the real service: what somebody tries first."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import openai
import pytest

from core.client import Client
from core.client_events import Finished, Text, Used

MESSAGES = [{"role": "user", "content": "What is the capital of France?"}]


@pytest.fixture(scope="module")
def demo(serve_demo: Any) -> Iterator[Any]:
    with serve_demo() as server:
        yield server


@pytest.fixture
def sdk(demo: Any) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{demo.url}/v1", api_key=demo.info.token, max_retries=0) as sdk:
        yield sdk


def test_chat_streamed_and_whole_agree(sdk: openai.OpenAI) -> None:
    asked = {"model": "demo", "messages": MESSAGES, "max_tokens": 24, "temperature": 0}
    whole = sdk.chat.completions.create(**asked)
    assert whole.choices[0].message.content
    chunks = list(sdk.chat.completions.create(**asked, stream=True))
    text = "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)
    assert text == whole.choices[0].message.content


def test_responses(sdk: openai.OpenAI) -> None:
    reply = sdk.responses.create(model="demo", input="Hello!", max_output_tokens=16, temperature=0)
    events = list(sdk.responses.create(model="demo", input="Hello!", max_output_tokens=16, temperature=0, stream=True))
    assert events[-1].response.output_text == reply.output_text != ""


def test_json_schema_and_a_forced_tool(sdk: openai.OpenAI) -> None:
    schema = {
        "type": "object",
        "properties": {"city": {"type": "string", "maxLength": 12}, "sure": {"type": "boolean"}},
        "required": ["city", "sure"],
        "additionalProperties": False,
    }
    form = {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}
    reply = sdk.chat.completions.create(model="demo", messages=MESSAGES, response_format=form, max_tokens=120)
    assert set(json.loads(reply.choices[0].message.content)) == {"city", "sure"}
    tool = {"type": "function", "function": {"name": "look_up", "parameters": schema}}
    reply = sdk.chat.completions.create(
        model="demo", messages=MESSAGES, tools=[tool], tool_choice="required", max_tokens=160
    )
    (call,) = reply.choices[0].message.tool_calls
    assert call.function.name == "look_up"
    assert set(json.loads(call.function.arguments)) == {"city", "sure"}


def test_errors(sdk: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError):
        sdk.chat.completions.create(model="none", messages=MESSAGES)
    with pytest.raises(openai.BadRequestError):
        sdk.chat.completions.create(model="demo", messages=MESSAGES, temperature=-1)
    with pytest.raises(openai.BadRequestError, match="not supported by this model"):
        sdk.embeddings.create(model="demo", input="x")


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_the_triton_example(demo: Any) -> None:
    body = '{"text_input": "How do I count to nine in French?", "parameters": {"max_tokens": 20}}'
    done = subprocess.run(
        ["curl", "-sS", "-X", "POST", f"{demo.url}/v2/models/demo/generate",
         "-H", f"Authorization: Bearer {demo.info.token}", "-d", body],
        capture_output=True, timeout=60, check=True,
    )  # fmt: skip
    assert json.loads(done.stdout)["output_tokens"] > 0


def test_the_second_turn_is_mostly_cached(demo: Any) -> None:
    with Client(demo.info) as client:
        first = list(client.stream_chat(MESSAGES, max_tokens=40, temperature=0))
        answer = "".join(event.text for event in first if isinstance(event, Text))
        assert any(isinstance(event, Finished) for event in first)
        known = next(event.usage.total_tokens for event in first if isinstance(event, Used))
        more = [*MESSAGES, {"role": "assistant", "content": answer}, {"role": "user", "content": "And of Spain?"}]
        usage = client.chat(more, max_tokens=4).usage
        assert usage.prompt_tokens_details.cached_tokens >= known - 20
