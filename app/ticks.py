"""Check boxes and radio buttons whose text breaks into lines where it is too long; Qt's are as wide as their text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QTextLayout
from PySide6.QtWidgets import QCheckBox, QRadioButton, QSizePolicy, QStyleOptionButton

if TYPE_CHECKING:  # of Qt's classes a class has one
    Button = QCheckBox
else:
    Button = object

LEAST = 12  # letters of a line


class _Wrapped(Button):
    """What both do differently."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._measuring = False
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        more = len(self._lines(width)) - 1
        return self._in_one_line().height() + more * self.fontMetrics().lineSpacing()

    def sizeHint(self) -> QSize:
        return self._in_one_line()

    def minimumSizeHint(self) -> QSize:
        whole = self._in_one_line()
        widest = max((self.fontMetrics().horizontalAdvance(word) for word in self.text().split()), default=0)
        least = max(widest, LEAST * self.fontMetrics().averageCharWidth()) + self._beside()
        return QSize(min(whole.width(), least), whole.height())

    def initStyleOption(self, option: QStyleOptionButton) -> None:
        super().initStyleOption(option)
        if not self._measuring:
            option.text = "\n".join(self._lines(self.width()))

    def _beside(self) -> int:
        """Pixels of the width that are not text: the box, margins."""
        return self._in_one_line().width() - self.fontMetrics().size(Qt.TextFlag.TextShowMnemonic, self.text()).width()

    def _in_one_line(self) -> QSize:
        self._measuring = True  # Qt's hint asks for the option
        hint = super().sizeHint()
        self._measuring = False
        return hint

    def _lines(self, width: int) -> list[str]:
        text, layout, lines = self.text(), QTextLayout(self.text(), self.font()), list[str]()
        layout.beginLayout()
        while (line := layout.createLine()).isValid():
            line.setLineWidth(max(1, width - self._beside()))
            lines.append(text[line.textStart() : line.textStart() + line.textLength()].rstrip())
        layout.endLayout()
        return lines or [""]


class CheckBox(_Wrapped, QCheckBox):
    pass


class RadioButton(_Wrapped, QRadioButton):
    pass
