"""The one check command: formatting, lint, types, import contracts, tests. CI runs the same file.

    python scripts/check.py [pytest arguments]

Needs the `test` extra in the interpreter that runs it and installs nothing. Every step runs even when an earlier one
failed, so that one run shows everything; the exit code is 0 only when all passed. Arguments go to pytest.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

STEPS: tuple[tuple[str, list[str]], ...] = (
    ("format", ["-m", "ruff", "format", "--check", "."]),
    ("lint", ["-m", "ruff", "check", "."]),
    ("types", ["-m", "mypy"]),
    ("types on Windows", ["-m", "mypy", "--platform", "win32", "--cache-dir", ".mypy_cache/win32"]),
    ("import contracts", ["-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"]),
    ("tests", ["-m", "pytest"]),
)


def without_qt(environ: dict[str, str]) -> list[str]:
    """pytest arguments that leave out the window where Qt's system libraries are missing, as on a bare server; else
    none. Without them pytest-qt would stop every test."""
    probe = "import PySide6.QtCore, PySide6.QtGui, PySide6.QtTest, PySide6.QtWidgets"
    done = subprocess.run([sys.executable, "-c", probe], env=environ, capture_output=True, text=True)
    if done.returncode == 0:
        return []
    reason = (done.stderr.strip().splitlines() or ["crashed"])[-1]
    print(
        f"-- tests/app is LEFT OUT: Qt cannot be loaded here ({reason}). CONTRIBUTING.md names the packages.",
        flush=True,
    )
    return ["-p", "no:pytest-qt", "--ignore=tests/app"]


def main(pytest_args: list[str]) -> int:
    environ = dict(os.environ)
    # The checkout is what is checked, whatever copy of the project the interpreter may have installed.
    environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), environ.get("PYTHONPATH")]))
    failed = []
    for name, arguments in STEPS:
        print(f"== {name}", flush=True)
        if name == "tests":
            arguments = [*arguments, *without_qt(environ), *pytest_args]
        command = [sys.executable, *arguments]
        started = time.monotonic()
        code = subprocess.run(command, cwd=ROOT, env=environ, stdin=subprocess.DEVNULL).returncode
        if code:
            failed.append(name)
        if name != "tests":  # pytest's own summary stays the last line
            print(f"-- {name}: {'FAILED' if code else 'ok'} in {time.monotonic() - started:.1f} s", flush=True)
    if failed:
        print(f"check failed: {', '.join(failed)}", file=sys.stderr, flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
