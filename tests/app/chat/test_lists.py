"""The list of chats as a model."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime

from pytestqt.modeltest import ModelTester

from app.chat.list_model import PAGE, ChatListModel, ListRow, Words, hit_rows, list_rows
from app.store.records import ChatSummary, Folder, Hit

TODAY = date(2026, 6, 15)


def at(day: int, hour: int = 12, month: int = 6) -> float:
    return datetime(2026, month, day, hour).timestamp()


def chats() -> list[ChatSummary]:
    return [
        ChatSummary("a", "now", updated=at(15)),
        ChatSummary("b", "before", updated=at(14)),
        ChatSummary("c", "week", updated=at(10)),
        ChatSummary("d", "old", updated=at(1, month=2)),
        ChatSummary("e", "pinned", pinned=True, updated=at(1)),
        ChatSummary("f", "filed", folder="w", updated=at(15)),
        ChatSummary("g", "", updated=at(15, 11)),
        ChatSummary("h", "lost \u202efolder", folder="gone", updated=at(15, 10)),
    ]


def test_rows_without_a_search() -> None:
    rows = list(list_rows(chats(), [Folder("w", "Work")], set(), {"a"}, TODAY, Words()))
    assert [(row.kind, row.title) for row in rows] == [
        ("heading", "Pinned"),
        ("chat", "pinned"),
        ("folder", "Work"),
        ("heading", "Today"),
        ("chat", "now"),
        ("chat", "New chat"),
        ("chat", "lost folder"),
        ("heading", "Yesterday"),
        ("chat", "before"),
        ("heading", "Last 7 days"),
        ("chat", "week"),
        ("heading", "Older"),
        ("chat", "old"),
    ]
    assert [row.title for row in rows if row.running] == ["now"]
    opened = list_rows(chats(), [Folder("w", "Work")], {"w"}, set(), TODAY, Words())
    assert [(row.title, row.depth) for row in opened if row.depth] == [("filed", 1)]


def test_the_model_is_a_good_one(qtmodeltester: ModelTester) -> None:
    model = ChatListModel()
    qtmodeltester.check(model)
    rows = list_rows(chats(), [Folder("w", "Work")], {"w"}, set(), TODAY, Words())
    model.set_rows(rows)
    qtmodeltester.check(model)
    assert model.find("c").isValid()
    assert not model.find("nothing").isValid()
    model.set_rows(hit_rows([Hit("a", "now", "m", "snip", 0, 2, 1.0)], Words()))
    qtmodeltester.check(model)
    assert model.data(model.index(0)) == "now"


def test_rows_that_only_changed_keep_their_place() -> None:
    model = ChatListModel()
    model.set_rows(list_rows(chats(), [], set(), set(), TODAY, Words()))
    resets: list[int] = []
    model.modelReset.connect(lambda: resets.append(1))
    changed: list[int] = []
    model.dataChanged.connect(lambda first, last: changed.append(first.row()))
    model.set_rows(list_rows(chats(), [], set(), {"a"}, TODAY, Words()))
    assert (resets, len(changed)) == ([], 1)


def test_of_many_chats_the_first_rows_are_made_and_more_when_asked_for(qtmodeltester: ModelTester) -> None:
    many = [ChatSummary(str(number), str(number), updated=at(15) - number) for number in range(3 * PAGE - 1)]
    made: list[str] = []

    def rows() -> Iterator[ListRow]:
        for row in list_rows(many, [], set(), set(), TODAY, Words()):
            made.append(row.id)
            yield row

    model = ChatListModel()
    model.set_rows(rows())
    assert (model.rowCount(), len(made)) == (PAGE, PAGE + 1)  # one more tells whether there are more
    model.fetchMore()
    assert model.rowCount() == 2 * PAGE
    model.set_rows(rows(), seen=PAGE // 2)
    assert model.rowCount() == PAGE * 3 // 2  # who has scrolled stays there, with a page to come
    while model.canFetchMore():
        model.fetchMore()
    titles = [model.data(model.index(number)) for number in range(model.rowCount())]
    assert [title for title in titles if title.isdecimal()] == [chat.title for chat in many]
    model.fetchMore()
    assert model.rowCount() == len(titles)
    qtmodeltester.check(model)
