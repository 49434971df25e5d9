"""Files that go with a message, as text, of a size that a model can read: text files are read here, documents by the service.
No Qt."""

from __future__ import annotations

from pathlib import Path

from app.store.records import Attachment
from core.errors import InvalidRequest

MOST_BYTES = 2_000_000
MOST_FILES = 20
_DOCUMENTS = {".pdf", ".docx", ".doc", ".odt", ".epub", ".pptx", ".xlsx"}


def is_document(path: Path) -> bool:
    """Whether the service is to read it, or to say why it cannot."""
    return path.suffix.lower() in _DOCUMENTS


def read_attachment(path: Path) -> Attachment:
    """The file's text. Raises InvalidRequest, in a sentence that names the file, for what cannot be used."""
    name = path.name
    try:
        if path.is_dir():
            raise InvalidRequest(f"“{name}” is a folder; attach the files in it.")
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise InvalidRequest(
                f"“{name}” has {size / 1e6:.1f} MB, more than the {MOST_BYTES / 1e6:g} MB a message can take; attach a part of it."
            )
        data = path.read_bytes()
    except OSError as error:
        raise InvalidRequest(f"“{name}” cannot be read ({error.strerror}).") from error
    return Attachment(name, decode(name, data), str(path.absolute()))


def decode(name: str, data: bytes) -> str:
    """UTF-8, or UTF-16 with its mark. Anything with a zero byte is no text."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        try:
            return data.decode("utf-16")
        except UnicodeDecodeError:
            pass
    elif b"\x00" not in data:
        try:
            return data.decode("utf-8-sig")
        except UnicodeDecodeError:
            return data.decode("cp1252", "replace")
    raise InvalidRequest(f"“{name}” is not a text file; only text can be attached.")
