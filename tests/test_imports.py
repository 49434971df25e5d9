"""Imports go one way: the contracts bite, `__init__` files keep them too, and start-up loads nothing heavy."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

HEAVY = (
    "PySide6", "cuda", "huggingface_hub", "nccl", "nvmath", "safetensors", "sentencepiece", "tensorrt",
    "tensorrt_rtx", "torch", "transformers",
)  # fmt: skip

START_UP = ["app", "app.main", "core", "core.cli", "core.client", "core.config", "core.errors", "core.kv", "core.paths",
            "core.pipes", "core.scheduler", "core.schemas", "core.spawn", "engines", "engines.api"]  # fmt: skip


def modules_after(code: str, *argv: str) -> set[str]:
    """Names in `sys.modules` after a fresh interpreter ran `code`."""
    report = (
        "import sys, json, atexit\n"
        "atexit.register(lambda: print('\\n' + json.dumps(sorted(sys.modules)), file=sys.stderr))\n"
    )
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", report + code, *argv], env=environ, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stderr.strip().splitlines()[-1]))


def heavy(modules: set[str]) -> list[str]:
    return sorted(name for name in modules if name.partition(".")[0].startswith(HEAVY))


@pytest.mark.parametrize("module", START_UP)
def test_start_up_modules_load_nothing_heavy(module: str) -> None:
    loaded = modules_after(f"import {module}")
    assert module in loaded
    assert heavy(loaded) == []


@pytest.mark.parametrize(
    "module", ["core.child", "core.client", "core.config", "core.errors", "core.paths", "core.probe", "core.spawn"]
)
def test_what_the_window_and_a_child_start_with_does_without_numpy(module: str) -> None:
    assert "numpy" not in modules_after(f"import {module}")


def test_a_job_about_documents_starts_without_what_runs_a_model() -> None:
    loaded = modules_after("import core.jobs.documents")
    assert not {"numpy", "core.protocol", "core.llm", "lxml", "pypdfium2", "charset_normalizer"} & loaded


def test_verbs_that_run_no_model_do_without_what_runs_one() -> None:
    verbs = ("build", "doctor", "fit", "inspect", "list", "pack", "pull", "remove", "status", "stop")
    loaded = modules_after("import core.cli, " + ", ".join(f"core.commands.{verb}" for verb in verbs))
    assert not {"numpy", "tokenizers", "jinja2", "core.llm"} & loaded


def test_the_check_would_notice_a_heavy_module() -> None:
    assert heavy(modules_after("import sys; sys.modules['tensorrt_rtx_libs'] = sys")) == ["tensorrt_rtx_libs"]


def test_help_of_the_cli_loads_few_modules_and_none_heavy() -> None:
    """A budget of modules instead of a time: it does not depend on what else the machine does."""
    code = "import runpy, sys; sys.argv[0] = 'deskside'\ntry: runpy.run_module('core', run_name='__main__')\n"
    loaded = modules_after(code + "except SystemExit as stop: assert not stop.code, stop.code", "--help")
    assert heavy(loaded) == []
    assert not {"asyncio", "jinja2", "msgspec", "numpy", "tokenizers"} & loaded
    assert len(loaded) < 100  # 71 when this was written


def imports_of(file: Path) -> set[str]:
    """Every module that `file` imports anywhere, functions included; `from a import b` counts as a and a.b."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative import"
            found |= {str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


@pytest.mark.parametrize(
    ("package", "banned"),
    [("app", {"engines", "core.llm", "core.spawn"}), ("core", {"app", "engines"}), ("engines", {"app", "core"})],
)
def test_top_level_init_files_keep_the_contracts(package: str, banned: set[str]) -> None:
    """import-linter is blind to imports in a root package's own `__init__.py`."""
    imported = imports_of(ROOT / package / "__init__.py")
    assert not {name for name in imported for root in banned if name == root or name.startswith(root + ".")}


# path in a made-up tree -> its imports; all of them are forbidden
VIOLATIONS = {
    "app/window.py": ["core.llm", "engines.api", "numpy", "torch"],
    "core/scheduler/policy.py": ["engines.network", "PySide6"],
    "core/service/app.py": ["engines.reference", "app.window"],
    "engines/api/plan.py": ["engines.network"],
    "engines/network/graph.py": ["core.errors", "app.window"],
}
ALLOWED = {
    "app/window.py": ["core.client", "core.schemas", "core.config", "core.errors", "core.paths", "PySide6"],
    "core/client.py": ["core.schemas"],
    "core/scheduler/policy.py": ["engines.api.plan", "numpy"],
    "core/llm.py": ["engines.reference"],
    "core/worker/main.py": ["engines.network"],
    "core/library/build_job.py": ["engines.network"],
    "engines/network/graph.py": ["engines.api.plan"],
}


def lint_made_up_tree(root: Path, tree: dict[str, list[str]]) -> tuple[int, str]:
    """Runs this project's contracts over a tree of made-up modules; returns exit code and report."""
    (root / "pyproject.toml").write_bytes((ROOT / "pyproject.toml").read_bytes())
    skeleton = ["app/window.py", "core/client.py", "core/config.py", "core/errors.py", "core/llm.py", "core/paths.py",
                "core/schemas.py", "engines/api/plan.py", "engines/network/graph.py", "engines/reference/ops.py"]  # fmt: skip
    for name in [*skeleton, *tree]:
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        for folder in file.parents:
            if folder == root:
                break
            (folder / "__init__.py").touch()
        file.write_text("".join(f"import {module}\n" for module in tree.get(name, [])), encoding="utf-8")
    code = "from importlinter.cli import lint_imports_command; lint_imports_command(['--no-cache'])"
    environ = {**os.environ, "COLUMNS": "400", "PYTHONIOENCODING": "utf-8"}
    environ.pop("PYTHONPATH", None)
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=root,
        env=environ,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
    )
    return done.returncode, done.stdout + done.stderr


def test_contracts_find_every_forbidden_import(tmp_path: Path) -> None:
    code, report = lint_made_up_tree(tmp_path, VIOLATIONS)
    assert code == 1
    for file, imported in VIOLATIONS.items():
        module = file.removesuffix(".py").replace("/", ".")
        for name in imported:
            assert f"{module} -> {name}" in report, f"{module} -> {name} was not reported:\n{report}"


def test_contracts_allow_what_the_architecture_allows(tmp_path: Path) -> None:
    code, report = lint_made_up_tree(tmp_path, ALLOWED)
    assert code == 0, report
    assert "0 broken" in report
