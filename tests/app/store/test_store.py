from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.store.records import Attachment, Chat, ChatSettings, ChatSummary, Folder, Message, State
from app.store.store import KEEP_DELETED, Store
from core.errors import DiskFull, UserError

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "chats.db"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    store = Store(path)
    yield store
    store.close()


def write(store: Store, title: str = "", *texts: str, **fields: object) -> Chat:
    """A chat of alternating messages."""
    chat = Chat(ChatSummary(title=title, **fields))  # type: ignore[arg-type]
    store.add_chat(chat)
    parent = ""
    for number, text in enumerate(texts):
        message = Message("assistant" if number % 2 else "user", text, parent)
        store.add_message(chat.summary.id, message)
        parent = message.id
    return chat


def again(store: Store, path: Path) -> Store:
    store.close()
    return Store(path)


def test_a_chat_comes_back_as_it_was(store: Store, path: Path) -> None:
    chat = Chat(
        ChatSummary(title="Tïtle 标题", model="demo", pinned=True),
        ChatSettings("Be brief.", "calm", {"temperature": 0.3}),
        draft="half a thou",
        draft_attachments=[Attachment("a.txt", "x\n\u2028y")],
    )
    store.add_chat(chat)
    one = Message("user", "Hi\x00 there", attachments=[Attachment("b.py", "print()")])
    two = Message("assistant", "Hello", one.id, reasoning="hm", model="demo", info={"tokens": 3})
    store.add_message(chat.summary.id, one)
    store.add_message(chat.summary.id, two)
    store = again(store, path)
    found = store.chat(chat.summary.id)
    assert found is not None
    chat.summary.updated = two.created
    assert found.summary == chat.summary
    assert (found.settings, found.draft, found.draft_attachments) == (
        chat.settings,
        chat.draft,
        chat.draft_attachments,
    )
    assert found.messages == [one, two]
    assert found.head == two.id
    store.close()


def test_chats_are_listed_newest_first_and_a_message_brings_one_up(store: Store) -> None:
    old, new = write(store, "old", updated=1.0), write(store, "new", updated=2.0)
    assert [chat.title for chat in store.chats()] == ["new", "old"]
    store.add_message(old.summary.id, Message("user", "x"))
    assert [chat.title for chat in store.chats()] == ["old", "new"]
    store.rename_chat(new.summary.id, "renamed")
    store.pin_chat(new.summary.id, True)
    store.set_model(new.summary.id, "m")
    summary = store.chats()[1]
    assert (summary.title, summary.pinned, summary.model) == ("renamed", True, "m")


def test_deleting_and_undoing(store: Store) -> None:
    chat = write(store, "x", "question", "answer")
    store.delete_chat(chat.summary.id)
    assert store.chats() == []
    assert store.chat(chat.summary.id) is None
    assert store.search("question") == []
    store.restore_chat(chat.summary.id)
    found = store.chat(chat.summary.id)
    assert found is not None
    first, second = found.messages
    store.delete_messages([second.id], first.id, chat.summary.id)
    found = store.chat(chat.summary.id)
    assert found is not None
    assert ([each.id for each in found.messages], found.head) == ([first.id], first.id)
    assert store.search("answer") == []
    store.restore_messages([second.id], second.id, chat.summary.id)
    assert [hit.message for hit in store.search("answer")] == [second.id]


def test_what_was_deleted_long_ago_is_removed_for_good(
    store: Store, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone, kept = write(store, "gone zebra", "zebra"), write(store, "kept", "lion", "tiger")
    found = store.chat(kept.summary.id)
    assert found is not None
    store.delete_chat(gone.summary.id)
    store.delete_messages([found.messages[1].id], found.messages[0].id, kept.summary.id)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + KEEP_DELETED + 1)
    store = again(store, path)
    for table, count in (("chats", 1), ("messages", 1), ("search", 2)):
        assert store._db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] == count, table
    store.close()


def test_folders(store: Store) -> None:
    store.add_folder(Folder("f", "Work"))
    store.add_folder(Folder("g", "art"))
    chat = write(store, "x")
    store.move_chat(chat.summary.id, "f")
    store.rename_folder("f", "Zoo")
    assert [folder.name for folder in store.folders()] == ["art", "Zoo"]
    assert store.chats()[0].folder == "f"
    store.delete_folder("f")
    assert store.chats()[0].folder == ""


def test_settings_and_drafts(store: Store) -> None:
    chat = write(store).summary.id
    store._db.execute("""UPDATE chats SET settings = '{"of a newer version": 1, "system_prompt": 7}'""")
    found = store.chat(chat)
    assert found is not None
    assert found.settings == ChatSettings()  # a value of a wrong type is taken as not given
    store.set_settings(chat, ChatSettings("Rhyme.", "", {"top_p": 0.5}))
    store.save_draft(chat, "so far", [Attachment("n", "t")])
    found = store.chat(chat)
    assert found is not None
    assert (found.settings.system_prompt, found.draft, found.draft_attachments[0].name) == ("Rhyme.", "so far", "n")
    assert "of a newer version" in store._db.execute("SELECT settings FROM chats").fetchone()[0]


def test_an_answer_is_written_piece_by_piece(store: Store) -> None:
    chat = write(store, "", "question").summary.id
    answer = Message("assistant", "", state=State.STREAMING)
    store.add_message(chat, answer)
    store.append(answer.id, "", "thinking")
    store.append(answer.id, "Once upon ")
    store.append(answer.id, "a time")
    assert store.search("upon") == []
    store.finish(answer.id, State.LENGTH, info={"tokens": 4})
    found = store.chat(chat)
    assert found is not None
    last = found.messages[-1]
    assert (last.content, last.reasoning, last.state, last.info) == (
        "Once upon a time",
        "thinking",
        State.LENGTH,
        {"tokens": 4},
    )
    assert len(store.search("upon")) == 1
    store.reopen(answer.id)
    store.append(answer.id, ", far away")
    store.finish(answer.id, State.DONE)
    found = store.chat(chat)
    assert found is not None
    assert found.messages[-1].content == "Once upon a time, far away"
    assert store._db.execute("SELECT count(*) FROM pieces").fetchone()[0] == 0


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
@pytest.mark.parametrize("round", range(int(os.environ.get("SOAK_ROUNDS", "3"))))
def test_a_killed_writer_loses_nothing_that_it_had_reported(path: Path, round: int) -> None:
    """A process writes pieces and says so; it is killed at some moment. What it had said is there, marked as interrupted."""
    code = """
        import sys
        from pathlib import Path
        from app.store.records import *
        from app.store.store import Store
        store = Store(Path(sys.argv[1]))
        chat, answer = Chat(ChatSummary()), Message("assistant", "", state=State.STREAMING, id="answer")
        store.add_chat(chat)
        store.add_message(chat.summary.id, answer)
        for number in range(10**6):
            store.append("answer", f"{number} ")
            print(number, flush=True)
    """
    writer = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), str(path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None
    said = -1
    for line in writer.stdout:
        said = int(line)
        if said >= 20 + 17 * round:
            break
    writer.send_signal(signal.SIGKILL)
    rest = writer.stdout.read().split()
    writer.stdout.close()
    writer.wait()
    said = max([said, *(int(word) for word in rest if word.isdigit())])
    store = Store(path)
    assert store.recovered == 1
    found = store.chat(store.chats()[0].id)
    assert found is not None
    assert found.messages[0].state is State.INTERRUPTED
    assert [int(word) for word in found.messages[0].content.split()][: said + 1] == list(range(said + 1))
    assert store.search("20")
    store.close()


def test_a_missing_chat_is_none_and_changes_to_it_are_nothing(store: Store) -> None:
    assert store.chat("no") is None
    store.rename_chat("no", "x")
    store.set_settings("no", ChatSettings())
    store.finish("no", State.DONE)


def test_a_full_disk_is_a_sentence(store: Store) -> None:
    chat = write(store).summary.id
    store._db.execute("PRAGMA max_page_count = 1")  # SQLite's own way of being full
    messages = [Message("user", "x" * 10_000) for _ in range(50)]
    with pytest.raises(DiskFull, match="free some space"):
        any(store.add_message(chat, message) for message in messages)  # type: ignore[func-returns-value]
    store._db.execute("PRAGMA max_page_count = 1073741823")
    store.add_message(chat, Message("user", "goes on"))


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="needs permissions that bind")
def test_a_folder_without_permission_is_a_sentence(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(UserError, match="permissions"):
        Store(tmp_path / "chats.db")


def test_a_file_that_is_locked_for_long_is_a_sentence(store: Store, path: Path) -> None:
    store._db.execute("PRAGMA busy_timeout = 10")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(UserError, match="locked"):
        write(store)
    other.execute("COMMIT")
    other.close()
    write(store)
