"""What the service takes on, and how it says no."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from core.errors import Busy, InvalidRequest
from core.service.limits import Admission, Limits
from tests.waiting import wait_until

BODY = {"model": "tiny", "messages": [{"role": "user", "content": "Hello"}], "ignore_eos": True}


@pytest.fixture(scope="module")
def narrow(serve_module: Any) -> Iterator[httpx.Client]:
    """Asks a server that takes few messages and prompts."""
    with serve_module(limits=Limits(max_messages=10, max_prompts=5)) as server, server.client() as client:
        yield client


def test_a_full_queue_is_429_with_retry_after(serve_with: Any) -> None:
    limits = Limits(max_sequences=4, client_share=1.0)
    with serve_with(limits=limits, step_seconds=0.02) as server, server.client() as client:
        body = BODY | {"max_tokens": 2000, "stream": True}
        with contextlib.ExitStack() as streams:
            for _ in range(3):
                opened = streams.enter_context(client.stream("POST", "/v1/chat/completions", json=body))
                assert opened.status_code == 200
            for stream in (True, False):
                refused = client.post("/v1/chat/completions", json=BODY | {"n": 2, "stream": stream})
                assert refused.status_code == 429
                assert 1 <= int(refused.headers["retry-after"]) <= 30
                assert refused.json()["error"]["type"] == "rate_limit_error"
            assert client.post("/v1/chat/completions", json=BODY | {"max_tokens": 1}).status_code == 200
        wait_until(lambda: not client.get("/v1/deskside/status").json()["open_requests"])
        assert client.post("/v1/chat/completions", json=BODY | {"n": 2, "max_tokens": 1}).status_code == 200


def test_one_client_leaves_room_for_another(serve_with: Any) -> None:
    limits = Limits(max_sequences=4, client_share=0.5)
    with serve_with(limits=limits, step_seconds=0.02) as server, server.client() as client:
        greedy, modest = {"X-Deskside-Client": "greedy"}, {"X-Deskside-Client": "modest"}
        body = BODY | {"max_tokens": 2000, "stream": True, "n": 2}
        with client.stream("POST", "/v1/chat/completions", json=body, headers=greedy):
            refused = client.post("/v1/chat/completions", json=BODY, headers=greedy)
            assert refused.status_code == 429
            assert "This client" in refused.json()["error"]["message"]
            served = client.post("/v1/chat/completions", json=BODY | {"max_tokens": 1}, headers=modest)
            assert served.status_code == 200
        assert [submit.client for submit in server.handle().submits] == ["greedy", "modest"]


def test_a_body_that_is_too_large_is_refused_before_it_is_read(serve_with: Any) -> None:
    with serve_with(limits=Limits(max_body=10_000)) as server, server.client() as client:
        big = {"model": "tiny", "messages": [{"role": "user", "content": "x" * 20_000}]}
        refused = client.post("/v1/chat/completions", json=big)
        assert refused.status_code == 413
        assert refused.json()["error"]["code"] == "body_too_large"

        def endless() -> Any:
            while True:
                yield b" " * 4096

        headers = {"Content-Type": "application/json"}
        # The connection may be cut while the client still sends: then it does not see the answer.
        with contextlib.suppress(httpx.WriteError, httpx.ReadError):
            assert client.post("/v1/chat/completions", content=endless(), headers=headers).status_code == 413
        assert client.post("/v1/chat/completions", json=BODY | {"max_tokens": 1}).status_code == 200


def test_a_body_that_does_not_come_is_408(serve_with: Any) -> None:
    limits = Limits(body_seconds=0.3)
    with (
        serve_with(limits=limits) as server,
        socket.create_connection((server.info.host, server.info.port)) as connection,
    ):
        connection.sendall(
            b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            + f"Authorization: Bearer {server.info.token}\r\nContent-Length: 1000\r\n\r\n{{".encode()
        )
        assert connection.recv(4096).startswith(b"HTTP/1.1 408")


def test_a_connection_that_says_nothing_is_closed(serve_with: Any) -> None:
    with serve_with(limits=Limits(head_seconds=0.3)) as server, server.client() as client:
        assert client.get("/v2/health/live").status_code == 200
        for said in (b"", b"POST /v1/chat/completions HTTP/1.1\r\nHost: loc"):
            with socket.create_connection((server.info.host, server.info.port), timeout=10) as connection:
                connection.sendall(said)
                with contextlib.suppress(ConnectionResetError):
                    assert connection.recv(4096) == b""
        time.sleep(0.5)
        assert client.get("/v2/health/live").status_code == 200  # one that spoke is kept


@pytest.mark.parametrize(
    ("path", "body", "param"),
    [
        ("/v1/chat/completions", {"messages": [{"role": "user", "content": "x"}] * 11}, "messages"),
        ("/v1/completions", {"prompt": ["x"] * 6}, "prompt"),
        ("/v1/completions", {"prompt": []}, "prompt"),
        ("/v1/completions", {"prompt": ""}, "prompt"),
        ("/v1/completions", {"prompt": [[]]}, "prompt"),
        ("/v1/completions", {"prompt": [999_999]}, "prompt"),
        ("/v1/completions", {"prompt": "x", "best_of": 3}, "best_of"),
        ("/v1/completions", {"prompt": "x", "suffix": "y"}, "suffix"),
        ("/v1/completions", {"prompt": "x", "n": 129}, "n"),
        ("/v1/completions", {"prompt": "\ud800"}, None),
    ],
)
def test_too_much_of_something(narrow: Any, path: str, body: dict[str, Any], param: str | None) -> None:
    refused = narrow.post(path, content=json.dumps(body), headers={"Content-Type": "application/json"})
    assert refused.status_code == 400
    assert refused.json()["error"]["param"] == param


@pytest.mark.parametrize(
    "content",
    [
        b"{", b"null", b"[]", b'"x"', b"", b"\xff\xfe", b"{}" + b"x", b'{"messages": NaN}', b"[" * 100_000,
        b'{"a":' * 100_000, b'{"messages": [{"role": "user", "content": "\\ud800"}]}', b"1" * 100_000, b"1e999999",
        b'{"max_tokens": ' + b"9" * 5000 + b', "prompt": "x"}', b'{"max_tokens": 1e400, "prompt": "x"}',
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    "path", ["/v1/chat/completions", "/v1/completions", "/v1/responses", "/v2/models/tiny/generate"]
)
def test_bytes_that_are_no_request_are_400(client: Any, path: str, content: bytes) -> None:
    response = client.post(path, content=content, headers={"Content-Type": "application/json"})
    assert response.status_code == 400
    assert response.json()["error"]


def test_a_long_prompt_does_not_hold_up_short_ones(serve_with: Any) -> None:
    """Encoding runs in a thread: meanwhile the loop answers."""
    with serve_with(limits=Limits(max_body=64 << 20)) as server, server.client() as client:
        text = "a few words, again and again " * 20_000
        done = threading.Event()

        def ask() -> None:
            with server.client() as mine:
                refused = mine.post("/v1/completions", json={"model": "tiny", "prompt": text})
                assert refused.status_code == 400
            done.set()

        thread = threading.Thread(target=ask)
        thread.start()
        asked = 0
        while not done.is_set():
            client.get("/v1/deskside/ping")
            asked += 1
        thread.join()
        assert asked > 10


def test_admission_counts_and_paces() -> None:
    now = [0.0]
    admission = Admission(Limits(max_sequences=4, client_share=0.75), clock=lambda: now[0])
    with admission.enter("a", 3):
        with pytest.raises(Busy) as refused, admission.enter("a", 1):
            pass
        assert refused.value.retry_after == 1
        with admission.enter("b", 1), pytest.raises(Busy), admission.enter("c", 1):
            pass
        assert (admission.total, admission.open_of("b")) == (3, 0)
    with pytest.raises(InvalidRequest), admission.enter("a", 4):
        pass
    for _ in range(10):
        with admission.enter("a", 1):
            now[0] += 5.0
    assert admission.retry_after() == 5
    now[0] += 1000
    assert admission.retry_after() == 30
    assert admission.total == 0


def test_an_idle_model_is_unloaded_and_comes_back_when_asked_for(serve_with: Any) -> None:
    with serve_with(idle_timeout=0.5) as server, server.client() as client:
        wait_until(lambda: not client.get("/v1/deskside/status").json()["models"])
        assert client.post("/v1/chat/completions", json=BODY | {"max_tokens": 1}).status_code == 200
        client.post("/v1/deskside/models/load", json={"model": "tiny", "idle_timeout": 0})
        time.sleep(2.0)
        assert client.get("/v1/deskside/status").json()["models"]
