"""Every action of the window and its keys: one table, from which menus, tool tips, the settings page and Ctrl+/ are made. The
user's own keys are in `preferences.shortcuts`. On macOS Qt reads Ctrl as Command."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QCoreApplication, QObject, Qt, Signal
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QWidget

from app.preferences import Preferences
from app.texts import QT_TRANSLATE_NOOP

CONTEXT = "Actions"


@dataclass(frozen=True, slots=True)
class ActionSpec:
    """`id` is stable: it is stored. `keys`: portable text of QKeySequence, the first is the default that can be changed."""

    id: str
    text: str
    keys: str


ACTIONS = (
    ActionSpec("new", QT_TRANSLATE_NOOP("Actions", "New chat"), "Ctrl+N"),
    ActionSpec("model", QT_TRANSLATE_NOOP("Actions", "Choose a model"), "Ctrl+L"),
    ActionSpec("search", QT_TRANSLATE_NOOP("Actions", "Search all chats"), "Ctrl+K"),
    ActionSpec("find", QT_TRANSLATE_NOOP("Actions", "Find in this chat"), "Ctrl+F"),
    ActionSpec("stop", QT_TRANSLATE_NOOP("Actions", "Stop the answer"), "Esc"),
    ActionSpec("regenerate", QT_TRANSLATE_NOOP("Actions", "Regenerate the answer"), "Ctrl+R"),
    ActionSpec("copy_answer", QT_TRANSLATE_NOOP("Actions", "Copy the last answer"), "Ctrl+Shift+C"),
    ActionSpec("attach", QT_TRANSLATE_NOOP("Actions", "Attach files"), "Ctrl+O"),
    ActionSpec("rename", QT_TRANSLATE_NOOP("Actions", "Rename this chat"), "F2"),
    ActionSpec("export", QT_TRANSLATE_NOOP("Actions", "Export this chat"), "Ctrl+E"),
    ActionSpec("sidebar", QT_TRANSLATE_NOOP("Actions", "Show or hide the chats"), "Ctrl+B"),
    ActionSpec("panel", QT_TRANSLATE_NOOP("Actions", "Show or hide this chat's settings"), "Ctrl+Shift+B"),
    ActionSpec("settings", QT_TRANSLATE_NOOP("Actions", "Settings"), "Ctrl+,"),
    ActionSpec("keys", QT_TRANSLATE_NOOP("Actions", "Keyboard shortcuts"), "Ctrl+/"),
    ActionSpec("page_chat", QT_TRANSLATE_NOOP("Actions", "Go to the chats"), "Ctrl+1"),
    ActionSpec("page_models", QT_TRANSLATE_NOOP("Actions", "Go to the models"), "Ctrl+2"),
    ActionSpec("page_documents", QT_TRANSLATE_NOOP("Actions", "Go to the documents"), "Ctrl+3"),
    ActionSpec("page_runtime", QT_TRANSLATE_NOOP("Actions", "Go to the runtime"), "Ctrl+4"),
    ActionSpec("quit", QT_TRANSLATE_NOOP("Actions", "Quit"), "Ctrl+Q"),
)


class Actions(QObject):
    """The QActions of one window, by id; rebound when the preference changes."""

    rebound = Signal()

    def __init__(self, preferences: Preferences, window: QWidget) -> None:
        super().__init__(window)
        self._preferences = preferences
        self._actions: dict[str, QAction] = {}
        for spec in ACTIONS:
            action = QAction(window)
            action.setObjectName(spec.id)
            action.setShortcutContext(Qt.ShortcutContext.WindowShortcut)
            window.addAction(action)
            self._actions[spec.id] = action
        preferences.changed.connect(self._preference_changed)
        self.retranslate()
        self._bind()

    def __getitem__(self, name: str) -> QAction:
        return self._actions[name]

    def retranslate(self) -> None:
        for spec in ACTIONS:
            self._actions[spec.id].setText(QCoreApplication.translate(CONTEXT, spec.text))

    def _preference_changed(self, name: str) -> None:
        if name == "shortcuts":
            self._bind()
            self.rebound.emit()

    def _bind(self) -> None:
        own = self._preferences.get("shortcuts")
        for spec in ACTIONS:
            keys = QKeySequence.fromString(own.get(spec.id, spec.keys), QKeySequence.SequenceFormat.PortableText)
            self._actions[spec.id].setShortcut(keys)
