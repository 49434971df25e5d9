"""`deskside core selftest`: rung by rung, what of the GPU backends works on this machine, as a text for a bug report.

Every rung that touches the GPU or a compiler runs in a process of its own: one that crashes or hangs is a line of the report.
"""

from __future__ import annotations

import json
import platform
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from core.errors import Unavailable
from core.pipes import Connection, PipeClosed
from core.spawn import spawn
from engines.api.errors import EngineError

ROLE = "core.worker.selftest:main"
Outcome = Literal["ok", "failed", "not here", "left out"]
_MARKS: Mapping[Outcome, str] = {"ok": "ok", "failed": "FAILED", "not here": "not here", "left out": "left out"}


@dataclass(frozen=True, slots=True)
class Rung:
    """`needs`: rungs without which this one is left out. `function`: of this module, run in a child with a request."""

    name: str
    what: str
    function: str
    needs: tuple[str, ...] = ()
    seconds: float = 300.0


@dataclass(frozen=True, slots=True)
class Line:
    rung: Rung
    outcome: Outcome
    text: str
    seconds: float

    def __str__(self) -> str:
        return f"[{_MARKS[self.outcome]:>8}] {self.rung.what}: {self.text} ({self.seconds:.1f} s)"


LADDER: tuple[Rung, ...] = (
    Rung("driver", "NVIDIA driver and GPU", "find_gpu", seconds=60),
    Rung("library", "TensorRT for RTX", "find_library", seconds=60),
    Rung("build", "Plans of every precision (small segments)", "build_all", ("library",)),
    Rung("cuda", "CUDA backend against the reference", "check_cuda", ("driver",)),
    Rung("tensorrt", "TensorRT backend against the reference", "check_tensorrt", ("driver", "library", "build")),
    Rung("speed", "A decode step, CUDA beside TensorRT", "time_both", ("cuda", "tensorrt")),
)


def climb(folder: Path, pack: Path, cache: Path, *, log: Path | None = None, role: str = ROLE) -> Iterator[Line]:
    """Every rung in turn, as it ends. `folder`: the model that is used."""
    ended: dict[str, Outcome] = {}
    request = {"folder": str(folder), "pack": str(pack), "cache": str(cache)}
    for rung in LADDER:
        missing = [name for name in rung.needs if ended[name] != "ok"]
        if missing:
            line = Line(rung, "left out", f"it needs what was not there or failed before: {', '.join(missing)}", 0.0)
        else:
            line = _run(rung, request, log, role)
        ended[rung.name] = line.outcome
        yield line


def header() -> list[str]:
    """What the machine is."""
    from core import __version__

    return [
        f"Deskside {__version__}, Python {platform.python_version()}, {platform.platform()}, {platform.machine()}",
        f"executable {sys.executable}" + (" (frozen)" if getattr(sys, "frozen", False) else ""),
    ]


def _run(rung: Rung, request: Mapping[str, Any], log: Path | None, role: str) -> Line:
    started = time.monotonic()

    def line(outcome: Outcome, text: str) -> Line:
        return Line(rung, outcome, text, time.monotonic() - started)

    try:
        with spawn(role, log=log) as child:
            try:
                child.connection.send(json.dumps({"function": rung.function, **request}).encode())
                if child.connection.wait(rung.seconds):
                    answer = json.loads(child.connection.receive())
                    return line(answer["outcome"], answer["text"])
            except PipeClosed:
                child.wait(5.0)
                return line("failed", f"its process {child.describe_exit()}")
            child.kill()
            return line("failed", f"no answer in {rung.seconds:.0f} seconds")
    except Unavailable as error:
        return line("failed", error.message)


def main(connection: Connection) -> int:
    """The child: one request, one answer."""
    request = json.loads(connection.receive())
    function: Callable[[Mapping[str, Any]], tuple[Outcome, str]] = FUNCTIONS[request["function"]]
    try:
        outcome, text = function(request)
    except EngineError as error:
        outcome, text = "failed", str(error)
    except Exception as error:
        traceback.print_exc()
        outcome, text = "failed", f"{type(error).__name__}: {error}"
    connection.send(json.dumps({"outcome": outcome, "text": text}).encode())
    return 0


# --- rungs, in a child ----------------------------------------------------------------------------------------------------


def find_gpu(request: Mapping[str, Any]) -> tuple[Outcome, str]:
    from engines.cuda.driver import Driver

    try:
        driver = Driver()
    except EngineError as error:
        return "not here", str(error)
    info = driver.info
    driver.release()
    return "ok", f"{info.name}, sm_{info.arch}, {info.memory / 2**30:.1f} GiB, driver for CUDA {info.driver / 1000:.1f}"


def find_library(request: Mapping[str, Any]) -> tuple[Outcome, str]:
    from engines.tensorrt.library import RTX_VERSION, load_library

    try:
        library = load_library("rtx", Path(request["pack"]))
    except EngineError as error:
        return "not here", str(error)
    known = "" if library.tried else f", where {RTX_VERSION} was tried"
    return "ok", f"{library.name}{known}, from {Path(library.trt.__file__).parent}"


def build_all(request: Mapping[str, Any]) -> tuple[Outcome, str]:
    from engines.tensorrt.library import load_library
    from engines.tensorrt.samples import build_samples
    from engines.tensorrt.targets import TARGETS, Target, target_of

    targets: list[Target] = list(TARGETS.values())
    try:
        from engines.cuda.driver import Driver

        driver = Driver()
        targets = [target_of(driver.info.arch)]
        driver.release()
    except EngineError:
        pass  # no GPU, or one that there is no target for: build for all that need none
    built = build_samples(load_library(targets[0].library, Path(request["pack"])), targets)
    return "ok", "; ".join(f"{target}: {', '.join(labels)}" for target, labels in built.items())


def check_cuda(request: Mapping[str, Any]) -> tuple[Outcome, str]:
    from engines import selfcheck

    result = selfcheck.check(Path(request["folder"]), selfcheck.cuda(Path(request["cache"])))
    return "ok" if result.passed else "failed", result.reason


def check_tensorrt(request: Mapping[str, Any]) -> tuple[Outcome, str]:
    from engines import selfcheck
    from engines.tensorrt.trial import candidate

    with tempfile.TemporaryDirectory() as place:
        made = candidate(Path(request["pack"]), Path(request["cache"]), Path(place))
        result = selfcheck.check(Path(request["folder"]), made)
    return "ok" if result.passed else "failed", result.reason


def time_both(request: Mapping[str, Any]) -> tuple[Outcome, str]:
    from engines.tensorrt.trial import compare_speed

    found = compare_speed(Path(request["folder"]), Path(request["pack"]), Path(request["cache"]))
    return "ok", "; ".join(
        f"{name} {' and '.join(f'{ms} ms ({rows} at once)' for rows, ms in times.items())}"
        for name, times in found.items()
    )


FUNCTIONS: Mapping[str, Callable[[Mapping[str, Any]], tuple[Outcome, str]]] = {
    function.__name__: function
    for function in (find_gpu, find_library, build_all, check_cuda, check_tensorrt, time_both)
}
