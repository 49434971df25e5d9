"""How much a document may cost to read."""

from __future__ import annotations

import msgspec

MIB = 1 << 20


class ReadLimits(msgspec.Struct, frozen=True, kw_only=True):
    """`seconds`: of reading one file. `memory`: bytes of the reader's process. `file_size`: bytes of a file; `text_size`: of
    one that is text itself, which is read as a whole. `pages`, `chars`: of a document. `zip_ratio`: how often larger than packed
    a member of an archive may be, beyond `zip_free` bytes; `zip_total`: unpacked bytes of all members that are read;
    `zip_members`: names in it."""

    seconds: float = 300.0
    memory: int = 1536 * MIB
    file_size: int = 1024 * MIB
    text_size: int = 64 * MIB
    pages: int = 10_000
    chars: int = 24_000_000
    zip_ratio: int = 200
    zip_free: int = 1 * MIB
    zip_total: int = 512 * MIB
    zip_members: int = 20_000


DEFAULT = ReadLimits()
