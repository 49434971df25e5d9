"""The job kind `move`: models and engines to another folder, in a process of its own, queued by the service."""

from __future__ import annotations

import os
from pathlib import Path

from core.config import load_config
from core.errors import InvalidRequest
from core.jobs.child import JobContext, run
from core.library.move import move_library
from core.pipes import Connection


def main(connection: Connection) -> None:
    """The role `move`."""
    run(connection, work)


def work(context: JobContext) -> Path:
    """Returns the folder where they are now."""
    folder = context.params.get("folder")
    if not isinstance(folder, str) or set(context.params) != {"folder"}:
        raise InvalidRequest('A job of kind move has the parameters {"folder": "..."} and no others.', "params")
    places = load_config(os.environ).places
    if Path(folder) == places.library_root.resolve():  # moved, but for what is left to be deleted
        return Path(folder)
    return move_library(Path(folder), places, context.progress).library_root
