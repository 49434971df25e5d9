"""The real thing: a service process with a worker process, found and stopped through the lock file."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core import lifecycle
from core.client import Client, attach, connect
from core.config import load_config
from core.errors import Busy
from core.lifecycle import LockFile, ServiceInfo
from core.paths import Places
from tests.waiting import wait_until


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Places]:
    """An empty home of our own; whatever service was started there is stopped."""
    monkeypatch.setenv("DESKSIDE_HOME", str(tmp_path))
    places = load_config(os.environ).places
    yield places
    lifecycle.stop(places, grace=0)


def core(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "core", *words], capture_output=True, text=True, timeout=60)


def test_of_many_starters_one_starts_and_all_get_the_same_service(places: Places) -> None:
    found: list[ServiceInfo] = []
    threads = [threading.Thread(target=lambda: found.append(lifecycle.attach_or_start(places))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert len({(info.pid, info.port, info.token) for info in found}) == 1
    assert lifecycle.ping(found[0])


def test_the_lock_file_is_for_its_owner_only_and_says_nothing_once_the_service_stopped(places: Places) -> None:
    path = places.service_lock
    path.parent.mkdir(parents=True)
    path.write_text("{}")
    path.chmod(0o644)
    info = lifecycle.attach_or_start(places)
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert info.host == "127.0.0.1"
    assert info.token in path.read_text()
    assert info.token not in repr(info)
    assert lifecycle.stop(places, grace=0)
    assert info.token not in path.read_text()
    assert lifecycle.find(places) is None
    assert not lifecycle.stop(places)


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
def test_a_killed_service_is_known_to_be_gone_and_replaced(places: Places) -> None:
    import signal

    first = lifecycle.attach_or_start(places)
    os.kill(first.pid, signal.SIGKILL)
    wait_until(lambda: lifecycle.find(places) is None)
    assert first.token in places.service_lock.read_text()  # stale, and taken for what it is
    second = lifecycle.attach_or_start(places)
    assert second.pid != first.pid
    assert second.token != first.token


def test_a_stranger_on_the_port_is_not_told_the_token(places: Places) -> None:
    """The lock is held and the file names a port where somebody else answers."""
    import http.server

    seen: list[str] = []

    class Stranger(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(str(self.headers))
            self.send_response(200)
            self.send_header("X-Deskside-Proof", "0" * 64)
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Stranger) as stranger, LockFile(places.service_lock) as lock:
        thread = threading.Thread(target=stranger.handle_request)
        thread.start()
        lock.publish(ServiceInfo("127.0.0.1", stranger.server_port, os.getpid(), "the-secret-token", "1"))
        assert lifecycle.find(places) is None
        thread.join()
    assert seen
    assert "the-secret-token" not in seen[0]


def test_two_services_of_one_user_do_not_run(places: Places) -> None:
    with LockFile(places.service_lock), pytest.raises(Busy, match="Another Deskside service"):
        LockFile(places.service_lock)


def test_a_service_that_nobody_uses_ends(places: Places) -> None:
    info = lifecycle.attach_or_start(places, linger=1.0)
    with Client(info) as client:
        events = client.events()
        assert next(events).kind == "hello"
        time.sleep(1.5)
        assert lifecycle.find(places) is not None, "somebody listens"
        events.close()
    wait_until(lambda: not lifecycle.is_held(places.service_lock))


def test_status_and_stop_from_the_command_line(places: Places) -> None:
    assert core("status", "--json").stdout.strip() == '{"running": false}'
    info = lifecycle.attach_or_start(places)
    status = json.loads(core("status", "--json").stdout)
    assert status["pid"] == info.pid
    assert status["address"] == info.address
    assert "token" not in status
    assert info.token not in core("status").stdout
    assert json.loads(core("status", "--json", "--show-token").stdout)["token"] == info.token
    assert core("stop", "--grace", "0").returncode == 0
    assert core("status").returncode == 7


def test_serve_refuses_the_lan_without_the_flag(places: Places) -> None:
    done = core("serve", "--host", "0.0.0.0", "--port", "0")
    assert done.returncode == 2
    assert "--lan" in done.stderr


def test_serve_warns_of_the_lan_and_stops_on_request(places: Places) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "core", "serve", "--host", "0.0.0.0", "--lan", "--port", "0"],
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        assert "can be reached from other machines" in process.stderr.readline()
        assert "Serving on http://127.0.0.1:" in process.stderr.readline()
        assert "status --show-token" in process.stderr.readline()
        with connect() as client:
            assert client.ping().pid == process.pid
            client.stop(grace=0)
        assert process.wait(20) == 0


def test_attach_finds_nothing_where_nothing_runs(places: Places) -> None:
    assert attach() is None
