"""Names that come from outside: repositories, files in them, and models here. Whatever could leave its folder is refused."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from urllib.parse import quote

from core.errors import InvalidRequest, ModelUnusable

_PART = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_-])?")
_FILE_PART = re.compile(r"[^\x00-\x1f\x7f/\\:*?\"<>|]{1,200}")
# Names of devices on Windows, with any extension.
_DEVICE = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?", re.IGNORECASE)


def parse_repo(text: str) -> tuple[str, str | None]:
    """`REPO[@revision]` as repository and revision, e.g. ("Qwen/Qwen3-8B", None). A link to the model's page works too.

    Raises InvalidRequest."""
    text = re.sub(r"^https?://[^/]+/", "", text.strip()).removesuffix("/")
    repo, at, revision = text.partition("@")
    if at and (not revision or len(revision) > 200 or not revision.isprintable() or ".." in revision):
        raise InvalidRequest(f"'{text}' has no usable revision; write REPO@REVISION with a branch, a tag or a commit.")
    return check_name(repo), revision or None


def check_name(name: str) -> str:
    """A model's name: one or two components, `name` or `org/name`. Raises InvalidRequest."""
    parts = name.split("/")
    if len(parts) > 2 or not all(
        _PART.fullmatch(part) and ".." not in part and "--" not in part and not _DEVICE.fullmatch(part)
        for part in parts
    ):
        raise InvalidRequest(f"'{name}' is no name of a model; write it as on the Hub, such as Qwen/Qwen3-8B.")
    return name


def key_of(name: str) -> str:
    """One path component for a model's name, different for different names: `org%2Fname`."""
    return quote(name, safe=" ")


def check_file(path: str, repo: str) -> str:
    """A file's path inside its repository, with `/`. Raises ModelUnusable for one that no honest repository has."""
    parts = path.split("/")
    if not all(
        _FILE_PART.fullmatch(part)
        and part not in (".", "..")
        and not _DEVICE.fullmatch(part)
        and not part.endswith((" ", "."))
        for part in parts
    ):
        raise ModelUnusable(
            f"The repository {repo} names a file {path[:80]!r}, which could be written outside of the model's folder; "
            f"do not use this model."
        )
    return str(PurePosixPath(*parts))
