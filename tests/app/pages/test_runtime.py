from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from PySide6.QtWidgets import QLabel, QProgressBar, QWidget
from pytestqt.qtbot import QtBot

from app.pages.runtime import RuntimePage
from app.runtime.cards import GpuCard, ModelCard
from app.runtime.chart import PagesBar
from app.runtime.figures import Pages
from app.session import ServiceState, Session
from core.errors import Unavailable
from core.schemas import GpuStatus, ModelStatus, Status

Show = Callable[[QWidget], None]


def status(*models: ModelStatus, **fields: Any) -> Status:
    return Status(
        version="1", pid=1, address="", uptime=1.0, open_requests=0, max_requests=8, models=list(models), **fields
    )


def model(**fields: Any) -> ModelStatus:
    return ModelStatus(name="demo", folder="/demo", state="ready", **fields)


def texts(widget: QWidget) -> list[str]:
    return [label.text() for label in widget.findChildren(QLabel) if label.isVisibleTo(widget)]


BUSY = status(
    model(
        running=3, waiting=2, pages_total=100, pages_used=20, pages_cached=30, pages_free=50, backend="cuda",
        precision="int4", output_tokens_per_s=240.0, prompt_tokens_per_s=1500.0, prompt_tokens=100, cached_tokens=40,
    ),
    gpus=[GpuStatus(index=0, name="NVIDIA GeForce RTX 4060", memory=8 << 30, used=2 << 30, load=37)],
)  # fmt: skip


def test_figures_of_models_and_gpus(scripted: Session, client: Any, show: Show, qtbot: QtBot) -> None:
    client.answers["status"] = BUSY
    page = RuntimePage(scripted)
    show(page)
    qtbot.waitUntil(lambda: page.figures is not None)
    card = page.findChild(ModelCard)
    assert {"demo", "ready", "int4 · cuda", "3", "2", "240 tokens/s", "1,500 tokens/s", "40 %"} <= set(texts(card))
    assert card.findChild(PagesBar).pages == Pages(20, 30, 50)
    assert "20 used, 30 cached, 50 free" in card.findChild(PagesBar).accessibleDescription()
    assert "Memory: 2.0 GiB of 8.0 GiB in use" in texts(page.findChild(GpuCard))
    assert "Load: 37 %" in texts(page.findChild(GpuCard))
    assert "240" in page.chart.accessibleDescription()
    page.grab()  # painting raises nothing


def test_a_model_that_is_unloaded_goes_away(scripted: Session, client: Any, show: Show, qtbot: QtBot) -> None:
    client.answers["status"] = [BUSY, status(no_gpu="no_driver")]
    page = RuntimePage(scripted)
    show(page)
    qtbot.waitUntil(lambda: page.findChild(ModelCard) is not None)
    qtbot.waitUntil(lambda: page.findChild(ModelCard) is None, timeout=5000)
    assert "No model is loaded. The first question loads one." in texts(page)
    assert any("No NVIDIA driver was found" in text for text in texts(page))


def test_it_asks_only_while_it_is_in_front(scripted: Session, client: Any, show: Show, qtbot: QtBot) -> None:
    client.answers["status"] = BUSY
    page = RuntimePage(scripted)
    qtbot.wait(50)
    assert client.calls == []
    show(page)
    qtbot.waitUntil(lambda: len(client.calls) >= 2, timeout=5000)
    page.hide()
    asked = len(client.calls)
    qtbot.wait(1200)
    assert len(client.calls) == asked


def test_a_service_that_hangs_is_asked_once(scripted: Session, client: Any, show: Show, qtbot: QtBot) -> None:
    client.answers["status"] = BUSY
    client.held.add("status")
    page = RuntimePage(scripted)
    show(page)
    qtbot.wait(2200)
    assert len(client.calls) == 1
    client.held.clear()
    qtbot.waitUntil(lambda: page.figures is not None)


def test_a_lost_service_empties_the_page_and_says_nothing_false(
    scripted: Session, client: Any, show: Show, qtbot: QtBot
) -> None:
    client.answers["status"] = [BUSY, Unavailable("The Deskside service does not answer.")]
    page = RuntimePage(scripted)
    show(page)
    qtbot.waitUntil(lambda: page.figures is not None)
    scripted._change(ServiceState("lost"))
    assert page.figures is None
    assert "Waiting for the service…" in texts(page)
    qtbot.waitUntil(lambda: page.findChild(ModelCard) is None)


def test_the_real_service_answers(real: Session, show: Show, qtbot: QtBot) -> None:
    page = RuntimePage(real)
    show(page)
    qtbot.waitUntil(lambda: page.figures is not None, timeout=10_000)
    assert page.figures is not None
    assert page.figures.models == ()
    real.call(lambda client: client.load("demo"))
    qtbot.waitUntil(lambda: page.findChild(ModelCard) is not None, timeout=30_000)
    qtbot.waitUntil(lambda: page.findChild(PagesBar).pages.total > 0, timeout=10_000)


@pytest.mark.parametrize("load", [None, 0, 100])
def test_a_gpu_whose_load_is_unknown(load: int | None, qtbot: QtBot) -> None:
    card = GpuCard(0, "RTX")
    qtbot.addWidget(card)
    card.show_status(GpuStatus(index=0, name="RTX", memory=8 << 30, used=0, load=load))
    assert ("Load: this driver does not tell" in texts(card)) == (load is None)


def test_cards_of_one_name_are_told_apart_also_by_ear(scripted: Session, client: Any, show: Show, qtbot: QtBot) -> None:
    gpus = [GpuStatus(index=index, name="NVIDIA H200", memory=8 << 30, used=index << 30, load=9) for index in range(3)]
    client.answers["status"] = status(gpus=gpus)
    page = RuntimePage(scripted)
    show(page)
    qtbot.waitUntil(lambda: len(page.findChildren(GpuCard)) == 3)
    qtbot.waitUntil(lambda: {f"GPU {index}: NVIDIA H200" for index in range(3)} <= set(texts(page)))
    bars = [bar for card in page.findChildren(GpuCard) for bar in card.findChildren(QProgressBar)]
    assert len({bar.accessibleName() for bar in bars}) == 6
    assert "Memory: 2.0 GiB of 8.0 GiB in use" in [bar.accessibleDescription() for bar in bars]


def test_why_a_model_does_not_run_is_said(scripted: Session, client: Any, show: Show, qtbot: QtBot) -> None:
    failed = ModelStatus(name="org/a", folder="/a", state="failed", message="It needs 9 GiB; choose a smaller one.")
    client.answers["status"] = status(failed)
    page = RuntimePage(scripted)
    show(page)
    qtbot.waitUntil(lambda: "It needs 9 GiB; choose a smaller one." in texts(page))
