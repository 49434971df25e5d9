"""Who is let in, and what is written down."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from core.errors import InvalidRequest
from core.service.app import create_api
from core.service.auth import OPEN_PATHS, Guard, host_name, is_loopback
from core.service.models import Models
from core.service.replies import refuse
from core.service.server import ServeOptions, listen
from core.service.state import Service

SECRET = "a-very-secret-prompt-41"


def every_route() -> list[tuple[str, str]]:
    service = Service(lambda changed: Models(None, None), token="t", version="1")  # type: ignore[arg-type]
    document = create_api(service).openapi()
    routes = [(method.upper(), path) for path, methods in document["paths"].items() for method in methods]
    return [*routes, ("GET", "/openapi.json"), ("GET", "/no/such/route"), ("OPTIONS", "/v1/models")]


@pytest.fixture
def anyone(server: Any) -> Iterator[httpx.Client]:
    """A client without the token."""
    with httpx.Client(base_url=server.url, timeout=10, trust_env=False) as client:
        yield client


@pytest.mark.parametrize(("method", "path"), every_route())
def test_every_route_but_health_needs_the_token(anyone: httpx.Client, server: Any, method: str, path: str) -> None:
    path = path.replace("{model}", "tiny")
    token = server.info.token
    for headers in (
        {},
        {"Authorization": "Bearer"},
        {"Authorization": f"Bearer {token}x"},
        {"Authorization": f"Bearer {token[:-1]}"},
        {"Authorization": f"Basic {token}"},
        {"Authorization": token},
        {"X-Api-Key": token},
        {"Cookie": f"token={token}"},
    ):
        response = anyone.request(method, path, headers=headers, params={"token": token})
        if path in OPEN_PATHS:
            assert response.status_code == 200
            assert token not in response.text
        else:
            assert response.status_code == 401, headers
            assert response.json()["error"]["code"] == "unauthorized"
            assert response.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("path", ["/v2/health/live", "/v1/models", "/v1/chat/completions"])
@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"Host": "evil.example"}, "forbidden_host"),
        ({"Host": "evil.example:80"}, "forbidden_host"),
        ({"Host": "localhost.evil.example"}, "forbidden_host"),
        ({"Host": "127.0.0.1.evil.example"}, "forbidden_host"),
        ({"Host": "192.168.1.5"}, "forbidden_host"),
        ({"Host": "localhost:1:2"}, "forbidden_host"),
        ({"Host": ""}, "forbidden_host"),
        ({"Origin": "http://evil.example"}, "forbidden_origin"),
        ({"Origin": "null"}, "forbidden_origin"),
        ({"Origin": "http://localhost:1"}, "forbidden_origin"),
        ({"Origin": "https://127.0.0.1"}, "forbidden_origin"),
    ],
)
def test_a_foreign_host_or_origin_is_refused_even_with_the_token(
    client: httpx.Client, path: str, headers: dict[str, str], code: str
) -> None:
    response = client.post(path, json={}, headers=headers)
    assert response.status_code == 403
    assert response.json()["error"]["code"] == code


def test_our_own_names_and_origin_are_let_in(client: httpx.Client, server: Any) -> None:
    port = server.info.port
    for host in (f"localhost:{port}", f"127.0.0.1:{port}", f"[::1]:{port}", "LOCALHOST", "localhost."):
        assert client.get("/v1/deskside/ping", headers={"Host": host}).status_code == 200
    own = {"Host": f"localhost:{port}", "Origin": f"http://localhost:{port}"}
    assert client.get("/v1/deskside/ping", headers=own).status_code == 200


def test_no_cors_header_is_sent(client: httpx.Client, server: Any) -> None:
    own = {"Origin": server.url, "Access-Control-Request-Method": "POST"}
    for method, path in (("GET", "/v1/models"), ("OPTIONS", "/v1/chat/completions"), ("GET", "/v2/health/live")):
        for headers in (own, {"Origin": "http://evil.example"}):
            names = [name.lower() for name in client.request(method, path, headers=headers).headers]
            assert not [name for name in names if name.startswith("access-control")]


def test_two_hosts_or_two_tokens_are_refused(server: Any) -> None:
    for extra in (b"Host: 127.0.0.1\r\n", b"Authorization: Bearer x\r\n"):
        head = b"GET /v1/models HTTP/1.1\r\nHost: 127.0.0.1\r\n" + extra
        head += b"Authorization: Bearer " + server.info.token.encode() + b"\r\nConnection: close\r\n\r\n"
        with socket.create_connection((server.info.host, server.info.port)) as connection:
            connection.sendall(head)
            answer = connection.recv(65536)
        assert answer.split(b" ")[1] in (b"400", b"401", b"403")


def test_a_page_cannot_post_without_saying_json(client: httpx.Client) -> None:
    """A form can be posted across origins without asking; JSON cannot."""
    response = client.post("/v1/chat/completions", content=b"{}", headers={"Content-Type": "text/plain"})
    assert response.status_code == 400
    assert "application/json" in response.json()["error"]["message"]


@pytest.mark.parametrize("level", ["info", "warning"])
def test_no_prompt_and_no_answer_in_the_log(
    serve_with: Any, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str], level: str
) -> None:
    caplog.set_level(level.upper())
    with serve_with(script="the-secret-answer-42") as server, server.client() as client:
        body = {"model": "tiny", "messages": [{"role": "user", "content": SECRET}]}
        assert "the-secret-answer-42" in client.post("/v1/chat/completions", json=body).text
        client.post("/v1/chat/completions", json=body | {"messages": [{"role": "user", "content": {"x": SECRET}}]})
        client.post("/v1/chat/completions", json=body | {"stream": True})
        client.post("/v1/completions", json={"prompt": SECRET, "max_tokens": 99_999})
        client.post("/v1/chat/completions", content=json.dumps(body)[:-1], headers={"Content-Type": "application/json"})
        server.handle().fail_with = ("internal", "boom")
        client.post("/v1/chat/completions", json=body)
    written = caplog.text + "".join(capfd.readouterr())
    assert SECRET not in written
    assert "the-secret-answer" not in written
    assert server.info.token not in written


def test_errors_of_ours_do_not_show_their_cause(serve_with: Any, caplog: pytest.LogCaptureFixture) -> None:
    with serve_with(stub={"seconds_per_step": 0.02}) as server, server.client() as client:
        server.handle().fail_with = ("internal", "password=hunter2")
        response = client.post("/v1/completions", json={"prompt": "x", "max_tokens": 50, "ignore_eos": True})
        assert response.status_code == 500
        assert "hunter2" not in response.text
        assert "hunter2" in caplog.text


@pytest.mark.parametrize(
    ("header", "name"),
    [
        (b"localhost", "localhost"),
        (b"LocalHost:80", "localhost"),
        (b"[::1]:80", "::1"),
        (b"[::1]", "::1"),
        (b"[::1", None),
        (b"[::1]x", None),
        (b"a:b", None),
        (b":80", None),
        (b"", None),
        (b"a.b.:1", "a.b"),
        (b"a:\xc2\xb2", None),
    ],
)
def test_names_in_host_headers(header: bytes, name: str | None) -> None:
    assert host_name(header) == name


def test_what_counts_as_this_machine_only() -> None:
    assert [is_loopback(host) for host in ("127.0.0.1", "::1", "localhost", "127.9.9.9")] == [True] * 4
    assert not any(is_loopback(host) for host in ("0.0.0.0", "::", "192.168.0.1", "example.org"))


def test_the_lan_needs_the_flag() -> None:
    with pytest.raises(InvalidRequest, match="--lan"):
        listen(ServeOptions(host="0.0.0.0"))
    listen(ServeOptions(host="0.0.0.0", lan=True)).close()


def test_on_the_lan_addresses_and_our_names_are_let_in_and_others_not() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None: ...

    guard = Guard(app, "t", refuse, lan=True, names=["box.example"])
    assert guard._is_ours(b"192.168.1.5:80")
    assert guard._is_ours(b"box.example:80")
    assert guard._is_ours(socket.gethostname().encode())
    assert not guard._is_ours(b"evil.example")
