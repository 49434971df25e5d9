"""The transcript: what is long, what is hostile, what scrolls, what keeps its place."""

from __future__ import annotations

import itertools
import operator
import os
import time
from typing import Any

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QImage, QTextDocument, QWheelEvent
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.chat.code_view import CodeView
from app.chat.pieces import Files, Reasoning
from app.chat.rows import Entry, thoughts
from app.chat.transcript import JUMP, Transcript
from app.chat.views import TextView
from app.store.records import Attachment, Message, State
from app.theme import Theme
from tests.app.chat.filling import fill


def shown(transcript: Transcript) -> str:
    return "\n".join(widget.toPlainText() for widget in transcript.widgets if isinstance(widget, TextView))


def check_places(transcript: Transcript) -> None:
    """Rows follow each other without overlap, and widgets are where their rows are."""
    rows = transcript._places.rows
    for above, below in itertools.pairwise(rows):
        assert below.top >= above.bottom
    value = transcript.verticalScrollBar().value()
    for row in rows:
        if row.widget is not None:
            assert row.widget.y() == row.top - value
            assert row.widget.height() == row.height
    assert transcript._places.tops == [row.top for row in rows]


def test_500_messages_make_few_widgets_and_open_at_the_end(transcript: Transcript, qtbot: QtBot) -> None:
    fill(transcript, qtbot, *[f"message {i} " + "word " * (i % 90) for i in range(500)])
    assert len(transcript.widgets) < 60
    assert "message 499" in shown(transcript)
    assert transcript.at_end
    check_places(transcript)


@pytest.mark.parametrize("size", [10, 20])
def test_every_line_of_code_is_seen(transcript: Transcript, qtbot: QtBot, size: int) -> None:
    theme = Theme.current()
    try:
        theme.set("light", size)
        fill(transcript, qtbot, "q", "```py\nx = 1\ny = 2\nz = 3\n```\n")
        code = next(widget for widget in transcript.widgets if isinstance(widget, CodeView))
        assert code.editor.viewport().height() >= 3 * code.editor.line_height()
    finally:
        theme.set("system", 10)


def test_scrolling_up_and_down_shows_everything_once(transcript: Transcript, qtbot: QtBot) -> None:
    fill(transcript, qtbot, *[f"message {i} " + "some words " * 60 for i in range(60)])
    bar = transcript.verticalScrollBar()
    seen: set[int] = set()
    bar.setValue(0)
    for _ in range(400):
        qtbot.waitUntil(lambda: transcript.settled)
        check_places(transcript)
        seen |= {i for i in range(60) if f"message {i} " in shown(transcript)}
        if bar.value() == bar.maximum():
            break
        bar.setValue(bar.value() + 300)
    assert seen == set(range(60))


def test_who_reads_in_the_middle_stays_there_when_the_window_gets_another_size(
    transcript: Transcript, qtbot: QtBot
) -> None:
    fill(transcript, qtbot, *[f"message {i} " + "some words " * 60 for i in range(200)])
    transcript.verticalScrollBar().setValue(transcript.verticalScrollBar().maximum() // 2)
    qtbot.waitUntil(lambda: transcript.settled)
    anchor = transcript._anchor()
    assert anchor is not None
    row, above = anchor
    for width in (500, 900, 620):
        transcript.resize(width, transcript.height() + 40)
        qtbot.waitUntil(lambda: transcript.settled)
        assert row.top - transcript.verticalScrollBar().value() == above
        check_places(transcript)


def test_while_the_bar_is_dragged_something_is_seen(transcript: Transcript, qtbot: QtBot) -> None:
    """Each screen that was jumped to is made in short turns and shown when it is full; who goes on and on sees some of them."""
    fill(transcript, qtbot, *[f"message {i} " + "some words " * 60 for i in range(200)])
    bar = transcript.verticalScrollBar()
    bar.setValue(0)
    assert not transcript.viewport().updatesEnabled()
    begun = time.monotonic()
    while not transcript.viewport().updatesEnabled():  # no turn of the event loop comes between
        bar.setValue((bar.value() + 3000) % bar.maximum())
        assert time.monotonic() - begun < 30
    assert time.monotonic() - begun > JUMP / 2
    qtbot.waitUntil(lambda: transcript.settled)
    assert transcript.viewport().updatesEnabled()
    check_places(transcript)


def test_a_reader_who_scrolled_away_stays_where_they_are(transcript: Transcript, qtbot: QtBot) -> None:
    messages = fill(transcript, qtbot, *["word " * 300 for _ in range(20)])
    message = messages[-1]
    entry = transcript.entry(message.id)
    assert entry is not None
    entry.live = True
    transcript.settle(message.id)
    bar = transcript.verticalScrollBar()
    bar.setValue(bar.maximum() // 2)
    qtbot.waitUntil(lambda: transcript.settled)
    before = bar.value()
    for _ in range(20):
        message.content += "more\n\n"
        transcript.grow(message.id, "more\n\n", "")
    assert bar.value() == before
    transcript.scroll_to_end()
    assert bar.value() == bar.maximum()
    message.content += "end"
    transcript.grow(message.id, "end", "")
    assert bar.value() == bar.maximum()


def test_the_names_of_files_widen_the_bubble_above_a_short_text(transcript: Transcript, qtbot: QtBot) -> None:
    files = [Attachment("a-report-with-a-name.txt", "x"), Attachment("notes.md", "y")]
    long = Message("user", "see", attachments=[Attachment("n" * 500, "z")])
    entries = [Entry(long), Entry(Message("user", "see", attachments=files))]
    transcript.show_entries(entries)  # at its end: the text is measured before the names
    qtbot.waitUntil(lambda: transcript.settled)
    named = next(row.widget for row in entries[1].rows if isinstance(row.widget, Files))
    assert named.width() >= named.ideal_width()
    most = transcript.column_width
    assert entries[0].bubble < most
    check_places(transcript)


def test_another_width_keeps_the_place(transcript: Transcript, qtbot: QtBot) -> None:
    fill(transcript, qtbot, *[f"message {i} " + "some words " * 80 for i in range(40)])
    for width in (500, 1200, 400, 900):
        transcript.resize(width, 600)
        qtbot.waitUntil(lambda: transcript.settled)
        check_places(transcript)
        assert transcript.at_end
        assert "message 39" in shown(transcript)


@pytest.mark.parametrize(
    "text",
    [
        "x" * 5_000_000,
        "word " * 1_000_000,
        "漢" * 1_000_000,
        "line of an answer\n" * 10_000,
        "a paragraph\n\n" * 10_000,
        "```python\n" + "x = 1\n" * 10_000 + "```\n",
        "```\n" + "y" * 1_000_000,
        "- item\n" * 10_000,
        "| a | b |\n|---|---|\n" + "| 1 | 2 |\n" * 3000,
        "> " * 3000,
        "*" * 20_000,
        "[" * 20_000,
        "`" * 20_001,
        "\u202e" * 10_000 + "x",
        "<div>" * 5_000,
        "\ufdfa" * 2_000,
        "e" + "\u0301" * 3_000,
        "🧑‍🤝‍🧑" * 2_000,
        "\x00\x01\x02" * 1_000,
        "\\frac{" * 2_000,
        "$" * 5_001,
    ],
    ids=lambda text: repr(text[:8]),
)
def test_whatever_a_model_writes_the_window_lives(transcript: Transcript, qtbot: QtBot, text: str) -> None:
    begun = time.perf_counter()
    fill(transcript, qtbot, "q", text)
    transcript.verticalScrollBar().setValue(transcript.verticalScrollBar().maximum() // 2)
    qtbot.waitUntil(lambda: transcript.settled, timeout=10_000)
    transcript.grab()
    assert len(transcript.widgets) < 80
    assert time.perf_counter() - begun < 60  # on a machine that does much else; a frozen window takes minutes


def test_hostile_text_asks_for_nothing(transcript: Transcript, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(QTextDocument, "loadResource", lambda self, kind, name: asked.append(name))
    monkeypatch.setattr(TextView, "loadResource", lambda self, kind, name: asked.append(name))
    text = (
        "![x](http://evil.example/a.png) <img src='http://evil.example/b.png'> [c](file:///etc/passwd)\n\n"
        "<link rel=stylesheet href=http://evil.example/c.css>\n\n```html\n<img src=http://evil.example/d.png>\n```\n"
    )
    fill(transcript, qtbot, text, text)
    transcript.grab()
    assert asked == []
    assert "<img src='http://evil.example/b.png'>" in shown(transcript)


def test_growing_word_by_word_shows_what_opening_shows(transcript: Transcript, qtbot: QtBot) -> None:
    text = "# T\n\nSome **bold** text.\n\n```py\nx = 1\n\ny = 2\n```\n\n- a\n- b\n\nAnd `more`.\n" * 3
    message = Message("assistant", "", state=State.STREAMING)
    entry = Entry(message, live=True)
    transcript.show_entries([entry])
    qtbot.waitUntil(lambda: transcript.settled)
    for start in range(0, len(text), 7):
        message.content += text[start : start + 7]
        transcript.grow(message.id, text[start : start + 7], "")
        check_places(transcript)
    entry.live = False
    message.state = State.DONE
    transcript.settle(message.id)
    qtbot.waitUntil(lambda: transcript.settled)
    check_places(transcript)
    grown = [(type(w).__name__, getattr(w, "markdown", getattr(w, "_source", ""))) for w in transcript.widgets]
    transcript.show_entries([Entry(message)])
    qtbot.waitUntil(lambda: transcript.settled)
    assert grown == [(type(w).__name__, getattr(w, "markdown", getattr(w, "_source", ""))) for w in transcript.widgets]


def test_reasoning_that_grows_while_it_is_shown(transcript: Transcript, qtbot: QtBot) -> None:
    text = "".join(f"Step {number}: so it is, as far as I can see.\n\n" for number in range(200))
    message = Message("assistant", "", reasoning="First. ", state=State.STREAMING)
    entry = Entry(message, live=True)
    transcript.show_entries([Entry(Message("user", "q")), entry])
    qtbot.waitUntil(lambda: transcript.settled)
    next(widget for widget in transcript.widgets if isinstance(widget, Reasoning)).button.click()
    for start in range(0, len(text), 500):
        message.reasoning += text[start : start + 500]
        transcript.grow(message.id, "", text[start : start + 500])
        check_places(transcript)
    pieces = [row for row in entry.rows if row.kind == "thought"]
    assert len(pieces) == len(thoughts(message.reasoning)) > 3
    assert "".join(row.text for row in pieces).replace("\n", "") == message.reasoning.replace("\n", "")
    message.content = "So."
    transcript.grow(message.id, "So.", "")
    assert [row for row in entry.rows if row.kind == "thought"] == pieces, "they stay where they are"
    entry.live, message.state = False, State.DONE
    transcript.settle(message.id)
    qtbot.waitUntil(lambda: transcript.settled)
    check_places(transcript)
    assert [row.kind for row in entry.fold(True)] == ["thought"] * len(pieces)
    assert [row.kind for row in entry.rows] == ["reasoning", "text", "footer"]


def test_the_wheel_over_a_text_or_code_scrolls_the_transcript(transcript: Transcript, qtbot: QtBot) -> None:
    fill(transcript, qtbot, *["word " * 500 for _ in range(10)])
    bar = transcript.verticalScrollBar()
    view = next(widget for widget in transcript.widgets if isinstance(widget, TextView))
    centre = QPointF(view.rect().center())
    event = QWheelEvent(
        centre, QPointF(view.mapToGlobal(view.rect().center())), QPoint(0, 0), QPoint(0, 240),
        Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    before = bar.value()
    QApplication.sendEvent(view.viewport(), event)
    assert bar.value() < before


def test_a_larger_font_and_another_theme(transcript: Transcript, qtbot: QtBot) -> None:
    fill(transcript, qtbot, "question", "answer " * 100, "again", "```py\nx = 1\n```")
    theme = Theme.current()
    for choice, size in (("dark", 20), ("light", 10)):
        theme.set(choice, size)
        qtbot.wait(50)
        qtbot.waitUntil(lambda: transcript.settled)
        check_places(transcript)


@pytest.mark.skipif(os.environ.get("QT_QPA_PLATFORM") != "offscreen", reason="reads the screen of Qt's own platform")
def test_what_is_painted_piece_by_piece_is_what_is_painted_at_once(transcript: Transcript, qtbot: QtBot) -> None:
    """Of an answer under way only what is new is painted; what scrolls is moved as pixels."""
    text = (
        "A paragraph that grows " + "over some lines " * 20 + "\n\n> quoted\n> words\n\n- one\n- two **bold** words\n\n"
        "```\ncode\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n" + "And the last one, " * 15
    )
    answer = fill(transcript, qtbot, "go\n\n" * 8, "")[-1]
    entry = transcript.entry(answer.id)
    assert entry is not None
    entry.live = True
    transcript.settle(answer.id)

    def pictures() -> list[QImage]:
        """What stands on the screen, and what it would be if all of it were painted now."""
        taken = transcript.screen().grabWindow(transcript.winId()), transcript.grab()
        area = transcript.viewport().geometry()
        return [each.toImage().convertToFormat(QImage.Format.Format_RGB32).copy(area) for each in taken]

    for start in range(0, len(text), 23):
        answer.content += text[start : start + 23]
        transcript.grow(answer.id, text[start : start + 23], "")
        QApplication.processEvents()
        if start % 3 == 0:
            qtbot.waitUntil(lambda: operator.eq(*pictures()), timeout=2000)
    assert transcript.verticalScrollBar().maximum() > 0
