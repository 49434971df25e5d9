"""The one check command: formatting, lint, types, import contracts, tests. CI runs the same file.

    python scripts/check.py [pytest arguments]

Needs the `test` extra in the interpreter that runs it and installs nothing. Every step runs even when an earlier one
failed, so that one run shows everything; the exit code is 0 only when all passed. Arguments go to pytest, which then runs
everything in one process; without any it runs a process per core, and afterwards, alone, what measures processor time.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parent.parent

STEPS: tuple[tuple[str, list[str]], ...] = (
    ("types", ["-m", "mypy"]),
    ("types on Windows", ["-m", "mypy", "--platform", "win32", "--cache-dir", ".mypy_cache/win32"]),
    ("format", ["-m", "ruff", "format", "--check", "."]),
    ("lint", ["-m", "ruff", "check", "."]),
    ("import contracts", ["-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"]),
)
# What measures processor time, of which a core whose neighbours are busy takes more.
ALONE = ("-m", "alone", "tests/app")
MOST = 8  # processes with tests; each takes up to 1 GB


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


def cores() -> int:
    """What this process may use: fewer than the machine has, where taskset or a container says so."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def side_by_side(steps: tuple[tuple[str, list[str]], ...], environ: dict[str, str]) -> list[str]:
    """Run the steps, as many at a time as there are cores, and print each one's output when its turn comes. Returns the names
    of those that failed."""

    def run(arguments: list[str]) -> tuple[int, str, float]:
        started = time.monotonic()
        command = [sys.executable, *arguments]
        done = subprocess.run(
            command, cwd=ROOT, env=environ, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        return done.returncode, done.stdout.decode(errors="replace"), time.monotonic() - started

    failed = []
    with ThreadPoolExecutor(cores()) as pool:
        running = [(name, pool.submit(run, arguments)) for name, arguments in steps]
        for name, future in running:
            code, output, seconds = future.result()
            if code:
                failed.append(name)
            print(f"== {name}\n{output}-- {name}: {'FAILED' if code else 'ok'} in {seconds:.1f} s", flush=True)
    return failed


def run_tests(runs: list[list[str]], environ: dict[str, str]) -> bool:
    """pytest once for each list of arguments, one after the other, and in the last line how many tests passed in all of them.
    Returns whether all did."""
    codes, counts = [], dict.fromkeys(("tests", "failures", "errors", "skipped"), 0)
    started = time.monotonic()
    with TemporaryDirectory() as folder:
        report = Path(folder, "report.xml")
        for arguments in runs:
            command = [sys.executable, "-m", "pytest", f"--junitxml={report}", *arguments]
            codes.append(subprocess.run(command, cwd=ROOT, env=environ, stdin=subprocess.DEVNULL).returncode)
            if report.exists():  # not where pytest could not even start
                suite = ElementTree.parse(report).getroot().find("testsuite")
                assert suite is not None
                counts = {name: count + int(suite.get(name, 0)) for name, count in counts.items()}
                report.unlink()
    passed = counts.pop("tests") - sum(counts.values())
    seconds = time.monotonic() - started
    print(f"{', '.join(f'{count} {name}' for name, count in counts.items() if count)}; {seconds:.0f} s", flush=True)
    print(f"{passed} passed", flush=True)
    return not any(codes)


def main(pytest_args: list[str]) -> int:
    environ = dict(os.environ)
    # The checkout is what is checked, whatever copy of the project the interpreter may have installed.
    environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), environ.get("PYTHONPATH")]))
    environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # more would only get in each other's way
    failed = side_by_side(STEPS, environ)
    print("== tests", flush=True)
    fewer = without_qt(environ)
    if pytest_args:
        runs = [[*fewer, *pytest_args]]
    else:
        runs = [[*fewer, "-n", str(min(cores(), MOST)), "--dist", "worksteal", "-m", "not alone"]]
        if not fewer:
            runs.append([*ALONE])
    if not run_tests(runs, environ):
        failed.append("tests")
    if failed:
        print(f"check failed: {', '.join(failed)}", file=sys.stderr, flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
