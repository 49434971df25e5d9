"""The role `verify`: one function of `engines.verify` in a process of its own, which may crash or hang.

The parent sends a JSON object {"function", "request"} and gets {"answer"} or {"error", "message"} back.
"""

from __future__ import annotations

import json
import threading
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from core.child import resolve
from core.errors import InternalError
from core.pipes import Connection, PipeClosed
from core.spawn import spawn
from engines.api import errors
from engines.api.errors import Cancelled, DeviceError, EngineError

MODULE = "engines.verify"
TIMEOUT = 1800.0  # seconds: a large model is read from a slow disk and its kernels are compiled


def main(connection: Connection) -> None:
    """The child."""
    asked = json.loads(connection.receive())
    try:
        function: Any = resolve(f"{MODULE}:{asked['function']}")
        answer = {"answer": function(asked["request"])}
    except EngineError as error:
        traceback.print_exc()
        answer = {"error": type(error).__name__, "message": str(error)}
    except MemoryError:
        traceback.print_exc()
        answer = {
            "error": "OutOfMemory",
            "message": "There is not enough free memory to load the engine; close other programs.",
        }
    connection.send(json.dumps(answer).encode())


def run_isolated(
    function: str,
    request: Mapping[str, Any],
    *,
    stop: threading.Event,
    log: Path | None = None,
    timeout: float = TIMEOUT,
    on_start: Callable[[int], None] = lambda pid: None,
) -> dict[str, Any]:
    """What the function answers. Raises the EngineError that it raised; DeviceError if its process crashed or took longer than
    `timeout` seconds; Cancelled once `stop` is set."""
    why = ""
    with spawn("verify", log=log) as child:
        on_start(child.pid)
        over = threading.Event()

        def watch() -> None:
            nonlocal why
            waited = 0.0
            while not over.wait(0.1):
                waited += 0.1
                if stop.is_set() or waited > timeout:
                    why = why or ("" if stop.is_set() else f"did not answer within {timeout:.0f} seconds")
                    child.kill()
                    return

        watcher = threading.Thread(target=watch, name="verify-watch", daemon=True)
        watcher.start()
        try:
            child.connection.send(json.dumps({"function": function, "request": dict(request)}).encode())
            answer = json.loads(child.connection.receive())
        except PipeClosed:
            child.wait(5.0)
            answer = None
        finally:
            over.set()
            watcher.join()
        if answer is None:
            if stop.is_set():
                raise Cancelled("The build was stopped.")
            raise DeviceError(f"The process that checked the engine {why or child.describe_exit()}.")
    if "answer" in answer:
        found: dict[str, Any] = answer["answer"]
        return found
    kind = getattr(errors, str(answer.get("error")), None)
    if not (isinstance(kind, type) and issubclass(kind, EngineError)):
        raise InternalError(f"The check of an engine failed: {answer}")
    raise kind(answer["message"])
