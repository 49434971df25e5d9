from __future__ import annotations

import os
from pathlib import Path

from pytestqt.qtbot import QtBot

from app.service_bar import ServiceBar
from app.session import ServiceState, Session
from app.window import MainWindow
from core.config import load_config


def test_it_says_how_the_service_is_and_why(session: Session, qtbot: QtBot) -> None:
    bar = ServiceBar(session)
    qtbot.addWidget(bar)
    bar.want(True)
    assert bar.label.text() == "The service is starting…"
    session._change(ServiceState("ready"))
    assert bar.isHidden()
    session._change(ServiceState("lost"))
    assert not bar.isHidden()
    assert "started again" in bar.label.text()
    session._change(ServiceState("failed", "The port is taken; choose another."))
    assert bar.label.text().endswith("The port is taken; choose another.")
    assert bar.accessibleName() == bar.label.text()
    bar.want(False)
    assert bar.isHidden()


def test_every_page_but_the_chats_has_it(home: Path, qtbot: QtBot) -> None:
    window = MainWindow(Session(load_config(os.environ)))
    qtbot.addWidget(window)
    window.show()
    qtbot.waitExposed(window)
    window.session._change(ServiceState("lost"))
    bar = window.findChild(ServiceBar)
    assert not bar.isVisible()  # the chats say it at their top
    for key in ("models", "documents", "runtime", "settings"):
        window.show_page(key)
        assert bar.isVisible(), key
    window.session._change(ServiceState("ready"))
    assert not bar.isVisible()
    window.close()
