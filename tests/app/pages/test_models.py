from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDesktopServices, QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QApplication, QLabel, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from app.library.detail import ModelDetail
from app.library.engine_card import EngineCard
from app.messages import Message
from app.pages.models import ModelsPage
from app.session import ServiceState, Session
from app.two_lines import FACTS
from core.errors import AccessDenied, DeviceUnusable, TokenNeeded, Unavailable
from core.schemas import (
    DiskStatus,
    EngineStatus,
    FitGpu,
    FitPrecision,
    FitReply,
    HubModel,
    HubModelReply,
    HubTokenReply,
    InstalledStatus,
    JobReply,
    JobsReply,
    LinkReply,
    ModelsReply,
    ModelStatus,
    QualityCard,
    RemoveReply,
    ReportCard,
    SearchReply,
    ServiceEvent,
    Status,
)

Show = Callable[[QWidget], None]
GIB = 1 << 30
REPORT = ReportCard(
    size_bytes=5_400_000_000, predicted_bytes=5 * GIB, actual_bytes=6 * GIB, first_token_s=0.18, prompt_tokens=512,
    tokens_per_s=54.2, checked_tokens=64, build_s=312.0, reason="CUDA was faster.",
    quality=QualityCard(tokens=2048, perplexity=7.31, unquantized_perplexity=7.02, top1_agreement=0.943),
)  # fmt: skip
MODELS = ModelsReply(
    installed=[
        InstalledStatus(name="demo", architecture="Llama", size=9_400_000),
        InstalledStatus(
            name="org/a", architecture="Llama", size=16 * 10**9, context=8192,
            engines=[
                EngineStatus(
                    name="org/a:int4", model="org/a", precision="int4", backend="cuda", size=5 * 10**9, report=REPORT
                )
            ],
        ),
    ],
    loaded=[],
)  # fmt: skip
HUB = HubModelReply(
    repo="org/new", commit="c", gated=False, licence="mit", size=16 * 10**9, parameters=8 * 10**9, context=40960,
    page="https://huggingface.co/org/new",
)  # fmt: skip


def precision(name: str, fits: bool, reason: str | None = None, needed: int = 6 * GIB, **more: Any) -> FitPrecision:
    return FitPrecision(
        precision=name, weights_bytes=5 * GIB, kv_bytes=GIB, workspace_bytes=0, runtime_bytes=0, others_bytes=0,
        needed_bytes=needed, available_bytes=7 * GIB, fits=fits, reason=reason, max_context=12288, max_tokens_per_s=60.0,
        **more,
    )  # fmt: skip


def fit(model: str, gpu: str | None = None) -> FitReply:
    return FitReply(
        model=model, on_hub=model == "org/new", download_bytes=16 * 10**9, parameters=8 * 10**9,
        gpu=FitGpu(name=gpu or "here", bytes=8 * GIB, compute_capability=[8, 9], others_bytes=0, others_measured=True),
        context=8192, chats=1, precisions=[precision("bf16", False, "would need 16 GiB", 16 * GIB),
                    precision("nvfp4", False, "It lacks something.", lacks_capability=[10, 0]), precision("int4", True)],
        recommended="int4", reason="int4 is the most faithful that fits.",
    )  # fmt: skip


def job(**fields: Any) -> JobReply:
    params = {"model": "org/new", "precision": "int4"}
    defaults = {"id": "build-1", "kind": "build", "params": params, "state": "running", "created": 1.0, "updated": 1.0}
    return JobReply(**(defaults | fields))


def status() -> Status:
    disk = DiskStatus(folder="/data", total=500 * 10**9, free=42 * 10**9)
    return Status(version="1", pid=1, address="", uptime=1.0, open_requests=0, max_requests=8, models=[], disk=disk)


@pytest.fixture
def page(scripted: Session, client: Any, show: Show, qtbot: QtBot) -> ModelsPage:
    client.answers |= {
        "status": status(),
        "all_models": MODELS,
        "jobs": JobsReply(jobs=[]),
        "fit": fit,
        "hub_model": HUB,
        "search": SearchReply(query="q", models=[HubModel(repo="org/new", downloads=5, likes=1, gated=False)]),
        "build": job(state="queued"),
        "remove_job": JobsReply(jobs=[]),
        "load": ModelStatus(name="x", folder="/x", state="ready"),
    }
    page = ModelsPage(scripted)
    show(page)
    qtbot.waitUntil(lambda: page.detail is not None)
    return page


def texts(widget: QWidget) -> str:
    return "\n".join(label.text() for label in widget.findChildren(QLabel) if label.isVisibleTo(widget))


def detail(page: ModelsPage, name: str, qtbot: QtBot) -> ModelDetail:
    page.choose(name)
    assert page.detail is not None
    qtbot.waitUntil(lambda: page.detail is not None and page.detail.fit.buttons != {})
    return page.detail


def press(qtbot: QtBot, button: QPushButton) -> None:
    button.setFocus()
    qtbot.keyClick(button, Qt.Key.Key_Space)


def test_what_is_here_with_disk_and_fit(page: ModelsPage, qtbot: QtBot) -> None:
    shown = detail(page, "here:org/a", qtbot)
    qtbot.waitUntil(lambda: page.disk.text() == "42.0 GB of 500.0 GB free in /data")
    text = texts(shown)
    assert "int4 is the most faithful that fits on here with 8,192 tokens of context." in text
    assert "Does not fit: it needs 16.0 GiB, 7.0 GiB are free" in text
    assert "Does not fit: this card lacks it (compute capability 10.0 is needed)" in text
    assert "6.0 GiB of 7.0 GiB free · up to 12,288 tokens per chat · at most 60 tokens/s" in text
    assert shown.fit.precision == "int4"
    assert "recommended" in shown.fit.buttons["int4"].text()


def test_from_search_to_a_loaded_engine_by_keyboard(
    page: ModelsPage, scripted: Session, client: Any, said: list[Message], qtbot: QtBot
) -> None:
    page.search.setFocus()
    qtbot.keyClicks(page.search, "new model")
    qtbot.keyClick(page.search, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: page.model.find("hub:org/new").isValid())
    shown = detail(page, "hub:org/new", qtbot)
    assert client.asked("search") == [(("new model",), {})]
    assert shown.fit.go.text() == "Download 16.0 GB and build"
    press(qtbot, shown.fit.go)
    qtbot.waitUntil(lambda: list(page.jobs.cards) == ["build-1"])
    assert client.asked("build") == [(("org/new",), {"precision": "int4", "gpu": None})]
    assert not shown.fit.go.isEnabled()  # it is under way

    running = job(stage="download", done=4 * 10**9, total=16 * 10**9, rate=50e6, eta=240.0, updated=2.0)
    scripted._take_event(ServiceEvent(kind="job", job=running))
    card = page.jobs.cards["build-1"]
    assert card.figures.text() == "25 % · 4.0 GB of 16.0 GB · 50.0 MB/s · 4 min left"
    assert card.bar.value() == 250
    assert "● Download" in texts(card)
    scripted._take_event(ServiceEvent(kind="job", job=job(state="done", stage="verify", updated=3.0)))
    qtbot.waitUntil(lambda: client.asked("load") == [(("org/new:int4",), {})])
    qtbot.waitUntil(lambda: any("is loaded and answers" in message.text for message in said))
    qtbot.waitUntil(lambda: page.jobs.cards == {})  # nothing is left to be done
    assert client.asked("unload") == []  # the old model stays usable


def test_pause_continue_cancel_and_try_again(page: ModelsPage, scripted: Session, client: Any, qtbot: QtBot) -> None:
    client.answers |= {
        "pause_job": job(state="paused", updated=3.0, stage="download", done=1, total=4),
        "resume_job": [job(state="running", updated=4.0, stage="download"), job(state="running", updated=7.0)],
        "cancel_job": job(state="cancelled", updated=9.0),
        "remove_job": JobsReply(jobs=[]),
    }
    scripted._take_event(ServiceEvent(kind="job", job=job(updated=2.0)))
    card = page.jobs.cards["build-1"]
    assert list(card.buttons) == ["pause", "cancel"]
    press(qtbot, card.buttons["pause"])
    qtbot.waitUntil(lambda: list(card.buttons) == ["resume", "cancel"])
    assert page.focusWidget() is card.buttons["resume"]  # the keyboard stays where it was
    press(qtbot, card.buttons["resume"])
    qtbot.waitUntil(lambda: list(card.buttons) == ["pause", "cancel"])
    scripted._take_event(
        ServiceEvent(
            kind="job", job=job(state="failed", updated=5.0, error="The disk is full; free 4 GB and try again.")
        )
    )
    assert card.problem.text() == "The disk is full; free 4 GB and try again."
    press(qtbot, card.buttons["retry"])
    qtbot.waitUntil(lambda: list(card.buttons) == ["pause", "cancel"])
    press(qtbot, card.buttons["cancel"])
    qtbot.waitUntil(lambda: page.jobs.cards == {})
    assert client.asked("resume_job") == [(("build-1",), {})] * 2


def test_a_failed_job_can_be_dismissed(page: ModelsPage, scripted: Session, client: Any, qtbot: QtBot) -> None:
    client.answers["remove_job"] = JobsReply(jobs=[])
    scripted._take_event(ServiceEvent(kind="job", job=job(state="failed", error="No.", updated=2.0)))
    page.jobs.cards["build-1"].buttons["dismiss"].click()
    assert page.jobs.cards == {}
    qtbot.waitUntil(lambda: client.asked("remove_job") == [(("build-1",), {})])


def test_jobs_of_an_earlier_window_are_there(scripted: Session, client: Any, show: Show, qtbot: QtBot) -> None:
    client.answers |= {
        "status": status(), "all_models": MODELS, "fit": fit,
        "jobs": JobsReply(jobs=[job(), job(id="old", state="done"), job(id="pull-9", kind="pull", state="paused")]),
    }  # fmt: skip
    page = ModelsPage(scripted)
    show(page)
    qtbot.waitUntil(lambda: set(page.jobs.cards) == {"build-1", "pull-9"})


def test_the_report_card_of_an_engine(page: ModelsPage, client: Any, qtbot: QtBot) -> None:
    shown = detail(page, "here:org/a", qtbot)
    card = shown.findChild(EngineCard)
    assert not card.report.isVisible()
    press(qtbot, card.report_button)
    assert card.report.isVisible()
    text = texts(card)
    for part in ("6.0 GiB (predicted 5.0 GiB)", "180 ms for a prompt of 512 tokens", "54 tokens/s", "7.31 (unquantized 7.02)",
                 "94 %", "5 min 12 s", "CUDA was faster."):  # fmt: skip
        assert part in text
    press(qtbot, card.load)
    qtbot.waitUntil(lambda: client.asked("load") == [(("org/a:int4",), {})])


def test_removing_asks_first_and_says_what_came_free(
    page: ModelsPage, client: Any, said: list[Message], qtbot: QtBot
) -> None:
    client.answers["remove"] = RemoveReply(name="org/a", freed=21 * 10**9)
    shown = detail(page, "here:org/a", qtbot)
    press(qtbot, shown.remove.ask)
    assert shown.remove.isVisible()
    assert page.focusWidget() is shown.remove.no
    assert "21.0 GB come free" in shown.remove.question.text()
    press(qtbot, shown.remove.no)
    assert not shown.remove.isVisible()
    assert client.asked("remove") == []
    press(qtbot, shown.remove.ask)
    press(qtbot, shown.remove.yes)
    qtbot.waitUntil(lambda: bool(said))
    assert said[0].text == "org/a is removed; 21.0 GB came free."


def test_the_demo_model_cannot_be_removed(page: ModelsPage, qtbot: QtBot) -> None:
    assert not detail(page, "here:demo", qtbot).remove.ask.isVisible()


def test_without_a_gpu_the_reason_is_said_and_it_can_still_be_built(
    page: ModelsPage, client: Any, qtbot: QtBot
) -> None:
    client.answers["fit"] = DeviceUnusable("No NVIDIA GPU was found here.")
    shown = detail(page, "here:org/a", qtbot)
    assert shown.fit.advice.text().startswith("No NVIDIA GPU was found in this computer.")
    assert shown.fit.go.isEnabled()
    client.answers["fit"] = fit
    shown.fit.gpu.setCurrentIndex(1)
    shown.fit.gpu.activated.emit(1)
    qtbot.waitUntil(lambda: "faithful" in shown.fit.advice.text())
    assert client.asked("fit")[-1] == (("org/a",), {"gpu": "RTX 4060"})


def test_a_gated_model_asks_for_a_token(page: ModelsPage, client: Any, said: list[Message], qtbot: QtBot) -> None:
    client.answers["hub_model"] = AccessDenied("org/new wants an accepted licence; accept it at its page.")
    client.answers["keep_hub_token"] = HubTokenReply(kept="in the keyring of the system")
    page.controller.search("new")
    qtbot.waitUntil(lambda: page.model.find("hub:org/new").isValid())
    shown = detail(page, "hub:org/new", qtbot)
    qtbot.waitUntil(shown.gate.isVisible)
    assert "accepted licence" in shown.problem.text()
    shown.token.setFocus()
    qtbot.keyClicks(shown.token, "hf_secret")
    qtbot.keyClick(shown.token, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: client.asked("keep_hub_token") == [(("hf_secret",), {})])
    assert shown.token.text() == ""
    qtbot.waitUntil(lambda: any("keyring" in message.text for message in said))


def test_a_build_that_is_refused_can_be_asked_for_again(
    page: ModelsPage, client: Any, said: list[Message], qtbot: QtBot
) -> None:
    client.answers["build"] = Unavailable("huggingface.co cannot be reached.")
    shown = detail(page, "here:org/a", qtbot)
    press(qtbot, shown.fit.go)
    assert not shown.fit.go.isEnabled()
    qtbot.waitUntil(lambda: [message.text for message in said] == ["huggingface.co cannot be reached."])
    assert shown.fit.go.isEnabled()


def test_nothing_is_built_twice_nor_of_what_its_authors_quantized(
    page: ModelsPage, scripted: Session, client: Any, qtbot: QtBot
) -> None:
    shown = detail(page, "here:org/a", qtbot)
    params = {"model": "org/a", "precision": "int4"}
    scripted._take_event(ServiceEvent(kind="job", job=job(params=params, updated=2.0)))
    assert not shown.fit.go.isEnabled()
    shown.fit.buttons["bf16"].click()
    assert not shown.fit.go.isEnabled()  # it is still under way
    scripted._take_event(ServiceEvent(kind="job", job=job(params=params, state="cancelled", updated=3.0)))
    assert shown.fit.go.isEnabled()
    stored = fit("org/a").model_copy(update={"precisions": [precision("as stored", True)], "recommended": "as stored"})
    shown.fit.show_fit(stored)
    shown.fit.hold(False)
    assert not shown.fit.go.isEnabled()


def test_what_the_user_chose_and_where_the_keyboard_was_outlast_other_facts(
    page: ModelsPage, scripted: Session, client: Any, qtbot: QtBot
) -> None:
    shown = detail(page, "here:org/a", qtbot)
    shown.fit.gpu.setCurrentIndex(2)
    shown.fit.gpu.activated.emit(2)
    qtbot.waitUntil(lambda: client.asked("fit")[-1] == (("org/a",), {"gpu": "RTX 4070"}))
    shown.fit.buttons["bf16"].click()
    shown.engines[0].report_button.click()
    shown.load.setFocus()
    loaded = MODELS.model_copy(
        update={"installed": [MODELS.installed[0], MODELS.installed[1].model_copy(update={"loaded": True})]}
    )
    scripted._take_models(loaded)
    after = page.detail
    assert after is not None
    assert after is not shown
    assert after.fit.gpu.currentData() == "RTX 4070"
    assert after.fit.precision == "bf16"
    assert after.engines[0].report.isVisible()
    assert page.focusWidget() is after.load
    assert after.load.text() == "Unload"
    qtbot.waitUntil(lambda: client.asked("fit")[-1] == (("org/a",), {"gpu": "RTX 4070"}))


def test_a_model_that_was_downloaded_stays_chosen_and_so_does_one_that_was_removed(
    page: ModelsPage, scripted: Session, client: Any, qtbot: QtBot
) -> None:
    """Else the next press of a button would be about another model."""
    page.controller.search("new")
    qtbot.waitUntil(lambda: page.detail is not None and page.detail.row.key == "hub:org/new")
    new = InstalledStatus(name="org/new", architecture="Llama", size=1, repo="org/new")
    scripted._take_models(ModelsReply(installed=[*MODELS.installed, new], loaded=[]))
    assert page.detail is not None
    assert page.detail.row.key == "here:org/new"
    assert page.list.currentIndex() == page.model.find("here:org/new")
    scripted._take_models(MODELS)
    assert page.detail.row.key == "hub:org/new"


def test_the_id_that_was_pasted_is_shown_whatever_else_was_found(page: ModelsPage, client: Any, qtbot: QtBot) -> None:
    found = [HubModel(repo=repo, downloads=1, likes=1, gated=False) for repo in ("more/popular", "org/new")]
    client.answers["search"] = SearchReply(query="org/new", models=found)
    page.controller.search("https://huggingface.co/org/new")
    qtbot.waitUntil(lambda: page.detail is not None and page.detail.row.key == "hub:org/new")


def test_a_report_card_is_not_cut_off(page: ModelsPage, qtbot: QtBot) -> None:
    shown = detail(page, "here:org/a", qtbot)
    shown.engines[0].report_button.click()
    qtbot.wait(20)
    for text in shown.engines[0].report.findChildren(QLabel):
        assert text.height() >= text.heightForWidth(text.width()) - 1, text.text()


def test_what_is_loaded_is_unloaded_and_then_removed(
    page: ModelsPage, scripted: Session, client: Any, qtbot: QtBot
) -> None:
    client.answers["remove"] = RemoveReply(name="org/a:int4", freed=5 * 10**9)
    model = MODELS.installed[1]
    engines = [model.engines[0].model_copy(update={"loaded": True})]
    scripted._take_models(ModelsReply(installed=[model.model_copy(update={"engines": engines})], loaded=[]))
    shown = detail(page, "here:org/a", qtbot)
    press(qtbot, shown.engines[0].remove.ask)
    assert "It is loaded, and is unloaded first." in shown.engines[0].remove.question.text()
    press(qtbot, shown.engines[0].remove.yes)
    qtbot.waitUntil(lambda: bool(client.asked("remove")))
    assert client.asked("remove") == [(("org/a:int4",), {"unload": True})]  # the service knows what is loaded


@pytest.mark.parametrize(
    ("why", "words"), [("fallback", "It runs on the processor, as it could not be built"), ("", "CUDA was faster.")]
)
def test_why_an_engine_has_its_backend_in_the_window_s_words(
    why: str, words: str, page: ModelsPage, scripted: Session, qtbot: QtBot
) -> None:
    """Of an engine of an earlier version the service's own words are all there is."""
    model = MODELS.installed[1]
    engine = model.engines[0].model_copy(update={"report": REPORT.model_copy(update={"why": why})})
    scripted._take_models(ModelsReply(installed=[model.model_copy(update={"engines": [engine]})], loaded=[]))
    shown = detail(page, "here:org/a", qtbot)
    shown.engines[0].report_button.click()
    [label] = [each for each in shown.engines[0].findChildren(QLabel) if each.text().startswith(words)]
    assert label.toolTip() == "CUDA was faster."


def test_a_part_of_a_download_is_said_without_a_command(page: ModelsPage, scripted: Session, qtbot: QtBot) -> None:
    part = InstalledStatus(
        name="org/p", architecture="", complete=False, problem="not complete; `deskside core pull org/p`"
    )
    scripted._take_models(ModelsReply(installed=[part], loaded=[]))
    page.choose("here:org/p")
    assert page.detail is not None
    assert page.detail.problem.text() == "Only a part of it was downloaded; continue the download."


def test_once_the_service_is_gone_nothing_is_shown_as_loaded_or_under_way(
    page: ModelsPage, scripted: Session, qtbot: QtBot
) -> None:
    model = MODELS.installed[1]
    engines = [model.engines[0].model_copy(update={"loaded": True})]
    loaded = model.model_copy(update={"loaded": True, "engines": engines})
    scripted._take_models(
        ModelsReply(installed=[loaded], loaded=[ModelStatus(name="org/a", folder="/a", state="ready")])
    )
    shown = detail(page, "here:org/a", qtbot)
    assert shown.load.text() == shown.engines[0].load.text() == "Unload"
    scripted._take_event(ServiceEvent(kind="job", job=job(stage="download", done=1, total=4, eta=60.0, updated=2.0)))
    card = page.jobs.cards["build-1"]
    assert list(card.buttons) == ["pause", "cancel"]

    scripted._change(ServiceState("lost"))
    assert page.detail is not None
    assert page.detail.load.text() == page.detail.engines[0].load.text() == "Load"
    assert "loaded" not in page.model.find("here:org/a").data(FACTS)
    assert scripted.models is not None
    assert scripted.models.loaded == []
    assert "Waiting for the service" in texts(card)
    assert (card.figures.text(), list(card.buttons)) == ("", [])

    scripted._change(ServiceState("ready"))  # what it has then, it says itself
    assert list(card.buttons) == ["pause", "cancel"]


def test_the_last_stage_is_shown_while_the_engine_is_loaded(
    page: ModelsPage, scripted: Session, client: Any, qtbot: QtBot
) -> None:
    client.held.add("load")
    page.controller._ours.add("build-1")
    scripted._take_event(ServiceEvent(kind="job", job=job(state="done", stage="verify", updated=3.0)))
    card = page.jobs.cards["build-1"]
    assert "● Load" in texts(card)
    assert "Under way" in texts(card)
    assert card.bar.maximum() == 0  # nobody knows how long it takes
    client.answers["load"] = Unavailable("The engine does not start.")
    client.held.clear()
    qtbot.waitUntil(lambda: "Done" in texts(card))
    assert list(card.buttons) == ["dismiss"]


def test_late_news_does_not_bring_a_finished_build_back(
    page: ModelsPage, scripted: Session, client: Any, qtbot: QtBot
) -> None:
    page.controller._ours.add("build-1")
    scripted._take_event(ServiceEvent(kind="job", job=job(state="done", stage="verify", updated=3.0)))
    qtbot.waitUntil(lambda: page.jobs.cards == {})  # its engine is loaded
    scripted._take_event(ServiceEvent(kind="job", job=job(state="done", stage="verify", updated=3.5)))
    assert page.jobs.cards == {}


def test_a_stage_that_is_over_leaves_nothing_behind(page: ModelsPage, scripted: Session) -> None:
    scripted._take_event(ServiceEvent(kind="job", job=job(stage="look up", updated=2.0)))
    card = page.jobs.cards["build-1"]
    assert [line for line in texts(card).splitlines() if line[0] in "✓●○"][:2] == ["● Look up", "○ Download"]
    scripted._take_event(ServiceEvent(kind="job", job=job(stage="download", updated=3.0)))
    assert texts(card).count("●") == 1
    assert "Look up" not in texts(card)


def test_a_folder_that_is_dropped_is_linked(page: ModelsPage, client: Any, qtbot: QtBot, tmp_path: Path) -> None:
    client.answers["link"] = LinkReply(name="mine", folder=str(tmp_path))
    (tmp_path / "config.json").write_text("{}", encoding="utf-8")
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(tmp_path / "config.json")), QUrl.fromLocalFile(str(tmp_path))])
    at, buttons, keys = QPointF(5, 5), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    enter = QDragEnterEvent(at.toPoint(), Qt.DropAction.CopyAction, data, buttons, keys)
    QApplication.sendEvent(page, enter)
    assert enter.isAccepted()
    QApplication.sendEvent(page, QDropEvent(at, Qt.DropAction.CopyAction, data, buttons, keys))
    qtbot.waitUntil(lambda: client.asked("link") == [((str(tmp_path),), {})])


def test_a_narrow_window_puts_one_below_the_other(page: ModelsPage, qtbot: QtBot) -> None:
    page.resize(400, 700)
    assert page.splitter.orientation() == Qt.Orientation.Vertical
    page.resize(1000, 700)
    assert page.splitter.orientation() == Qt.Orientation.Horizontal
    assert page.list.width() > 100
    page.resize(2560, 1400)
    qtbot.waitUntil(lambda: page._area.width() > 1400)
    assert page.detail is not None
    assert page.detail.width() <= 1100  # at most as wide as one likes to read


def test_a_gated_model_says_once_what_to_do_and_is_looked_at_again_with_a_token(
    page: ModelsPage, client: Any, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: opened.append(url.toString()))
    denied = TokenNeeded(
        "org/new is gated: accept it, then give an access token (deskside core pull org/new --token -)."
    )
    client.answers |= {"hub_model": denied, "fit": denied, "keep_hub_token": HubTokenReply(kept="in a file")}
    page.controller.search("new")
    qtbot.waitUntil(lambda: page.detail is not None and page.detail.row.name == "org/new")
    shown = page.detail
    assert shown is not None
    qtbot.waitUntil(shown.gate.isVisible)
    qtbot.waitUntil(lambda: "Whether it fits is known" in texts(shown))
    assert "--token" not in texts(shown)
    press(qtbot, shown.open_page)  # where the licence is accepted
    assert opened == ["https://huggingface.co/org/new"]
    client.answers |= {"hub_model": HUB, "fit": fit}
    shown.token.setText("hf_secret")
    qtbot.keyClick(shown.token, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: shown.fit.go.isEnabled() and not shown.gate.isVisible())


def test_a_search_without_a_network_says_why(page: ModelsPage, client: Any, qtbot: QtBot) -> None:
    client.answers["search"] = Unavailable("huggingface.co cannot be reached.")
    page.search.setText("llama")
    page.search_button.click()
    qtbot.waitUntil(lambda: page.note.text() == "huggingface.co cannot be reached.")
    assert page.search_button.isEnabled()
    page.search.clear()
    assert not page.note.isVisible()


def test_the_answer_to_an_earlier_search_is_ignored(page: ModelsPage, client: Any, qtbot: QtBot) -> None:
    late = SearchReply(query="late", models=[HubModel(repo="late/x", downloads=1, likes=1, gated=False)])
    now = SearchReply(query="now", models=[HubModel(repo="now/y", downloads=1, likes=1, gated=False)])
    client.answers["search"] = lambda text: late if text == "late" else now
    client.held.add("search")
    page.controller.search("late")
    page.controller.search("now")
    client.held.clear()
    qtbot.waitUntil(lambda: page.model.find("hub:now/y").isValid())
    qtbot.wait(50)
    assert not page.model.find("hub:late/x").isValid()


def test_a_pasted_folder_is_linked(page: ModelsPage, client: Any, said: list[Message], qtbot: QtBot) -> None:
    client.answers["link"] = LinkReply(name="mine", folder="/big/mine")
    page.search.setText("/big/mine")
    page.search_button.click()
    qtbot.waitUntil(lambda: bool(said))
    assert said[0].text == "mine is installed. Its files stay in /big/mine."
    assert client.asked("search") == []
