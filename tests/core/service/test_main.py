"""What the private service of the window listens on."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.config import Config
from core.errors import Unavailable
from core.lifecycle import DEFAULT_PORT, ServiceInfo
from core.service import main as entry
from core.service.server import ServeOptions

INFO = ServiceInfo("127.0.0.1", 1, 1, "token", "1")


class FakeConnection:
    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []

    def send(self, data: bytes) -> None:
        self.sent.append(json.loads(data))

    def close(self) -> None:
        pass


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[ServeOptions]:
    """The options that a service was started with; one for the local network fails where `taken`."""
    monkeypatch.setenv("DESKSIDE_HOME", str(tmp_path))
    options: list[ServeOptions] = []

    def run(config: Config, given: ServeOptions, on_ready: Callable[[ServiceInfo], None]) -> None:
        options.append(given)
        if given.lan and (tmp_path / "taken").exists():
            raise Unavailable("Port 8421 cannot be opened.")
        on_ready(INFO)

    monkeypatch.setattr(entry, "run", run)
    return options


def test_only_this_machine_by_default(asked: list[ServeOptions]) -> None:
    connection = FakeConnection()
    entry.main(connection, "--linger", "3")  # type: ignore[arg-type]
    assert [(options.host, options.port, options.lan, options.linger) for options in asked] == [
        ("127.0.0.1", 0, False, 3.0)
    ]
    assert connection.sent == [{"code": "ready", "message": ""}]


def test_the_local_network_when_asked(asked: list[ServeOptions], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESKSIDE_LAN", "true")
    entry.main(FakeConnection())  # type: ignore[arg-type]
    assert [(options.host, options.port, options.lan) for options in asked] == [("0.0.0.0", DEFAULT_PORT, True)]


def test_a_taken_port_costs_the_network_and_not_the_window(
    asked: list[ServeOptions], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DESKSIDE_LAN", "true")
    (tmp_path / "taken").touch()
    connection = FakeConnection()
    entry.main(connection)  # type: ignore[arg-type]
    assert [options.lan for options in asked] == [True, False]
    assert connection.sent == [{"code": "ready", "message": ""}]
