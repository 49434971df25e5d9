"""Every page by keyboard and screen reader, and at 200 % font: names, places in the tab order, nothing cut off."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSpinBox,
    QComboBox,
    QKeySequenceEdit,
    QLabel,
    QLineEdit,
    QPushButton,
    QScrollArea,
    QTextEdit,
    QWidget,
)
from pytestqt.qtbot import QtBot

from app import languages
from app.languages import install_language
from app.library.controller import LibraryController
from app.library.detail import ModelDetail
from app.library.job_cards import JobCard
from app.library.jobs import view_of
from app.library.rows import rows_of
from app.onboarding.card import WelcomeCard
from app.pages.documents import DocumentsPage
from app.pages.models import ModelsPage
from app.pages.runtime import RuntimePage
from app.pages.settings import SettingsPage
from app.session import Session
from app.theme import Theme
from core.schemas import GpuStatus, HubModel, InstalledStatus, JobReply, ModelsReply, ModelStatus, SearchReply, Status

CONTROLS = (QAbstractButton, QAbstractItemView, QAbstractSpinBox, QComboBox, QKeySequenceEdit, QLineEdit, QTextEdit)
LONG = "some-organization-with-a-long-name/An-Extremely-Long-Model-Name-Instruct-v0.3-beta-2026"
Make = Callable[[Session], QWidget]


def runtime(session: Session) -> QWidget:
    page = RuntimePage(session)
    model = ModelStatus(name=LONG, folder="/m", state="ready", running=6, pages_total=9, pages_used=3, backend="cuda")
    gpu = GpuStatus(
        index=0, name="NVIDIA RTX PRO 6000 Blackwell Workstation Edition", memory=96 << 30, used=9 << 30, load=9
    )
    page._take(
        Status(version="1", pid=1, address="", uptime=1.0, open_requests=0, max_requests=8, models=[model], gpus=[gpu])
    )
    return page


def models(session: Session) -> QWidget:
    installed = InstalledStatus(name=LONG, architecture="Llama", size=16 * 10**9)
    session.models = ModelsReply(installed=[installed], loaded=[])
    page = ModelsPage(session)
    job = JobReply(
        id="a", kind="build", params={"model": LONG, "precision": "int4"}, state="failed", created=1.0, updated=1.0,
        stage="quantize", error="The disk is full: 4.2 GB more are needed on /home; free some space and try again.",
    )  # fmt: skip
    page.controller._take_job(job)
    return page


def documents(session: Session) -> QWidget:
    page = DocumentsPage(session)
    page.form.add([f"/d/{LONG.replace('/', ' ')}.pdf"])
    job = JobReply(
        id="s", kind="summarize", params={"paths": [f"/d/{LONG}.pdf"]}, state="paused", created=1.0, updated=1.0
    )
    page.controller._take_job(job)
    return page


PAGES: dict[str, Make] = {
    "runtime": runtime,
    "models": models,
    "documents": documents,
    "settings": SettingsPage,
    "welcome": WelcomeCard,
    "job": lambda session: JobCard(
        view_of(JobReply(id="a", kind="build", params={"model": LONG}, state="running", created=1.0, updated=1.0))
    ),
    "found": lambda session: ModelDetail(
        rows_of(
            None, SearchReply(query="", models=[HubModel(repo=LONG, downloads=1, likes=1, gated=True, licence="mit")])
        )[1],
        LibraryController(session, session),
    ),
}


@pytest.fixture(params=list(PAGES))
def page(request: pytest.FixtureRequest, session: Session, qtbot: QtBot) -> Iterator[QWidget]:
    """Shown at 1000 x 760."""
    made = PAGES[request.param](session)
    qtbot.addWidget(made)
    made.resize(1000, 760)
    made.show()
    qtbot.waitExposed(made)
    return made


def controls(page: QWidget) -> list[QWidget]:
    """What can be used by hand: visible, not a part of another control."""
    return [
        widget
        for widget in page.findChildren(QWidget)
        if isinstance(widget, CONTROLS)
        and widget.isVisibleTo(page)
        and not isinstance(widget.parentWidget(), CONTROLS)
        and not widget.objectName().startswith("qt_")
    ]


def name_of(control: QWidget) -> str:
    """What a screen reader says."""
    interface = QAccessible.queryAccessibleInterface(control)
    assert interface is not None
    return interface.text(QAccessible.Text.Name).strip()


def test_every_control_has_a_name(page: QWidget) -> None:
    assert controls(page) or isinstance(page, RuntimePage)  # which only shows
    for control in controls(page):
        assert name_of(control), control


def test_every_control_is_in_the_tab_order_once(page: QWidget) -> None:
    chain: list[QWidget] = []
    widget = page.nextInFocusChain()
    while widget is not page and widget is not None and len(chain) < 5000:
        chain.append(widget)
        widget = widget.nextInFocusChain()
    for control in controls(page):
        if control.isEnabled():
            proxied = control.focusProxy() or control
            assert proxied.focusPolicy() & Qt.FocusPolicy.TabFocus, f"{control} is not reached by Tab"
            assert chain.count(control) == 1


def test_names_of_buttons_tell_them_apart(page: QWidget) -> None:
    names = [name_of(control) for control in controls(page) if isinstance(control, QAbstractButton)]
    assert len(names) == len(set(names)), sorted(names)


@pytest.fixture
def theme(qtbot: QtBot) -> Iterator[Theme]:
    theme = Theme.current()
    yield theme
    theme.set("system", 10)


@pytest.fixture
def english_again(qapp: object) -> Iterator[None]:
    yield
    while languages._installed:
        qapp.removeTranslator(languages._installed.pop())  # type: ignore[attr-defined]


@pytest.mark.usefixtures("english_again")
@pytest.mark.parametrize("language", ["en", "zh_CN"])
@pytest.mark.parametrize("name", list(PAGES))
def test_nothing_is_cut_off_at_twice_the_font_and_in_a_narrow_window(
    name: str, language: str, session: Session, theme: Theme, qtbot: QtBot
) -> None:
    """A window that is 1132 wide, or 960, and at the ordinary font 480."""
    install_language(language)
    theme.set("light", 20)
    page = PAGES[name](session)
    qtbot.addWidget(page)
    for size, width in ((20, 1060), (20, 888), (10, 428)):
        theme.set("light", size)
        page.show()
        qtbot.waitExposed(page)
        qtbot.waitUntil(lambda: page.minimumWidth() <= width)  # noqa: B023 - at this font, nothing asks for more
        page.resize(width, 760)
        qtbot.waitUntil(lambda: not getattr(page, "_below", []))
        qtbot.wait(30)
        assert page.width() == width
        nothing_is_cut_off(page)


def nothing_is_cut_off(page: QWidget) -> None:
    for area in page.findChildren(QScrollArea):
        content = area.widget()
        if content is not None and area.isVisibleTo(page):
            assert content.width() <= area.viewport().width(), f"too wide: {area}"
    for widget in page.findChildren(QWidget):
        if not widget.isVisibleTo(page) or (widget.visibleRegion().isEmpty() and not widget.height()):
            continue
        if isinstance(widget, QLabel) and widget.text():
            wanted = widget.heightForWidth(widget.width()) if widget.wordWrap() else widget.sizeHint().height()
            assert widget.height() >= wanted - 1, f"too low: {widget.text()!r}"
            if not widget.wordWrap():
                assert widget.width() >= widget.sizeHint().width() - 1, f"too narrow: {widget.text()!r}"
        elif isinstance(widget, QPushButton) and widget.text():
            assert widget.width() >= widget.minimumSizeHint().width() - 1, f"too narrow: {widget.text()!r}"
            assert widget.height() >= widget.fontMetrics().height(), f"too low: {widget.text()!r}"
        elif isinstance(widget, (QLineEdit, QComboBox)) and widget.parentWidget() is not None:
            assert widget.height() >= widget.fontMetrics().height() or widget.objectName().startswith("qt_"), widget
