"""Which chunks speak of a question: BM25 in SQLite's FTS5, over content words; Chinese, Japanese and Korean as pairs of
characters."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from core.documents.chunk import Chunk
from core.documents.words import terms

SECTION_WEIGHT = 0.25  # of a word in the headings above, beside one in the text


def rank(chunks: Sequence[Chunk], question: str) -> list[int]:
    """Indices of the chunks that share a content word with the question, best first."""
    wanted = list(dict.fromkeys(terms(question)))[:200]
    if not wanted:
        return []
    database = sqlite3.connect(":memory:")
    try:
        database.execute(
            'CREATE VIRTUAL TABLE chunks USING fts5(terms, section, tokenize = "unicode61 remove_diacritics 0")'
        )
        database.executemany(
            "INSERT INTO chunks (rowid, terms, section) VALUES (?, ?, ?)",
            ((i, " ".join(terms(item.text)), " ".join(terms(item.section))) for i, item in enumerate(chunks, 1)),
        )
        query = " OR ".join(f'"{term}"' for term in wanted)
        order = f"bm25(chunks, 1.0, {SECTION_WEIGHT}), rowid"  # smaller is better
        rows = database.execute(f"SELECT rowid FROM chunks WHERE chunks MATCH ? ORDER BY {order}", (query,))
        return [number - 1 for (number,) in rows]
    finally:
        database.close()
