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


def test_a_sentence_that_was_read_goes_at_once_and_with_the_last_one_the_place_for_them(qtbot: QtBot) -> None:
    messages = Messages()
    banners = Banners(messages)
    qtbot.addWidget(banners)
    done: list[str] = []
    messages.info("One was deleted.", ("Undo", lambda: done.append("undone")))
    messages.error("The disk is full.")
    first, second = banners.banners
    assert first.button is not None
    first.button.click()
    assert (done, banners.banners, first.isHidden(), banners.isHidden()) == (["undone"], [second], True, False)
    second.closed.emit(second)
    assert (banners.banners, banners.isHidden()) == ([], True)
