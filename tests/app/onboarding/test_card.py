from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from app.onboarding.card import WelcomeCard
from app.pages.chat import ChatPage
from app.session import ServiceState, Session
from app.window import MainWindow
from core.schemas import GpuStatus, InstalledStatus, ModelsReply, Status

GIB = 1 << 30
DEMO = ModelsReply(installed=[InstalledStatus(name="demo", architecture="Llama")], loaded=[])


def status(**fields: Any) -> Status:
    return Status(version="1", pid=1, address="", uptime=1.0, open_requests=0, max_requests=8, models=[], **fields)


class Client:
    def __init__(self, answer: Status) -> None:
        self.answer = answer

    async def status(self) -> Status:
        return self.answer


def card(session: Session, qtbot: QtBot, answer: Status) -> WelcomeCard:
    session._client = Client(answer)  # type: ignore[assignment]
    session.service = ServiceState("ready")
    made = WelcomeCard(session)
    qtbot.addWidget(made)
    made.show()
    return made


def test_the_gpu_and_what_fits_it(session: Session, qtbot: QtBot) -> None:
    gpu = GpuStatus(index=0, name="NVIDIA GeForce RTX 4060", memory=8 * GIB, used=GIB, capability=(8, 9))
    made = card(session, qtbot, status(gpus=[gpu, gpu.model_copy(update={"index": 1, "used": 2 * GIB})]))
    qtbot.waitUntil(lambda: "RTX 4060" in made.gpu.text())
    assert "7.0 GiB of 8.0 GiB" in made.gpu.text()
    assert "B at 4 bits" in made.fits.text()
    session._take_models(DEMO)
    assert "ready" in made.demo.text()


@pytest.mark.parametrize(
    ("reason", "words"),
    [("no_driver", "No NVIDIA driver"), ("no_package", "nvidia-ml-py"), ("new word", "finds no GPU")],
)
def test_why_there_is_none(reason: str, words: str, session: Session, qtbot: QtBot) -> None:
    made = card(session, qtbot, status(no_gpu=reason))
    qtbot.waitUntil(lambda: words in made.gpu.text())
    assert not made.fits.isVisible()


def test_a_service_that_does_not_start_is_said(session: Session, qtbot: QtBot) -> None:
    made = WelcomeCard(session)
    qtbot.addWidget(made)
    assert "starting" in made.demo.text()
    session._change(ServiceState("failed", "The service could not start."))
    assert made.gpu.text() == "The service could not start."


def test_it_is_shown_once_and_leads_to_the_models(session: Session, qtbot: QtBot) -> None:
    window = MainWindow(session)
    qtbot.addWidget(window)
    window.show()
    made = window.findChild(WelcomeCard)
    assert made is not None
    made.browse.setFocus()
    qtbot.keyClick(made.browse, Qt.Key.Key_Space)
    assert not made.isVisible()
    assert session.preferences.get("onboarded") is True
    assert type(window._stack.currentWidget()).__name__ == "ModelsPage"

    again = MainWindow(Session(session.config))
    qtbot.addWidget(again)
    assert again.findChild(WelcomeCard) is None
    again.close()
    window.close()


def test_it_goes_once_a_question_was_asked(session: Session, qtbot: QtBot) -> None:
    window = MainWindow(session)
    qtbot.addWidget(window)
    window.show()
    made, page = window.findChild(WelcomeCard), window.show_page("chat")
    assert made is not None
    assert isinstance(page, ChatPage)
    assert made.isVisible()
    page.composer.editor.setPlainText("What can you do?")
    qtbot.keyClick(page.composer.editor, Qt.Key.Key_Return)
    assert not made.isVisible()
    assert session.preferences.get("onboarded") is True
    window.close()
