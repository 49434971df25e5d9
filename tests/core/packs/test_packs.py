"""Packs: what is pinned, fetched from a small index of our own, checked, unpacked; and everything that must not be."""

from __future__ import annotations

import hashlib
import io
import json
import sys
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from core.cli import main
from core.errors import InvalidRequest, ModelUnusable, NotFound, Unavailable
from core.packs import install
from core.packs.install import Installer, installed, pack_folder, remove, unpack
from core.packs.pinned import PACKS, RTX, Pack, Wheel, find_pack
from core.paths import Places


def wheel(files: dict[str, bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return made.getvalue()


FILES = {
    "small-1-py3-none-any.whl": wheel(
        {"tiny_module/__init__.py": b"x = 1\n", "small-1.dist-info/LICENSE.txt": b"Be kind."}
    ),
    "large-1-py3-none-any.whl": wheel({"tiny_libs/lib.so": b"\x7fELF" * 1000}),
}


def pinned(file: str, **changes: object) -> Wheel:
    data = FILES[file]
    made = Wheel(file.split("-")[0], file, len(data), hashlib.sha256(data).hexdigest(), None, sys.platform)
    return replace(made, **changes)  # type: ignore[arg-type]


@pytest.fixture
def pack(monkeypatch: pytest.MonkeyPatch) -> Pack:
    monkeypatch.setattr("core.packs.pinned.platform.machine", lambda: "x86_64")
    return Pack("tiny", "Tiny", "1", "tiny_module", tuple(pinned(file) for file in FILES))


class Index:
    """A package index; `served` says what was asked for, `content` what is given."""

    def __init__(self) -> None:
        self.content = dict(FILES)
        self.served: list[str] = []
        index = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                index.served.append(self.path)
                name = self.path.rsplit("/", 1)[-1]
                if self.path.startswith("/simple/"):
                    project = self.path.split("/")[2]
                    links = "".join(
                        f'<a href="../../files/{f}#sha256=0">{f}</a>' for f in index.content if f.startswith(project)
                    )
                    data = f"<html><body>{links}</body></html>".encode()
                else:
                    data = index.content.get(name, b"")
                self.send_response(200 if data else 404)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *args: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/simple/"


@pytest.fixture
def index() -> Iterator[Index]:
    made = Index()
    thread = threading.Thread(target=made.server.serve_forever, args=(0.05,))
    thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()
    thread.join()


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places.under(tmp_path)


def test_licence_first_then_everything_in_place(pack: Pack, index: Index, places: Places) -> None:
    assert installed(pack, places) is None
    installer = Installer(pack, places, index=index.url)
    assert installer.licence() == "Be kind."
    assert not [path for path in index.served if "large" in path]  # not before somebody said yes
    assert installed(pack, places) is None
    seen: list[tuple[int, int]] = []
    folder = installer.install(lambda done, total: seen.append((done, total)))
    assert folder == pack_folder(pack, places)
    assert seen == sorted(seen)
    assert seen[-1] == (installer.size, installer.size)
    assert (folder / "tiny_libs" / "lib.so").stat().st_size == 4000
    found = installed(pack, places)
    assert found is not None
    assert found.folder == folder
    assert [file.name for file in folder.parent.iterdir()] == [folder.name]  # nothing left beside it
    assert len([path for path in index.served if path.endswith("small-1-py3-none-any.whl")]) == 1  # not fetched twice
    assert remove(pack, places) > 4000
    assert installed(pack, places) is None
    assert remove(pack, places) == 0


LARGE = FILES["large-1-py3-none-any.whl"]


@pytest.mark.parametrize(
    "data",
    [LARGE[:-1], LARGE + b"x", b"y" * len(LARGE)],
)
def test_other_content_is_never_unpacked(pack: Pack, index: Index, places: Places, data: bytes) -> None:
    index.content["large-1-py3-none-any.whl"] = data
    with pytest.raises(ModelUnusable, match="not the file that this version of Deskside knows"):
        Installer(pack, places, index=index.url).install()
    assert installed(pack, places) is None
    assert not pack_folder(pack, places).exists()
    index.content.update(FILES)
    Installer(pack, places, index=index.url).install()  # and the next attempt is not hindered
    assert installed(pack, places)


def test_what_is_not_there_is_a_sentence(pack: Pack, index: Index, places: Places) -> None:
    del index.content["large-1-py3-none-any.whl"]
    with pytest.raises(Unavailable, match="does not have large-1"):
        Installer(pack, places, index=index.url).install()
    index.server.server_close()
    with pytest.raises(Unavailable, match="could not be downloaded"):
        Installer(pack, places, index=index.url.replace(str(index.server.server_port), "9")).install()
    with pytest.raises(Unavailable, match="offline"):
        Installer(replace(pack, version="2"), places, offline=True, index=index.url).licence()


def test_other_systems_and_pythons_are_refused(pack: Pack, places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    wheels = (pinned("small-1-py3-none-any.whl", python="2.7"), pack.wheels[1])
    with pytest.raises(NotFound, match="not published for Python"):
        Installer(replace(pack, wheels=wheels), places)
    monkeypatch.setattr("core.packs.pinned.platform.machine", lambda: "aarch64")
    with pytest.raises(NotFound, match="aarch64"):
        Installer(pack, places)


@pytest.mark.parametrize("name", ["../out.py", "/out.py", "a/../../out.py", "C:/out.py", "a\\..\\out.py"])
def test_names_that_lead_elsewhere_are_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / "bad.whl"
    path.write_bytes(wheel({"good.py": b"", name: b"evil"}))
    with pytest.raises(ModelUnusable, match="nothing was installed"):
        unpack(path, tmp_path / "target")
    assert not (tmp_path / "target").exists()


def test_a_wheel_that_grows_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(install, "_MOST", 100)
    path = tmp_path / "bad.whl"
    path.write_bytes(wheel({"zeros": bytes(101)}))
    with pytest.raises(ModelUnusable, match="more than a pack can be"):
        unpack(path, tmp_path / "target")


def test_the_rtx_pack_is_pinned_for_every_python_we_support() -> None:
    assert find_pack("rtx") is RTX
    with pytest.raises(InvalidRequest, match="there is: rtx"):
        find_pack("x")
    for system in ("linux", "win32"):
        for python in ("3.11", "3.12", "3.13"):
            found = [w for w in RTX.wheels if w.system == system and w.python in (None, python)]
            assert len(found) == 2
            assert {w.project for w in found} == {"tensorrt-rtx-cu13-bindings", "tensorrt-rtx-cu13-libs"}
    assert all(len(w.sha256) == 64 and RTX.version in w.file for w in RTX.wheels)
    assert len({w.sha256 for w in RTX.wheels}) == len(RTX.wheels)


def test_commands(
    pack: Pack, index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DESKSIDE_HOME", str(tmp_path))
    monkeypatch.setitem(PACKS, "tiny", pack)  # type: ignore[misc]
    assert main(["core", "pack", "install", "tiny", "--index", index.url]) == 2
    assert "give --accept-licence" in capsys.readouterr().err
    assert main(["core", "pack", "licence", "tiny", "--index", index.url]) == 0
    assert capsys.readouterr().out == "Be kind.\n"
    assert main(["core", "pack", "remove", "tiny"]) == 0  # what reading the licence left behind
    assert main(["core", "pack", "remove", "tiny"]) == 3
    capsys.readouterr()
    assert main(["core", "pack", "install", "tiny", "--accept-licence", "--json", "--index", index.url]) == 0
    folder = json.loads(capsys.readouterr().out)["folder"]
    assert Path(folder, "tiny_module").is_dir()
    assert main(["core", "pack", "install", "tiny", "--accept-licence", "--index", index.url]) == 0
    assert main(["core", "pack", "list"]) == 0
    assert f"tiny   Tiny 1: {folder}" in capsys.readouterr().out
    assert main(["core", "pack", "remove"]) == 2
