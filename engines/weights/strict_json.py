"""JSON of untrusted files: like `json.loads`, but a key named twice is an error and every failure is a ValueError."""

from __future__ import annotations

import json
from typing import Any


def parse_json(data: bytes) -> Any:
    """The value of UTF-8 JSON `data`. Raises ValueError, with a short reason, on anything else."""
    try:
        return json.loads(data.decode("utf-8"), object_pairs_hook=_object)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except ValueError as error:
        raise ValueError(brief(error)) from None


def brief(text: object) -> str:
    """A hostile file can hold megabytes of name: messages stay a sentence."""
    return str(text)[:120]


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise ValueError(f"{brief(key)!r} is named twice")
            seen.add(key)
    return result
