"""A file is there whole or not at all."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.jobs.files import is_disk_full, write_whole


def test_whole(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b.bin"
    write_whole(path, [b"one", b"", b"two"])
    assert path.read_bytes() == b"onetwo"
    write_whole(path, [b"three"])
    assert path.read_bytes() == b"three"
    assert list(path.parent.iterdir()) == [path]


def test_a_disk_that_fills_up_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "b.bin"
    write_whole(path, [b"old"])

    def chunks() -> Iterator[bytes]:
        yield b"new"
        raise OSError(errno.ENOSPC, "full")

    with pytest.raises(OSError, match=r"b\.bin") as caught:
        write_whole(path, chunks())
    assert is_disk_full(caught.value)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_the_disk_may_also_fill_at_the_very_end(call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(os, call, full)
    with pytest.raises(OSError, match=r"b\.bin"):
        write_whole(tmp_path / "b.bin", [b"new"])
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_write_leaves_nothing(tmp_path: Path) -> None:
    def chunks() -> Iterator[bytes]:
        yield b"x"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_whole(tmp_path / "b.bin", chunks())
    assert list(tmp_path.iterdir()) == []


def test_other_errors_are_no_full_disk() -> None:
    assert not is_disk_full(PermissionError(errno.EACCES, "no"))
