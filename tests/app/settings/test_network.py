"""The list of network calls that the settings show is the whole truth."""

from __future__ import annotations

import ast
from pathlib import Path

from app.settings.network import CALLS
from app.settings.words import call_texts

ROOT = Path(__file__).resolve().parents[3]
SPEAKERS = {
    "httpx", "httpx2", "requests", "urllib", "urllib3", "http", "socket", "socketserver", "ssl", "aiohttp", "ftplib",
    "smtplib", "huggingface_hub", "uvicorn", "websockets", "grpc", "xmlrpc", "telnetlib", "nccl", "webbrowser",
}  # fmt: skip
QT_SPEAKERS = {"PySide6.QtNetwork", "PySide6.QtWebEngineCore", "PySide6.QtWebSockets"}
# Takes addresses apart and speaks to nobody.
PARSERS = {"urllib.parse"}
# Import such a package for something else: where huggingface_hub keeps its token, that it has read its settings, a socket
# of this machine alone by which a second window finds the first.
SILENT = {"core.library.tokens", "core.text.convert", "app.single"}


def modules() -> list[tuple[str, Path]]:
    return [
        (".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"), path)
        for top in ("app", "core", "engines")
        for path in (ROOT / top).rglob("*.py")
    ]


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
        elif isinstance(node, ast.Attribute) and node.attr in ("open_connection", "create_connection", "start_server"):
            names.add("socket")
    return names


def test_whatever_can_speak_to_a_network_is_in_the_list() -> None:
    named = {module for call in CALLS for module in call.modules}
    speaking = {
        module
        for module, path in modules()
        if any(name.split(".")[0] in SPEAKERS or name in QT_SPEAKERS for name in imported(path) - PARSERS)
    }
    assert speaking - SILENT <= named, "name the call in app/settings/network.py"
    assert named <= {module for module, _ in modules()}, "a module in the list does not exist"


def test_the_addresses_in_the_internet() -> None:
    assert [call.host for call in CALLS if call.where == "internet"] == ["huggingface.co", "pypi.org"]
    assert all(call.offline for call in CALLS if call.where == "internet")


def test_each_has_its_texts() -> None:
    for call in CALLS:
        whom, when = call_texts(call.id)
        assert whom
        assert when.endswith(".")
