"""The main window: a rail of pages at the left, the page beside it, sentences for the user at the bottom."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QByteArray, QEvent, Qt, Slot
from PySide6.QtGui import QCloseEvent, QShowEvent
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QMainWindow, QStackedWidget, QToolButton, QVBoxLayout, QWidget

from app.banner import Banners
from app.icons import icon_button, window_icon
from app.keys_dialog import KeysDialog
from app.languages import install_language
from app.onboarding.card import WelcomeCard
from app.pages.base import Page
from app.prepare import Preparation
from app.service_bar import ServiceBar
from app.session import Session
from app.shortcuts import Actions
from app.texts import QT_TRANSLATE_NOOP
from app.theme import M, S, Theme

if TYPE_CHECKING:
    from core.schemas import ModelsReply


@dataclass(frozen=True, slots=True)
class PageSpec:
    """`load` imports the page and returns its class: pages cost nothing until they are shown."""

    key: str
    title: str
    icon: str
    load: Callable[[], Callable[..., QWidget]]


def _chat() -> Callable[..., QWidget]:
    from app.pages.chat import ChatPage

    return ChatPage


def _models() -> Callable[..., QWidget]:
    from app.pages.models import ModelsPage

    return ModelsPage


def _documents() -> Callable[..., QWidget]:
    from app.pages.documents import DocumentsPage

    return DocumentsPage


def _runtime() -> Callable[..., QWidget]:
    from app.pages.runtime import RuntimePage

    return RuntimePage


def _settings() -> Callable[..., QWidget]:
    from app.pages.settings import SettingsPage

    return SettingsPage


PAGES = (
    PageSpec("chat", QT_TRANSLATE_NOOP("MainWindow", "Chats"), "chat", _chat),
    PageSpec("models", QT_TRANSLATE_NOOP("MainWindow", "Models"), "models", _models),
    PageSpec("documents", QT_TRANSLATE_NOOP("MainWindow", "Documents"), "documents", _documents),
    PageSpec("runtime", QT_TRANSLATE_NOOP("MainWindow", "Runtime"), "runtime", _runtime),
    PageSpec("settings", QT_TRANSLATE_NOOP("MainWindow", "Settings"), "settings", _settings),
)


class MainWindow(QMainWindow):
    """Owns the session: closing the window closes it."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        session.setParent(self)
        preferences = session.preferences
        install_language(preferences.get("language"))
        Theme.current().set(preferences.get("theme"), preferences.get("font_size"))
        preferences.changed.connect(self._preference_changed)
        session.models_changed.connect(self._models_changed)
        self._was_active = False
        self._missing = ""  # the folder that the user was told of
        self.setWindowTitle("Deskside")
        self.setWindowIcon(window_icon())
        self.actions_by_id = Actions(preferences, self)
        self._pages: dict[str, QWidget] = {}
        self._buttons: dict[str, QToolButton] = {}

        self._stack = QStackedWidget()
        self._banners = Banners(session.messages)
        centre = QWidget()
        column = QVBoxLayout(centre)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        self._welcome: WelcomeCard | None = None
        if not preferences.get("onboarded"):
            self._welcome = WelcomeCard(session)
            self._welcome.models_wanted.connect(partial(self.show_page, "models"))
            column.addWidget(self._welcome)
        column.addWidget(self._stack, 1)
        self._service = ServiceBar(session)
        footer = QVBoxLayout()
        footer.setContentsMargins(M, 0, M, 0)
        footer.addWidget(self._service)
        column.addLayout(footer)
        column.addWidget(self._banners)
        body = QWidget()
        row = QHBoxLayout(body)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(self._make_rail())
        row.addWidget(centre, 1)
        self.setCentralWidget(body)
        self._preparation = Preparation(session, self._prepare_pages, self)
        self._connect_actions()
        self.resize(1180, 760)
        geometry = preferences.get("window_geometry")
        if geometry:
            self.restoreGeometry(QByteArray(base64.b64decode(geometry)))
        self.show_page("chat")

    def show_page(self, key: str) -> QWidget:
        """Bring a page to the front, making it if it is the first time."""
        if key not in self._pages:
            self._make_page(key)
        page = self._pages[key]
        if self._stack.indexOf(page) < 0:
            self._stack.addWidget(page)
        if isinstance(page, Page):
            page.finish()
        self._stack.setCurrentWidget(page)
        self._buttons[key].setChecked(True)
        self._service.want(key != "chat")
        if self._welcome is not None:
            self._welcome.setVisible(key == "chat" and not self.session.preferences.get("onboarded"))
        return self._pages[key]

    def _make_page(self, key: str, **options: bool) -> QWidget:
        spec = next(spec for spec in PAGES if spec.key == key)
        page = self._pages[key] = spec.load()(self.session, **options)
        wanted = getattr(page, "page_wanted", None)
        if wanted is not None:
            wanted.connect(self.show_page)
        return page

    def _prepare_pages(self) -> Iterator[None]:
        """The pages that nobody has looked at yet, each made in short turns."""
        for spec in PAGES:
            if spec.key in self._pages:
                continue
            page = self._make_page(spec.key, whole=False)
            yield
            if self._stack.indexOf(page) < 0:
                self._stack.addWidget(page)
                yield
            while isinstance(page, Page) and page.step():
                yield
            yield

    def _make_rail(self) -> QWidget:
        rail = QWidget()
        rail.setProperty("kind", "sidebar")
        rail.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        column = QVBoxLayout(rail)
        column.setContentsMargins(S, S, S, S)
        column.setSpacing(S)
        group = QButtonGroup(self)
        for spec in PAGES:
            if spec.key == "settings":
                column.addStretch(1)
            button = icon_button(spec.icon, self.tr(spec.title))
            button.setCheckable(True)
            button.setProperty("kind", "rail")
            button.clicked.connect(partial(self.show_page, spec.key))
            group.addButton(button)
            column.addWidget(button)
            self._buttons[spec.key] = button
        return rail

    def _connect_actions(self) -> None:
        actions = self.actions_by_id
        for key in ("chat", "models", "documents", "runtime"):
            actions[f"page_{key}"].triggered.connect(partial(self.show_page, key))
        for name, method in (
            ("new", "new_chat"), ("model", "choose_model"), ("search", "search"), ("find", "find_in_chat"), ("stop", "stop"),
            ("regenerate", "regenerate"), ("copy_answer", "copy_answer"), ("attach", "attach"), ("export", "export"),
            ("sidebar", "toggle_sidebar"), ("panel", "toggle_panel"), ("rename", "rename"),
        ):  # fmt: skip
            actions[name].triggered.connect(partial(self._chat_action, method))
        actions["settings"].triggered.connect(partial(self.show_page, "settings"))
        actions["keys"].triggered.connect(self.show_keys)
        actions["quit"].triggered.connect(self.close)

    @Slot()
    def come_forward(self) -> None:
        """Deskside was started again while this window is open."""
        self.setWindowState((self.windowState() & ~Qt.WindowState.WindowMinimized) | Qt.WindowState.WindowActive)
        self.show()
        self.raise_()
        self.activateWindow()

    def show_keys(self) -> None:
        KeysDialog(self.actions_by_id, self).open()

    def _chat_action(self, method: str, _: bool = False) -> None:
        """An action of the chats, from whatever page; but Escape on another page is not about them."""
        if method == "stop" and self._stack.currentWidget() is not self._pages.get("chat"):
            return
        getattr(self.show_page("chat"), method)()

    @Slot(object)
    def _models_changed(self, reply: ModelsReply) -> None:
        """Models and engines may lie on a disk that is not connected; said once, until it is there again."""
        if reply.missing and reply.missing != self._missing:
            text = self.tr(
                "The folder of models and engines, {folder}, is not there. Connect its disk, or choose another folder in the "
                "settings; the demo model works without it."
            )
            self.session.messages.error(text.format(folder=reply.missing), (self.tr("Settings"), self._show_settings))
        self._missing = reply.missing

    def _show_settings(self) -> None:
        self.show_page("settings")

    def _preference_changed(self, name: str) -> None:
        if name == "language":
            install_language(self.session.preferences.get(name))
            self._remake_chat()
        elif name == "onboarded" and self._welcome is not None:
            self._welcome.hide()
        elif name in ("theme", "font_size"):
            preferences = self.session.preferences
            Theme.current().set(preferences.get("theme"), preferences.get("font_size"))

    def _remake_chat(self) -> None:
        """The other pages build themselves anew for another language; the chats are closed and opened again, which keeps
        drafts, unless that would end an answer."""
        page = self._pages.get("chat")
        if page is None:
            return
        if getattr(page, "busy", False):
            text = self.tr("The chats change their language with the next start, as an answer is being written.")
            self.session.messages.info(text)
            return
        front = self._stack.currentWidget() is page
        del self._pages["chat"]
        page.close()
        self._stack.removeWidget(page)
        page.deleteLater()
        if front:
            self.show_page("chat")

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if not event.spontaneous() and not self._preparation.done:
            self._preparation.start()

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.ActivationChange and not self._was_active and self.isActiveWindow():
            self._was_active = True
            self._chat_action("write")  # for who begins to type at once; Qt would take the first button
        if event.type() == QEvent.Type.LanguageChange:
            self.actions_by_id.retranslate()
            for spec in PAGES:
                self._buttons[spec.key].setToolTip(self.tr(spec.title))
                self._buttons[spec.key].setAccessibleName(self.tr(spec.title))
        super().changeEvent(event)

    def closeEvent(self, event: QCloseEvent) -> None:
        self._preparation.stop()
        geometry = base64.b64encode(self.saveGeometry().data()).decode()
        self.session.preferences.set("window_geometry", geometry)
        for page in self._pages.values():
            page.close()
        self.session.close()
        super().closeEvent(event)
