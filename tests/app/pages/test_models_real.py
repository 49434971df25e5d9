"""The page of models with the real service."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtWidgets import QLabel, QWidget
from pytestqt.qtbot import QtBot

from app.library.engine_card import EngineCard
from app.messages import Message
from app.pages.models import ModelsPage
from app.session import Session
from core.paths import bundled_asset

Show = Callable[[QWidget], None]


def test_the_real_service_links_loads_and_removes(
    real: Session, show: Show, said: list[Message], qtbot: QtBot, tmp_path: Path
) -> None:
    page = ModelsPage(real)
    show(page)
    qtbot.waitUntil(lambda: page.detail is not None and page.detail.row.name == "demo", timeout=10_000)
    qtbot.waitUntil(lambda: "Looking" not in page.detail.fit.advice.text(), timeout=10_000)  # type: ignore[union-attr]

    folder = tmp_path / "Modèle 模型" / "small"
    shutil.copytree(bundled_asset("demo_model"), folder)
    page.controller.link(str(folder))
    qtbot.waitUntil(lambda: page.detail is not None and page.detail.row.name == "small", timeout=10_000)
    page.controller.load("small")
    qtbot.waitUntil(lambda: bool(page.detail and page.detail.row.installed.loaded), timeout=30_000)  # type: ignore[union-attr]
    page.controller.remove("small")
    qtbot.waitUntil(lambda: not page.model.find("here:small").isValid(), timeout=10_000)
    assert (folder / "config.json").exists()  # a link: the files are the user's


@pytest.mark.skipif("SOAK_ROUNDS" not in os.environ, reason="half a minute of a whole build: with SOAK_ROUNDS set")
def test_from_weights_to_a_loaded_engine_for_real(real: Session, show: Show, said: list[Message], qtbot: QtBot) -> None:
    """The one button, the real service, the demo model: every stage, the engine loaded, its report card, its removal."""
    page = ModelsPage(real)
    show(page)
    qtbot.waitUntil(lambda: page.detail is not None and page.detail.fit.buttons != {}, timeout=30_000)
    assert page.detail is not None
    page.detail.fit.buttons["int4"].setChecked(True)
    page.detail.fit.go.click()
    stages: list[str] = []

    def done() -> bool:
        for view in page.controller.jobs:
            assert view.state != "failed", view.problem
            if view.stage and view.stage not in stages:
                stages.append(view.stage)
        return any(message.text == "demo:int4 is loaded and answers." for message in said)

    qtbot.waitUntil(done, timeout=100_000)
    assert stages == [stage for stage in ("check", "quantize", "compile", "verify", "load") if stage in stages]
    assert "verify" in stages
    qtbot.waitUntil(lambda: bool(page.findChildren(EngineCard)) and page.jobs.cards == {}, timeout=10_000)
    card = page.findChild(EngineCard)
    card.report_button.click()
    assert any("(predicted" in label.text() for label in card.findChildren(QLabel) if label.isVisibleTo(card))
    page.controller.remove("demo:int4")
    qtbot.waitUntil(lambda: real.models is not None and not real.models.installed[0].engines, timeout=10_000)
