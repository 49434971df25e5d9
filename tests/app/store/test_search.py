from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.store.records import Chat, ChatSummary, Message
from app.store.store import Store
from app.store.words import columns, match, snippet, terms


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "chats.db")
    yield store
    store.close()


def chat(store: Store, title: str, *texts: str, updated: float = 1.0) -> str:
    made = Chat(ChatSummary(title=title, updated=updated), messages=[Message("user", text) for text in texts])
    store.add_chat(made)
    return made.summary.id


def titles(store: Store, query: str) -> list[str]:
    return [hit.title for hit in store.search(query)]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("paging", True),
        ("PAG", True),  # the beginning of a word, in any case
        ("aging", False),
        ("memory paging", True),  # all words, in any order
        ("memory cats", False),
        ("creme brulee", True),  # without accents
        ("crème", True),
        ("量化", True),  # two characters
        ("量", True),
        ("型", True),  # the last of a run
        ("化模型", True),
        ("化型", False),
        ("模型 paging", True),
        ("ペー", True),
        ("한국", True),
        ("สวัส", True),
        ("don't", True),
        ("C++", True),
        ("v1.5", True),
        ("", False),
        ("   ", False),
        ('"', False),
        ("*", False),
        ("NEAR(", False),
        ("text:paging", False),
        ("paging OR cats", False),
        ("-- ; DROP TABLE chats", False),
    ],
)
def test_what_finds_a_chat(store: Store, query: str, found: bool) -> None:
    chat(store, "A chat", "Paging of memory; crème brûlée; 量化模型 ページ 한국어 สวัสดี; don't C++ v1.5")
    assert (titles(store, query) == ["A chat"]) is found


def test_titles_come_first_then_the_newest(store: Store) -> None:
    chat(store, "one", "apple", updated=3.0)
    chat(store, "apple pie", "nothing", updated=1.0)
    chat(store, "two", "apple apple apple", updated=2.0)
    assert titles(store, "apple") == ["apple pie", "one", "two"]
    assert store.search("apple", limit=2)[1].title in ("one", "two")
    assert len(store.search("apple", limit=2)) == 2


def test_a_renamed_chat_is_found_by_its_new_title_only(store: Store) -> None:
    found = chat(store, "wombat")
    store.rename_chat(found, "koala")
    assert titles(store, "wombat") == []
    assert titles(store, "koala") == ["koala"]


def test_a_chat_is_found_once_by_its_newest_message(store: Store) -> None:
    chat(store, "t", "first plum", "second plum")
    hits = store.search("plum")
    assert len(hits) == 1
    assert hits[0].snippet == "second plum"


@pytest.mark.parametrize(
    ("text", "query", "marked"),
    [
        ("x " * 500 + "needle in hay", "needle", "needle"),
        ("在很长很长的中文文本里找到量化这个词", "量化", "量化"),
        ("line one\nline two", "two", "two"),
        ("nothing", "else", ""),
    ],
)
def test_a_snippet_shows_the_match(text: str, query: str, marked: str) -> None:
    piece, start, length = snippet(text, query)
    assert piece[start : start + length] == marked
    assert "\n" not in piece
    assert len(piece) <= 121


def test_pairs() -> None:
    assert columns("我喜欢SQLite") == (" SQLite", "我喜 喜欢 欢")
    assert columns("plain") == ("plain", "")
    assert match("喜欢") == '(pairs : "喜欢")'
    assert terms("a_b") == ["a", "b"]


@given(st.text())
def test_no_query_is_an_error(text: str) -> None:
    import sqlite3

    expression = match(text)
    db = sqlite3.connect(":memory:")
    db.execute("CREATE VIRTUAL TABLE search USING fts5 (text, pairs)")
    if expression is not None:
        db.execute("SELECT rowid FROM search WHERE search MATCH ?", (expression,)).fetchall()
    db.close()


@given(st.text(alphabet="量化模型ペab ", min_size=1), st.data())
def test_any_piece_of_a_text_finds_it(text: str, data: st.DataObject) -> None:
    """Of unspaced scripts: any piece; FTS5 itself answers."""
    import re
    import sqlite3

    runs = re.findall("[量化模型ペ]+", text)
    if not runs:
        return
    run = data.draw(st.sampled_from(runs))
    begin = data.draw(st.integers(0, len(run) - 1))
    piece = run[begin : data.draw(st.integers(begin + 1, len(run)))]
    db = sqlite3.connect(":memory:")
    db.execute("CREATE VIRTUAL TABLE search USING fts5 (text, pairs)")
    db.execute("INSERT INTO search VALUES (?, ?)", columns(text))
    assert db.execute("SELECT count(*) FROM search WHERE search MATCH ?", (match(piece),)).fetchone()[0] == 1
    db.close()
