"""Prefix reuse: full pages of KV found again by a hash chain.

The hash of a page covers its tokens and everything before them: h(i) = BLAKE2b-128(h(i - 1) || tokens of page i), where
h(-1) is the salt: whatever else the KV values depend on (model revision, weight version, KV dtype, adapter).
"""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray


def make_salt(*parts: object) -> bytes:
    """The start of a hash chain. Different parts never share pages."""
    return hashlib.blake2b("\x1f".join(map(str, parts)).encode(), digest_size=16).digest()


def page_hash(before: bytes, tokens: NDArray[np.int32]) -> bytes:
    """Hash of one full page, int32 [page_size], after the page whose hash is `before`."""
    return hashlib.blake2b(before + tokens.tobytes(), digest_size=16).digest()


class PrefixIndex:
    """hash -> page of every published page, and back."""

    def __init__(self) -> None:
        self._page_of: dict[bytes, int] = {}
        self._hash_of: dict[int, bytes] = {}

    def __len__(self) -> int:
        return len(self._page_of)

    def is_published(self, page: int) -> bool:
        return page in self._hash_of

    def find(self, digest: bytes) -> int | None:
        return self._page_of.get(digest)

    def publish(self, digest: bytes, page: int) -> None:
        """Make a full, computed page findable. The first page with a content stays; a twin remains private."""
        if digest not in self._page_of and page not in self._hash_of:
            self._page_of[digest] = page
            self._hash_of[page] = digest

    def forget(self, page: int) -> None:
        digest = self._hash_of.pop(page, None)
        if digest is not None:
            del self._page_of[digest]

    def clear(self) -> None:
        self._page_of.clear()
        self._hash_of.clear()
