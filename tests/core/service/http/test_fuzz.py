"""Whatever is sent: no 500, no hang, no page lost."""

from __future__ import annotations

import os
import random
import socket
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode

from core.service.app import create_api
from core.service.limits import Limits
from core.service.models import Models
from core.service.state import Service
from tests.waiting import PATIENCE, wait_until

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "8"))  # per operation and mode
ALLOWED = {200, 400, 401, 403, 404, 405, 408, 411, 413, 414, 422, 429, 431, 503}
HARMFUL = {"/v1/deskside/stop", "/v1/deskside/events"}  # end the service; never ends


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Any]:
    start = request.getfixturevalue("serve_module")
    with start(limits=Limits(body_seconds=5.0, head_seconds=5.0)) as server:
        yield server


def document() -> Any:
    service = Service(lambda changed: Models(None, None), token="t", version="1")  # type: ignore[arg-type]
    return schemathesis.openapi.from_dict(create_api(service).openapi())


SCHEMA = document()
OPERATIONS = [(path, method) for path, item in SCHEMA.raw_schema["paths"].items() for method in item]


def can_be_wrong(path: str, method: str) -> bool:
    """Any text will do for what stands in a path. Hypothesis finds that out too, after 459 attempts."""
    item = SCHEMA.raw_schema["paths"][path][method]
    return "requestBody" in item or any(each["in"] != "path" for each in item.get("parameters", ()))


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
@pytest.mark.parametrize(("path", "method"), [pair for pair in OPERATIONS if pair[0] not in HARMFUL])
def test_what_the_document_allows_and_forbids(target: Any, path: str, method: str, mode: GenerationMode) -> None:
    if mode is GenerationMode.NEGATIVE and not can_be_wrong(path, method):
        pytest.skip("nothing to get wrong here")
    operation = SCHEMA[path][method.upper()]

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
        database=None,
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def check(case: Any) -> None:
        response = case.call(base_url=target.url, headers=target.headers, timeout=20)
        assert response.status_code in ALLOWED, response.text[:500]
        if "text/event-stream" in response.headers.get("content-type", ""):
            return
        if response.status_code >= 400 and method != "head":
            assert response.json()["error"]
        if response.status_code == 429:
            assert int(response.headers["retry-after"]) >= 1

    check()


def mutations(seed: int, token: str) -> bytes:
    """A request, damaged."""
    rng = random.Random(seed)
    body = b'{"model": "tiny", "prompt": "x", "max_tokens": 3, "stream": true}'
    path = rng.choice(
        [b"/v1/completions", b"/v1/chat/completions", b"/v1/models", b"/v2/models/tiny/generate", b"/metrics"]
    )
    length = rng.choice([len(body), 0, 5, 10**9, -1])
    lines = [
        rng.choice([b"POST", b"GET", b"HEAD", b"PUT", b"XYZZY"]) + b" " + path + b" HTTP/1.1",
        b"Host: 127.0.0.1",
        b"Authorization: Bearer " + token.encode(),
        b"Content-Type: application/json",
        rng.choice(
            [
                b"Content-Length: %d" % length,
                b"Transfer-Encoding: chunked",
                b"Upgrade: websocket\r\nConnection: Upgrade",
            ]
        ),
    ]
    data = bytearray(b"\r\n".join(lines) + b"\r\n\r\n" + body)
    for _ in range(rng.choice([0, 0, 1, 3, 30])):
        place = rng.randrange(len(data))
        data[place : place + rng.randrange(3)] = rng.randbytes(rng.randrange(4))
    return bytes(data[: rng.choice([len(data), len(data), rng.randrange(len(data))])])


def answers(raw: bytes) -> list[int]:
    """Status codes in what came back, as far as they begin a line."""
    return [int(part[:3]) for part in raw.split(b"HTTP/1.1 ")[1:] if part[:3].isdigit()]


def test_damaged_bytes(target: Any) -> None:
    """Sent, half closed, and read to the end: something sensible comes back, or the connection is closed, in time."""
    seen: set[int] = set()
    for seed in range(20 * EXAMPLES):
        with socket.create_connection((target.info.host, target.info.port), timeout=PATIENCE) as connection:
            raw = b""
            try:
                connection.sendall(mutations(seed, target.info.token))
                connection.shutdown(socket.SHUT_WR)
                while piece := connection.recv(65536):
                    raw += piece
            except ConnectionError:
                pass
        assert set(answers(raw)) <= ALLOWED, (seed, raw[:200])
        seen |= set(answers(raw))
    assert {200, 400, 404} & seen
    with target.client() as client:
        wait_until(lambda: not client.get("/v1/deskside/status").json()["open_requests"])
        assert client.get("/v2/health/live").status_code == 200


def test_at_the_end_no_page_is_lost(target: Any) -> None:
    """Runs after the others of this file, on the same server."""
    for handle in target.engines.handles.values():
        wait_until(lambda handle=handle: not handle.loop.busy)
        handle.loop.check_idle()
        assert set(handle.dones) == {submit.request for submit in handle.submits}
