"""A long text of a check box or radio button breaks; all of it is painted."""

from __future__ import annotations

import pytest
from PySide6.QtWidgets import QStyleOptionButton, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from app.ticks import CheckBox, RadioButton

TEXT = "Let other computers on the local network use the models"


@pytest.mark.parametrize("kind", [CheckBox, RadioButton])
def test_as_many_lines_as_it_takes(kind: type[CheckBox], qtbot: QtBot) -> None:
    box = QWidget()
    qtbot.addWidget(box)
    column = QVBoxLayout(box)
    button = kind(TEXT)
    column.addWidget(button)
    column.addStretch(1)
    box.resize(800, 300)
    box.show()
    in_one = button.height()

    def lines() -> list[str]:
        option = QStyleOptionButton()
        button.initStyleOption(option)
        return str(option.text).split("\n")  # type: ignore[attr-defined]

    assert lines() == [TEXT]
    box.resize(200, 300)
    qtbot.waitUntil(lambda: button.width() < 200)
    assert len(lines()) >= 2
    assert " ".join(lines()) == TEXT
    assert button.height() >= in_one + (len(lines()) - 1) * button.fontMetrics().lineSpacing()
    assert button.text() == TEXT  # what a screen reader says
    widest = max(button.fontMetrics().horizontalAdvance(line) for line in lines())
    assert widest + 18 <= button.width()
