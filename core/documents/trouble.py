"""Why a file cannot be read. Each is one sentence that names the file; `name` is put in where it is raised."""

from __future__ import annotations

from core.errors import UserError


class DocumentUnusable(UserError):
    """A file that is no document we can read: corrupt, protected, empty, too large, of an unknown kind."""

    code = "document_unusable"
    http_status = 422
    exit_code = 4


def corrupt(name: str, what: str, why: object) -> DocumentUnusable:
    """`what`: the format, in words."""
    return DocumentUnusable(
        f"'{name}' is damaged or no {what} ({_short(why)}); open it in its own program and save it again."
    )


def protected(name: str) -> DocumentUnusable:
    return DocumentUnusable(f"'{name}' is protected by a password; save a copy without one and use that.")


def too_large(name: str, what: str, hint: str = "split it into smaller files") -> DocumentUnusable:
    return DocumentUnusable(f"'{name}' {what}; {hint}.")


def empty(name: str, why: str = "it holds no text") -> DocumentUnusable:
    return DocumentUnusable(f"'{name}' cannot be used: {why}.")


def _short(why: object) -> str:
    text = " ".join(str(why).split()).rstrip(".")
    return text[:160] or type(why).__name__
