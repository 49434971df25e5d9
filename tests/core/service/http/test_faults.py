"""Processes that die, seen from outside: what clients get, and what is left."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from core.client import Client
from core.client_events import Text
from core.errors import DesksideError, EngineDied
from core.lifecycle import ServiceInfo
from tests.waiting import PATIENCE, gone, wait_until

pytestmark = pytest.mark.skipif(os.name != "posix", reason="SIGKILL")

MESSAGES = [{"role": "user", "content": "Hello"}]


def worker_of(client: Client) -> int:
    pid = client.status().models[0].worker_pid
    assert pid is not None
    return pid


def read_to_the_end(info: ServiceInfo, begun: threading.Semaphore) -> tuple[str, list[DesksideError]]:
    """The text of a stream that is not to finish, and what ended it. `begun` is released with its first text."""
    texts: list[str] = []
    errors: list[DesksideError] = []
    with Client(info) as client:
        try:
            for event in client.stream_chat(MESSAGES, max_tokens=6000, seed=3, ignore_eos=True):
                assert isinstance(event, Text)
                if not texts:
                    begun.release()
                texts.append(event.text)
        except DesksideError as error:
            errors.append(error)
    return "".join(texts), errors


def test_a_killed_worker_ends_each_stream_once_with_its_text_and_serves_the_next(serve_real: Any) -> None:
    rng = random.Random(1)
    with serve_real(seconds_per_step=0.004) as server, Client(server.info) as client:
        expected = client.chat(MESSAGES, max_tokens=600, seed=3, ignore_eos=True).choices[0].message.content
        for _ in range(2):
            pid = worker_of(client)
            with ThreadPoolExecutor(8) as pool:
                begun = threading.Semaphore(0)
                readers = [pool.submit(read_to_the_end, server.info, begun) for _ in range(8)]
                for _ in range(8):
                    assert begun.acquire(timeout=PATIENCE)
                time.sleep(0.5 * rng.random())
                os.kill(pid, signal.SIGKILL)
                ends = [reader.result(PATIENCE) for reader in readers]
            for text, errors in ends:
                assert [type(error) for error in errors] == [EngineDied]
                assert expected.startswith(text[: len(expected)])
            assert client.chat(MESSAGES, max_tokens=5, ignore_eos=True).usage.completion_tokens == 5
            assert worker_of(client) != pid


def test_a_killed_service_takes_its_worker_with_it(tmp_path: Path) -> None:
    environ = {**os.environ, "DESKSIDE_HOME": str(tmp_path)}
    command = [sys.executable, "-m", "core", "serve", "--port", "0", "--model", "demo"]
    with subprocess.Popen(command, env=environ, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert "Serving on" in process.stderr.readline()
        lock = json.loads((tmp_path / "state" / "service.lock").read_text())
        with Client(ServiceInfo(**lock)) as client:
            worker = worker_of(client)
        process.kill()
        process.wait()
        wait_until(lambda: gone(worker))


def test_many_streams_with_random_leavers_leave_nothing_behind(serve_real: Any) -> None:
    """A short soak over HTTP; scripts/soak.py does it for long without."""
    rng = random.Random(2)
    with serve_real() as server, Client(server.info) as client:
        body = json.dumps({"messages": MESSAGES, "max_tokens": 300, "ignore_eos": True, "stream": True}).encode()
        request = (
            f"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {server.info.token}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        ).encode() + body
        finished = 0
        for _ in range(2):
            connections = [
                socket.create_connection((server.info.host, server.info.port), timeout=30) for _ in range(100)
            ]
            for connection in connections:
                connection.sendall(request)
            for connection in rng.sample(connections, 100):
                leave_after = rng.choice([0, 1, 5_000, 10**9, 10**9])
                seen = 0
                while seen < leave_after and (data := connection.recv(65536)):
                    seen += len(data)
                    if data.endswith(b"0\r\n\r\n"):
                        finished += 1
                        break
                connection.close()
        assert finished > 20

        def nothing_is_left() -> bool:
            status = client.status()
            model = status.models[0]
            return not (status.open_requests or model.running or model.waiting or model.pages_used)

        wait_until(nothing_is_left)
        assert client.chat(MESSAGES, max_tokens=3, ignore_eos=True).usage.completion_tokens == 3
