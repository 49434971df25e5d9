"""Theme, font size, language: at once, without a restart."""

from __future__ import annotations

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QComboBox, QFormLayout, QSpinBox

from app.languages import LANGUAGES, SYSTEM
from app.parts import Card, form
from app.preferences import Preferences
from app.theme import S


class AppearanceCard(Card):
    def __init__(self, preferences: Preferences) -> None:
        super().__init__(self.tr("Appearance"))
        self._preferences = preferences
        self.theme = QComboBox()
        for value, text in (
            ("system", self.tr("As the system")),
            ("light", self.tr("Light")),
            ("dark", self.tr("Dark")),
        ):
            self.theme.addItem(text, value)
        self.theme.setAccessibleName(self.tr("Theme"))
        self.font_size = QSpinBox()
        self.font_size.setRange(8, 24)
        self.font_size.setSuffix(self.tr(" pt"))
        self.font_size.lineEdit().setTextMargins(S, 0, 0, 0)  # which a style sheet cannot
        self.font_size.setAccessibleName(self.tr("Font size"))
        self.language = QComboBox()
        self.language.addItem(self.tr("As the system"), SYSTEM)
        for name, own in LANGUAGES.items():
            self.language.addItem(own, name)
        self.language.setAccessibleName(self.tr("Language"))

        rows: QFormLayout = form()
        rows.addRow(self.tr("&Theme"), self.theme)
        rows.addRow(self.tr("&Font size"), self.font_size)
        rows.addRow(self.tr("&Language"), self.language)
        self.column.addLayout(rows)
        self._show()
        self.theme.activated.connect(self._theme_chosen)
        self.font_size.valueChanged.connect(self._size_chosen)
        self.language.activated.connect(self._language_chosen)

    def _show(self) -> None:
        self.theme.setCurrentIndex(max(0, self.theme.findData(self._preferences.get("theme"))))
        self.font_size.setValue(self._preferences.get("font_size"))
        self.language.setCurrentIndex(max(0, self.language.findData(self._preferences.get("language"))))

    @Slot(int)
    def _theme_chosen(self, index: int) -> None:
        self._preferences.set("theme", self.theme.itemData(index))

    @Slot(int)
    def _size_chosen(self, size: int) -> None:
        self._preferences.set("font_size", size)

    @Slot(int)
    def _language_chosen(self, index: int) -> None:
        self._preferences.set("language", self.language.itemData(index))
