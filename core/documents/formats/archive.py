"""Zip archives (DOCX, PPTX, EPUB) that may be bombs: nothing is unpacked beyond the limits, whatever their directory claims."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from types import TracebackType
from typing import Self

from core.documents.limits import ReadLimits
from core.documents.trouble import DocumentUnusable, corrupt, protected, too_large

_OLE = (
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # compound file: an encrypted OOXML document, or one of the old binary formats
)
_PIECE = 1 << 16


class Archive:
    """`what`: the format, in words."""

    def __init__(self, path: Path, name: str, limits: ReadLimits, what: str) -> None:
        """Raises DocumentUnusable."""
        self.name = name
        self.what = what
        self._limits = limits
        self._left = limits.zip_total
        with path.open("rb") as file:
            if file.read(8) == _OLE:
                raise DocumentUnusable(
                    f"'{name}' is protected by a password, or is of an old format under a new name; save it again as {what} "
                    "without a password."
                )
        try:
            self._zip = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError) as error:
            raise corrupt(name, what, error) from error
        self.members = {info.filename: info for info in self._zip.infolist()}
        if len(self.members) > limits.zip_members:
            self._zip.close()
            raise too_large(name, f"holds {len(self.members)} files inside, more than {limits.zip_members}")

    def read(self, member: str) -> bytes:
        """A member's content. Raises DocumentUnusable where it is missing, damaged, encrypted or too large."""
        info = self.members.get(member)
        if info is None:
            raise corrupt(self.name, self.what, f"it lacks {member}")
        if info.flag_bits & 1:
            raise protected(self.name)
        allowed = max(self._limits.zip_free, self._limits.zip_ratio * info.compress_size)
        pieces: list[bytes] = []
        size = 0
        try:
            with self._zip.open(info) as file:
                while piece := file.read(_PIECE):
                    size += len(piece)
                    self._left -= len(piece)
                    if size > allowed or self._left < 0:
                        raise self._bomb(member)
                    pieces.append(piece)
        except (
            zipfile.BadZipFile,
            zlib.error,
            EOFError,
            NotImplementedError,
            RuntimeError,
            OSError,
            ValueError,
        ) as error:
            raise corrupt(self.name, self.what, f"{member}: {error}") from error
        return b"".join(pieces)

    def _bomb(self, member: str) -> DocumentUnusable:
        return too_large(
            self.name,
            f"would unpack to far more than its size ({member[:80]}), as files do that are made to fill a computer",
            "it is not read; if you trust it, save it again in its own program",
        )

    def __contains__(self, member: str) -> bool:
        return member in self.members

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._zip.close()
