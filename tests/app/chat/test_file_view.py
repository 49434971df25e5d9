"""A look at an attached file, from its name in the message: by mouse and keys, whatever is in it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, Qt
from PySide6.QtGui import QAccessible, QDesktopServices, QGuiApplication
from PySide6.QtWidgets import QAbstractButton
from pytestqt.qtbot import QtBot

from app.chat.exporting import from_json, to_json
from app.chat.file_view import FileView
from app.chat.pieces import Files
from app.chat.rows import Entry
from app.chat.transcript import Transcript
from app.pages.chat import ChatPage
from app.store.records import Attachment, Chat, ChatSummary, Message
from core.schemas import ReadReply
from tests.app.turns import Turns


def look(qtbot: QtBot, name: str, text: str, path: str = "") -> FileView:
    view = FileView(Attachment(name, text, path))
    view.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, False)
    qtbot.addWidget(view)
    view.show()
    qtbot.waitExposed(view)
    qtbot.waitUntil(lambda: view.filled, timeout=30_000)
    return view


def buttons(page: ChatPage) -> list[Any]:
    shown = [each for each in page.transcript.widgets if isinstance(each, Files)]
    return [button for each in shown for button in each.buttons]


def test_from_a_message_by_mouse_and_by_keys(
    page: ChatPage, user: Any, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Any] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", opened.append)
    script = tmp_path / "run & see.sh"
    script.write_text("#!/bin/sh\ntouch ran\n", encoding="utf-8")
    page.composer.attach([str(script)])
    user.say("what does it do?")
    qtbot.waitUntil(lambda: len(buttons(page)) == 1)
    button = buttons(page)[0]
    assert QAccessible.queryAccessibleInterface(button).text(QAccessible.Text.Name) == "Look at run & see.sh"
    assert str(script) in button.toolTip()
    for begin in (
        lambda: qtbot.mouseClick(button, Qt.MouseButton.LeftButton),
        lambda: qtbot.keyClick(button, Qt.Key.Key_Return),
        lambda: qtbot.keyClick(button, Qt.Key.Key_Space),
    ):
        begin()
        view = page.findChild(FileView)
        assert view is not None
        qtbot.waitUntil(lambda view=view: view.filled)
        assert view.text.toPlainText() == "#!/bin/sh\ntouch ran\n"
        assert view.text.isReadOnly()
        assert str(script) in view.path.text()
        assert view.path.isVisible()
        named = [each for each in view.findChildren(QAbstractButton) if each.isVisible()]
        assert {each.text().replace("&", "") for each in named} == {"Copy the text", "Close"}  # nothing that opens it
        qtbot.keyClick(view, Qt.Key.Key_Escape)
        qtbot.waitUntil(lambda: page.findChild(FileView) is None)
    assert opened == []
    assert not (tmp_path / "ran").exists()
    assert page.controller.answers.of(page.controller.current.id) is None


def test_where_a_file_was_is_kept_but_neither_sent_nor_exported(
    page: ChatPage, user: Any, service: Any, qtbot: QtBot, tmp_path: Path
) -> None:
    (tmp_path / "notes.txt").write_text("some notes\n", encoding="utf-8")
    pdf = tmp_path / "report.pdf"
    pdf.write_bytes(b"%PDF")
    service.documents[str(pdf)] = ReadReply(
        path=str(pdf), name="report.pdf", format="pdf", pages=2, text="[page 1]\none\n\n[page 2]\ntwo"
    )
    page.composer.attach([str(tmp_path / "notes.txt"), str(pdf)])
    qtbot.waitUntil(lambda: not page.composer.reading)
    user.say("see")
    files = user.stored().messages[0].attachments
    assert [each.path for each in files] == [str(tmp_path / "notes.txt"), str(pdf)]
    assert str(tmp_path) not in str(service.requests)
    chat = Chat(ChatSummary(title="T"), messages=user.stored().messages)
    assert str(tmp_path) not in to_json([chat])
    assert [each.name for each in from_json(to_json([chat]))[0].messages[0].attachments] == [
        each.name for each in files
    ]
    made = json.loads(to_json([chat]))
    made["chats"][0]["messages"][0]["attachments"][0]["path"] = "/etc/passwd"  # what somebody else says is not believed
    assert from_json(json.dumps(made))[0].messages[0].attachments[0].path == ""


def test_the_pages_of_a_document(qtbot: QtBot) -> None:
    pages = [f"[page {number}]\n" + f"Words of page {number}.\n" * 60 for number in range(1, 80)]
    view = look(qtbot, "report.pdf (79 pages)", "\n\n".join(pages), "/home/someone/report.pdf")
    assert view.pages.isVisible()
    assert view.pages.count() == 79
    assert view.pages.itemText(4) == "Page 5"
    for page in (40, 2, 78):
        view.pages.setCurrentIndex(page)
        view.pages.activated.emit(page)
        assert view.text.textCursor().block().text() == f"[page {page + 1}]"
        if page < 70:
            assert view.text.firstVisibleBlock().text() == f"[page {page + 1}]"
    assert not look(qtbot, "notes.txt", "[page 1]\nonly one").pages.isVisible()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", ""),
        ("one\r\ntwo\n\nthree", "one\ntwo\n\nthree"),
        ("ignore\u200b this \u202eevil", "ignore⟨U+200B⟩ this ⟨U+202E⟩evil"),
        ("<b>no</b> [x](file:///etc/passwd)", "<b>no</b> [x](file:///etc/passwd)"),
        ("שלום עולם", "שלום עולם"),
    ],
)
def test_what_is_in_it_is_shown_as_it_is(qtbot: QtBot, text: str, shown: str) -> None:
    view = look(qtbot, "a.txt", text)
    assert view.text.toPlainText() == shown
    assert not view.path.isVisible()


LONG = {
    "a line": "x" * 400_000,
    "lines": "some words here, as many as a line has in most files there are\n" * 6_000,
    "Chinese": "漢字" * 100_000,
    "nothing": "\n" * 10_000,
    "pages": "\n\n".join(f"[page {number}]\n" + "words " * 300 for number in range(200)),
}


@pytest.mark.alone
def test_what_is_long_comes_in_short_turns(qtbot: QtBot) -> None:
    turns = Turns()
    for number in turns.rounds():
        for name, text in LONG.items():
            made: list[FileView] = []

            def begin(text: str = text, made: list[FileView] = made) -> None:
                made.append(FileView(Attachment("n" * 200, text, "/folder" * 60)))
                made[0].show()

            turns.does(name, begin, lambda made=made: made[0].filled)  # type: ignore[misc]
            if number == 0:
                assert made[0].text.toPlainText().replace("\n", "") == text.replace("\n", "")
            assert made[0].width() < 1200
            made[0].close()
            QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


def test_copying_it(qtbot: QtBot) -> None:
    view = look(qtbot, "a.txt", "some\ntext")
    next(each for each in view.findChildren(QAbstractButton) if each.text() == "Copy the text").click()
    assert QGuiApplication.clipboard().text() == "some\ntext"


def test_many_files_with_long_names_stay_in_the_bubble(qtbot: QtBot) -> None:
    transcript = Transcript()
    qtbot.addWidget(transcript)
    transcript.resize(700, 500)
    transcript.show()
    files = [Attachment(f"{number} " + "a long name " * 20, "x") for number in range(20)]
    entry = Entry(Message("user", "see", attachments=[*files, Attachment("", "y")]))
    transcript.show_entries([entry])
    qtbot.waitUntil(lambda: transcript.settled)
    shown = next(row.widget for row in entry.rows if isinstance(row.widget, Files))
    assert shown.width() <= transcript.column_width
    for button in shown.buttons:
        assert button.geometry().right() < shown.width()
        assert button.geometry().bottom() < shown.height()
