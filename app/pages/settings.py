"""The page Settings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QWidget

from app.pages.base import Page, scrolled_column
from app.parts import label
from app.session import Session
from app.settings.appearance import AppearanceCard
from app.settings.library_place import LibraryPlace
from app.settings.runtime import AdvancedCard, NetworkCard
from app.settings.shortcuts import ShortcutsCard
from app.settings.storage import StorageCard

if TYPE_CHECKING:
    from core.errors import DesksideError
    from core.schemas import Status


class SettingsPage(Page):
    def __init__(self, session: Session, whole: bool = True) -> None:
        super().__init__(session, whole)
        self._place = LibraryPlace(session, self)
        session.service_changed.connect(self._service_changed)
        self.rebuild()

    def build(self) -> QWidget:
        area, column = scrolled_column(760)
        self._column = column
        column.addWidget(label(self.tr("Settings"), "title"))
        if self.isVisible():
            self._ask()
        return area

    def build_rest(self) -> Iterator[None]:
        self.appearance = AppearanceCard(self.session.preferences)
        self._column.addWidget(self.appearance)
        yield
        self.network = NetworkCard(self.session)
        self._column.addWidget(self.network)
        yield
        self.advanced = AdvancedCard(self.session)
        self._column.addWidget(self.below(self.advanced))
        yield
        self.storage = StorageCard(self.session, self._place)
        self._column.addWidget(self.below(self.storage))
        yield
        self.shortcuts = ShortcutsCard(self.session.preferences)
        self._column.addWidget(self.below(self.shortcuts))
        while self.shortcuts.more(4):
            yield
        self._column.addStretch(1)

    def shown(self) -> None:
        self._ask()

    def _ask(self) -> None:
        if self.session.service.phase == "ready":
            self.session.call(lambda client: client.status(), self._take, self._failed, self)
            self._place.refresh()

    def _take(self, status: Status) -> None:
        self.network.show_status(status)

    def _failed(self, error: DesksideError) -> None:
        """The session says so itself when the service is gone."""

    def _service_changed(self, state: object) -> None:
        if self.isVisible():
            self._ask()
