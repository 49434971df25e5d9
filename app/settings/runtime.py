"""Settings of the service, which are core.config's: written to config.toml, in force once the service starts again."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from PySide6.QtCore import Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QCheckBox, QComboBox

from app.parts import Card, button, form, label, line
from app.session import Session
from app.settings.network import CALLS
from app.settings.words import backend_text, call_texts, log_level_text
from app.ticks import CheckBox
from core.config import Config, describe_type, load_config, save_setting, settings
from core.errors import DesksideError

if TYPE_CHECKING:  # pydantic's models take a third of a second to make: on the session's thread, not on the window's
    from core.schemas import Status


def current() -> Config | None:
    """As a service started now would read them; None where config.toml cannot be read, which starting says."""
    try:
        return load_config(os.environ)
    except DesksideError:
        return None


def held_by(name: str) -> str:
    """The environment variable that sets a setting, so that the file has no say; "" if there is none."""
    variable = next(setting.env for setting in settings() if setting.name == name)
    return variable if os.environ.get(variable) else ""


class RuntimeSettingsCard(Card):
    """What its children share: saving, and the offer to restart the service."""

    def __init__(self, session: Session, title: str) -> None:
        super().__init__(title)
        self.session = session
        self._restart_note = label(self.tr("In force once the background service starts again."), "warning")
        self.restart = button(self.tr("Restart the service now"))
        self.restart.clicked.connect(self._restart)
        self._restart_note.hide()
        self.restart.hide()

    def add_restart(self) -> None:
        """Where the offer appears."""
        self.column.addWidget(self._restart_note)
        self.row(self.restart)

    def save(self, name: str, value: object) -> bool:
        """False, with the reason said, if it could not be written."""
        try:
            save_setting(self.session.config.places, name, value)
        except DesksideError as error:
            self.session.messages.error(error)
            return False
        self._restart_note.show()
        self.restart.show()
        return True

    def guard(self, control: QCheckBox | QComboBox, name: str) -> None:
        """A setting that the environment holds cannot be changed here, and says so."""
        variable = held_by(name)
        if variable:
            control.setEnabled(False)
            control.setToolTip(self.tr("Set by the environment variable {name}.").format(name=variable))

    @Slot()
    def _restart(self) -> None:
        self._restart_note.hide()
        self.restart.hide()
        self.session.call(lambda client: client.stop(2.0), self._stopping, owner=self)

    def _stopping(self, status: Status) -> None:
        self.session.messages.info(self.tr("The background service starts again; loaded models load when next used."))


class NetworkCard(RuntimeSettingsCard):
    def __init__(self, session: Session) -> None:
        super().__init__(session, self.tr("Network"))
        config = current() or session.config
        self.offline = CheckBox(self.tr("Offline: never contact the internet"))
        self.offline.setChecked(config.offline)
        self.lan = CheckBox(self.tr("Let other computers on the local network use the models"))
        self.lan.setChecked(config.lan)
        self.guard(self.offline, "offline")
        self.guard(self.lan, "lan")
        self.warning = label(
            self.tr(
                "Warning: whoever has the token can use your models, and the connection is not encrypted. Turn this on "
                "only in a network you trust."
            ),
            "warning",
        )
        self.warning.setVisible(config.lan)
        self.address = label("", "muted")
        self.address.hide()
        self.copy_token = button(self.tr("Copy the token"))
        self.copy_token.hide()
        self.column.addWidget(self.offline)
        self.column.addWidget(self.lan)
        self.column.addWidget(self.warning)
        self.column.addWidget(self.address)
        self.row(self.copy_token)
        self.add_restart()
        self.column.addWidget(line())
        self.column.addWidget(label(self.tr("Every network call that Deskside can make"), "heading"))
        for call in CALLS:
            whom, when = call_texts(call.id)
            self.column.addWidget(label(whom))
            self.column.addWidget(label(when, "muted"))
        self.column.addWidget(
            label(self.tr("Updates: off. Deskside never looks for a new version and sends no statistics."), "muted")
        )
        self.offline.toggled.connect(self._offline_toggled)
        self.lan.toggled.connect(self._lan_toggled)
        self.copy_token.clicked.connect(self._copy_token)

    @Slot(bool)
    def _offline_toggled(self, on: bool) -> None:
        if not self.save("offline", on):
            self._set(self.offline, not on)

    @Slot(bool)
    def _lan_toggled(self, on: bool) -> None:
        if not self.save("lan", on):
            self._set(self.lan, not on)
            return
        self.warning.setVisible(on)

    @staticmethod
    def _set(box: QCheckBox, on: bool) -> None:
        box.blockSignals(True)
        box.setChecked(on)
        box.blockSignals(False)

    def show_status(self, status: Status) -> None:
        """Where other computers find the service, if they can."""
        self.address.setVisible(status.lan or self.lan.isChecked())
        self.copy_token.setVisible(status.lan)
        port = status.address.rpartition(":")[2]
        if status.lan:
            text = self.tr("Other computers reach it at port {port} of this one, with the token.").format(port=port)
        else:
            text = self.tr("The service that runs now can only be reached from this computer.")
        self.address.setText(text)

    @Slot()
    def _copy_token(self) -> None:
        self.session.call(_token, self._copy, owner=self)

    def _copy(self, token: str) -> None:
        QGuiApplication.clipboard().setText(token)
        self.session.messages.info(self.tr("The token is in the clipboard. It changes when the service starts again."))


async def _token(client: object) -> str:
    return str(client.info.token)  # type: ignore[attr-defined]


class AdvancedCard(RuntimeSettingsCard):
    """Whatever else core.config knows, by its own table."""

    def __init__(self, session: Session) -> None:
        super().__init__(session, self.tr("Advanced"))
        config = current() or session.config
        self.choices: dict[str, QComboBox] = {}
        rows = form()
        for name, title, words in (
            ("backend", self.tr("&Backend"), backend_text),
            ("log_level", self.tr("&Log"), log_level_text),
        ):
            setting = next(setting for setting in settings() if setting.name == name)
            combo = QComboBox()
            combo.setAccessibleName(title.replace("&", ""))
            for choice in describe_type(setting.type).replace("'", "").split(" or "):
                combo.addItem(words(choice), choice)
            combo.setCurrentIndex(max(0, combo.findData(getattr(config, name))))
            self.guard(combo, name)
            rows.addRow(title, combo)
            self.choices[name] = combo
        self.column.addLayout(rows)
        self.column.addWidget(label(self.tr("Prompts and answers are never written to the log."), "muted"))
        self.add_restart()
        self.choices["backend"].activated.connect(self._backend_chosen)
        self.choices["log_level"].activated.connect(self._log_chosen)

    @Slot(int)
    def _backend_chosen(self, index: int) -> None:
        self.save("backend", self.choices["backend"].itemData(index))

    @Slot(int)
    def _log_chosen(self, index: int) -> None:
        self.save("log_level", self.choices["log_level"].itemData(index))
