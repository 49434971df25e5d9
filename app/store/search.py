"""The full-text index over titles and messages."""

from __future__ import annotations

import sqlite3

from app.store.records import Hit
from app.store.words import columns, match, snippet

ROWS_LOOKED_AT = 2000


def put_message(db: sqlite3.Connection, number: int, content: str) -> None:
    _put(db, 2 * number, content)


def put_title(db: sqlite3.Connection, number: int, title: str) -> None:
    _put(db, 2 * number + 1, title)


def drop_chat(db: sqlite3.Connection, chat: str) -> None:
    """Take a chat that is about to be removed for good out of the index."""
    db.execute("DELETE FROM search WHERE rowid IN (SELECT 2 * number FROM messages WHERE chat = ?)", (chat,))
    db.execute("DELETE FROM search WHERE rowid IN (SELECT 2 * number + 1 FROM chats WHERE id = ?)", (chat,))


def find(db: sqlite3.Connection, query: str, limit: int) -> list[Hit]:
    """Chats with all words of the query in their title or in one message, newest match first."""
    expression = match(query)
    if expression is None:
        return []
    rows = db.execute(
        "SELECT rowid FROM search WHERE search MATCH ? ORDER BY rowid DESC LIMIT ?", (expression, ROWS_LOOKED_AT)
    )
    hits: dict[str, Hit] = {}
    titles: list[Hit] = []
    for (rowid,) in rows:
        if len(hits) >= limit and not rowid & 1:
            continue
        hit = _title_hit(db, rowid >> 1, query) if rowid & 1 else _message_hit(db, rowid >> 1, query, hits)
        if hit is None:
            continue
        if not hit.message:
            titles.append(hit)
        else:
            hits.setdefault(hit.chat, hit)
        if len(titles) >= limit:
            break
    chosen = {hit.chat: hit for hit in titles}
    for hit in hits.values():
        chosen.setdefault(hit.chat, hit)
    return sorted(chosen.values(), key=lambda hit: (bool(hit.message), -hit.updated))[:limit]


def _title_hit(db: sqlite3.Connection, number: int, query: str) -> Hit | None:
    row = db.execute("SELECT id, title, updated FROM chats WHERE number = ? AND deleted IS NULL", (number,)).fetchone()
    return None if row is None else Hit(row[0], row[1], "", *snippet(row[1], query), row[2])


def _message_hit(db: sqlite3.Connection, number: int, query: str, known: dict[str, Hit]) -> Hit | None:
    row = db.execute(
        "SELECT c.id, c.title, c.updated, m.id FROM messages m JOIN chats c ON c.id = m.chat "
        "WHERE m.number = ? AND m.deleted IS NULL AND c.deleted IS NULL",
        (number,),
    ).fetchone()
    if row is None or row[0] in known:
        return None
    content = db.execute("SELECT content FROM messages WHERE number = ?", (number,)).fetchone()[0]
    return Hit(row[0], row[1], row[3], *snippet(content, query), row[2])


def _put(db: sqlite3.Connection, rowid: int, text: str) -> None:
    db.execute("DELETE FROM search WHERE rowid = ?", (rowid,))
    if text:
        db.execute("INSERT INTO search (rowid, text, pairs) VALUES (?, ?, ?)", (rowid, *columns(text)))
