"""Text is selected across messages with the mouse and the keys, and copied in the order of reading."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QAccessible, QContextMenuEvent, QGuiApplication, QMouseEvent
from PySide6.QtWidgets import QApplication, QMenu, QWidget
from pytestqt.qtbot import QtBot

from app.chat.rows import Entry, Row
from app.chat.selecting import editor_of
from app.chat.transcript import Transcript
from app.store.records import Attachment, Message, State
from app.theme import Theme
from tests.app.chat.filling import answering, fill, show
from tests.app.turns import Turns

LEFT, NONE = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
RICH = """# Title

Some **bold** and `code`
in two lines, $x^2$.

- one
- two
  1. inner
- [x] done

> quoted

| a | b |
|---|---|
| 1 | |

---

```py
x = 1

y = 2
```

End."""
RICH_COPIED = (
    "Title\n\nSome bold and code\nin two lines, x².\n\n- one\n- two\n  1. inner\n- ☑ done\n\nquoted\n\na\tb\n1\t\n\n"
    "x = 1\n\ny = 2\n\nEnd."
)


@pytest.fixture(autouse=True)
def clipboard(qapp: QApplication) -> None:
    QGuiApplication.clipboard().setText("before")


def row_of(transcript: Transcript, message: Message, number: int = 0) -> Row:
    """The text `number` of a message."""
    entry = transcript.entry(message.id)
    assert entry is not None
    row: Row = [each for each in entry.rows if each.segment is not None][number]
    return row


def place(row: Row, position: int) -> tuple[QWidget, QPoint]:
    """The viewport of a row's text, and where on it a character begins."""
    editor = editor_of(row.widget)
    assert editor is not None
    cursor = editor.textCursor()
    cursor.setPosition(position)
    return editor.viewport(), editor.cursorRect(cursor).center()


def mouse(
    kind: QEvent.Type, on: QWidget, at: QPoint, buttons: Any = LEFT, keys: Any = Qt.KeyboardModifier.NoModifier
) -> None:
    button = NONE if kind == QEvent.Type.MouseMove else LEFT
    event = QMouseEvent(kind, QPointF(at), QPointF(on.mapToGlobal(at)), button, buttons, keys)
    QApplication.sendEvent(on, event)


def press(on: QWidget, at: QPoint, keys: Any = Qt.KeyboardModifier.NoModifier) -> None:
    mouse(QEvent.Type.MouseButtonPress, on, at, keys=keys)


def release(on: QWidget, at: QPoint) -> None:
    mouse(QEvent.Type.MouseButtonRelease, on, at, NONE)


def drag_to(on: QWidget, row: Row, position: int) -> None:
    """The one that was pressed hears of every move, wherever it is."""
    target, at = place(row, position)
    mouse(QEvent.Type.MouseMove, on, on.mapFromGlobal(target.mapToGlobal(at)))


def drag(start: tuple[Row, int], end: tuple[Row, int]) -> None:
    on, at = place(*start)
    press(on, at)
    drag_to(on, *end)
    release(on, at)


def copied(transcript: Transcript, qtbot: QtBot) -> str:
    clipboard = QGuiApplication.clipboard()
    clipboard.setText("before")
    transcript.selection.copy()
    qtbot.waitUntil(lambda: transcript.selection._copying is None, timeout=30_000)
    return clipboard.text()


def highlighted(transcript: Transcript) -> list[str]:
    """What is painted as selected, text by text."""
    rows = sorted(transcript.shown, key=lambda row: row.top)
    editors = [editor_of(row.widget) for row in rows]
    texts = [each.textCursor().selectedText() for each in editors if each is not None]
    return [text for text in texts if text]


def test_a_drag_selects_across_messages_downward_and_upward(transcript: Transcript, qtbot: QtBot) -> None:
    one, two, three = fill(transcript, qtbot, "first question", "an answer", "second question")
    rows = [row_of(transcript, each) for each in (one, two, three)]
    drag((rows[0], 6), (rows[2], 6))
    assert highlighted(transcript) == ["question", "an answer", "second"]
    assert copied(transcript, qtbot) == "question\n\nan answer\n\nsecond"
    drag((rows[2], 6), (rows[0], 6))
    assert highlighted(transcript) == ["question", "an answer", "second"]
    drag((rows[1], 3), (rows[1], 6))  # inside of one
    assert highlighted(transcript) == ["ans"]
    assert copied(transcript, qtbot) == "ans"


def test_a_screen_reader_finds_what_is_selected_in_each_text(transcript: Transcript, qtbot: QtBot) -> None:
    messages = fill(transcript, qtbot, "first question", "an answer", "second question")
    rows = [row_of(transcript, each) for each in messages]
    drag((rows[0], 6), (rows[2], 6))
    texts = [QAccessible.queryAccessibleInterface(row.widget).textInterface() for row in rows]
    assert [text.selectionCount() for text in texts] == [1, 1, 1]
    transcript.selection.clear()
    assert [text.selectionCount() for text in texts] == [0, 0, 0]


def test_a_drag_that_comes_back_ends_where_the_pointer_is(transcript: Transcript, qtbot: QtBot) -> None:
    one, two = fill(transcript, qtbot, "first question", "an answer")
    upper, lower = row_of(transcript, one), row_of(transcript, two)
    on, at = place(upper, 6)
    press(on, at)
    drag_to(on, lower, 3)
    assert highlighted(transcript) == ["question", "an "]
    drag_to(on, upper, 9)
    assert highlighted(transcript) == ["que"]
    drag_to(on, upper, 0)
    assert highlighted(transcript) == ["first "]
    release(on, at)


def test_shift_and_a_click_extend_from_where_one_clicked(transcript: Transcript, qtbot: QtBot) -> None:
    one, two, three = fill(transcript, qtbot, "first question", "an answer", "second question")
    rows = [row_of(transcript, each) for each in (one, two, three)]
    shift = Qt.KeyboardModifier.ShiftModifier
    on, at = place(rows[1], 3)
    press(on, at)
    release(on, at)
    assert highlighted(transcript) == []
    on, at = place(rows[2], 6)
    press(on, at, shift)
    release(on, at)
    assert copied(transcript, qtbot) == "answer\n\nsecond"
    on, at = place(rows[0], 6)
    press(on, at, shift)
    release(on, at)
    assert copied(transcript, qtbot) == "question\n\nan "


def test_a_click_elsewhere_clears(transcript: Transcript, qtbot: QtBot) -> None:
    one, two = fill(transcript, qtbot, "first question", "an answer")
    upper, lower = row_of(transcript, one), row_of(transcript, two)
    for target, at in (place(lower, 2), (transcript.viewport(), QPoint(3, 3))):
        drag((upper, 6), (lower, 3))
        assert highlighted(transcript)
        press(target, at)
        release(target, at)
        assert highlighted(transcript) == []
        assert copied(transcript, qtbot) == "before"


def test_what_each_kind_of_text_gives(transcript: Transcript, qtbot: QtBot) -> None:
    question = Message("user", "two\nlines *as typed*", attachments=[Attachment("a.txt", "not copied")])
    answer = Message("assistant", RICH, reasoning="hm\n\nso")
    show(transcript, qtbot, [question, answer])
    transcript.selection.select_all()
    assert copied(transcript, qtbot) == "two\nlines *as typed*\n\n" + RICH_COPIED
    entry = transcript.entry(answer.id)
    assert entry is not None
    thinking = next(row for row in entry.rows if row.kind == "reasoning")
    thinking.widget.button.click()  # type: ignore[union-attr]
    qtbot.waitUntil(lambda: transcript.settled)
    assert copied(transcript, qtbot) == "two\nlines *as typed*\n\nhm\n\nso\n\n" + RICH_COPIED


def test_what_was_cut_for_the_screen_is_whole_again(transcript: Transcript, qtbot: QtBot) -> None:
    prose = "\n\n".join(f"Paragraph {n} with some words in it." for n in range(200))
    items = "\n".join(f"- item {n}" for n in range(500))
    code = "".join(f"line {n}\n" for n in range(1000))
    user = "words and more words " * 1000
    line = "x" * 9000
    thoughts = "so it is\n\n" * 500
    texts = (prose, items, f"```\n{code}```", line)
    messages = [Message("user", user), *(Message("assistant", text) for text in texts)]
    messages.append(Message("assistant", "end", reasoning=thoughts))
    show(transcript, qtbot, messages)
    last = transcript.entry(messages[-1].id)
    assert last is not None
    last.fold(False)
    transcript.selection.select_all()
    found = copied(transcript, qtbot)
    assert found == "\n\n".join([user, prose, items, code.removesuffix("\n"), line, thoughts.strip(), "end"])


def test_hundreds_of_messages_out_of_view_are_copied(transcript: Transcript, qtbot: QtBot) -> None:
    texts = [f"message {number} of many" for number in range(400)]
    messages = fill(transcript, qtbot, *texts)
    bar = transcript.verticalScrollBar()
    bar.setValue(0)
    qtbot.waitUntil(lambda: transcript.settled)
    on, at = place(row_of(transcript, messages[0]), 8)
    press(on, at)
    transcript.selection._scrolling.setInterval(0)  # who waits is quicker than the clock
    edge = on.mapFromGlobal(transcript.viewport().mapToGlobal(QPoint(100, transcript.viewport().height() + 400)))
    mouse(QEvent.Type.MouseMove, on, edge)
    qtbot.waitUntil(lambda: bar.value() == bar.maximum(), timeout=60_000)  # it scrolls on its own
    release(on, edge)
    assert not transcript.selection._scrolling.isActive()
    assert len(transcript.widgets) < 100
    assert copied(transcript, qtbot) == "\n\n".join(texts).removeprefix("message ")
    value = bar.value()
    bar.setValue(bar.maximum() // 2)
    qtbot.waitUntil(lambda: transcript.settled)
    assert bar.value() != value
    views = [row for row in transcript.shown if row.segment is not None and row.top > bar.value()]
    assert len(highlighted(transcript)) >= len(views) > 3  # those that came into view show their part
    assert transcript.selection.clear()
    assert highlighted(transcript) == []


def test_a_drag_scrolls_up_and_stops(transcript: Transcript, qtbot: QtBot) -> None:
    messages = fill(transcript, qtbot, *[f"message {number} of many" for number in range(60)])
    bar = transcript.verticalScrollBar()
    on, at = place(row_of(transcript, messages[-1]), 7)
    before = bar.value()
    press(on, at)
    above = on.mapFromGlobal(transcript.viewport().mapToGlobal(QPoint(100, -20)))
    mouse(QEvent.Type.MouseMove, on, above)
    qtbot.waitUntil(lambda: bar.value() < before - 100)
    mouse(QEvent.Type.MouseMove, on, on.mapFromGlobal(transcript.viewport().mapToGlobal(QPoint(100, 300))))
    assert not transcript.selection._scrolling.isActive()
    release(on, at)


def test_the_selection_stays_while_an_answer_is_written(transcript: Transcript, qtbot: QtBot) -> None:
    question, answer = Message("user", "a question"), Message("assistant", "Some **bold", state=State.STREAMING)
    entry = answering(transcript, qtbot, question, answer)
    drag((row_of(transcript, question), 2), (row_of(transcript, answer), 7))  # to the end of what is there
    assert highlighted(transcript) == ["question", "Some **"]
    for piece in ("er** words", " and", " more", "\n\n- one\n", "\n```py\nx = 1\n", "y = 2\n", "```\n", "end"):
        answer.content += piece
        transcript.grow(answer.id, piece, "")
        assert highlighted(transcript) == ["question", "Some bo"], piece
    entry.live, answer.state = False, State.DONE
    transcript.settle(answer.id)
    assert copied(transcript, qtbot) == "question\n\nSome bo"
    code = row_of(transcript, answer, 1)
    assert code.kind == "code"
    drag((row_of(transcript, answer), 0), (code, 3))
    answer.content += " and so on"
    transcript.grow(answer.id, " and so on", "")
    assert copied(transcript, qtbot) == "Some bolder words and more\n\n- one\n\nx ="


def test_selected_code_that_grows_keeps_its_part(transcript: Transcript, qtbot: QtBot) -> None:
    question, answer = Message("user", "q"), Message("assistant", "```py\nx = 1\n", state=State.STREAMING)
    answering(transcript, qtbot, question, answer)
    drag((row_of(transcript, question), 0), (row_of(transcript, answer), 5))
    for number in range(30):
        answer.content += f"y = {number}\n"
        transcript.grow(answer.id, f"y = {number}\n", "")
        assert highlighted(transcript) == ["q", "x = 1"]
    drag((row_of(transcript, answer), 2), (row_of(transcript, answer), 3))  # inside of one, as with the keys
    answer.content += "z\n"
    transcript.grow(answer.id, "z\n", "")
    assert highlighted(transcript) == ["="]


def test_all_takes_in_what_is_still_written(transcript: Transcript, qtbot: QtBot) -> None:
    question, answer = Message("user", "a question"), Message("assistant", "", state=State.STREAMING)
    answering(transcript, qtbot, question, answer)
    transcript.selection.select_all()
    assert copied(transcript, qtbot) == "a question"
    answer.content = "An answer"
    transcript.grow(answer.id, "An answer", "")
    qtbot.waitUntil(lambda: transcript.settled)
    assert copied(transcript, qtbot) == "a question\n\nAn answer"


def test_a_selected_message_that_goes(transcript: Transcript, qtbot: QtBot) -> None:
    messages = fill(transcript, qtbot, "one", "two", "three", "four")
    drag((row_of(transcript, messages[0]), 1), (row_of(transcript, messages[3]), 2))
    show(transcript, qtbot, [messages[0], messages[3]])  # from the middle: the rest stays selected
    assert highlighted(transcript) == ["ne", "fo"]
    assert copied(transcript, qtbot) == "ne\n\nfo"
    show(transcript, qtbot, messages[:1])  # at an end: nothing is
    assert highlighted(transcript) == []
    assert copied(transcript, qtbot) == "before"
    transcript.show_entries([])
    assert transcript.selection.span() is None
    transcript.selection.select_all()
    assert transcript.selection.text() == ""


def test_a_message_that_goes_in_a_drag(transcript: Transcript, qtbot: QtBot) -> None:
    messages = fill(transcript, qtbot, "one", "two", "three", "four")
    on, at = place(row_of(transcript, messages[2]), 1)
    press(on, at)
    drag_to(on, row_of(transcript, messages[1]), 1)
    show(transcript, qtbot, messages[:2])
    mouse(QEvent.Type.MouseMove, on, QPoint(5, -50))
    release(on, QPoint(5, -50))
    assert highlighted(transcript) == []


@pytest.mark.parametrize(
    ("text", "start", "end", "found"),
    [
        ("שלום עולם, מה שלומך", 5, 9, "עולם"),
        ("مرحبا بالعالم", 6, 13, "بالعالم"),
        ("a 👍🏽 b 🧑‍🤝‍🧑", 2, 7, "👍🏽 "),
        ("分页缓存的量化", 2, 4, "缓存"),
    ],
)
def test_any_script(transcript: Transcript, qtbot: QtBot, text: str, start: int, end: int, found: str) -> None:
    """Positions count in UTF-16."""
    one, two, three = fill(transcript, qtbot, text, text, text)
    drag((row_of(transcript, two), start), (row_of(transcript, three), end))
    whole = transcript.selection.text()
    drag((row_of(transcript, one), start), (row_of(transcript, two), end))
    assert transcript.selection.text() == whole
    assert whole.endswith(found)
    transcript.selection.select_all()
    assert transcript.selection.text() == "\n\n".join([text] * 3)


def test_empty_pieces(transcript: Transcript, qtbot: QtBot) -> None:
    fill(transcript, qtbot, "", "\n\n", "x", "   ", "", "---", "", "")
    transcript.selection.select_all()
    assert copied(transcript, qtbot).split() == ["x"]
    transcript.show_entries([])
    press(transcript.viewport(), QPoint(50, 50))
    mouse(QEvent.Type.MouseMove, transcript.viewport(), QPoint(50, 500))
    release(transcript.viewport(), QPoint(50, 500))
    assert copied(transcript, qtbot) == "before"


def test_an_answer_of_10_000_lines(transcript: Transcript, qtbot: QtBot) -> None:
    lines = [f"Line {number} with some words in it." for number in range(10_000)]
    messages = fill(transcript, qtbot, "go", "\n".join(lines))
    transcript.selection.select_all()
    assert copied(transcript, qtbot) == "go\n\n" + "\n".join(lines)
    assert len(transcript.widgets) < 60
    bar = transcript.verticalScrollBar()
    bar.setValue(bar.maximum() // 2)
    qtbot.waitUntil(lambda: transcript.settled)
    assert len(highlighted(transcript)) >= 1
    press(transcript.viewport(), QPoint(2, 300))
    release(transcript.viewport(), QPoint(2, 300))
    assert highlighted(transcript) == []
    assert messages


def test_words_and_lines_by_clicks(transcript: Transcript, qtbot: QtBot) -> None:
    one, two = fill(transcript, qtbot, "first question here", "an answer")
    on, at = place(row_of(transcript, one), 8)
    press(on, at)
    release(on, at)
    mouse(QEvent.Type.MouseButtonDblClick, on, at)
    assert highlighted(transcript) == ["question"]
    drag_to(on, row_of(transcript, two), 2)  # goes on: the word stays selected
    assert highlighted(transcript) == ["question here", "an"]
    release(on, at)
    mouse(QEvent.Type.MouseButtonPress, on, at)
    mouse(QEvent.Type.MouseButtonRelease, on, at, NONE)
    assert copied(transcript, qtbot) in ("first question here", "before")  # the third click, if the machine was quick


def test_the_keys(transcript: Transcript, qtbot: QtBot) -> None:
    one, two = fill(transcript, qtbot, "first question", "an answer")
    editor = editor_of(row_of(transcript, one).widget)
    assert editor is not None
    editor.setFocus()
    for _ in range(5):
        qtbot.keyClick(editor, Qt.Key.Key_Left, Qt.KeyboardModifier.ShiftModifier)
    assert transcript.selection.text() == "stion"
    qtbot.keyClick(editor, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert QGuiApplication.clipboard().text() == "stion"
    qtbot.keyClick(editor, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    qtbot.keyClick(editor, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert QGuiApplication.clipboard().text() == "first question\n\nan answer"
    transcript.selection.clear()
    transcript.setFocus()
    qtbot.keyClick(transcript, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert QGuiApplication.clipboard().text() == "first question\n\nan answer"  # nothing is selected
    drag((row_of(transcript, one), 6), (row_of(transcript, two), 2))
    qtbot.keyClick(transcript, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert QGuiApplication.clipboard().text() == "question\n\nan"


def menu_of(qtbot: QtBot, on: QWidget, at: QPoint) -> QMenu:
    QApplication.sendEvent(on, QContextMenuEvent(QContextMenuEvent.Reason.Mouse, at, on.mapToGlobal(at)))
    qtbot.waitUntil(lambda: isinstance(QApplication.activePopupWidget(), QMenu))
    menu = QApplication.activePopupWidget()
    assert isinstance(menu, QMenu)
    return menu


@pytest.mark.parametrize("text", ["an answer", "```py\nan answer\n```"])
def test_the_menu(transcript: Transcript, qtbot: QtBot, text: str) -> None:
    one, two = fill(transcript, qtbot, "first question", text)
    on, at = place(row_of(transcript, two), 2)
    menu = menu_of(qtbot, on, at)
    names = {action.objectName(): action for action in menu.actions()}
    assert not names["edit-copy"].isEnabled()
    names["select-all"].trigger()
    menu.close()
    assert transcript.selection.text() == "first question\n\nan answer"
    drag((row_of(transcript, one), 6), (row_of(transcript, two), 2))
    menu = menu_of(qtbot, on, at)
    next(action for action in menu.actions() if action.objectName() == "edit-copy").trigger()
    menu.close()
    assert QGuiApplication.clipboard().text() == "question\n\nan"
    press_right = QMouseEvent(
        QEvent.Type.MouseButtonPress, QPointF(at), QPointF(on.mapToGlobal(at)),
        Qt.MouseButton.RightButton, Qt.MouseButton.RightButton, Qt.KeyboardModifier.NoModifier,
    )  # fmt: skip
    QApplication.sendEvent(on, press_right)
    assert transcript.selection.text() == "question\n\nan"


def test_another_theme_keeps_what_is_selected(transcript: Transcript, qtbot: QtBot) -> None:
    one, two = fill(transcript, qtbot, "first question", "an **answer**\n\n```py\nx = 1\n```\n")
    drag((row_of(transcript, one), 6), (row_of(transcript, two, 1), 1))
    theme = Theme.current()
    try:
        theme.set("dark", 14)
        qtbot.waitUntil(lambda: transcript.settled)
        assert highlighted(transcript) == ["question", "an answer", "x"]
    finally:
        theme.set("system", 10)


def test_found_text_is_selected_until_the_next(transcript: Transcript, qtbot: QtBot) -> None:
    one, two = fill(transcript, qtbot, "first question", "an answer")
    transcript.scroll_to(two.id, 3, "answer")
    assert highlighted(transcript) == ["answer"]
    transcript.scroll_to(one.id, 6, "question")
    assert highlighted(transcript) == ["question"]


def test_code_does_not_scroll_aside_when_it_is_selected(transcript: Transcript, qtbot: QtBot) -> None:
    fill(transcript, qtbot, "q", "```\n" + "long " * 200 + "\nend\n```\n\nafter")
    code = next(row.widget for row in transcript.shown if row.kind == "code")
    editor = editor_of(code)
    assert editor is not None
    transcript.selection.select_all()
    assert editor.textCursor().hasSelection()
    assert editor.horizontalScrollBar().value() == 0


def test_links_still_open_and_are_selected_by_a_drag(transcript: Transcript, qtbot: QtBot) -> None:
    _, two, three = fill(transcript, qtbot, "q", "see [the page](https://example.org/)", "more")
    opened: list[str] = []
    transcript.link_clicked.connect(opened.append)
    on, at = place(row_of(transcript, two), 7)
    press(on, at)
    release(on, at)
    assert opened == ["https://example.org/"]
    drag((row_of(transcript, two), 7), (row_of(transcript, three), 2))
    assert opened == ["https://example.org/"]
    assert transcript.selection.text() == " page\n\nmo" or transcript.selection.text().endswith("page\n\nmo")


def test_a_table_gives_the_cells_that_are_painted(transcript: Transcript, qtbot: QtBot) -> None:
    _, two, three = fill(transcript, qtbot, "q", "| a | b |\n|---|---|\n| 1 | 2 |\n\nend", "more")
    row = row_of(transcript, two)
    editor = editor_of(row.widget)
    assert editor is not None
    positions: Callable[[str], int] = lambda text: editor.document().find(text).selectionStart()  # noqa: E731
    drag((row, positions("b")), (row, positions("2")))
    assert transcript.selection.text() == "b\n2"
    drag((row, positions("1")), (row_of(transcript, three), 2))
    assert transcript.selection.text().endswith("1\t2\n\nend\n\nmo")


@pytest.mark.alone
def test_in_short_turns(transcript: Transcript, qtbot: QtBot) -> None:
    turns, selection = Turns(), transcript.selection
    texts = [
        f"Some **words** of {number} and `code`.\n\n- one\n- two\n\n```py\nx = {number}\n```\n" for number in range(300)
    ]
    texts.append("\n".join(f"Line {number} with some **words** in it." for number in range(10_000)))
    viewport = transcript.viewport()
    bar = transcript.verticalScrollBar()
    for _ in turns.rounds():
        messages = [Message("assistant", text) for text in texts]
        transcript.show_entries([Entry(each) for each in messages], keep="")
        qtbot.waitUntil(lambda: transcript.settled)
        turns.does("all", selection.select_all)
        turns.does("copy", selection.copy, lambda: selection._copying is None)
        assert QGuiApplication.clipboard().text().endswith("Line 9999 with some words in it.")
        turns.does("clear", selection.clear)
        press(viewport, QPoint(5, 5))
        for number in range(4):
            at = QPoint(300, 100 * number)
            turns.does(f"drag {number}", lambda at=at: mouse(QEvent.Type.MouseMove, viewport, at))  # type: ignore[misc]
        selection._pointer = QPoint(300, 900)
        for number in range(8):
            turns.does(f"beyond the edge {number}", selection._scroll)
        assert bar.value() > 300
        release(viewport, QPoint(300, 300))
        bar.setValue(0)
