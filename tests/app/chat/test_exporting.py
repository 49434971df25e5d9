"""Markdown, HTML, JSON and PDF, and JSON back."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pypdfium2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtWidgets import QApplication

from app.chat.as_html import to_html
from app.chat.export_dialog import export, export_pdf
from app.chat.export_words import Words
from app.chat.exporting import from_json, to_json, to_markdown
from app.chat.printing import printed
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
    assert re.findall(r'href="([^"]*)"', text) == ["https://e.org"]  # of the other link the words stay
    assert "</a> y [image: i]" in text
    assert "<details><summary>n.txt</summary>\nfile text</details>" in text
    assert "&lt;script&gt;" in text
    assert "default-src 'none'" in text
    assert "<strong>b</strong>" in text
    assert "x²" in text
    assert '<div class="user">Q &lt;b&gt;&amp; more\n\nline</div>' in text


def test_html_of_a_long_answer_is_what_the_window_shows() -> None:
    """It is taken in the same pieces; the parser has limits for one text."""
    code = "a_b = c_d\n" * 900
    text = to_html(
        "T",
        [
            Message(
                "assistant",
                f"- [x] done\n\none\ntwo\n\n```\n{code}```\n\n" + ("*a* and some words, " * 10 + "\n\n") * 60,
            )
        ],
        ChatSettings(),
    )
    assert "<li>\u2611 done</li>" in text
    assert "<p>one<br />\ntwo</p>" in text
    assert f"<pre><code>{code}</code></pre>" in text
    assert text.count("<em>a</em>") == 600


def test_a_link_says_where_it_leads_if_its_words_do_not() -> None:
    text = to_html("T", [Message("assistant", "[google.com](https://evil.example/x)")], ChatSettings())
    assert ">google.com</a> (evil.example)" in text


def test_the_times_of_a_chat_come_back() -> None:
    old = chat()
    old.summary.created, old.summary.updated = 1e9, 1.1e9
    (found,) = from_json(to_json([old]))
    assert (found.summary.created, found.summary.updated) == (1e9, 1.1e9)


def write(made: Chat, path: Path) -> None:
    """As the dialog does, a PDF without pauses."""
    if path.suffix == ".pdf":
        for _ in export_pdf(made, path, Words()):
            pass
    else:
        export(made, path, Words())


def test_nothing_in_a_pdf_is_cut_at_its_edge(qapp: QApplication, tmp_path: Path) -> None:
    words = [f"word{number}" for number in range(60)]
    table = "|" + "|".join(f"column {number}" for number in range(4)) + "|\n" + "|---" * 4 + "|\n| a | b | c | d |\n"
    answer = f"```\n{' '.join(words)} end\n```\n\n{table}\n- item"
    made = Chat(
        ChatSummary(title="T"), messages=[Message("user", " ".join(words) + "x" * 400), Message("assistant", answer)]
    )
    made.messages[1].parent = made.messages[0].id
    write(made, tmp_path / "chat.pdf")
    document = pypdfium2.PdfDocument(tmp_path / "chat.pdf")
    page = document[0]
    text = page.get_textpage()
    found = text.get_text_range()
    for part in ("word59 end", "column 3", "item", "You", "Assistant"):
        assert part in found
    boxes = [text.get_charbox(index) for index in range(text.count_chars())]
    assert min(box[0] for box in boxes) > 40
    assert max(box[2] for box in boxes) < page.get_width() - 40
    document.close()


@pytest.mark.parametrize("kind", ["md", "html", "json", "pdf"])
def test_files(qapp: QApplication, tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"chat.{kind}"
    write(chat(), path)
    data = path.read_bytes()
    assert len(data) > 100
    assert data.startswith(b"%PDF") is (kind == "pdf")
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


def test_a_pdf_of_whatever_length_is_printed_in_short_pieces(qapp: QApplication, tmp_path: Path) -> None:
    """At the ends of pages nothing is lost, and nothing is there twice for who copies the text."""
    lines = [f"line {number} of it" for number in range(150)]
    code = "\n".join(lines)
    answer = f"{chr(10).join(f'- item {number}' for number in range(90))}\n\n```\n{code}\n```\n\n|a|b|\n|-|-|\n|left|right|\n"
    words = [f"{kind}{number:04}" for kind in ("prose", "point") for number in range(1500)]
    answer += f"\n{' '.join(words[:1500])}\n\n- {' '.join(words[1500:])}\n"
    path = [Message("user", code), Message("assistant", answer), Message("user", "y" * 30_000)]
    target = tmp_path / "chat.pdf"
    pieces = sum(1 for _ in printed("T", path, ChatSettings("Be kind."), Words(), target))
    assert pieces > 20
    document = pypdfium2.PdfDocument(target)
    texts = [page.get_textpage().get_text_range() for page in document]
    assert len(texts) > 8
    text = re.sub(r"\s", "", "".join(texts))  # PDFium finds spaces by distances
    for number, line in enumerate(lines):
        assert text.count(line.replace(" ", "")) == 2, line
        assert number >= 90 or f"item{number}" in text
    assert [word for word in words if text.count(word) != 1] == []
    assert text.count("y") == 30_000
    for page in document:
        found = page.get_textpage()
        boxes = [found.get_charbox(at) for at in range(found.count_chars()) if found.get_text_range(at, 1).strip()]
        tops = sorted({round(box[1]) for box in boxes})
        assert min(tops) > 20  # above the edge of the paper
    document.close()


def test_a_pdf_that_is_given_up_leaves_nothing(qapp: QApplication, tmp_path: Path) -> None:
    work = export_pdf(chat(), tmp_path / "chat.pdf", Words())
    next(work)
    work.close()
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_a_sentence(qapp: QApplication, tmp_path: Path) -> None:
    for kind in ("md", "pdf"):
        with pytest.raises(DesksideError, match="cannot be written"):
            write(chat(), tmp_path / "no" / f"x.{kind}")
