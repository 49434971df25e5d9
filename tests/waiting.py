"""Waiting in tests: for a condition, never for a time. The bounds are for what hangs, not for what is slow."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Callable
from pathlib import Path

PATIENCE = 40.0  # seconds; a machine that does much else takes tenths of what a quiet one does in milliseconds


def wait_until(condition: Callable[[], object], seconds: float = PATIENCE) -> None:
    """Return as soon as `condition()` is true; AssertionError after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not so after {seconds:g} s"
        time.sleep(0.005)


async def until(condition: Callable[[], object], seconds: float = PATIENCE) -> None:
    """As `wait_until`, beside other tasks."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not so after {seconds:g} s"
        await asyncio.sleep(0.005)


def gone(pid: int) -> bool:
    """Whether no process has this id; a zombie that nobody has reaped yet is none."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    try:
        os.kill(pid, 0)
    except OSError:
        return True
    return False


def descendants(pid: int) -> list[int]:
    """The processes below `pid`, children before grandchildren; none where there is no /proc."""
    found: list[int] = []
    parents: dict[int, int] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parents[int(path.parent.name)] = int(path.read_text().rpartition(")")[2].split()[1])
    generation = {pid}
    while generation := {child for child, parent in parents.items() if parent in generation}:
        found += generation
    return found
