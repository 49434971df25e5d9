"""Every action on messages, through the widgets, against a scripted service; what was sent, and what is on disk."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QMimeData, Qt, QUrl
from PySide6.QtGui import QDesktopServices, QGuiApplication, QImage
from PySide6.QtWidgets import QApplication, QFileDialog, QInputDialog
from pytestqt.qtbot import QtBot

from app.chat import export_dialog
from app.chat.export_dialog import export
from app.chat.footer import Note
from app.chat.picker import PickerPopup
from app.chat.pieces import Reasoning as ReasoningView
from app.chat.views import TextView
from app.messages import Message as Sentence
from app.pages.chat import ChatPage
from app.session import ServiceState
from app.store.records import Attachment, Chat, ChatSettings, ChatSummary, Message, State
from core.client import Finished, Reasoning
from core.errors import EngineDied, InvalidRequest, NeverFits
from core.schemas import EngineStatus, GpuStatus, InstalledStatus, ReadReply, UnreadPage


def test_a_question_and_its_answer(page: ChatPage, user: Any, service: Any, qtbot: QtBot) -> None:
    user.say("Hi")
    assert user.path() == [("user", "Hi"), ("assistant", "Hello there")]
    messages, body = service.requests[0]
    assert messages == [{"role": "user", "content": "Hi"}]
    assert body["model"] == "demo"
    chat = user.stored()
    assert (chat.summary.title, chat.summary.model, chat.head) == ("Hi", "demo", user.last().id)
    assert [(each.content, each.state) for each in chat.messages] == [("Hi", "done"), ("Hello there", "done")]
    assert chat.messages[1].info["cached"] == 4
    assert page.meter.used == 12
    assert page.sidebar.model.find(chat.summary.id).isValid()
    assert page.composer.text == ""


def test_the_whole_branch_is_sent_and_the_system_prompt_first(
    page: ChatPage, user: Any, service: Any, qtbot: QtBot
) -> None:
    page.panel.prompt.setPlainText("Be brief.")
    page.panel.fields["temperature"].setValue(0.5)
    page.panel.fields["max_tokens"].setValue(64)
    user.say("one")
    user.say("two")
    messages, body = service.requests[1]
    assert [(each["role"], each["content"]) for each in messages] == [
        ("system", "Be brief."),
        ("user", "one"),
        ("assistant", "Hello there"),
        ("user", "two"),
    ]
    assert (body["temperature"], body["max_tokens"]) == (0.5, 64)
    assert "top_p" not in body  # what the user did not set is the model's own
    assert user.stored().settings == ChatSettings("Be brief.", "", {"temperature": 0.5, "max_tokens": 64})


def test_stop_keeps_what_came(page: ChatPage, user: Any, service: Any, qtbot: QtBot) -> None:
    service.scripts = [["partial ", "answer", asyncio.Event()]]
    user.say("go", wait=False)
    qtbot.waitUntil(lambda: user.last().content == "partial answer")
    assert page.composer.send_button.accessibleName() == "Stop the answer"
    qtbot.keyClick(page.composer.editor, Qt.Key.Key_Escape)
    user.settle()
    qtbot.waitUntil(lambda: service.cancelled == 1)
    assert user.stored().messages[1].content == "partial answer"
    assert user.stored().messages[1].state is State.STOPPED
    user.press("continue")
    user.settle()
    messages, body = service.requests[1]
    assert messages[-1] == {"role": "assistant", "content": "partial answer"}
    assert body["continue_final_message"] is True
    assert user.last().content == "partial answerHello there"
    assert user.stored().messages[1].content == "partial answerHello there"


def test_regenerate_and_the_switcher(page: ChatPage, user: Any, service: Any, qtbot: QtBot) -> None:
    service.scripts = [["first"], ["second"]]
    user.say("q")
    first = user.last()
    user.press("regenerate")
    user.settle()
    assert user.path() == [("user", "q"), ("assistant", "second")]
    assert user.button(user.last(), "version").text() == "2/2"
    user.press("previous")
    assert user.path()[-1] == ("assistant", "first")
    user.settle()
    assert user.stored().head == first.id
    user.press("next")
    assert user.path()[-1] == ("assistant", "second")
    assert len(user.stored().messages) == 3


def test_the_reader_of_another_version_stays_where_it_begins(
    page: ChatPage, user: Any, service: Any, qtbot: QtBot
) -> None:
    texts = ["word " * 450, "another " * 350, *["more " * 200] * 6]
    messages = [Message("user", "first")]
    for number, text in enumerate(texts):
        parent = messages[0].id if number < 2 else messages[-1].id
        messages.append(Message("user" if number % 2 and number > 2 else "assistant", text, parent))
    page.controller.add_chat(Chat(ChatSummary(title="T"), head=messages[-1].id, messages=messages))
    qtbot.waitUntil(lambda: page.transcript.settled)
    bar = page.transcript.verticalScrollBar()
    bar.setValue(20)
    qtbot.waitUntil(lambda: page.transcript.settled)

    def top(message: Message) -> int:
        entry = page.transcript.entry(message.id)
        assert entry is not None
        return entry.rows[0].top - bar.value()

    question = top(messages[0])
    user.press("previous", messages[2])
    qtbot.waitUntil(lambda: page.transcript.settled)
    assert user.last() is messages[1]
    assert top(messages[0]) == question
    user.press("next", messages[1])
    qtbot.waitUntil(lambda: page.transcript.settled)
    assert user.last() is messages[-1]
    assert top(messages[0]) == question
    page.controller.delete_message(messages[3].id)
    qtbot.waitUntil(lambda: page.transcript.settled)
    assert top(messages[0]) == question
    bar.setValue(bar.maximum())  # the question is above the screen
    qtbot.waitUntil(lambda: page.transcript.settled)
    user.press("previous", messages[2])
    qtbot.waitUntil(lambda: page.transcript.settled)
    assert 0 <= top(messages[1]) < page.transcript.viewport().height()


def test_an_edit_is_another_branch_and_deletes_nothing(page: ChatPage, user: Any, service: Any, qtbot: QtBot) -> None:
    user.say("one")
    user.say("two")
    first = page.controller.current.tree.path()[0]
    qtbot.keyClicks(page.composer.editor, "a draft")
    user.press("edit", first)
    assert page.composer.text == "one"
    page.composer.editor.selectAll()
    qtbot.keyClicks(page.composer.editor, "uno")
    qtbot.keyClick(page.composer.editor, Qt.Key.Key_Return)
    user.settle()
    assert user.path() == [("user", "uno"), ("assistant", "Hello there")]
    assert service.requests[-1][0] == [{"role": "user", "content": "uno"}]
    assert len(user.stored().messages) == 6
    assert page.composer.text == "a draft"


def test_giving_up_an_edit_and_recalling_the_last_message(
    page: ChatPage, user: Any, service: Any, qtbot: QtBot
) -> None:
    user.say("one")
    qtbot.keyClick(page.composer.editor, Qt.Key.Key_Up)
    assert page.composer.text == "one"
    qtbot.keyClick(page.composer.editor, Qt.Key.Key_Escape)
    assert page.composer.text == ""
    assert len(user.path()) == 2


def test_editing_an_answer_makes_a_version_without_asking_anybody(
    page: ChatPage, user: Any, service: Any, qtbot: QtBot
) -> None:
    user.say("q")
    user.press("edit")
    page.composer.editor.setPlainText("better")
    qtbot.keyClick(page.composer.editor, Qt.Key.Key_Return)
    user.settle()
    assert user.path()[-1] == ("assistant", "better")
    assert len(service.requests) == 1


def test_delete_with_undo(page: ChatPage, user: Any, service: Any, qtbot: QtBot) -> None:
    sentences: list[Sentence] = []
    page.session.messages.posted.connect(sentences.append)
    user.say("one")
    user.say("two")
    second = page.controller.current.tree.path()[2]
    user.press("delete", second)
    assert len(user.path()) == 2
    user.settle()
    assert len(user.stored().messages) == 2
    assert sentences[-1].action is not None
    sentences[-1].action[1]()
    user.settle()
    assert len(user.path()) == 4
    assert len(user.stored().messages) == 4


def test_a_new_chat_from_here(page: ChatPage, user: Any, service: Any, qtbot: QtBot) -> None:
    user.say("one")
    user.say("two")
    old = page.controller.current.id
    answer = page.controller.current.tree.path()[1]
    user.press("branch", answer)
    user.settle()
    assert page.controller.current.id != old
    assert user.path() == [("user", "one"), ("assistant", "Hello there")]
    assert len(user.stored(old).messages) == 4
    assert len(user.stored().messages) == 2


def test_copy(page: ChatPage, user: Any, service: Any, qtbot: QtBot) -> None:
    service.scripts = [["**bold** \u202etrick"]]
    user.say("q")
    user.press("copy")
    assert QGuiApplication.clipboard().text() == "**bold** trick"


def test_two_chats_stream_at_once(page: ChatPage, user: Any, service: Any, qtbot: QtBot) -> None:
    first_gate, second_gate = asyncio.Event(), asyncio.Event()
    service.scripts = [["a", first_gate, "A"], ["b", second_gate, "B"]]
    user.say("first", wait=False)
    qtbot.waitUntil(lambda: user.last().content == "a")
    first = page.controller.current.id
    page.new_chat()
    user.say("second", wait=False)
    qtbot.waitUntil(lambda: user.last().content == "b")
    assert len(page.controller.answers.running) == 2
    page.session._thread._loop.call_soon_threadsafe(first_gate.set)
    qtbot.waitUntil(lambda: len(page.controller.answers.running) == 1)
    page.controller.open_chat(first)
    qtbot.waitUntil(lambda: page.controller.current.id == first)
    qtbot.waitUntil(lambda: user.last().content == "aA")
    page.session._thread._loop.call_soon_threadsafe(second_gate.set)
    user.settle()
    assert sorted(
        each.messages[-1].content for each in user.ask(lambda store: [store.chat(each.id) for each in store.chats()])
    ) == ["aA", "bB"]


def test_coming_back_to_a_chat_whose_answer_is_under_way(page: ChatPage, user: Any, service: Any, qtbot: QtBot) -> None:
    gate = asyncio.Event()
    service.scripts = [["before ", gate, "after"]]
    user.say("first", wait=False)
    qtbot.waitUntil(lambda: user.last().content == "before ")
    first = page.controller.current.id
    page.new_chat()
    page.controller.open_chat(first)
    page.session._thread._loop.call_soon_threadsafe(gate.set)
    user.settle()
    assert user.last().content == "before after"
    shown = "".join(w.toPlainText() for w in page.transcript.widgets if hasattr(w, "toPlainText"))
    assert "before after" in shown


def test_an_engine_that_dies_leaves_the_answer_a_sentence_and_a_button(
    page: ChatPage, user: Any, service: Any, qtbot: QtBot
) -> None:
    sentence = "The engine of demo ended while it answered; it is being started again."
    service.scripts = [["half an ", "answer", 0.05, EngineDied(sentence)], [" and the rest"]]
    user.say("q")
    chat = user.stored()
    assert (chat.messages[1].content, chat.messages[1].state, chat.messages[1].error) == (
        "half an answer",
        State.INTERRUPTED,
        sentence,
    )
    note = next(widget for widget in page.transcript.widgets if isinstance(widget, Note))
    assert note.label.text() == sentence
    assert note.button is not None
    qtbot.mouseClick(note.button, Qt.MouseButton.LeftButton)
    user.settle()
    assert user.last().content == "half an answer and the rest"
    assert user.last().state is State.DONE
    assert not [widget for widget in page.transcript.widgets if isinstance(widget, Note)]


def test_a_prompt_that_is_too_long_is_said_with_the_numbers_and_tried_again(
    page: ChatPage, user: Any, service: Any, qtbot: QtBot
) -> None:
    service.scripts = [[NeverFits("The prompt has 5000 tokens, the model takes 4096.")], ["fine"]]
    user.say("q")
    assert user.last().state is State.FAILED
    note = next(widget for widget in page.transcript.widgets if isinstance(widget, Note))
    assert "5000" in note.label.text()
    assert note.button is not None
    qtbot.mouseClick(note.button, Qt.MouseButton.LeftButton)
    user.settle()
    assert user.path()[-1] == ("assistant", "fine")


def test_an_answer_that_reached_its_limit_can_be_continued(
    page: ChatPage, user: Any, service: Any, qtbot: QtBot
) -> None:
    service.scripts = [["cut", Finished("length")]]
    user.say("q")
    assert user.last().state is State.LENGTH
    assert page.controller.can_continue


def test_reasoning_is_folded_and_kept(page: ChatPage, user: Any, service: Any, qtbot: QtBot) -> None:
    service.scripts = [[Reasoning("let me "), Reasoning("think"), "so"]]
    user.say("q")
    assert (user.last().content, user.last().reasoning) == ("so", "let me think")
    folded = next(widget for widget in page.transcript.widgets if isinstance(widget, ReasoningView))
    qtbot.mouseClick(folded.button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: "Thoughts" in [widget.accessibleName() for widget in page.transcript.widgets])
    thought = next(widget for widget in page.transcript.widgets if widget.accessibleName() == "Thoughts")
    assert isinstance(thought, TextView)
    assert thought.toPlainText() == "let me think"
    assert folded.geometry().bottom() < thought.y()
    qtbot.mouseClick(folded.button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: "Thoughts" not in [widget.accessibleName() for widget in page.transcript.widgets])
    assert user.stored().messages[1].reasoning == "let me think"


def test_progress_is_shown_before_the_first_word(page: ChatPage, user: Any, service: Any, qtbot: QtBot) -> None:
    gate = asyncio.Event()
    service.scripts = [[gate, "x"]]
    user.say("q", wait=False)
    qtbot.waitUntil(lambda: "reading 100 %" in page.meter.live.text())
    assert "4 of 10 tokens from cache" in page.meter.live.text()
    page.session._thread._loop.call_soon_threadsafe(gate.set)
    user.settle()


def test_drafts_are_kept_per_chat(page: ChatPage, user: Any, service: Any, qtbot: QtBot) -> None:
    user.say("one")
    first = page.controller.current.id
    qtbot.keyClicks(page.composer.editor, "half a thought")
    page.new_chat()
    assert page.composer.text == ""
    page._open(first, "", "")
    qtbot.waitUntil(lambda: page.controller.current.id == first)
    assert page.composer.text == "half a thought"


def test_a_draft_of_a_chat_that_was_never_sent_is_kept(page: ChatPage, user: Any, qtbot: QtBot) -> None:
    qtbot.keyClicks(page.composer.editor, "only a draft")
    page.composer.flush_draft()
    assert user.stored().draft == "only a draft"


def test_attachments_by_drop_paste_and_button(
    page: ChatPage, user: Any, service: Any, qtbot: QtBot, tmp_path: Path
) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("some notes\n", encoding="utf-8")
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\x00\x00")
    sentences: list[Sentence] = []
    page.session.messages.posted.connect(sentences.append)
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(text)), QUrl.fromLocalFile(str(tmp_path / "picture.png"))])
    page.composer.editor.insertFromMimeData(data)
    assert [each.name for each in page.composer.attachments] == ["notes.txt"]
    assert "picture.png" in sentences[0].text
    long = QMimeData()
    long.setText("x" * 30_000)
    page.composer.editor.insertFromMimeData(long)
    assert page.composer.attachments[1] == Attachment("pasted-1.txt", "x" * 30_000)
    page.composer._remove(page.composer.attachments[1])
    QGuiApplication.clipboard().setImage(QImage(4, 4, QImage.Format.Format_RGB32))
    page.composer.editor.paste()
    assert "no pictures" in sentences[-1].text
    user.say("see")
    assert service.requests[0][0][0]["content"] == "File: notes.txt\n\nsome notes\n\nsee"
    assert user.stored().messages[0].attachments == [Attachment("notes.txt", "some notes\n")]


def test_a_document_is_attached_as_the_service_reads_it(
    page: ChatPage, user: Any, service: Any, qtbot: QtBot, tmp_path: Path
) -> None:
    for name in ("a.pdf", "bad.docx", "gone.pdf"):
        (tmp_path / name).write_bytes(b"%PDF-")
    service.documents = {
        str(tmp_path / "a.pdf"): ReadReply(
            path="",
            name="a.pdf",
            format="pdf",
            pages=12,
            unread=[UnreadPage(page=3, reason="scanned")],
            text="[page 1]\nHi",
        ),
        str(tmp_path / "bad.docx"): InvalidRequest("'bad.docx' is damaged."),
        str(tmp_path / "gone.pdf"): ReadReply(path="", name="gone.pdf", format="pdf", pages=1, text="secret"),
    }
    sentences: list[Sentence] = []
    page.session.messages.posted.connect(sentences.append)
    page.composer.editor.setPlainText("sum up")
    page.composer.attach([str(tmp_path / name) for name in ("a.pdf", "bad.docx", "gone.pdf")])
    assert not page.composer.send_button.isEnabled()  # not without what is being read
    page.composer._remove(str(tmp_path / "gone.pdf"))
    qtbot.waitUntil(lambda: not page.composer.reading and len(sentences) == 2)
    assert sorted(sentence.text for sentence in sentences) == [
        "'bad.docx' is damaged.",
        "“a.pdf”: 1 of 12 pages could not be read, as they have no text (scans, pictures).",
    ]
    user.say("")
    assert service.requests[0][0][0]["content"] == "File: a.pdf (12 pages)\n\n[page 1]\nHi\n\nsum up"


def test_export_and_import_do_not_hold_the_window_up(
    page: ChatPage, user: Any, service: Any, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[str] = []

    def exported(*given: Any) -> None:
        threads.append(threading.current_thread().name)
        export(*given)

    def save(*given: Any) -> tuple[str, str]:
        places.append(str(given[2]))
        return str(tmp_path / "chat.json"), "JSON (*.json)"

    user.say("one")
    places: list[str] = []
    sentences: list[Sentence] = []
    page.session.messages.posted.connect(sentences.append)
    monkeypatch.setattr(export_dialog, "export", exported)
    monkeypatch.setattr(QFileDialog, "getSaveFileName", save)
    page.export()
    qtbot.waitUntil(lambda: bool(sentences))
    assert sentences[0].text == f"Exported to {tmp_path / 'chat.json'}."
    assert threads == ["deskside-files"]
    page.export()
    assert places[1] == str(tmp_path / "one.md")  # where the user was last
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "one.pdf"), "PDF (*.pdf)"))
    qtbot.waitUntil(lambda: len(sentences) == 2)
    page.export()
    assert not (tmp_path / "one.pdf").exists()  # it is printed in turns
    qtbot.waitUntil(lambda: len(sentences) == 3)
    assert (tmp_path / "one.pdf").read_bytes().startswith(b"%PDF")
    del sentences[2]
    (tmp_path / "bad.json").write_text("{", encoding="utf-8")
    files = [str(tmp_path / "chat.json"), str(tmp_path / "bad.json"), str(tmp_path / "gone.json")]
    monkeypatch.setattr(QFileDialog, "getOpenFileNames", lambda *_: (files, ""))
    before = page.controller.current.id
    page.import_chats()
    qtbot.waitUntil(lambda: len(sentences) == 5)
    assert sentences[2].text == "Imported a chat."
    assert "bad.json: The file is not JSON" in sentences[3].text
    assert "gone.json" in sentences[4].text
    assert page.controller.current.id != before
    assert [content for _, content in user.path()] == ["one", "Hello there"]
    user.settle()
    assert len(user.ask(lambda store: store.chats())) == 2


def test_only_web_pages_are_opened_and_only_after_a_click(
    page: ChatPage, user: Any, service: Any, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: opened.append(url.toString()) or True)
    service.scripts = [["[a](https://example.org/x) [b](file:///etc/passwd)"]]
    user.say("q")
    assert opened == []
    for url in ("file:///etc/passwd", "javascript:alert(1)", "smb://h/s", "ms-settings:x", "https://example.org/x"):
        page.transcript.link_clicked.emit(url)
    assert opened == ["https://example.org/x"]


def test_the_model_picker_by_keyboard(page: ChatPage, user: Any, qtbot: QtBot) -> None:
    page.choose_model()
    popup = next(each for each in page.findChildren(PickerPopup) if each.isVisible())
    assert [row.name for row in popup.rows] == ["demo", "org/big", "org/broken"]
    assert not popup.rows[2].isEnabled()
    assert "cut off" in popup.rows[2].accessibleName()
    qtbot.keyClick(popup.field, Qt.Key.Key_Down)
    qtbot.keyClick(popup, Qt.Key.Key_Down)
    qtbot.keyClick(popup, Qt.Key.Key_Return)
    assert page.controller.model == "org/big"
    assert "org/big" in page.header.model_button.text()


def test_engines_are_chosen_like_models_and_what_does_not_fit_is_said(
    page: ChatPage, user: Any, service: Any, qtbot: QtBot
) -> None:
    engines = [
        EngineStatus(name="demo:int4", model="demo", precision="int4", backend="cuda", size=5_000_000),
        EngineStatus(name="demo:fp8", model="demo", precision="fp8", backend="cuda", problem="Its driver is another."),
    ]
    service.state.gpus = [GpuStatus(index=0, name="RTX", memory=8 << 30, used=0)]
    models = page.session.models
    assert models is not None
    installed = [models.installed[0].model_copy(update={"engines": engines}), *models.installed[1:]]
    installed.append(InstalledStatus(name="half", architecture="Llama", complete=False))
    page.session._take_models(models.model_copy(update={"installed": installed}))
    page.choose_model()
    popup = next(each for each in page.findChildren(PickerPopup) if each.isVisible())
    rows = {row.name: row for row in popup.rows}
    assert list(rows) == ["demo", "demo:int4", "demo:fp8", "org/big", "org/broken", "half"]
    assert [row.isEnabled() for row in popup.rows] == [True, True, False, True, False, False]
    assert "int4" in rows["demo:int4"].accessibleName()
    assert "cuda" in rows["demo:int4"].accessibleName()
    assert "Its driver is another." in rows["demo:fp8"].accessibleDescription()
    assert "download is not finished" in rows["half"].accessibleDescription()
    qtbot.waitUntil(lambda: "8.0 GiB" in rows["org/big"].accessibleDescription())  # and it can be chosen all the same
    assert not rows["demo"].accessibleDescription()
    rows["demo:int4"].click()
    assert "demo:int4" in page.header.model_button.text()
    user.say("q")
    assert service.requests[-1][1]["model"] == "demo:int4"
    assert page.meter.total == 4096  # what the model has


def test_presets(page: ChatPage, user: Any, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    panel = page.panel
    panel.preset.setCurrentIndex(1)
    panel.preset.activated.emit(1)
    assert page.controller.current.chat.settings.sampling == {"temperature": 0.2, "top_p": 0.9}
    panel.prompt.setPlainText("Rhyme.")
    monkeypatch.setattr(QInputDialog, "getText", lambda *_, **__: ("Poet", True))
    panel.save_button.click()
    assert page.session.preferences.get("presets")[0]["system_prompt"] == "Rhyme."
    assert panel.preset.currentText() == "Poet"
    page.controller.change_settings(ChatSettings())
    at = panel.preset.findData("Poet")
    panel.preset.activated.emit(at)
    assert page.controller.current.chat.settings.system_prompt == "Rhyme."
    panel.remove_button.click()
    assert page.session.preferences.get("presets") == []


def test_the_service_s_state_is_visible(page: ChatPage, user: Any, qtbot: QtBot) -> None:
    page.session._change(ServiceState("lost"))
    assert "starting it again" in page.header.state.text()
    page.session._change(ServiceState("ready"))
    assert page.header.state.text() == ""


def test_a_full_disk_shows_the_answer_all_the_same(page: ChatPage, user: Any, service: Any, qtbot: QtBot) -> None:
    sentences: list[Sentence] = []
    page.session.messages.posted.connect(sentences.append)
    user.say("first")
    user.ask(lambda store: store._db.execute("PRAGMA max_page_count = 1").fetchone())
    service.scripts = [["word " * 20_000]]
    user.say("second")
    assert user.last().content == "word " * 20_000
    assert any("free some space" in sentence.text for sentence in sentences)


def test_the_meter_is_as_high_as_its_words(page: ChatPage, user: Any) -> None:
    """It places its labels itself; what they need must not grow with what they have."""
    meter = page.meter
    user.say("one")
    for used in (9, 999_999, 10):
        meter.show_context(used, 1_000_000, exact=True)
        page.resize(page.width() + 10, 700)
        QApplication.processEvents()
        assert meter.height() == meter.sizeHint().height() < 2 * meter.context.fontMetrics().height()
        words = meter.context.fontMetrics().horizontalAdvance(meter.context.text())
        assert words <= meter.context.width()
    assert page.height() == 700
