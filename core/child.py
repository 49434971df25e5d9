"""The child's half of core.spawn: what a process does that was started by it.

A frozen application has no interpreter to run with `-m`, so its executable starts itself with a hidden first argument;
every entry point calls `run_if_child` before anything else. From source the same line runs as `python -m core.child`.

    --deskside-child  module:function  READ  WRITE  LIFELINE  [argument ...]

READ, WRITE and LIFELINE (or `-`) are inherited file descriptors (handles on Windows). Nothing is ever written to LIFELINE: its
end means that the parent is gone, however it died, and this process ends with it at once. A detached child has none.
"""

from __future__ import annotations

import faulthandler
import importlib
import os
import sys
import threading
import traceback
from collections.abc import Callable
from typing import NoReturn

from core.errors import DesksideError, InternalError
from core.pipes import Connection

ARGUMENT = "--deskside-child"
DETACHED = "-"  # in place of LIFELINE
EXIT_ORPHANED = 71  # nobody is left to read it; it tells a log or a debugger why the process ended

Main = Callable[..., int | None]


if sys.platform == "win32":
    import msvcrt

    def _adopt(inherited: str, flags: int) -> int:
        handle = int(inherited)
        os.set_handle_inheritable(handle, False)
        return msvcrt.open_osfhandle(handle, flags | os.O_BINARY)

else:

    def _adopt(inherited: str, flags: int) -> int:
        """A descriptor of this process for an inherited one (on Windows a handle), not to be inherited further: a
        grandchild that held it would hide this process's death from the parent."""
        os.set_inheritable(int(inherited), False)
        return int(inherited)


def run_if_child(argv: list[str] | None = None) -> None:
    """Returns at once in an ordinary process; in a child runs its role and exits."""
    argv = sys.argv if argv is None else argv
    if len(argv) > 1 and argv[1] == ARGUMENT:
        sys.exit(run(argv[2:]))


def run(arguments: list[str]) -> int:
    """Runs the role that the command line names, to its end; returns the exit code."""
    target, read, write, lifeline, *rest = arguments
    if sys.stderr is not None:
        faulthandler.enable()  # a crash in native code leaves a traceback in the log
    if lifeline != DETACHED:
        threading.Thread(target=_end_with_parent, args=(_adopt(lifeline, os.O_RDONLY),), daemon=True).start()
    connection = Connection(_adopt(read, os.O_RDONLY), _adopt(write, os.O_WRONLY))
    try:
        return resolve(target)(connection, *rest) or 0
    except DesksideError as error:
        traceback.print_exc()
        return error.exit_code
    except Exception:
        traceback.print_exc()
        return InternalError.exit_code


def resolve(target: str) -> Main:
    """The function `module:function`, imported now."""
    module, _, name = target.partition(":")
    function: Main = getattr(importlib.import_module(module), name)
    return function


def _end_with_parent(lifeline: int) -> NoReturn:
    try:
        while os.read(lifeline, 1):
            pass
    finally:
        os._exit(EXIT_ORPHANED)


if __name__ == "__main__":
    run_if_child()
    sys.exit(f"{__name__} is started by Deskside itself.")
