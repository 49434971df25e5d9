"""From files and folders to Documents. Each file is read in a child process of its own, with limits on time and memory."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from core.documents.document import Document, Page
from core.documents.limits import DEFAULT, ReadLimits
from core.documents.reader import (
    FORMATS,
    DocumentRead,
    PageRead,
    ReadFailed,
    ReadJob,
    decode_answer,
    encode,
    memory_message,
)
from core.documents.trouble import DocumentUnusable, too_large
from core.errors import InvalidRequest, NotFound, from_code
from core.pipes import PipeClosed
from core.spawn import Child, spawn

MAX_FILES = 1000


def read(
    path: str | os.PathLike[str], limits: ReadLimits = DEFAULT, *, check: Callable[[], None] | None = None
) -> Document:
    """Read one file. `check` is called now and then; what it raises ends the reading.

    Raises NotFound, DocumentUnusable (corrupt, protected, empty, too large, of an unknown kind), each naming the file."""
    file = Path(path).expanduser().absolute()
    with spawn("reader", memory=limits.memory) as child:
        child.connection.send(encode(ReadJob(str(file), limits)))
        clock = threading.Timer(limits.seconds, child.kill)
        clock.daemon = True
        clock.start()
        ticker = _Ticker(child, check)
        try:
            return _receive(child, file.name)
        except PipeClosed as closed:
            code = child.wait(5.0)
            if ticker.error is not None:
                raise ticker.error from None
            if not clock.is_alive() and code is not None and code < 0:
                raise too_large(file.name, f"takes longer than {limits.seconds:g} seconds to read") from closed
            raise _died(file.name, child, limits) from closed
        finally:
            clock.cancel()
            ticker.stop()


class _Ticker:
    """Calls `check` while another thread waits, and kills the child if it raises."""

    def __init__(self, child: Child, check: Callable[[], None] | None) -> None:
        self.error: BaseException | None = None
        self._over = threading.Event()
        if check is not None:
            threading.Thread(target=self._run, args=(child, check), name="reader-check", daemon=True).start()

    def _run(self, child: Child, check: Callable[[], None]) -> None:
        while not self._over.wait(0.1):
            try:
                check()
            except BaseException as error:
                self.error = error
                child.kill()
                return

    def stop(self) -> None:
        self._over.set()


def _receive(child: Child, name: str) -> Document:
    pages: list[Page] = []
    while True:
        try:
            answer = decode_answer(child.connection.receive())
        except msgspec.MsgspecError as error:
            raise DocumentUnusable(f"'{name}' cannot be read: its reader sent what nobody understands.") from error
        if isinstance(answer, PageRead):
            pages.append(answer.page)
        elif isinstance(answer, DocumentRead):
            return msgspec.structs.replace(answer.document, pages=tuple(pages))
        else:
            assert isinstance(answer, ReadFailed)
            if answer.code == DocumentUnusable.code:
                raise DocumentUnusable(answer.message)
            raise from_code(answer.code, answer.message)


def _died(name: str, child: Child, limits: ReadLimits) -> DocumentUnusable:
    """The reader ended without a word: a crash in a parser, or memory that ran out where nobody could catch it."""
    code = child.poll()
    if code in (-9, -6, 0xC0000017):
        return DocumentUnusable(memory_message(name, limits))
    return DocumentUnusable(
        f"'{name}' cannot be read: its reader {child.describe_exit()}; the file is probably damaged."
    )


def find_files(paths: Iterable[str | os.PathLike[str]]) -> tuple[list[Path], list[str]]:
    """Files as they are, folders as the readable files below them, sorted by name; each once. Also: notes on what is left out.

    Raises NotFound, InvalidRequest (nothing to read, more than MAX_FILES)."""
    files: dict[Path, None] = {}
    notes: list[str] = []
    for item in paths:
        path = Path(item).expanduser().absolute()
        if path.is_dir():
            _walk(path, files, notes)
        elif path.exists():
            files[path] = None
        else:
            raise NotFound(f"There is no file or folder '{path}'.")
        if len(files) > MAX_FILES:
            raise InvalidRequest(f"There are more than {MAX_FILES} files; choose fewer.", "paths")
    if not files:
        raise InvalidRequest(" ".join(notes) or "There is no file to read; name one.", "paths")
    return list(files), notes


def _walk(folder: Path, files: dict[Path, None], notes: list[str]) -> None:
    found = skipped = 0
    deadline = time.monotonic() + 30.0
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if name.startswith((".", "~$")):
                continue
            if Path(name).suffix.lower() in FORMATS:
                files[Path(root) / name] = None
                found += 1
            else:
                skipped += 1
        if found > MAX_FILES or time.monotonic() > deadline:
            return
    if skipped == 1:
        notes.append(f"1 file in '{folder.name}' is of kinds that are not read, and left out.")
    elif skipped:
        notes.append(f"{skipped} files in '{folder.name}' are of kinds that are not read, and left out.")
    if not found:
        notes.append(f"'{folder.name}' holds no file that can be read; it would end in {', '.join(sorted(FORMATS))}.")
