"""Every action of the window with its keys, each of which can be changed."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QCoreApplication
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QGridLayout, QKeySequenceEdit, QLabel

from app import shortcuts
from app.icons import icon_button
from app.parts import Card, button, label
from app.preferences import Preferences
from app.settings.keys import bindings, clashes, rebound, usable
from app.theme import M, S

_PORTABLE = QKeySequence.SequenceFormat.PortableText


class ShortcutsCard(Card):
    def __init__(self, preferences: Preferences) -> None:
        super().__init__(self.tr("Keyboard shortcuts"))
        self._preferences = preferences
        self._defaults = {spec.id: _normal(spec.keys) for spec in shortcuts.ACTIONS}
        self._texts = {spec.id: QCoreApplication.translate(shortcuts.CONTEXT, spec.text) for spec in shortcuts.ACTIONS}
        self.edits: dict[str, QKeySequenceEdit] = {}
        self._resets: dict[str, object] = {}
        self.problem = label("", "error")
        self.problem.hide()
        self.column.addWidget(
            label(
                self.tr("Click a field and press the new keys; Backspace in it leaves the action without any."), "muted"
            )
        )
        self.column.addWidget(self.problem)
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(M)
        self._grid.setVerticalSpacing(S)
        self._grid.setColumnStretch(0, 1)
        self.column.addLayout(self._grid)

    def more(self, count: int) -> bool:
        """Make `count` more rows. False once all are there; before that the card is not to be shown."""
        for spec in shortcuts.ACTIONS[len(self.edits) : len(self.edits) + count]:
            self._add(spec.id, self._texts[spec.id])
        if len(self.edits) < len(shortcuts.ACTIONS):
            return True
        self.reset_all = button(self.tr("All back to the defaults"))  # last, as Tab goes
        self.reset_all.clicked.connect(self._reset_all)
        self.row(self.reset_all)
        self._show()
        return False

    def _add(self, action: str, text: str) -> None:
        edit = QKeySequenceEdit()
        edit.setMaximumSequenceLength(1)
        edit.setClearButtonEnabled(True)
        edit.setAccessibleName(self.tr("Keys for: {action}").format(action=text))
        edit.editingFinished.connect(partial(self._edited, action))
        name = QLabel(text)
        name.setWordWrap(True)
        name.setBuddy(edit)
        reset = icon_button("retry", self.tr("Back to the default keys: {action}").format(action=text))
        reset.clicked.connect(partial(self._reset, action))
        row = len(self.edits)
        for column, widget in enumerate((name, edit, reset)):
            self._grid.addWidget(widget, row, column)
        self.edits[action] = edit
        self._resets[action] = reset

    def _own(self) -> dict[str, str]:
        return dict(self._preferences.get("shortcuts"))

    def _keys(self) -> dict[str, str]:
        return {name: _normal(text) for name, text in bindings(self._defaults.items(), self._own()).items()}

    def _show(self) -> None:
        for name, keys in self._keys().items():
            self.edits[name].setKeySequence(QKeySequence.fromString(keys, _PORTABLE))
        own = self._own()
        self.reset_all.setEnabled(bool(own))
        for name, reset in self._resets.items():
            reset.setEnabled(name in own)  # type: ignore[attr-defined]

    def _edited(self, name: str) -> None:
        keys = self.edits[name].keySequence().toString(_PORTABLE)
        shown = QKeySequence.fromString(keys, _PORTABLE).toString(QKeySequence.SequenceFormat.NativeText)
        if keys == self._keys()[name]:
            return
        other = clashes({**self._keys(), name: keys}).get(name)
        if not usable(keys):
            self._refuse(
                self.tr("{keys} types or edits text, or sends a message; choose other keys, with Ctrl or Alt.").format(
                    keys=shown
                )
            )
        elif other is not None:
            self._refuse(
                self.tr("{keys} is taken by “{action}”; change that one first.").format(
                    keys=shown, action=self._texts[other]
                )
            )
        else:
            self.problem.hide()
            self._preferences.set("shortcuts", rebound(self._own(), self._defaults, name, keys))
            self._show()

    def _refuse(self, sentence: str) -> None:
        self.problem.setText(sentence)
        self.problem.show()
        self._show()

    def _reset(self, name: str) -> None:
        keys = self._defaults[name]
        other = clashes({**self._keys(), name: keys}).get(name)
        if other is not None:
            self._refuse(
                self.tr("{keys} is taken by “{action}”; change that one first.").format(
                    keys=keys, action=self._texts[other]
                )
            )
            return
        self.problem.hide()
        self._preferences.set("shortcuts", rebound(self._own(), self._defaults, name, keys))
        self._show()

    def _reset_all(self) -> None:
        self.problem.hide()
        self._preferences.set("shortcuts", {})
        self._show()


def _normal(keys: str) -> str:
    """As Qt itself writes them."""
    return QKeySequence.fromString(keys, _PORTABLE).toString(_PORTABLE)
