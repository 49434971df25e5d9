"""`auto` and the GPU: a child that passes, fails, crashes or hangs, and what is remembered of it. No GPU: children of our own."""

from __future__ import annotations

import json
import logging
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from core.commands.doctor import check_backend
from core.config import load_config
from core.paths import find_places
from core.worker import selfcheck
from core.worker.selfcheck import FILE, Verdict, ask, keep, recall, settle
from engines import selfcheck as engine_check
from engines.api.errors import DeviceError, OutOfMemory, UnsupportedError
from engines.selfcheck import CheckResult

GOLDEN = Path(__file__).parents[2] / "golden" / "llama-mha"
CHILDREN = """
import ctypes, json, os, time

def note(connection):
    request = json.loads(connection.receive())
    with open(os.path.join(request["cache"], "asked"), "a") as file:
        file.write(request["folder"] + "\\n")

def passes(connection):
    note(connection)
    connection.send(b'{"passed": true, "reason": "All is well."}')

def fails(connection):
    note(connection)
    connection.send(b'{"passed": false, "reason": "Its logits are off."}')

def short(connection):
    note(connection)
    connection.send(b'{"passed": true, "reason": "It was not checked.", "remember": false}')

def crashes(connection):
    note(connection)
    ctypes.string_at(0)

def raises(connection):
    note(connection)
    raise ValueError("a fault")

def hangs(connection):
    note(connection)
    time.sleep(600)
"""


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder, on a machine that has a GPU."""
    (tmp_path / "checks_for_tests.py").write_text(CHILDREN, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(engine_check, "cuda_environment", lambda: "A GPU, driver 13000")
    folder = tmp_path / "cache"
    folder.mkdir()
    return folder


def run(cache: Path, child: str, deadline: float = 20.0) -> str:
    return settle(GOLDEN, "auto", cache, role=f"checks_for_tests:{child}", deadline=deadline)


def asked(cache: Path) -> int:
    file = cache / "asked"
    return len(file.read_text().splitlines()) if file.exists() else 0


def test_a_gpu_that_passes_is_used_and_not_asked_again(cache: Path) -> None:
    assert run(cache, "passes") == "auto"
    assert run(cache, "crashes") == "auto"
    assert asked(cache) == 1
    (entry,) = json.loads((cache / FILE).read_text()).values()
    assert entry == {"passed": True, "reason": "All is well.", "gpu": "A GPU, driver 13000", "model": "llama-mha"}


@pytest.mark.parametrize(
    ("child", "deadline", "words"),
    [
        ("fails", 20.0, "Its logits are off."),
        ("crashes", 20.0, "SIGSEGV|access violation"),
        ("raises", 20.0, "exit code 70"),
        ("hangs", 3.0, "gave no answer in 3 seconds"),
    ],
)
def test_a_gpu_that_does_not_is_not(
    cache: Path, child: str, deadline: float, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        with caplog.at_level(logging.WARNING, "deskside.selfcheck"):
            caplog.clear()
            assert run(cache, child, deadline) == "reference"
        (record,) = caplog.records
        assert "failed its check" in record.getMessage()
        assert recall(cache, next(iter(json.loads((cache / FILE).read_text())))) is not None
        assert re.search(words, record.getMessage())
    assert asked(cache) == 1


def test_another_driver_or_model_is_another_question(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(cache, "fails") == "reference"
    monkeypatch.setattr(engine_check, "cuda_environment", lambda: "A GPU, driver 13010")
    assert run(cache, "passes") == "auto"
    assert settle(GOLDEN.parent / "gpt2", "auto", cache, role="checks_for_tests:passes") == "auto"
    assert asked(cache) == 3


@pytest.mark.parametrize(
    ("backend", "tried_here", "asks"), [("cuda", True, 0), ("tensorrt", True, 0), ("tensorrt", False, 1)]
)
def test_an_engine_was_checked_when_it_was_built_unless_its_plans_were_for_another_gpu(
    cache: Path, monkeypatch: pytest.MonkeyPatch, backend: str, tried_here: bool, asks: int
) -> None:
    built = SimpleNamespace(backend=backend, device="A GPU" if tried_here else None)
    monkeypatch.setattr("engines.store.find_manifest", lambda folder: built)
    assert run(cache, "fails") == ("reference" if asks else "auto")
    assert asked(cache) == asks


def test_what_may_end_otherwise_is_not_remembered(cache: Path) -> None:
    assert run(cache, "short") == "auto"
    assert run(cache, "fails") == "reference"
    assert asked(cache) == 2


def test_nothing_is_asked_of_a_machine_without_a_gpu_or_where_a_backend_is_named(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for backend in ("cuda", "reference"):
        assert settle(GOLDEN, backend, cache, role="checks_for_tests:fails") == backend

    def none() -> str:
        raise DeviceError("No NVIDIA driver is installed.")

    monkeypatch.setattr(engine_check, "cuda_environment", none)
    assert run(cache, "fails") == "auto"
    assert asked(cache) == 0


def test_a_damaged_table_or_a_folder_that_cannot_be_written_is_no_error(cache: Path, tmp_path: Path) -> None:
    for text in ("{", "[]", '{"k": 1}', '{"k": {"passed": true}}'):
        (cache / FILE).write_text(text)
        assert recall(cache, "k") is None
    keep(cache, "k", Verdict(False, "why"), "gpu", "m")
    assert recall(cache, "k") == Verdict(False, "why")
    for i in range(300):
        keep(cache, f"k{i}", Verdict(True, "fine"), "gpu", "m")
    assert recall(cache, "k") is None
    assert recall(cache, "k299") == Verdict(True, "fine")
    (tmp_path / "file").write_bytes(b"")
    keep(tmp_path / "file" / "below", "k", Verdict(True, ""), "gpu", "m")
    keep(None, "k", Verdict(True, ""), "gpu", "m")
    assert recall(None, "k") is None


def test_doctor_tells(cache: Path) -> None:
    places = find_places({"DESKSIDE_HOME": str(cache)})
    config = load_config({"DESKSIDE_HOME": str(cache)})
    assert list(check_backend(config)) == []
    keep(places.kernels, "a", Verdict(True, "fine"), "A GPU", "small")
    keep(places.kernels, "b", Verdict(False, "Its logits are off."), "A GPU", "large")
    good, bad = check_backend(config)
    assert (good.status, good.detail) == ("ok", "gave the reference's results for small")
    assert (bad.status, bad.detail) == ("note", "failed its check with large on A GPU: Its logits are off.")
    assert FILE in bad.advice
    (places.kernels / FILE).write_text('{"a": 1, "b": {"passed": true}}')
    assert list(check_backend(config)) == []


def test_the_child_gives_a_verdict_whatever_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[bytes] = []

    class Wire:
        def receive(self) -> bytes:
            return json.dumps({"folder": str(GOLDEN), "cache": None}).encode()

        def send(self, frame: bytes) -> None:
            sent.append(frame)

    def outcome(result: Any) -> dict[str, Any]:
        def check(folder: Path, candidate: Any) -> CheckResult:
            assert folder == GOLDEN
            if isinstance(result, Exception):
                raise result
            return result

        monkeypatch.setattr(engine_check, "check", check)
        assert selfcheck.main(Wire()) == 0  # type: ignore[arg-type]
        found: dict[str, Any] = json.loads(sent.pop())
        return found

    assert outcome(CheckResult(True, "fine")) == {"passed": True, "reason": "fine", "remember": True}
    assert outcome(CheckResult(False, "off")) == {"passed": False, "reason": "off", "remember": True}
    assert outcome(UnsupportedError("heads of 40"))["passed"] is False
    assert outcome(OutOfMemory("12 GiB")) == {
        "passed": True, "reason": "It was not checked: 12 GiB", "remember": False,
    }  # fmt: skip


def test_without_a_gpu_the_real_child_fails_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    verdict = ask(GOLDEN, tmp_path, "check", 60.0)
    assert not verdict.passed
    assert "\n" not in verdict.reason
