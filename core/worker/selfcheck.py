"""`--backend auto` trusts a GPU only after it gave the reference's results for this model, in a child process of its own.

Asked once for each GPU, driver, version of ours and model; the answer is kept in the cache folder. A child that crashes, hangs or
meets a CUDA error has failed.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import msgspec

from core.errors import Unavailable
from core.pipes import Connection, PipeClosed
from core.spawn import spawn
from engines.api.errors import EngineError, OutOfMemory

FILE: Final = "self-checks.json"
# Starting, compiling some ten kernels and a few steps of NumPy take seconds; a GPU that hangs takes for ever.
DEADLINE_S: Final = 300.0
_KEPT: Final = 200
_LOG: Final = logging.getLogger("deskside.selfcheck")


class Verdict(msgspec.Struct, frozen=True):
    """`remember`: false where another attempt may end otherwise (memory was short)."""

    passed: bool
    reason: str
    remember: bool = True


def settle(folder: Path, backend: str, cache: Path | None, *, role: str = "check", deadline: float = DEADLINE_S) -> str:
    """The backend to open: `backend` as it is unless it is "auto" and the GPU here fails the check, then "reference". An engine
    was checked when it was built: its own is taken, but plans of TensorRT may have been built for another GPU."""
    if backend != "auto":
        return backend
    from engines import selfcheck
    from engines.store import find_manifest

    try:
        manifest = find_manifest(folder)
        if manifest is not None and (manifest.backend != "tensorrt" or manifest.device is not None):
            return backend
        environment = selfcheck.cuda_environment()
    except EngineError:
        return backend  # opening says why there is no GPU to use, or what is wrong with the engine
    key = selfcheck.key(folder, environment)
    verdict = recall(cache, key)
    if verdict is None:
        _LOG.info("Checking the CUDA backend on %s against the reference, once for this model.", environment)
        verdict = ask(folder, cache, role, deadline)
        if verdict.remember:
            keep(cache, key, verdict, environment, folder.name)
    if verdict.passed:
        _LOG.info("The CUDA backend is used: %s", verdict.reason)
        return backend
    _LOG.warning("The reference backend is used, because the CUDA backend failed its check: %s", verdict.reason)
    return "reference"


def ask(folder: Path, cache: Path | None, role: str, deadline: float) -> Verdict:
    """Run the check in a child, at most `deadline` seconds."""
    started = time.monotonic()
    try:
        with spawn(role, log=None if cache is None else cache / "self-check.log") as child:
            request = {"folder": str(folder), "cache": None if cache is None else str(cache)}
            try:
                child.connection.send(json.dumps(request).encode())
                if child.connection.wait(deadline):
                    return msgspec.json.decode(child.connection.receive(), type=Verdict)
            except PipeClosed:
                child.wait(5.0)
                return Verdict(False, f"The process that checked it {child.describe_exit()}.")
            child.kill()
            return Verdict(
                False, f"The process that checked it gave no answer in {time.monotonic() - started:.0f} seconds."
            )
    except Unavailable as error:
        return Verdict(True, f"It was not checked: {error.message}", remember=False)


def main(connection: Connection) -> int:
    """The role `check`: one request, one verdict."""
    from engines import selfcheck

    request = json.loads(connection.receive())
    cache = None if request["cache"] is None else Path(request["cache"])
    try:
        result = selfcheck.check(Path(request["folder"]), selfcheck.cuda(cache))
        verdict = Verdict(result.passed, result.reason)
    except (OutOfMemory, MemoryError) as error:
        # Opening the engine needs more, and says so with its own numbers.
        verdict = Verdict(True, f"It was not checked: {error or 'there is not enough memory'}", remember=False)
    except EngineError as error:
        verdict = Verdict(False, str(error))
    connection.send(msgspec.json.encode(verdict))
    return 0


def recall(cache: Path | None, key: str) -> Verdict | None:
    """The verdict kept for `key`; None if there is none, or the file cannot be read."""
    entry = _read(cache).get(key)
    try:
        return None if entry is None else Verdict(bool(entry["passed"]), str(entry["reason"]))
    except (KeyError, TypeError):
        return None


def keep(cache: Path | None, key: str, verdict: Verdict, environment: str, model: str) -> None:
    """Whole or not at all; a folder that cannot be written is no error."""
    if cache is None:
        return
    table = _read(cache)
    table.pop(key, None)
    entry = {"passed": verdict.passed, "reason": verdict.reason, "gpu": environment, "model": model}
    table = dict([*table.items(), (key, entry)][-_KEPT:])
    with contextlib.suppress(OSError):
        cache.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=cache, prefix=".writing-")
        with os.fdopen(handle, "w", encoding="utf-8") as out:
            json.dump(table, out, indent=1)
        os.replace(name, cache / FILE)


def remembered(cache: Path) -> list[tuple[str, str, Verdict]]:
    """Every verdict that is kept, as (GPU, model, verdict), the oldest first."""
    table = _read(cache)
    return [
        (str(entry.get("gpu")), str(entry.get("model")), verdict)
        for key, entry in table.items()
        if (verdict := recall(cache, key)) is not None
    ]


def _read(cache: Path | None) -> dict[str, Any]:
    if cache is None:
        return {}
    try:
        table = json.loads((cache / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return table if isinstance(table, dict) else {}
