"""Streams as bytes on a socket: what arrives, and what happens when nobody reads it."""

from __future__ import annotations

import json
import socket
import struct
import threading
from typing import Any

import pytest

from core.client_events import SseDecoder
from core.protocol import Outcome
from core.service.limits import Limits
from tests.waiting import wait_until

BODY = {"model": "tiny", "messages": [{"role": "user", "content": "Hello"}], "ignore_eos": True}
ENDLESS = BODY | {"max_tokens": 3000}


def post(server: Any, path: str, body: dict[str, Any], **headers: str) -> socket.socket:
    """Send a request by hand; returns the socket, with nothing read yet."""
    data = json.dumps(body).encode()
    lines = [f"POST {path} HTTP/1.1", f"Host: {server.info.host}", f"Authorization: Bearer {server.info.token}"]
    lines += ["Content-Type: application/json", f"Content-Length: {len(data)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    connection = socket.create_connection((server.info.host, server.info.port), timeout=20)
    connection.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + data)
    return connection


def no_page_is_lost(server: Any, name: str = "tiny") -> None:
    """Every request had its one Done, and every page is free or cached (the loop checks when it is idle)."""
    handle = server.handle(name)
    wait_until(lambda: not handle.loop.busy)
    handle.loop.check_idle()
    assert set(handle.dones) == {submit.request for submit in handle.submits}


def test_an_sse_client_that_reads_byte_by_byte(server: Any) -> None:
    with post(server, "/v1/chat/completions", BODY | {"stream": True, "max_tokens": 30}, Connection="close") as stream:
        raw = b""
        while byte := stream.recv(1):
            raw += byte
    head, _, chunked = raw.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")
    assert b"text/event-stream" in head.lower()
    body = b""
    while chunked:
        size, _, chunked = chunked.partition(b"\r\n")
        body += chunked[: int(size, 16)]
        chunked = chunked[int(size, 16) + 2 :]
    decoder, events = SseDecoder(), []
    for i in range(len(body)):
        events += decoder.feed(body[i : i + 1])
    assert events == SseDecoder().feed(body)
    assert events[-1] == ("message", b"[DONE]")
    assert b"\r" not in body
    for name, data in events[:-1]:
        assert name == "message"
        assert json.loads(data)["object"] == "chat.completion.chunk"


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("reset", [True, False])
def test_a_disconnect_frees_the_pages_within_one_step(serve_with: Any, stream: bool, reset: bool) -> None:
    with serve_with(step_seconds=0.02) as server:
        handle = server.handle()
        with post(server, "/v1/chat/completions", ENDLESS | {"stream": stream}) as connection:
            wait_until(lambda: handle.steps > 3)
            assert handle.loop.busy
            if stream:
                assert connection.recv(100)
            if reset:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        wait_until(lambda: bool(handle.cancelled))
        step = handle.steps
        wait_until(lambda: not handle.loop.busy)
        assert handle.steps <= step + 1
        assert [done.outcome for done in handle.dones.values()] == [Outcome.CANCELLED]
        no_page_is_lost(server)


def test_a_disconnect_before_the_first_token(serve_with: Any) -> None:
    with serve_with(step_seconds=0.2) as server:
        for stream in (True, False):
            with post(server, "/v1/chat/completions", ENDLESS | {"stream": stream}):
                wait_until(lambda: bool(server.handle().submits))
            wait_until(lambda: not server.handle().loop.busy)
            server.handle().submits.clear()
        with server.client() as client:
            wait_until(lambda: client.get("/v1/deskside/status").json()["open_requests"] == 0)


def test_a_reader_that_does_not_read_is_cut_off_and_does_not_hold_up_others(serve_with: Any) -> None:
    limits = Limits(blocked_seconds=0.5)
    stub = {"num_pages": 4000, "max_context": 30_000}
    with serve_with(limits=limits, stub=stub) as server, server.client() as client:
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect((server.info.host, server.info.port))
        data = json.dumps(
            ENDLESS | {"stream": True, "max_tokens": 20_000, "logprobs": True, "top_logprobs": 20}
        ).encode()
        connection.sendall(
            b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            + f"Authorization: Bearer {server.info.token}\r\nContent-Length: {len(data)}\r\n\r\n".encode()
            + data
        )
        with connection:
            wait_until(lambda: bool(server.handle().submits))
            assert client.post("/v1/chat/completions", json=BODY | {"max_tokens": 20}).status_code == 200
            wait_until(lambda: bool(server.handle().cancelled))
        wait_until(lambda: client.get("/v1/deskside/status").json()["open_requests"] == 0)
        no_page_is_lost(server)


def events_of(client: Any, path: str, body: dict[str, Any], headers: dict[str, str] | None = None) -> list[Any]:
    with client.stream("POST", path, json=body | {"stream": True}, headers=headers) as response:
        assert response.status_code == 200
        decoder = SseDecoder()
        return [event for data in response.iter_raw() for event in decoder.feed(data)]


def test_a_stream_that_breaks_ends_with_one_error_and_keeps_its_text(serve_with: Any) -> None:
    with serve_with(step_seconds=0.01) as server, server.client() as client:
        handle = server.handle()

        def fail() -> None:
            wait_until(lambda: handle.steps > 10)
            handle.fail_with = ("engine_died", "The engine died.")

        threading.Thread(target=fail).start()
        events = [data for _, data in events_of(client, "/v1/chat/completions", ENDLESS)]
        assert events[-1] == b"[DONE]"
        assert json.loads(events[-2])["error"]["code"] == "engine_died"
        assert sum(b'"error":' in data for data in events) == 1
        text = "".join(json.loads(data)["choices"][0]["delta"].get("content", "") for data in events[:-2])
        assert text
        no_page_is_lost(server)


def test_a_response_that_breaks_ends_with_response_failed(serve_with: Any) -> None:
    with serve_with(step_seconds=0.01) as server, server.client() as client:
        handle = server.handle()

        def fail() -> None:
            wait_until(lambda: handle.steps > 10)
            handle.fail_with = ("engine_died", "The engine died.")

        threading.Thread(target=fail).start()
        events = events_of(client, "/v1/responses", {"model": "tiny", "input": "x", "max_output_tokens": 3000})
        last = json.loads(events[-1][1])
        assert last["type"] == events[-1][0] == "response.failed"
        assert last["response"]["error"]["code"] == "engine_died"
        assert last["response"]["output"][0]["content"][0]["text"]


def test_progress_is_told_only_to_who_asks(serve_with: Any) -> None:
    with serve_with(stub={"max_tokens": 64}) as server, server.client() as client:
        body = BODY | {"max_tokens": 3, "messages": [{"role": "user", "content": "long " * 100}]}
        events = events_of(client, "/v1/chat/completions", body)
        assert {name for name, _ in events} == {"message"}
        assert not server.handle().submits[-1].wants_progress
        events = events_of(client, "/v1/chat/completions", body | {"n": 2}, {"X-Deskside-Progress": "1"})
        told = [json.loads(data) for name, data in events if name == "deskside.progress"]
        assert told[-1]["computed"] == told[-1]["total"] > 500
        assert told[0]["cached"] > 400


def test_stopping_lets_answers_finish_within_the_grace(serve_with: Any) -> None:
    with serve_with(step_seconds=0.01) as server, server.client() as client:
        answers: list[int] = []

        def ask() -> None:
            with server.client() as mine:
                answers.append(mine.post("/v1/chat/completions", json=BODY | {"max_tokens": 60}).status_code)

        thread = threading.Thread(target=ask)
        thread.start()
        wait_until(lambda: bool(server.handle().submits))
        assert client.post("/v1/deskside/stop", json={"grace": 20}).json()["stopping"]
        refused = client.post("/v1/chat/completions", json=BODY)
        assert refused.status_code == 503
        assert client.get("/v2/health/ready").status_code == 503
        thread.join()
        assert answers == [200]


def test_stopping_without_grace_ends_streams_with_an_error(serve_with: Any) -> None:
    with serve_with(step_seconds=0.01) as server, server.client() as client:
        events: list[Any] = []

        def ask() -> None:
            with server.client() as mine:
                events.extend(events_of(mine, "/v1/chat/completions", ENDLESS))

        thread = threading.Thread(target=ask)
        thread.start()
        wait_until(lambda: server.handle().steps > 5)
        client.post("/v1/deskside/stop", json={"grace": 0})
        thread.join()
        assert json.loads(events[-2][1])["error"]["code"] == "unavailable"


def test_a_request_that_takes_too_long_ends_with_what_it_has(serve_with: Any) -> None:
    with serve_with(step_seconds=0.01, limits=Limits(request_seconds=0.3)) as server, server.client() as client:
        reply = client.post("/v1/chat/completions", json=ENDLESS).json()
        assert reply["choices"][0]["finish_reason"] == "length"
        assert 5 < reply["usage"]["completion_tokens"] < 200
        assert reply["choices"][0]["message"]["content"]
        no_page_is_lost(server)


def test_the_next_turn_finds_its_prefix_cached(serve_with: Any) -> None:
    with (
        serve_with(script="Once upon a time there was a story that went on and on.") as server,
        server.client() as client,
    ):
        messages: list[dict[str, str]] = [{"role": "user", "content": "Tell me a long story, please."}]
        first = client.post("/v1/chat/completions", json={"messages": messages}).json()
        answer = first["choices"][0]["message"]["content"]
        messages += [{"role": "assistant", "content": answer}, {"role": "user", "content": "Go on."}]
        second = client.post("/v1/chat/completions", json={"messages": messages}).json()
        known = first["usage"]["total_tokens"]
        assert second["usage"]["prompt_tokens_details"]["cached_tokens"] >= known - 17


def test_events_tell_of_models(server: Any, client: Any) -> None:
    with client.stream("GET", "/v1/deskside/events") as stream:
        told = stream.iter_raw()
        decoder = SseDecoder()
        assert json.loads(decoder.feed(next(told))[0][1])["kind"] == "hello"
        assert client.post("/v1/deskside/models/load", json={"model": "base"}).status_code == 200
        client.post("/v1/deskside/models/unload", json={"model": "base"})
        seen: list[Any] = []
        while len(seen) < 3:
            seen += [json.loads(data) for _, data in decoder.feed(next(told))]
    assert [(event["model"], event["state"]) for event in seen] == [
        ("base", "loading"),
        ("base", "ready"),
        ("base", "unloaded"),
    ]
