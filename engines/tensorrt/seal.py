"""Plans are code that a GPU runs: what is loaded was built here. Every plan's hash stands in a manifest, and the manifest is sealed
with a key of this user on this machine, so that a folder copied from elsewhere is refused like one that was changed."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engines.api.errors import ModelError

_KEY_BYTES = 32
SEAL = "seal"


class PlanError(ModelError):
    """A built engine that cannot be used: changed, cut short, from another machine, or made for something else."""


def read_key(path: Path) -> bytes:
    """The key of this user, made at first use, readable by nobody else. Raises PlanError if the file is not a key of ours."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        made = path.with_name(f"{path.name}.{os.getpid()}.new")
        with os.fdopen(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(secrets.token_bytes(_KEY_BYTES))
        # Of two processes that make one at once, both end with the key that came to stay.
        with contextlib.suppress(OSError):
            os.link(made, path)
        if path.exists():
            made.unlink()
        else:  # a file system without links
            made.replace(path)
    key = path.read_bytes()
    if len(key) != _KEY_BYTES:
        raise PlanError(f"{path} is no key of Deskside's; delete it, and build the engines again.")
    return key


def sealed(manifest: Mapping[str, Any], key: bytes) -> dict[str, Any]:
    """The manifest with its seal."""
    return {**manifest, SEAL: _digest(manifest, key)}


def check_seal(manifest: Mapping[str, Any], key: bytes, path: Path) -> None:
    """Raises PlanError unless `manifest` was sealed with `key`."""
    seal = manifest.get(SEAL)
    plain = {name: value for name, value in manifest.items() if name != SEAL}
    if not isinstance(seal, str) or not hmac.compare_digest(seal, _digest(plain, key)):
        raise PlanError(
            f"{path} was not written by Deskside on this machine, or was changed since; engines are never taken from elsewhere: "
            f"build it again with deskside core build."
        )


def _digest(manifest: Mapping[str, Any], key: bytes) -> str:
    text = json.dumps(manifest, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
