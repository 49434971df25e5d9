"""Markdown, HTML, JSON and PDF, and JSON back."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtWidgets import QApplication

from app.chat.export_dialog import export
from app.chat.exporting import from_json, to_html, to_json, to_markdown
from app.store.records import Attachment, Chat, ChatSettings, ChatSummary, Message, State
from app.store.tree import Tree
from core.errors import DesksideError, InvalidRequest


def chat() -> Chat:
    one = Message("user", "Q <b>& more\n\nline", attachments=[Attachment("n.txt", "file text")])
    two = Message("assistant", "Old", one.id)
    three = Message(
        "assistant", "# T\n\n**b** [x](https://e.org) [y](javascript:1) ![i](http://e/i.png) <script>1</script> $x^2$", one.id,
        reasoning="hm", model="demo", state=State.STOPPED, info={"tokens": 3},
    )  # fmt: skip
    return Chat(
        ChatSummary(title="A/chat: 标题", model="demo"),
        ChatSettings("Be kind.", "", {"temperature": 0.5}),
        head=three.id,
        messages=[one, two, three],
    )


def test_json_and_back() -> None:
    old = chat()
    new = from_json(to_json([old, old]))
    assert len(new) == 2
    found = new[0]
    assert (found.summary.title, found.summary.model) == (old.summary.title, "demo")
    assert (found.settings.system_prompt, found.settings.sampling) == ("Be kind.", {"temperature": 0.5})
    assert [each.content for each in found.messages] == [each.content for each in old.messages]
    assert [each.content for each in Tree(found.messages, found.head).path()] == [
        old.messages[0].content,
        old.messages[2].content,
    ]
    assert found.messages[0].attachments == old.messages[0].attachments
    assert found.messages[2].state is State.STOPPED
    assert not {each.id for each in found.messages} & {each.id for each in old.messages}


def test_a_plain_list_of_messages_is_a_chat() -> None:
    parts = [{"type": "text", "text": "hi"}]
    pairs = [("system", "S"), ("user", parts), ("assistant", "yo")]
    (found,) = from_json(json.dumps([{"role": role, "content": content} for role, content in pairs]))
    assert found.settings.system_prompt == "S"
    assert [each.content for each in Tree(found.messages, found.head).path()] == ["hi", "yo"]


@pytest.mark.parametrize("text", ["", "{", "[]", "3", '"x"', "{}", '{"chats": []}', "[" * 100_000, '[{"no": 1}]'])
def test_what_is_no_export_is_a_sentence(text: str) -> None:
    with pytest.raises(InvalidRequest, match=r"\."):
        from_json(text)


FIELDS = [
    "id",
    "parent",
    "role",
    "content",
    "messages",
    "settings",
    "sampling",
    "head",
    "state",
    "created",
    "attachments",
]
VALUES = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=8) | st.integers(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=6),
    max_leaves=20,
)


@given(st.lists(VALUES, max_size=4), VALUES)
def test_no_file_is_an_error_of_ours(messages: list[object], settings: object) -> None:
    text = json.dumps(
        {"format": "deskside-chats", "chats": [{"messages": messages, "settings": settings, "head": settings}]}
    )
    for found in from_json(text):
        Tree(found.messages, found.head).path()
        to_html("t", found.messages, found.settings)


def test_markdown() -> None:
    text = to_markdown("T", Tree(chat().messages, chat().head).path(), ChatSettings("Be kind."))
    assert text.startswith("# T\n")
    for part in ("> Be kind.", "## You", "File: n.txt", "## demo", "**b**"):
        assert part in text
    assert "Old" not in text


def test_html_holds_nothing_that_acts() -> None:
    made = chat()
    text = to_html("T <x>", Tree(made.messages, made.head).path(), made.settings)
    assert "<script" not in text
    assert "<img" not in text
    assert "javascript:" not in text
    assert re.findall(r'href="([^"]*)"', text) == ["https://e.org", "#"]
    assert "&lt;script&gt;" in text
    assert "default-src 'none'" in text
    assert "<strong>b</strong>" in text
    assert "x²" in text
    assert "Q &lt;b&gt;&amp; more<br>" in text


@pytest.mark.parametrize("kind", ["md", "html", "json", "pdf"])
def test_files(qapp: QApplication, tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"chat.{kind}"
    export(chat(), path)
    data = path.read_bytes()
    assert len(data) > 100
    assert data.startswith(b"%PDF") is (kind == "pdf")
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


def test_a_place_that_cannot_be_written_is_a_sentence(qapp: QApplication, tmp_path: Path) -> None:
    for kind in ("md", "pdf"):
        with pytest.raises(DesksideError, match="cannot be written"):
            export(chat(), tmp_path / "no" / f"x.{kind}")
