"""The user's access token for the Hub: from the environment, the system's keyring, or a file that only the user can read.

Found in this order: HF_TOKEN; what was given to Deskside (keyring, else `hf_token` in the configuration folder, mode 0600);
what huggingface_hub itself remembers from `hf auth login`. It is sent to the Hub's own address and to no other.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from core.errors import InvalidRequest, Unavailable
from core.paths import Places

_SERVICE = "deskside"
_ACCOUNT = "huggingface"


def find_token(places: Places, environ: Mapping[str, str]) -> str | None:
    """The first there is, None without any. Never raises for a keyring that does not work."""
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
        if environ.get(name, "").strip():
            return check_token(environ[name], name)
    keyring = _keyring()
    if keyring is not None:
        with suppress(Exception):  # locked, or no session: backends raise what they like
            token = keyring.get_password(_SERVICE, _ACCOUNT)
            if token:
                return str(token)
    with suppress(OSError, UnicodeDecodeError):
        token = _file(places).read_text(encoding="ascii").strip()
        if token:
            return token
    if environ.get("HF_HUB_DISABLE_IMPLICIT_TOKEN", "") in ("", "0"):
        from huggingface_hub import get_token

        return get_token()
    return None


def check_token(text: str, source: str) -> str:
    """The token without white space around it. Raises InvalidRequest, without repeating it, for what no header can carry."""
    token = text.strip()
    if not token or not token.isascii() or not token.isprintable() or " " in token or len(token) > 1000:
        raise InvalidRequest(f"The token from {source} is no access token; copy it from your settings on the Hub.")
    return token


def save_token(token: str, places: Places) -> str:
    """Remember it; returns where, in words. Raises Unavailable when it can be written nowhere."""
    keyring = _keyring()
    if keyring is not None:
        with suppress(Exception):
            keyring.set_password(_SERVICE, _ACCOUNT, token)
            if keyring.get_password(_SERVICE, _ACCOUNT) == token:  # some backends accept everything and keep nothing
                with suppress(OSError):
                    _file(places).unlink()
                return "the system's keyring"
    path = _file(places)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):
            temporary.unlink()
        fd = os.open(
            temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600
        )  # never readable for others, not for a moment
        with os.fdopen(fd, "w", encoding="ascii") as file:
            file.write(token)
        os.replace(temporary, path)
    except OSError as error:
        raise Unavailable(f"The token cannot be written to {path} ({error.strerror}); set HF_TOKEN instead.") from error
    return str(path)


def _file(places: Places) -> Path:
    return places.config / "hf_token"


def _keyring() -> Any:
    """The module keyring where it is installed and has a place to keep secrets, else None."""
    try:
        import keyring
        from keyring.backends import fail
    except Exception:
        return None
    with suppress(Exception):
        if not isinstance(keyring.get_keyring(), fail.Keyring):
            return keyring
    return None
