"""The window's languages: which there are, which one the user means, and loading it, also while the window is open.

Texts are translated by Qt Linguist: app/translations/*.ts, compiled into assets/translations/*.qm by scripts/translations.py. A
language without a file is English, whose file holds nothing but plural forms.
"""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QLibraryInfo, QLocale, QTranslator
from PySide6.QtWidgets import QApplication

from app.texts import QT_TRANSLATE_NOOP
from core.errors import NotFound
from core.paths import bundled_asset

SYSTEM = "system"
# Locale name -> the language's name in itself: whoever picked a wrong one must find the way back.
LANGUAGES = {"en": "English", "zh_CN": "简体中文"}

# Of Qt's own file dialog, which is shown where the desktop has none: what the translations shipped with Qt lack (as of 6.11).
OF_QT = (
    QT_TRANSLATE_NOOP("QFileDialog", "&Look in:"),
    QT_TRANSLATE_NOOP("QFileDialog", "Files of &type:"),
    QT_TRANSLATE_NOOP("QAbstractFileIconProvider", "Folder"),
)

_installed: list[QTranslator] = []  # of the one application; Qt does not keep them alive


def resolve(choice: str, system: list[str]) -> str:
    """The locale to load for a preference. `system`: the system's languages, the preferred first, as `zh-Hans-CN` or
    `zh_CN`. Simplified Chinese is not offered to readers of traditional characters."""
    if choice in LANGUAGES:
        return choice
    for wanted in system:
        parts = wanted.replace("_", "-").split("-")
        if parts[0] == "en":
            return "en"
        if parts[0] == "zh" and not {"Hant", "TW", "HK", "MO"} & set(parts):
            return "zh_CN"
    return "en"


def install_language(choice: str) -> str:
    """Load the language of a preference into the application, which tells every widget (LanguageChange). Numbers follow it,
    English ones the system's region. Returns the locale's name."""
    name = resolve(choice, QLocale.system().uiLanguages())
    application = QApplication.instance()
    assert isinstance(application, QApplication)
    while _installed:
        application.removeTranslator(_installed.pop())
    locale = QLocale(name)
    system = QLocale.system()
    QLocale.setDefault(system if system.language() == locale.language() else locale)
    application.setLayoutDirection(QLocale().textDirection())
    qt = Path(QLibraryInfo.path(QLibraryInfo.LibraryPath.TranslationsPath)) / f"qtbase_{name}.qm"
    for file in (qt, _own(name)):
        translator = QTranslator(application)
        if file is not None and translator.load(str(file)):
            application.installTranslator(translator)
            _installed.append(translator)
    return name


def _own(name: str) -> Path | None:
    try:
        return bundled_asset(f"translations/deskside_{name}.qm")
    except NotFound:
        return None
