"""Answers that a long job already has, so that it can go on after a crash: one JSON line each, in the job's folder."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from core.documents.model import Written


class _Line(msgspec.Struct, frozen=True):
    key: str
    written: Written


class AnswerStore:
    """Answers by prompt. `path` None keeps them in memory only. One process uses a file at a time."""

    def __init__(self, path: Path | None = None) -> None:
        """Raises OSError."""
        self._known: dict[str, Written] = {}
        self._file = None
        if path is not None:
            if path.exists():
                self._load(path)
            self._file = path.open("ab", buffering=0)
        self.resumed = len(self._known)

    def get(self, prompt: list[int], max_tokens: int) -> Written | None:
        return self._known.get(key_of(prompt, max_tokens))

    def put(self, prompt: list[int], max_tokens: int, written: Written) -> None:
        """On the disk when this returns. Raises OSError, as when that is full."""
        key = key_of(prompt, max_tokens)
        self._known[key] = written
        if self._file is not None:
            self._file.write(msgspec.json.encode(_Line(key, written)) + b"\n")
            os.fsync(self._file.fileno())

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _load(self, path: Path) -> None:
        """A line that a crash cut is dropped; so that the next begins on a line of its own, it is cut off the file too."""
        data = path.read_bytes()
        end = data.rfind(b"\n") + 1
        for line in data[:end].splitlines():
            try:
                item = msgspec.json.decode(line, type=_Line)
            except msgspec.MsgspecError:
                continue
            self._known[item.key] = item.written
        if end < len(data):
            with path.open("r+b") as file:
                file.truncate(end)


def key_of(prompt: list[int], max_tokens: int) -> str:
    """Of a request, by its content, so that another model, text or instruction never finds an old answer."""
    digest = hashlib.sha256(f"{max_tokens}:".encode())
    digest.update(",".join(map(str, prompt)).encode())
    return digest.hexdigest()
