"""A small Hub on this machine: the routes that huggingface_hub and our downloader use, a second origin for large files as the
real one has, and faults on demand."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import io
import json
import re
import socket
import struct
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import numpy as np
import pytest

from core.library.hub import Hub
from core.library.pull import Pull
from core.library.retry import Policy
from core.paths import Places

FAST = Policy(attempts=4, base_s=0.01, cap_s=0.05, patience_s=5.0, connect_s=20.0, stall_s=10.0, floor=1)
LFS_FROM = 4096  # bytes from which a file is "LFS": at the second origin, with a sha256


@dataclass
class Fault:
    """What goes wrong with the next `times` requests for a file's bytes (or, with path "api", for metadata)."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    cut_at: int | None = None  # drop the connection after so many bytes of this response
    reset: bool = False  # drop it rudely
    stall_at: int | None = None  # send nothing more after so many bytes
    corrupt: bool = False
    ignore_range: bool = False
    etag: str | None = None  # answer with this ETag, and honour If-Range against it
    blind: bool = False  # ignore If-Range
    chunk_delay: float = 0.0
    body: bytes | None = None
    times: int = 1


@dataclass
class Seen:
    server: str  # "hub" or "cdn"
    path: str
    headers: dict[str, str]
    status: int = 0
    sent: int = 0


class FakeHub:
    """`repos[repo]`: path -> bytes. `gated`: repos whose files need `token`. `seen`: every request."""

    def __init__(self) -> None:
        self.repos: dict[str, dict[str, bytes]] = {}
        self.listed: dict[str, list[dict[str, object]]] = {}  # entries to list instead of the real ones
        self.commits: dict[str, str] = {}
        self.gated: set[str] = set()
        self.private: set[str] = set()
        self.token = "hf_right"
        self.faults: dict[str, list[Fault]] = defaultdict(list)
        self.seen: list[Seen] = []
        self.lock = threading.Lock()
        self.release = threading.Event()  # ends stalls
        self.servers = {name: self._serve(name) for name in ("hub", "cdn")}
        self.endpoint = f"http://127.0.0.1:{self.servers['hub'].server_port}"
        self.cdn = f"http://localhost:{self.servers['cdn'].server_port}"

    def add(self, repo: str, files: dict[str, bytes]) -> str:
        """Returns the new commit."""
        self.repos[repo] = files
        digest = hashlib.sha1(repr(sorted((k, hashlib.sha1(v).hexdigest()) for k, v in files.items())).encode())
        self.commits[repo] = digest.hexdigest()
        return self.commits[repo]

    def fault(self, path: str, **options: object) -> Fault:
        fault = Fault(**options)  # type: ignore[arg-type]
        self.faults[path].append(fault)
        return fault

    def requests(self, path: str, server: str | None = None) -> list[Seen]:
        return [seen for seen in self.seen if seen.path.endswith(path) and server in (None, seen.server)]

    def close(self) -> None:
        self.release.set()
        for server in self.servers.values():
            server.shutdown()
            server.server_close()

    def _serve(self, name: str) -> ThreadingHTTPServer:
        hub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                with contextlib.suppress(ConnectionError, BrokenPipeError):
                    hub._answer(name, self)

            def log_message(self, format: str, *args: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: object, address: object) -> None:
                pass

        server = Server(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        return server

    def _take(self, path: str) -> Fault | None:
        with self.lock:
            waiting = self.faults.get(path) or self.faults.get("*" if path != "api" else "")
            if not waiting:
                return None
            waiting[0].times -= 1
            return waiting[0] if waiting[0].times > 0 else waiting.pop(0)

    def _answer(self, name: str, handler: BaseHTTPRequestHandler) -> None:
        path = unquote(urlsplit(handler.path).path)
        seen = Seen(name, path, {key.lower(): value for key, value in handler.headers.items()})
        with self.lock:
            self.seen.append(seen)
        try:
            if name == "cdn":
                return self._bytes(handler, path.removeprefix("/"), seen)
            if match := re.fullmatch(r"/api/models/(.+)/revision/(.+)", path):
                return self._info(handler, match[1], match[2], seen)
            if match := re.fullmatch(r"/api/models/(.+)/tree/([^/]+)(/.*)?", path):
                return self._tree(handler, match[1], seen)
            if path == "/api/models":
                return self._json(handler, 200, [self._about(repo) for repo in self.repos], seen)
            if match := re.fullmatch(r"/(.+)/resolve/([^/]+)/(.+)", path):
                return self._resolve(handler, match[1], match[2], match[3], seen)
            return self._json(handler, 404, {"error": "no such route"}, seen)
        finally:
            pass

    def _about(self, repo: str) -> dict[str, object]:
        gated = "manual" if repo in self.gated else False
        tags = ["safetensors", "license:apache-2.0"]
        return {
            "id": repo,
            "modelId": repo,
            "sha": self.commits[repo],
            "gated": gated,
            "tags": tags,
            "downloads": 3,
            "likes": 1,
        }

    def _known(self, handler: BaseHTTPRequestHandler, repo: str, revision: str, seen: Seen) -> bool:
        fault = self._take("api")
        if fault is not None:
            if fault.body is not None:
                self._raw(handler, fault.status or 200, fault.body, fault.headers, seen)
            else:
                self._json(handler, fault.status, {"error": "fault"}, seen, fault.headers)
            return False
        if repo not in self.repos or (repo in self.private and not self._allowed(seen)):
            status = 404 if self._allowed(seen) else 401
            self._json(handler, status, {"error": "Repository not found"}, seen, {"X-Error-Code": "RepoNotFound"})
            return False
        if revision not in ("main", self.commits[repo]):
            headers = {"X-Error-Code": "RevisionNotFound"}
            self._json(handler, 404, {"error": "Invalid rev id"}, seen, headers)
            return False
        return True

    def _allowed(self, seen: Seen) -> bool:
        return seen.headers.get("authorization") == f"Bearer {self.token}"

    def _info(self, handler: BaseHTTPRequestHandler, repo: str, revision: str, seen: Seen) -> None:
        if self._known(handler, repo, revision, seen):
            self._json(handler, 200, self._about(repo), seen)

    def _tree(self, handler: BaseHTTPRequestHandler, repo: str, seen: Seen) -> None:
        if not self._known(handler, repo, self.commits.get(repo, ""), seen):
            return
        entries: list[dict[str, object]] = [{"type": "directory", "path": "original", "oid": "0" * 40, "size": 0}]
        for path, data in self.repos[repo].items():
            blob = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
            entry: dict[str, object] = {"type": "file", "path": path, "size": len(data), "oid": blob}
            if len(data) >= LFS_FROM:
                entry["oid"] = "1" * 40
                entry["lfs"] = {"oid": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 134}
            entries.append(entry)
        self._json(handler, 200, self.listed.get(repo, entries), seen)

    def _resolve(self, handler: BaseHTTPRequestHandler, repo: str, commit: str, path: str, seen: Seen) -> None:
        if repo in self.gated and not self._allowed(seen):
            status = 403 if "authorization" in seen.headers else 401
            headers = {"X-Error-Code": "GatedRepo"}
            return self._json(handler, status, {"error": "Access is restricted"}, seen, headers)
        if repo not in self.repos or path not in self.repos[repo] or commit != self.commits[repo]:
            return self._json(handler, 404, {"error": "Entry not found"}, seen, {"X-Error-Code": "EntryNotFound"})
        if len(self.repos[repo][path]) >= LFS_FROM:
            seen.status = 302
            handler.send_response(302)
            handler.send_header("Location", f"{self.cdn}/{repo}/{path}?signature=abc")
            handler.send_header("Content-Length", "0")
            handler.end_headers()
            return None
        return self._bytes(handler, f"{repo}/{path}", seen)

    def _bytes(self, handler: BaseHTTPRequestHandler, key: str, seen: Seen) -> None:
        repo = next(repo for repo in self.repos if key.startswith(repo + "/"))
        path = key.removeprefix(repo + "/")
        data = self.repos[repo][path]
        fault = self._take(path) or Fault()
        if fault.status or fault.body is not None:
            self._raw(handler, fault.status or 200, fault.body or b"", fault.headers, seen)
            return
        etag = fault.etag or '"' + hashlib.md5(data).hexdigest() + '"'
        if fault.corrupt:
            data = bytes([data[0] ^ 1]) + data[1:]
        begin, status = 0, 200
        match = re.fullmatch(r"bytes=(\d+)-", seen.headers.get("range", ""))
        same = seen.headers.get("if-range", etag) == etag or fault.blind
        if match and same and not fault.ignore_range:
            begin, status = int(match[1]), 206
        seen.status = status
        handler.send_response(status)
        handler.send_header("ETag", etag)
        handler.send_header("Content-Length", str(len(data) - begin))
        if status == 206:
            handler.send_header("Content-Range", f"bytes {begin}-{len(data) - 1}/{len(data)}")
        for name, value in fault.headers.items():
            handler.send_header(name, value)
        handler.end_headers()
        for at in range(begin, len(data), 1 << 14):
            piece = data[at : at + (1 << 14)]
            if fault.cut_at is not None and seen.sent + len(piece) > fault.cut_at:
                handler.wfile.write(piece[: fault.cut_at - seen.sent])
                handler.wfile.flush()
                if fault.reset:
                    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                else:
                    handler.connection.shutdown(socket.SHUT_RDWR)
                handler.close_connection = True
                raise ConnectionError
            if fault.stall_at is not None and seen.sent + len(piece) > fault.stall_at:
                handler.wfile.flush()
                handler.close_connection = True
                self.release.wait(60)
                raise ConnectionError
            handler.wfile.write(piece)
            seen.sent += len(piece)
            if fault.chunk_delay:
                time.sleep(fault.chunk_delay)

    def _json(
        self,
        handler: BaseHTTPRequestHandler,
        status: int,
        value: object,
        seen: Seen,
        headers: dict[str, str] | None = None,
    ) -> None:
        everything = {"Content-Type": "application/json", **(headers or {})}
        self._raw(handler, status, json.dumps(value).encode(), everything, seen)

    def _raw(
        self, handler: BaseHTTPRequestHandler, status: int, body: bytes, headers: dict[str, str], seen: Seen
    ) -> None:
        seen.status = status
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)


def random_bytes(count: int, seed: int) -> bytes:
    return np.random.default_rng(seed).bytes(count)


def sharded(size: int = 200_000, seed: int = 0) -> dict[str, bytes]:
    """The files of a repository: three shards with their index, the small ones, and much that nobody needs."""
    shards = [f"model-{i:05}-of-00003.safetensors" for i in (1, 2, 3)]
    index = {"metadata": {}, "weight_map": {f"layer.{i}": shard for i, shard in enumerate(shards)}}
    return {
        "config.json": b'{"architectures": ["LlamaForCausalLM"], "max_position_embeddings": 128}',
        "generation_config.json": b"{}",
        "tokenizer.json": random_bytes(20_000, seed + 9),
        "tokenizer_config.json": b'{"chat_template": "x"}',
        "model.safetensors.index.json": json.dumps(index).encode(),
        **{shard: random_bytes(size, seed + i) for i, shard in enumerate(shards)},
        "README.md": b"# A model",
        "pytorch_model.bin": b"pickle",
        "consolidated.safetensors": random_bytes(9_000, 5),
        "modeling_custom.py": b"import os",
        "model.gguf": b"GGUF",
        "original/params.json": b"{}",
    }


REPO = "maker/model"


@pytest.fixture
def fake_hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "HF_TOKEN", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    hub = FakeHub()
    yield hub
    hub.close()


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places.under(tmp_path / "home")


def wanted(files: dict[str, bytes]) -> dict[str, bytes]:
    """Those of `sharded()` that a model needs."""
    drop = {"README.md", "pytorch_model.bin", "consolidated.safetensors", "modeling_custom.py", "model.gguf"}
    return {path: data for path, data in files.items() if path not in drop and "/" not in path}


class Puller:
    """Runs pulls and keeps what they told."""

    def __init__(self, fake: FakeHub, places: Places) -> None:
        self.fake = fake
        self.places = places
        self.progress: list[object] = []
        self.notes: list[str] = []

    def make(self, model: str = REPO, *, token: str | None = None, offline: bool = False, **policy: object) -> Pull:
        from dataclasses import replace

        hub = Hub(token=token, offline=offline, endpoint=self.fake.endpoint, policy=replace(FAST, **policy))  # type: ignore[arg-type]
        return Pull(model, self.places, hub, on_progress=self.progress.append, on_note=self.notes.append)

    def installed(self, name: str = REPO) -> dict[str, bytes]:
        """Every file of an installed model but our own."""
        root = self.places.models / name
        return {
            path.relative_to(root).as_posix(): path.read_bytes()
            for path in root.rglob("*")
            if path.is_file() and path.name != "deskside.json"
        }

    def add(self, repo: str = REPO, **changes: int) -> dict[str, bytes]:
        """Put a sharded model on the Hub; returns the files of it that are needed."""
        files = sharded(**changes)
        self.fake.add(repo, files)
        return wanted(files)

    def __call__(self, model: str = REPO, **options: object):  # type: ignore[no-untyped-def]
        return self.make(model, **options).run()  # type: ignore[arg-type]


@pytest.fixture
def pull(fake_hub: FakeHub, places: Places) -> Puller:
    return Puller(fake_hub, places)


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> Callable[[int | None], None]:
    """full_disk(n): after n more bytes of downloads the disk is full; None: there is room again."""
    left: list[int | None] = [None]
    real = io.FileIO.write

    class Limited(io.FileIO):
        def write(self, data: Any) -> int:
            room = left[0]
            if room is None:
                return real(self, data)
            if room <= 0:
                raise OSError(errno.ENOSPC, "No space left on device")
            written = real(self, memoryview(data)[:room])
            left[0] = room - written
            return written

    original = Path.open

    def open_path(self: Path, mode: str = "r", buffering: int = -1, **options: Any) -> Any:
        if self.suffix == ".part" and "+" in mode:
            return Limited(self, mode.replace("b", ""))
        return original(self, mode, buffering, **options)

    monkeypatch.setattr(Path, "open", open_path)

    def limit(room: int | None) -> None:
        left[0] = room

    return limit
