"""A widget that serves another row shows what a new one would."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QCoreApplication, QEvent
from PySide6.QtWidgets import QLabel, QToolButton, QWidget
from pytestqt.qtbot import QtBot

from app.chat.code_view import CodeView
from app.chat.footer import Footer
from app.chat.row_widgets import MOST_KEPT, RowWidgets
from app.chat.rows import Entry, Row
from app.chat.views import TextView
from app.markdown.segments import Segment
from app.store.records import Message, State
from app.theme import Theme

MARKDOWN = "# **Bold** heading\n\n> quoted\n\n1000. many\n\n| a | b |\n|---|---|\n| 1 | 2 |\n"


@pytest.fixture
def widgets(qtbot: QtBot) -> RowWidgets:
    Theme.current()  # widgets made before the first theme have another font
    place = QWidget()
    qtbot.addWidget(place)
    return RowWidgets(place, None)


def row_of(kind: str, source: str, role: str = "assistant") -> Row:
    entry = Entry(Message(role, source))  # type: ignore[arg-type]
    row = Row(kind, entry, Segment("code" if kind == "code" else "text", source, 0, "py"))  # type: ignore[arg-type]
    entry.rows = [row]
    return row


def made(widgets: RowWidgets, row: Row) -> QWidget:
    row.widget = widgets.make(row)
    widgets.fill(row)
    return row.widget


@pytest.mark.parametrize(
    ("kind", "source", "role"), [("plain", "just\nwords", "user"), ("text", "Some *text*", "assistant")]
)
def test_a_text_that_is_used_again(widgets: RowWidgets, kind: str, source: str, role: str) -> None:
    first = row_of("text", MARKDOWN)
    old = made(widgets, first)
    assert isinstance(old, TextView)
    old.selectAll()
    widgets.let_go(first)
    assert first.widget is None
    assert not old.isVisible()
    view = made(widgets, row_of(kind, source, role))
    new = made(widgets, row_of(kind, source, role))
    assert view is old
    assert view is not new
    assert isinstance(view, TextView)
    assert isinstance(new, TextView)
    assert view.document().toHtml() == new.document().toHtml()
    assert view.document().indentWidth() == new.document().indentWidth()
    assert view.content_height(400) == new.content_height(400)
    assert not view.textCursor().hasSelection()
    assert (view.ground, view.accessibleName()) == (new.ground, new.accessibleName())


def test_code_that_is_used_again_is_not_coloured_for_what_it_was(widgets: RowWidgets) -> None:
    first = row_of("code", "x = 1\n")
    view = made(widgets, first)
    assert isinstance(view, CodeView)
    assert view.wants("x = 1", "py")
    widgets.let_go(first)
    assert not view.wants("x = 1", "py")
    assert made(widgets, row_of("code", "y = 2\n")) is view
    assert view.source == "y = 2\n"
    assert view._text.toPlainText() == "y = 2"
    assert view.wants("y = 2", "py")


def test_buttons_that_are_used_again_act_on_the_message_above_them(widgets: RowWidgets, qtbot: QtBot) -> None:
    one = Entry(Message("assistant", "a", model="first"), version=1, versions=2)
    two = Entry(Message("assistant", "b", model="second"), version=2, versions=2)
    row, other = Row("footer", one), Row("footer", two)
    footer = made(widgets, row)
    widgets.let_go(row)
    assert made(widgets, other) is footer
    assert "second" in [label.text() for label in footer.findChildren(QLabel)]
    assert footer.findChild(QLabel, "version").text() == "2/2"
    assert not footer.findChild(QToolButton, "next").isEnabled()
    with qtbot.waitSignal(widgets.acted) as acted:
        footer.findChild(QToolButton, "copy").click()
    assert acted.args == [two.message.id, "copy"]


def test_buttons_go_only_where_the_same_ones_are_needed(widgets: RowWidgets) -> None:
    entry = Entry(Message("assistant", "a"), last=True)
    row = Row("footer", entry)
    footer = made(widgets, row)
    entry.message.state = State.STOPPED  # an entry that outgrew its footer
    widgets.let_go(row)
    again = made(widgets, Row("footer", entry))
    assert again is not footer
    assert again.findChild(QToolButton, "continue") is not None
    user = made(widgets, Row("footer", Entry(Message("user", "q"))))
    assert isinstance(user, Footer)
    assert user is not footer


def test_few_are_kept(widgets: RowWidgets) -> None:
    rows = [row_of("text", "x") for _ in range(MOST_KEPT + 5)]
    for row in rows:
        made(widgets, row)
    for row in rows:
        widgets.let_go(row)
    QCoreApplication.sendPostedEvents(None, int(QEvent.Type.DeferredDelete))
    place = widgets.parent()
    assert isinstance(place, QWidget)
    assert len(place.findChildren(TextView)) == MOST_KEPT
