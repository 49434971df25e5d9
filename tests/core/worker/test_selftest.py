"""The ladder of `deskside core selftest`: rungs in children that may crash, hang or fail, and rungs left out for them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from core.cli import main
from core.worker import selftest
from core.worker.selftest import LADDER, Rung, climb

CHILDREN = """
import ctypes, json, time

def act(connection):
    request = json.loads(connection.receive())
    what = request["function"]
    if what == "crashes":
        ctypes.string_at(0)
    if what == "hangs":
        time.sleep(600)
    connection.send(json.dumps({"outcome": what, "text": request["folder"]}).encode())
"""


@pytest.fixture
def role(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "rungs_for_tests.py").write_text(CHILDREN, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return "rungs_for_tests:act"


def test_every_way_to_end(role: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ladder = (
        Rung("a", "A", "ok"),
        Rung("b", "B", "crashes"),
        Rung("c", "C", "hangs", seconds=1.0),
        Rung("d", "D", "ok", ("a",)),
        Rung("e", "E", "ok", ("a", "b", "c")),
        Rung("f", "F", "not here"),
        Rung("g", "G", "ok", ("f",)),
    )
    monkeypatch.setattr(selftest, "LADDER", ladder)
    lines = {line.rung.name: line for line in climb(tmp_path, tmp_path, tmp_path, role=role)}
    assert {name: line.outcome for name, line in lines.items()} == {
        "a": "ok", "b": "failed", "c": "failed", "d": "ok", "e": "left out", "f": "not here", "g": "left out",
    }  # fmt: skip
    assert lines["a"].text == str(tmp_path)
    assert "its process" in lines["b"].text
    assert "no answer in 1 seconds" in lines["c"].text
    assert lines["e"].text.endswith("b, c")
    assert "[  FAILED] B" in str(lines["b"])


def test_rungs_name_rungs_before_them_and_functions_that_exist() -> None:
    seen: set[str] = set()
    for rung in LADDER:
        assert set(rung.needs) <= seen
        assert rung.function in selftest.FUNCTIONS
        seen.add(rung.name)


def test_the_command_writes_a_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first two rungs for real: a driver or none, and the library."""
    monkeypatch.setenv("DESKSIDE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(selftest, "LADDER", LADDER[:2])
    file = tmp_path / "report.txt"
    assert main(["core", "selftest", "--output", str(file)]) == 0
    assert capsys.readouterr().out == file.read_text(encoding="utf-8")
    assert "TensorRT for RTX" in file.read_text(encoding="utf-8")
    assert main(["core", "selftest", "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["rung"] for line in lines] == ["driver", "library"]
