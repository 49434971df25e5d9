from __future__ import annotations

from pytestqt.qtbot import QtBot

from app.banner import Banners
from app.messages import Messages


def test_what_is_out_of_date_is_not_left_standing_beside_what_is_new(qtbot: QtBot) -> None:
    messages = Messages()
    banners = Banners(messages)
    qtbot.addWidget(banners)
    messages.info("Loading a…", topic="a")
    messages.info("Loading b…", topic="b")
    messages.error("The disk is full.")
    messages.info("a is loaded.", topic="a")
    assert [banner.label.text() for banner in banners.banners] == ["Loading b…", "The disk is full.", "a is loaded."]
