from __future__ import annotations

import re

import pytest
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from app.icons import icon_button, set_icon
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
