from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def check() -> ModuleType:
    spec = importlib.util.spec_from_file_location("check", ROOT / "scripts" / "check.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_machine_where_qt_cannot_load_still_runs_the_other_tests(
    check: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "PySide6").mkdir()
    (tmp_path / "PySide6" / "__init__.py").write_text("raise ImportError('libEGL.so.1: cannot open')")
    environ = {**os.environ, "PYTHONPATH": str(tmp_path)}
    assert check.without_qt(environ) == ["-p", "no:pytest-qt", "--ignore=tests/app"]
    assert "LEFT OUT: Qt cannot be loaded here (ImportError: libEGL.so.1: cannot open)" in capsys.readouterr().out


def test_every_step_runs_and_one_failure_fails_the_whole(
    check: ModuleType, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(check, "STEPS", (("one", ["-c", "raise SystemExit(3)"]), ("two", ["-c", "print('ran')"])))
    assert check.main([]) == 1
    out, err = capfd.readouterr()
    assert "-- one: FAILED" in out
    assert "ran" in out
    assert err == "check failed: one\n"
    monkeypatch.setattr(check, "STEPS", (("two", ["-c", "print('ran')"]),))
    assert check.main([]) == 0


def test_the_steps_are_the_five_tools(check: ModuleType) -> None:
    tools = " ".join(" ".join(arguments) for _, arguments in check.STEPS)
    for tool in (
        "ruff format --check",
        "ruff check",
        "mypy",
        "mypy --platform win32",
        "lint_imports_command",
        "pytest",
    ):
        assert tool in tools
    assert check.STEPS[-1][0] == "tests", "pytest's summary ends the output"
