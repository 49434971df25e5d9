"""`core.client` against a real server, and its parts alone."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.client import AsyncClient, Client
from core.client_events import (
    Finished,
    Prefill,
    Reasoning,
    SseDecoder,
    Text,
    ToolCallPart,
    Used,
    chat_events,
    error_from,
)
from core.errors import Busy, EngineDied, InternalError, InvalidRequest, NotFound, Unavailable, UserError
from core.lifecycle import ServiceInfo
from core.service.limits import Limits
from tests.waiting import wait_until

MESSAGES = [{"role": "user", "content": "Hello"}]
CALL = '<tool_call>\n{"name": "look", "arguments": {"at": "it"}}\n</tool_call>'
TEMPLATE = "<tool_call></think>{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}assistant: "
TOOLS = [{"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}]


def test_a_chat_as_typed_events(serve_with: Any) -> None:
    with (
        serve_with(template=TEMPLATE, script=f"<think>Hm.</think>Yes. {CALL}") as server,
        Client(server.info) as client,
    ):
        events = list(client.stream_chat(MESSAGES, tools=TOOLS, progress=True))
        assert isinstance(events[0], Prefill)
        assert "".join(event.text for event in events if isinstance(event, Reasoning)) == "Hm."
        assert "".join(event.text for event in events if isinstance(event, Text)).strip() == "Yes."
        calls = [event for event in events if isinstance(event, ToolCallPart)]
        assert calls[0].name == "look"
        assert json.loads("".join(call.arguments for call in calls)) == {"at": "it"}
        assert events[-2] == Finished("tool_calls")
        assert isinstance(events[-1], Used)
        whole = client.chat(MESSAGES, tools=TOOLS)
        assert whole.choices[0].message.reasoning_content == "Hm."
        assert whole.usage == events[-1].usage.model_copy(
            update={"prompt_tokens_details": whole.usage.prompt_tokens_details}
        )


def test_everything_else_a_client_asks(server: Any) -> None:
    with Client(server.info) as client:
        assert client.ping().pid == server.info.pid
        assert "tiny" in [model.id for model in client.models().data]
        assert "tiny" in [model.name for model in client.all_models().installed]
        counted = client.count_tokens(MESSAGES)
        assert counted.tokens == client.chat(MESSAGES, max_tokens=1).usage.prompt_tokens
        assert counted.context == 4096
        assert client.count_tokens(prompt="abc").tokens == 3
        assert client.complete("abc", max_tokens=2, ignore_eos=True).usage.completion_tokens == 2
        assert client.load("base").state == "ready"
        assert "base" not in [model.name for model in client.unload("base").loaded]
        assert client.status().models[0].name == "tiny"
        assert client.update_weights(str(server.home), "tiny").weight_version == 1
        with pytest.raises(InvalidRequest, match="absolute"):
            client.update_weights("folder")
        with pytest.raises(NotFound):
            client.unload("base")


def test_the_same_without_blocking(server: Any) -> None:
    async def main() -> None:
        async with AsyncClient(server.info) as client:
            assert (await client.ping()).pid == server.info.pid
            texts = ""
            async for event in client.stream_chat(MESSAGES, max_tokens=8, seed=1, ignore_eos=True):
                texts += event.text if isinstance(event, Text) else ""
            whole = await client.chat(MESSAGES, max_tokens=8, seed=1, ignore_eos=True)
            assert texts == whole.choices[0].message.content
            events = client.events()
            assert (await anext(events)).kind == "hello"
            await events.aclose()
            with pytest.raises(NotFound):
                await client.chat(MESSAGES, model="none")

    asyncio.run(main())


def test_leaving_a_stream_cancels_it(serve_with: Any) -> None:
    with serve_with(step_seconds=0.01) as server, Client(server.info) as client:
        stream = client.stream_chat(MESSAGES, max_tokens=3000, ignore_eos=True)
        assert next(stream)
        stream.close()
        wait_until(lambda: server.handle().cancelled)


def test_a_refusal_is_waited_out_and_repeated(serve_with: Any) -> None:
    """429 came before anything was generated, so asking again cannot generate twice."""
    limits = Limits(max_sequences=1, client_share=1.0)
    with serve_with(limits=limits, step_seconds=0.02) as server:
        first, second = Client(server.info), Client(server.info)
        with first, second:
            stream = first.stream_chat(MESSAGES, max_tokens=2000, ignore_eos=True)
            next(stream)
            answers: list[Any] = []
            thread = threading.Thread(target=lambda: answers.append(second.chat(MESSAGES, max_tokens=1)))
            thread.start()
            time.sleep(0.3)
            assert not answers
            stream.close()
            thread.join()
            assert answers


def test_a_service_that_is_gone_is_said_in_words(serve_with: Any) -> None:
    with serve_with() as server:
        info = server.info
    with Client(info) as client, pytest.raises(Unavailable, match="does not answer"):
        client.ping()
    with Client(ServiceInfo(info.host, 1, 1, "x", "1")) as client, pytest.raises(Unavailable):
        list(client.stream_chat(MESSAGES))


def test_an_error_in_a_stream_is_raised_after_the_text(serve_with: Any) -> None:
    with serve_with(step_seconds=0.01) as server, Client(server.info) as client:
        texts = []

        def read() -> None:
            for event in client.stream_chat(MESSAGES, max_tokens=3000, ignore_eos=True):
                if isinstance(event, Text):
                    texts.append(event.text)
                    if len(texts) == 3:
                        server.handle().fail_with = ("engine_died", "The engine died.")

        with pytest.raises(EngineDied, match="died"):
            read()
        assert len(texts) >= 3


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("invalid_request", 400, InvalidRequest),
        ("not_found", 404, NotFound),
        ("busy", 429, Busy),
        ("unavailable", 503, Unavailable),
        ("code_of_a_later_version", 400, InvalidRequest),
        ("code_of_a_later_version", 500, InternalError),
    ],
)
def test_errors_come_back_as_what_they_were(code: str, status: int, kind: type[Exception]) -> None:
    body = json.dumps({"error": {"message": "No.", "type": "t", "param": "p", "code": code}}).encode()
    error = error_from(body, status, "7")
    assert type(error) is kind
    assert error.message == "No."
    if isinstance(error, (Busy, Unavailable)):
        assert error.retry_after == 7.0
    if isinstance(error, InvalidRequest):
        assert error.param == "p"
    assert isinstance(error_from(b"<html>", 404), UserError)
    assert isinstance(error_from(b"{}", 502), InternalError)


EVENTS = [("message", b'{"a": 1}'), ("x", b"two\nlines"), ("message", b"[DONE]")]
RAW = b': comment\n\ndata: {"a": 1}\n\nevent: x\r\ndata: two\r\ndata:lines\r\nid: 7\r\n\r\nevent: empty\n\ndata: [DONE]\n\n'


@given(st.lists(st.integers(0, len(RAW)), max_size=12))
def test_server_sent_events_cut_anywhere(cuts: list[int]) -> None:
    decoder, events, start = SseDecoder(), [], 0
    for cut in [*sorted(cuts), len(RAW)]:
        events += decoder.feed(RAW[start:cut])
        start = cut
    assert events == EVENTS


def test_the_end_mark_ends_a_chat() -> None:
    assert list(chat_events([("message", b"[DONE]"), ("message", b"not JSON")])) == []


def test_importing_the_client_loads_neither_server_nor_numbers() -> None:
    unwanted = ("engines.api", "fastapi", "numpy", "starlette", "tokenizers", "transformers", "uvicorn")
    code = f"import core.client, sys; print([name for name in {unwanted} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"
