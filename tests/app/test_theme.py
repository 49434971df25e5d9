from __future__ import annotations

import re

import pytest
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from app.icons import icon_button, set_icon, window_icon
from app.search_field import SearchField
from app.stylesheet import stylesheet
from app.theme import DARK, LIGHT, Colors, Theme, contrast
from core.paths import bundled_asset


def test_contrast_is_that_of_wcag() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("colors", [LIGHT, DARK], ids=["light", "dark"])
def test_every_pair_of_colours_is_readable(colors: Colors) -> None:
    grounds = {name: getattr(colors, name) for name in ("window", "surface", "raised", "code", "hover", "pressed")}
    for name, ground in grounds.items():
        assert contrast(colors.text, ground) >= 7, name
        assert contrast(colors.muted, ground) >= 4.5 or name == "pressed", name
    for ink in ("danger", "success", "warning", "link", "accent"):
        for ground in ("window", "surface", "raised", "code"):
            assert contrast(getattr(colors, ink), getattr(colors, ground)) >= 4.5, (ink, ground)
    assert contrast(colors.on_accent, colors.accent) >= 4.5
    assert contrast(colors.muted, colors.pressed) >= 4.5  # the second line of a selected row
    assert contrast(colors.on_accent, colors.accent_hover) >= 4.5
    assert contrast(colors.text, colors.selection) >= 4.5
    assert contrast(colors.strong_border, colors.window) >= 3
    assert contrast(colors.focus, colors.window) >= 3


def test_the_magnifier_grows_with_the_font(qtbot: QtBot) -> None:
    field = SearchField("Search", "Search all chats")
    qtbot.addWidget(field)
    field.resize(200, 40)
    small = field.magnifier()
    try:
        Theme.current().set("light", 20)
        large = field.magnifier()
        assert large.width() > 1.5 * small.width()
        assert field.textMargins().left() > large.width()
        picture = field.grab().toImage()
        inks = {picture.pixel(x, large.center().y()) for x in range(large.left(), large.right())}
        assert len(inks) > 1
    finally:
        Theme.current().set("system", 10)


def test_the_window_has_an_icon(qtbot: QtBot) -> None:
    sizes = window_icon().availableSizes()
    assert {(16, 16), (48, 48)} <= {(size.width(), size.height()) for size in sizes}
    image = window_icon().pixmap(48, 48).toImage()
    assert image.pixelColor(24, 6).name() == "#2f6b4f"
    assert image.pixelColor(0, 0).alpha() == 0


def test_icons_follow_the_theme(qtbot: QtBot) -> None:
    theme = Theme.current()
    theme.set("light", 10)
    button = icon_button("new", "New")
    qtbot.addWidget(button)
    light = button.icon().pixmap(20, 20).toImage()
    theme.set("dark", 10)
    assert button.icon().pixmap(20, 20).toImage() != light
    theme.set("dark", 20)
    size = button.iconSize()
    assert size.width() > 30
    drawn = button.icon().pixmap(size).toImage()  # as large as it is shown, to its edges
    assert drawn.size() == size
    marked = [x for x in range(drawn.width()) for y in range(drawn.height()) if drawn.pixelColor(x, y).alpha()]
    assert max(marked) - min(marked) > 0.55 * size.width()
    theme.set("dark", 10)
    plain = QPushButton()
    qtbot.addWidget(plain)
    set_icon(plain, "send", "on_accent")
    set_icon(plain, "stop", "on_accent")
    theme.set("light", 10)
    assert not plain.icon().isNull()


def test_the_font_size_reaches_the_application(qtbot: QtBot) -> None:
    theme = Theme.current()
    theme.set("light", 20)
    button = QPushButton("x")
    qtbot.addWidget(button)
    assert button.font().pointSizeF() == 20
    theme.set("light", 10)


@pytest.mark.parametrize("colors", [LIGHT, DARK], ids=["light", "dark"])
def test_the_controls_are_drawn_in_the_colours_of_the_theme(colors: Colors) -> None:
    theme = "dark" if colors.dark else "light"
    for name, color in (
        ("check", colors.on_accent),
        ("dot", colors.on_accent),
        ("up", colors.muted),
        ("down", colors.muted),
    ):
        text = (bundled_asset("controls") / f"{name}-{theme}.svg").read_text(encoding="utf-8")
        assert set(re.findall(r"#[0-9a-f]{6}", text)) == {color}
        assert f"{name}-{theme}.svg" in stylesheet(colors, 10)


STATES = ("hover", "pressed", "checked", "focus", "selected")


def rules(colors: Colors) -> dict[str, dict[str, str]]:
    """The style sheet: selector -> property -> value, later rules over earlier ones."""
    found: dict[str, dict[str, str]] = {}
    for selectors, body in re.findall(r"([^{}]+)\{([^{}]*)\}", stylesheet(colors, 10)):
        pairs = (part.split(":", 1) for part in body.split(";") if ":" in part)
        values = {name.strip(): value.strip() for name, value in pairs}
        for selector in selectors.split(","):
            found.setdefault(" ".join(selector.split()), {}).update(values)
    return found


def described(sheet: dict[str, dict[str, str]], selector: str) -> dict[str, str]:
    """What holds for `selector`: of its class, its kind, its state, the nearest last."""
    last = selector.split(" ")[-1]
    plain = last.partition(":")[0]
    values: dict[str, str] = {}
    for each in (re.sub(r"\[.*?\]", "", plain), plain, last, selector):
        values |= sheet.get(each, {})
    return values


@pytest.mark.parametrize("colors", [LIGHT, DARK], ids=["light", "dark"])
def test_every_rule_of_the_style_sheet_is_readable(colors: Colors) -> None:
    """Whatever it writes on, its own ground or the page's, in every state but disabled, which WCAG leaves out."""
    sheet, pairs = rules(colors), set()
    pages = (colors.window, colors.surface)
    for selector in sheet:
        if ":disabled" in selector or "::handle" in selector:
            continue
        values = described(sheet, selector)
        ink = values.get("color", colors.text)
        grounds = (values["background"],) if values.get("background", "").startswith("#") else pages
        pairs |= {(selector, ink, ground) for ground in grounds if values.keys() & {"color", "background"}}
        chosen = values.get("selection-background-color")
        if chosen is not None:
            pairs.add((selector, values["selection-color"], chosen))
    assert {state for state in STATES for selector, _, _ in pairs if f":{state}" in selector} == set(STATES)
    bare = ("QSlider", "QProgressBar", "QScrollBar", "QFrame", "::indicator", "-arrow", "QTabBar::tab:focus")  # no text
    for selector, ink, ground in sorted(pairs):
        if not any(part in selector for part in bare):
            assert contrast(ink, ground) >= 4.5, (selector, ink, ground)


@pytest.mark.parametrize("colors", [LIGHT, DARK], ids=["light", "dark"])
def test_what_is_not_text_stands_out_three_to_one(colors: Colors) -> None:
    """Frames of fields, the ring of focus, ticks, handles, bars, the mark of a selected row (WCAG 1.4.11)."""
    for ground in ("window", "surface", "raised"):
        for name in ("strong_border", "focus", "accent", "link", "muted", "text"):
            assert contrast(getattr(colors, name), getattr(colors, ground)) >= 3, (name, ground)
    for ground in ("hover", "pressed", "selection", "code"):
        assert contrast(colors.focus, getattr(colors, ground)) >= 3, ground
    for part in ("accent", "link", "muted", "danger"):  # of the bars of memory, pages and documents
        assert contrast(getattr(colors, part), colors.pressed) >= 3, part
    sheet = rules(colors)
    for selector in ('QLineEdit[kind="search"]', "QLineEdit", "QComboBox", "QSpinBox", "QCheckBox::indicator"):
        values = described(sheet, selector)
        frame = values["border"].split()[-1]
        for ground in (colors.window, colors.surface, values["background"]):
            assert contrast(frame, ground) >= 3, (selector, frame, ground)
    focused = [selector for selector in sheet if ":focus" in selector]
    assert len(focused) >= 12
    for selector in focused:
        ring = described(sheet, selector).get("border", described(sheet, selector).get("border-bottom", ""))
        assert min(contrast(ring.split()[-1], ground) for ground in (colors.window, colors.surface)) >= 3, selector
    handle = described(sheet, "QScrollBar::handle")["background"]
    assert min(contrast(handle, ground) for ground in (colors.window, colors.surface)) >= 3
