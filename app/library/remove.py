"""Removing asks once, in place, and says what comes free."""

from __future__ import annotations

from PySide6.QtCore import Signal, Slot

from app.parts import Card, button, label


class RemoveBar(Card):
    """`ask` is the button that opens it; put it where it belongs."""

    confirmed = Signal()

    def __init__(self, name: str, size: str, *, linked: bool = False, loaded: bool = False) -> None:
        super().__init__()
        self.ask = button(self.tr("Remove…"), name=self.tr("Remove {name}").format(name=name))
        self.ask.clicked.connect(self._open)
        if linked:
            text = self.tr("Remove {name} from the list? Its files stay where they are.").format(name=name)
        else:
            text = self.tr("Remove {name}? {size} come free; it can be downloaded or built again.").format(
                name=name, size=size
            )
        if loaded:
            text += " " + self.tr("It is loaded, and is unloaded first.")
        self.question = label(text)
        self.column.addWidget(self.question)
        self.yes = button(self.tr("Remove"), "danger", name=self.tr("Remove {name} now").format(name=name))
        self.no = button(self.tr("Keep it"))
        self.yes.clicked.connect(self._yes)
        self.no.clicked.connect(self._close)
        self.row(self.yes, self.no)
        self.hide()

    @Slot()
    def _open(self) -> None:
        self.show()
        self.no.setFocus()

    @Slot()
    def _close(self) -> None:
        self.hide()
        self.ask.setFocus()

    @Slot()
    def _yes(self) -> None:
        self.ask.setFocus()  # not on a button that goes away
        self.hide()
        self.confirmed.emit()
