"""The reader's process: one file in, a Document or a sentence out. Whatever a file does to a parser, it does it here.

parent -> child   ReadJob
child -> parent   PageRead*, then DocumentRead or ReadFailed
"""

from __future__ import annotations

import gc
import importlib
import traceback
from collections.abc import Callable
from pathlib import Path

import msgspec

from core.documents.document import Document, Page
from core.documents.limits import ReadLimits
from core.documents.trouble import DocumentUnusable, empty, too_large
from core.errors import DesksideError, NotFound, UserError
from core.pipes import Connection

# Ending of a file's name -> the module that reads it.
FORMATS = {
    ".pdf": "pdf",
    ".docx": "docx",
    ".pptx": "pptx",
    ".html": "html",
    ".htm": "html",
    ".xhtml": "html",
    ".md": "markdown",
    ".markdown": "markdown",
    ".epub": "epub",
    ".csv": "csv_table",
    ".tsv": "csv_table",
    ".txt": "plain",
    ".text": "plain",
    ".log": "plain",
    ".rst": "plain",
}
_TEXT = frozenset({"html", "markdown", "csv_table", "plain"})  # modules that read a file as a whole
_HEADS = ((b"%PDF-", ".pdf"), (b"PK\x03\x04", ""), (b"{\\rtf", ".rtf"), (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", ".doc"))

Read = Callable[[Path, str, ReadLimits], Document]


class ReadJob(msgspec.Struct, frozen=True, array_like=True):
    """`path` is absolute."""

    path: str
    limits: ReadLimits


class PageRead(msgspec.Struct, frozen=True, array_like=True, tag=True):
    page: Page


class DocumentRead(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """The rest of the document; its pages were sent before."""

    document: Document


class ReadFailed(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """`code`: see core.errors."""

    code: str
    message: str


Answer = PageRead | DocumentRead | ReadFailed
encode = msgspec.msgpack.Encoder().encode
decode_answer = msgspec.msgpack.Decoder(Answer).decode
decode_job = msgspec.msgpack.Decoder(ReadJob).decode


def main(connection: Connection) -> None:
    """The role `reader`."""
    job = decode_job(connection.receive())
    path = Path(job.path)
    try:
        document = read_here(path, job.limits)
        for page in document.pages:
            connection.send(encode(PageRead(page)))
        connection.send(encode(DocumentRead(msgspec.structs.replace(document, pages=()))))
    except MemoryError:
        gc.collect()
        connection.send(encode(ReadFailed(DocumentUnusable.code, memory_message(path.name, job.limits))))
    except UserError as error:
        connection.send(encode(ReadFailed(error.code, error.message)))
    except (Exception, RecursionError) as error:
        traceback.print_exc()
        sentence = f"'{path.name}' cannot be read: it is damaged in a way that its reader does not expect ({type(error).__name__})."
        connection.send(encode(ReadFailed(DocumentUnusable.code, sentence)))


def memory_message(name: str, limits: ReadLimits) -> str:
    return f"'{name}' takes more than {limits.memory >> 20:,} MiB of memory to read; split it into smaller files."


def read_here(path: Path, limits: ReadLimits) -> Document:
    """Read a file in this process, without a limit on time and memory: for the reader's process. Raises NotFound,
    DocumentUnusable."""
    name = path.name
    try:
        size = path.stat().st_size
        if not path.is_file():
            raise NotFound(f"'{path}' is no file.")
        with path.open("rb") as file:
            head = file.read(1024)
    except FileNotFoundError as error:
        raise NotFound(f"There is no file '{path}'.") from error
    except OSError as error:
        raise NotFound(f"'{path}' cannot be read ({error.strerror}).") from error
    if size == 0:
        raise empty(name, "it is empty")
    kind = _format(path, head)
    most = min(limits.file_size, limits.text_size) if kind in _TEXT else limits.file_size
    if size > most:
        of_text = " of text" if kind in _TEXT else ""
        raise too_large(name, f"is {size / 1e6:,.0f} MB, and at most {most / 1e6:,.0f} MB{of_text} are read")
    module = importlib.import_module(f"core.documents.formats.{kind}")
    read: Read = module.read
    try:
        document = read(path, name, limits)
    except DesksideError:
        raise
    except OSError as error:
        raise NotFound(f"'{path}' cannot be read ({error.strerror or error}).") from error
    return _checked(document, limits)


def _format(path: Path, head: bytes) -> str:
    """By the name's ending, except where the content says plainly that it is something else."""
    ending = path.suffix.lower()
    found = next((kind for mark, kind in _HEADS if head.startswith(mark)), None)
    if b"%PDF-" in head and ending not in FORMATS:
        found = ".pdf"
    if found == ".pdf" or (found and ending in (".txt", "", ".rtf", ".doc", ".xls", ".ppt")):
        ending = found
    if ending in FORMATS:
        return FORMATS[ending]
    if not ending and found is None:
        return "plain"
    known = ", ".join(
        sorted(kind[1:].upper() for kind in FORMATS if kind not in (".htm", ".xhtml", ".markdown", ".text"))
    )
    raise DocumentUnusable(f"'{path.name}' is of a kind that is not read; save it as one of {known}.")


def _all_of(document: Document) -> str:
    count = len(document.pages)
    return f"its {count} {document.unit}s are" if count > 1 else f"its {document.unit} has"


def _checked(document: Document, limits: ReadLimits) -> Document:
    if len(document.pages) > limits.pages:
        raise too_large(
            document.name, f"has {len(document.pages)} {document.unit}s, and at most {limits.pages} are read"
        )
    if document.chars > limits.chars:
        raise too_large(document.name, f"holds {document.chars:,} characters, and at most {limits.chars:,} are read")
    if not any(page.blocks for page in document.pages):
        scanned = sum(item.reason == "scanned" for item in document.unread)
        if scanned:
            raise empty(
                document.name,
                f"{_all_of(document)} pictures without text (a scan); run a text recognition first",
            )
        if any(item.reason == "unreadable" for item in document.unread):
            raise empty(
                document.name,
                "its fonts do not say which letters they show; run a text recognition",
            )
        raise empty(document.name)
    return document
