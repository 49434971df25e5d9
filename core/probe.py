"""Can this machine run our child processes? Security software and damaged installations say no, so `doctor` asks."""

from __future__ import annotations

import time

from core.errors import Unavailable
from core.pipes import Connection, PipeClosed

_PING = b"ping"


def main(connection: Connection) -> None:
    """The role `probe`: sends every frame back until the parent closes its end."""
    for frame in connection:
        connection.send(frame)


def probe() -> float:
    """Seconds from starting a child process to its first answer. Raises Unavailable, saying how it failed."""
    from core.spawn import spawn

    started = time.monotonic()
    with spawn("probe") as child:
        try:
            child.connection.send(_PING)
            answered = child.connection.wait(30.0) and child.connection.receive() == _PING
        except PipeClosed as error:
            child.wait(1.0)
            raise Unavailable(f"A child process of Deskside {child.describe_exit()} before it answered.") from error
        if not answered:
            raise Unavailable("A child process of Deskside gave no answer within 30 seconds.")
        return time.monotonic() - started
