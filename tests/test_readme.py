"""The README keeps its promises: its commands are the ones that CI runs, its links lead somewhere, its example runs."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def block(mark: str) -> str:
    found = re.findall(rf"^<!-- {mark} -->\n```\w+\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    assert len(found) == 1, f"one block must follow <!-- {mark} -->"
    return found[0]


@pytest.mark.parametrize("what", ["run", "test"])
def test_one_command_each_and_windows_says_the_same(what: str) -> None:
    linux = block(f"{what} on Linux")
    assert linux.count("\n") == 1
    expected = (
        linux.replace("python3 -m venv", "py -3 -m venv")
        .replace(" && ", "; ")
        .replace(".venv/bin/", ".venv\\Scripts\\")
    )
    assert block(f"{what} on Windows") == expected.replace("scripts/check.py", "scripts\\check.py")


@pytest.mark.skipif(sys.platform == "win32", reason="CI's script is for bash")
@pytest.mark.parametrize("what", ["run on Linux", "test on Linux"])
def test_ci_runs_the_command_of_the_readme(what: str) -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert f'"$(readme "{what}")"' in script
    function = script[script.index("readme() {") : script.index("\n}\n", script.index("readme() {")) + 3]
    done = subprocess.run(["bash", "-c", f'{function}readme "$0"', what], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == block(what)


@pytest.mark.parametrize(
    "name", ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "installer/README.md"]
)
def test_links_lead_somewhere(name: str) -> None:
    file = ROOT / name
    for target in re.findall(r"\]\(([^)#]+)", file.read_text(encoding="utf-8")):
        assert target.startswith("https://") or (file.parent / target).exists(), f"{name} links to {target}"


def test_paths_named_in_the_tables_exist() -> None:
    for claim in re.findall(
        r"`((?:tests|benchmarks|scripts|docs|core|engines)/[\w./-]+)`", (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    ):
        assert (ROOT / claim).exists(), f"CONTRIBUTING.md names {claim}"


def test_the_example_runs(capsys: pytest.CaptureFixture[str]) -> None:
    example = re.search(r"^```python\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    assert example is not None
    exec(compile(example[1], "README.md", "exec"), {})
    assert "length" in capsys.readouterr().out


def test_architecture_stays_short() -> None:
    assert len((ROOT / "ARCHITECTURE.md").read_text("utf-8").splitlines()) < 150
