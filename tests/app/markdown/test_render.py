"""Markdown in a widget: what is there to read, what is not, and that growing ends where showing at once does."""

from __future__ import annotations

import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PySide6.QtCore import QUrl
from PySide6.QtGui import QFontMetricsF, QTextDocument, QTextListFormat
from PySide6.QtWidgets import QPlainTextDocumentLayout
from pytestqt.qtbot import QtBot

from app.chat.code_view import CodeView
from app.chat.views import TextView
from app.markdown.highlight import colors_used, paint, tokens_of
from app.theme import DARK, LIGHT, Theme, contrast


@pytest.fixture
def view(qtbot: QtBot) -> TextView:
    view = TextView()
    qtbot.addWidget(view)
    return view


def anchors(document: QTextDocument) -> list[str]:
    found = []
    block = document.begin()
    while block.isValid():
        iterator = block.begin()
        while not iterator.atEnd():
            found.append(iterator.fragment().charFormat().anchorHref())
            iterator += 1
        block = block.next()
    return [each for each in found if each]


def test_the_numbers_of_a_long_list_have_room_and_are_forgotten_with_it(view: TextView) -> None:
    view.show_markdown("1. one\n2. two")
    document = view.document()
    small = document.indentWidth()
    view.show_markdown("1. one\n2. two\n\nText\n\n123456. many")
    assert document.indentWidth() >= QFontMetricsF(document.defaultFont()).horizontalAdvance("123456.")
    view.show_markdown("1. one\n2. two\n\nText\n\n123456. many\n\nEnd")
    assert document.indentWidth() > small
    view.show_markdown("1. one\n2. two\n\nText\n\n123456.")
    view.show_markdown("1. one\n2. two\n\nText\n\n123456.5 is a number")
    assert document.indentWidth() == small
    assert document.toPlainText().endswith("123456.5 is a number")


def test_what_is_to_be_done_has_a_box(view: TextView) -> None:
    view.show_markdown("- [ ] open\n- [x] done **now**\n- [y] no\n\n[x] outside")
    assert view.toPlainText() == "☐ open\n☑ done now\n[y] no\n[x] outside"


def test_where_all_items_have_a_box_there_are_no_bullets(view: TextView) -> None:
    source = "- [ ] open\n- [x] done\n  - with a bullet"
    for end in range(len(source) + 1):  # as it is written
        view.show_markdown(source[:end])
    assert styles(view) == [QTextListFormat.Style.ListStyleUndefined] * 2 + [QTextListFormat.Style.ListCircle]
    source += "\n- a bullet, after all"
    for end in range(len(source) + 1):
        view.show_markdown(source[:end])
    disc, circle = QTextListFormat.Style.ListDisc, QTextListFormat.Style.ListCircle
    assert styles(view) == [disc, disc, circle, disc]


def styles(view: TextView) -> list[QTextListFormat.Style]:
    found, block = [], view.document().begin()
    while block.isValid():
        if block.textList() is not None:
            found.append(block.textList().format().style())
        block = block.next()
    return found


def test_the_forms(view: TextView) -> None:
    view.show_markdown(
        "# Title\n\nSome **bold** and `code`.\n\n1. one\n2. two\n\n> quoted\n\n| a | b |\n|---|---|\n| c | d |\n"
    )
    text = view.toPlainText()
    for word in ("Title", "bold", "code", "one", "two", "quoted", "a", "d"):
        assert word in text
    for mark in ("#", "**", "`", "|", ">"):
        assert mark not in text


@pytest.mark.parametrize(
    "source",
    [
        "<script>alert(1)</script>",
        "<img src=http://evil.example/x.png>",
        "<a href='file:///etc/passwd'>x</a>",
        "<style>body{background:url(http://evil.example)}</style>",
        "<iframe src=http://evil.example></iframe>",
    ],
)
def test_html_is_text(view: TextView, source: str) -> None:
    view.show_markdown(source)
    assert view.toPlainText().strip() == source
    assert anchors(view.document()) == []


def test_only_safe_links_are_links_and_no_image_is_loaded(view: TextView, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(TextView, "loadResource", lambda self, kind, name: asked.append(name))
    view.show_markdown(
        "[a](javascript:alert(1)) [b](file:///etc/passwd) [c](smb://h/s) [d](https://example.org/d)\n\n"
        "![e](https://example.org/e.png) ![f](file:///f.png)\n\n[bank.com](https://evil.example/)"
    )
    view.resize(400, 300)
    view.grab()
    assert asked == []
    assert anchors(view.document()) == ["https://example.org/d", "https://example.org/e.png", "https://evil.example/"]
    assert "[image: f]" in view.toPlainText()
    assert "bank.com (evil.example)" in view.toPlainText()


@pytest.mark.parametrize(
    ("text", "links"),
    [
        ("See https://e.org/a_b_c?x=1#y.", ["https://e.org/a_b_c?x=1#y"]),
        ("(https://e.org/wiki/A_(b)), and HTTP://E.org!", ["https://e.org/wiki/A_(b)", "HTTP://E.org"]),
        ("见https://e.org/x。然后", ["https://e.org/x"]),
        ("`https://e.org` [https://e.org](https://e.org/y) <https://e.org/z>", ["https://e.org/y", "https://e.org/z"]),
        ("file:///etc/passwd javascript://x smb://h/s https:// https://a@evil.example ahttps://e.org", []),
    ],
)
def test_addresses_in_the_text_are_links(view: TextView, text: str, links: list[str]) -> None:
    view.show_markdown(text)
    assert _links(view) == links
    plain_text = view.toPlainText()
    grown = TextView()
    for end in range(len(text) + 1):
        grown.show_markdown(text[:end])
    assert (grown.toPlainText(), _links(grown)) == (plain_text, links)
    grown.deleteLater()


def _links(view: TextView) -> list[str]:
    found: list[str] = []
    block = view.document().begin()
    while block.isValid():
        for piece in block:
            address = piece.fragment().charFormat().anchorHref()
            if address and found[-1:] != [address]:
                found.append(address)
        block = block.next()
    return found


def test_a_click_only_tells(view: TextView, qtbot: QtBot) -> None:
    view.show_markdown("[d](https://example.org/d)")
    with qtbot.waitSignal(view.link_clicked) as told:
        view.anchorClicked.emit(QUrl("https://example.org/d"))
    assert told.args == ["https://example.org/d"]
    assert view.toPlainText() == "d"  # the view went nowhere


def test_bidi_tricks_are_gone_and_hebrew_reads_from_the_right(view: TextView) -> None:
    view.show_markdown("safe\u202egnp.exe")
    assert view.toPlainText() == "safegnp.exe"
    view.show_markdown("שלום עולם")
    assert view.document().begin().textDirection().name == "RightToLeft"


PIECES = [
    "word ",
    "*",
    "**",
    "`",
    "\n",
    "\n\n",
    "- ",
    "1. ",
    "# ",
    "[a](http://b.c) ",
    "https://e.org/x",
    "http",
    "://",
    "$x$",
    "> ",
    "| a | b |\n|---|---|\n",
    "---\n",
    "    x",
    "<b>",
    "é",
]


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=25), st.integers(1, 9))
def test_growing_ends_where_showing_at_once_does(qtbot: QtBot, pieces: list[str], step: int) -> None:
    text = "".join(pieces)
    grown, whole = TextView(), TextView()
    for end in range(step, len(text) + step, step):
        grown.show_markdown(text[:end])
    whole.show_markdown(text)
    assert _read(grown) == _read(whole)
    for view in (grown, whole):
        view.deleteLater()


def _read(view: TextView) -> list[str]:
    return [line.strip() for line in view.toPlainText().split("\n") if line.strip()]


def test_a_line_of_4000_characters_and_deep_nesting_are_quick(view: TextView) -> None:
    begun = time.perf_counter()
    for source in (
        "x" * 4000,
        "> " * 500 + "deep",
        "- " * 500,
        "[" * 2000,
        "*a" * 1000,
        "`" * 3999,
        "|a" * 2000 + "|\n" + "|-" * 2000 + "|\n",
    ):
        view.show_markdown(source)
        view.content_height(600)
    assert time.perf_counter() - begun < 30  # tenths of a second; what is not linear takes minutes


def test_code_is_shown_as_it_is_and_copied(qtbot: QtBot) -> None:
    view = CodeView()
    qtbot.addWidget(view)
    source = "if x < 1 and y > 2:\n\tprint('<b>&amp;')\n"
    for end in (5, 20, len(source)):
        view.show_code(source[:end], "python", closed=end == len(source))
    assert view._text.toPlainText() == source.rstrip("\n")
    view.copy_button.click()
    from PySide6.QtGui import QGuiApplication

    assert QGuiApplication.clipboard().text() == source
    view.show_code("a\u202eb", "", True)
    assert view._text.toPlainText() == "a⟨U+202E⟩b"


def test_code_is_coloured_in_steps(qtbot: QtBot) -> None:
    document = QTextDocument()
    document.setDocumentLayout(QPlainTextDocumentLayout(document))
    source = "def f():\n    return 'é𝔼' # x\n" * 60
    document.setPlainText(source)
    assert len(list(paint(document, tokens_of(source, "python"), LIGHT))) >= 4
    formats = document.begin().layout().formats()
    assert formats
    assert formats[0].length == 3
    second = document.begin().next()
    ends = [each.start + each.length for each in second.layout().formats()]
    assert max(ends) <= len(second.text().encode("utf-16-le")) // 2
    for language in ("no such language", "", "{}", "text", "\x00"):
        assert tokens_of("x", language) == []
    assert tokens_of("x" * 200_000, "python") == []


@pytest.mark.parametrize("colors", [LIGHT, DARK], ids=["light", "dark"])
def test_the_colours_of_code_are_readable(colors: object) -> None:
    assert colors in (LIGHT, DARK)
    theme = LIGHT if colors is LIGHT else DARK
    for color in colors_used(theme.dark):
        assert contrast(color, theme.code) >= 4.5, color


def test_another_theme_repaints_what_is_shown(view: TextView) -> None:
    theme = Theme.current()
    theme.set("light", 10)
    view.show_markdown("word")
    theme.set("dark", 10)
    view.show()
    color = view.document().begin().begin().fragment().charFormat().foreground().color().name()
    assert color == DARK.text
    theme.set("light", 10)


def test_lines_are_whole_pixels_high(view: TextView) -> None:
    view.show_markdown("\n".join(f"{number}. line" for number in range(20)))
    document = view.document()
    document.setTextWidth(600)
    layout, block = document.documentLayout(), document.begin()
    while block.isValid():
        assert block.layout().lineCount() == 1
        assert layout.blockBoundingRect(block).top() % 1 == 0
        block = block.next()
