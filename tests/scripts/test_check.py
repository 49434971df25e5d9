from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
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


@pytest.fixture
def steps(check: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., None]:
    """Puts steps in place of the real ones, and a folder in place of the checkout: `files` are its tests."""
    monkeypatch.setattr(check, "without_qt", lambda environ: [])
    monkeypatch.setattr(check, "cores", lambda: 1)
    monkeypatch.setattr(check, "ROOT", tmp_path)
    monkeypatch.setattr(check, "ALONE", ("-m", "alone"))
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p xdist -p no:cacheprovider")

    def put(*steps: tuple[str, list[str]], **files: str) -> None:
        monkeypatch.setattr(check, "STEPS", steps)
        for name, text in files.items():
            (tmp_path / f"{name}.py").write_text(text)

    return put


GOOD, BAD = "def test_it(): pass\n", "def test_it(): assert 0\n"
MARKED = "import pytest\npytestmark = pytest.mark.alone\n"


def test_every_step_runs_and_one_failure_fails_the_whole(
    check: ModuleType, steps: Callable[..., None], capfd: pytest.CaptureFixture[str]
) -> None:
    one, two = ("one", ["-c", "raise SystemExit(3)"]), ("two", ["-c", "print('ran')"])
    steps(one, two, test_a=GOOD, test_alone=MARKED + GOOD)
    assert check.main(["-k", "it"]) == 1
    out, err = capfd.readouterr()
    assert "== one\n-- one: FAILED" in out
    assert "== two\nran\n-- two: ok" in out
    assert out.endswith("\n2 passed\n")
    assert err == "check failed: one\n"
    steps(two)
    assert check.main(["-k", "it"]) == 0


def test_the_last_line_is_how_many_tests_passed_and_a_failure_in_either_run_fails(
    check: ModuleType, steps: Callable[..., None], capfd: pytest.CaptureFixture[str]
) -> None:
    steps(test_a=GOOD + "def test_that(): pass\n", test_b=BAD, test_alone=MARKED + GOOD)
    assert check.main([]) == 1
    out, err = capfd.readouterr()
    assert out.count(" passed in ") + out.count(" passed, ") == 2
    assert "\n1 failures; " in out
    assert out.endswith("\n3 passed\n")
    assert err == "check failed: tests\n"
    steps(test_b=GOOD, test_alone=MARKED + BAD)
    assert check.main([]) == 1
    assert capfd.readouterr().out.endswith("\n3 passed\n")


def test_the_steps_are_the_five_tools(check: ModuleType) -> None:
    tools = " ".join(" ".join(arguments) for _, arguments in check.STEPS)
    for tool in ("ruff format --check", "ruff check", "mypy", "mypy --platform win32", "lint_imports_command"):
        assert tool in tools


def test_what_measures_turns_runs_alone(check: ModuleType) -> None:
    texts = {path: path.read_text("utf-8") for path in (ROOT / "tests").rglob("test_*.py") if path != Path(__file__)}
    measuring = {path: text for path, text in texts.items() if "Turns()" in text}
    assert len(measuring) > 3
    for path, text in measuring.items():
        assert path.is_relative_to(ROOT / check.ALONE[-1])
        assert "\npytestmark = pytest.mark.alone" in text or text.count("@pytest.mark.alone") >= text.count(
            "Turns()"
        ), path
