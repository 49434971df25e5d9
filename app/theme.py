"""Colours, sizes and fonts: everything on the screen takes them from here, so that light, dark and 200 % hold everywhere.

    theme = Theme.current()          # one per application
    theme.colors.text                # "#1d1f24"
    theme.changed.connect(self._restyle)

`Colors` are WCAG AA pairs (tests/app/test_theme.py computes them): `text` and `muted` on `window`, `surface` and `raised`;
`on_accent` on `accent`; `danger`, `success`, `warning`, `link` on `window` and `surface`. `strong_border`, 3:1 against these
grounds, is for what is to be seen but not read. Sizes are logical pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from PySide6.QtCore import QLocale, QObject, Qt, Signal, Slot
from PySide6.QtGui import QColor, QFont, QFontDatabase, QFontInfo, QPalette
from PySide6.QtWidgets import QApplication

from app.stylesheet import stylesheet

# Distances, in steps of 4.
XS, S, M, L, XL, XXL = 4, 8, 12, 16, 24, 32
RADIUS = 8
READING_WIDTH = 760  # of the transcript's column: some 90 characters
MIN_TARGET = 28  # the smallest side of anything that is clicked

_SANS = ("Inter", "Segoe UI Variable Text", "Segoe UI", "Noto Sans", "Ubuntu", "Cantarell", "Roboto", "DejaVu Sans")
# Without one that is named, Chinese is shown in the shapes of whatever font has its characters, mostly Japanese ones.
_CHINESE = ("Noto Sans CJK SC", "Noto Sans SC", "Source Han Sans SC", "Microsoft YaHei UI", "PingFang SC")
_OWN_SHAPES = {QLocale.Language.Japanese, QLocale.Language.Korean}
_TRADITIONAL = {QLocale.Country.Taiwan, QLocale.Country.HongKong, QLocale.Country.Macao}
_MONO = ("JetBrains Mono", "Cascadia Mono", "Consolas", "Noto Sans Mono", "Ubuntu Mono", "DejaVu Sans Mono")


@dataclass(frozen=True, slots=True)
class Colors:
    dark: bool
    window: str  # behind everything
    surface: str  # sidebar, panel
    raised: str  # cards, fields, the user's messages
    hover: str
    pressed: str  # also: the selected row
    border: str
    strong_border: str  # of fields: 3:1 against window
    text: str
    muted: str
    accent: str
    accent_hover: str
    on_accent: str
    link: str
    danger: str
    success: str
    warning: str
    selection: str
    code: str  # behind code
    focus: str


LIGHT = Colors(
    dark=False,
    window="#ffffff",
    surface="#f6f6f4",
    raised="#efefec",
    hover="#e9e9e5",
    pressed="#e0e0db",
    border="#e3e3de",
    strong_border="#82827b",
    text="#1f2023",
    muted="#5d5f66",
    accent="#2f6b4f",
    accent_hover="#27593f",
    on_accent="#ffffff",
    link="#1c5fa8",
    danger="#b3261e",
    success="#27703f",
    warning="#8a5300",
    selection="#cfe3d8",
    code="#f6f6f4",
    focus="#2f6b4f",
)
DARK = Colors(
    dark=True,
    window="#1b1c1e",
    surface="#222326",
    raised="#2b2d30",
    hover="#313337",
    pressed="#3a3d41",
    border="#35373b",
    strong_border="#7d8087",
    text="#ececea",
    muted="#a9abb1",
    accent="#7cc4a0",
    accent_hover="#93d1b2",
    on_accent="#10241a",
    link="#8cbcf2",
    danger="#ff9d94",
    success="#86d19c",
    warning="#e9b567",
    selection="#34513f",
    code="#232427",
    focus="#7cc4a0",
)


def luminance(color: str) -> float:
    """Relative luminance (WCAG 2.2) of an opaque colour."""
    channels = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Contrast ratio (WCAG 2.2), 1 to 21."""
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


class Theme(QObject):
    """`apply` styles the whole application and emits `changed`."""

    changed = Signal()
    _current: ClassVar[Theme | None] = None

    def __init__(self, choice: str = "system", font_size: int = 10) -> None:
        super().__init__(QApplication.instance())
        self.colors = LIGHT
        self.font_size = font_size
        self._choice = choice
        self._styled = False
        self._sans = _first_installed(_SANS, QFontDatabase.SystemFont.GeneralFont)
        self._mono = _first_installed(_MONO, QFontDatabase.SystemFont.FixedFont)
        self._chinese = _chinese_font(QLocale.system())
        QApplication.styleHints().colorSchemeChanged.connect(self._system_changed)

    @classmethod
    def current(cls) -> Theme:
        """The application's theme; made with the defaults by whoever asks first."""
        if cls._current is None:
            cls._current = cls()
            cls._current.destroyed.connect(cls._forget)
            cls._current.apply()
        return cls._current

    @classmethod
    def _forget(cls) -> None:
        cls._current = None

    def set(self, choice: str, font_size: int) -> None:
        """`choice`: system, light or dark. `font_size`: points, 8 to 24."""
        self._choice, self.font_size = choice, max(8, min(24, font_size))
        self.apply()

    def apply(self) -> None:
        hints = QApplication.styleHints()
        dark = self._choice == "dark" or (self._choice == "system" and hints.colorScheme() == Qt.ColorScheme.Dark)
        self.colors = DARK if dark else LIGHT
        application = QApplication.instance()
        assert isinstance(application, QApplication)
        sheet = stylesheet(self.colors, self.font_size)
        if application.styleSheet() != sheet:
            # Without a sheet first: Qt gives every widget another sheet once for each of its ancestors, but a first one once.
            application.setStyleSheet("")
            if not self._styled:
                self._styled = True
                QApplication.setStyle("Fusion")
            QApplication.setFont(self.font())
            QApplication.setPalette(_palette(self.colors))
            application.setStyleSheet(sheet)
        self.changed.emit()

    def font(self, role: Literal["body", "small", "title", "heading", "mono"] = "body") -> QFont:
        font = QFont([self._mono if role == "mono" else self._sans, *self._chinese])
        font.setPointSizeF(self.font_size * {"small": 0.88, "title": 1.7, "heading": 1.2, "mono": 0.95}.get(role, 1.0))
        if role in ("title", "heading"):
            font.setWeight(QFont.Weight.DemiBold)
        if role == "mono":
            font.setStyleHint(QFont.StyleHint.Monospace)
            font.setFixedPitch(True)
        return font

    @Slot()
    def _system_changed(self) -> None:
        if self._choice == "system":
            self.apply()


def _chinese_font(system: QLocale) -> list[str]:
    """What Chinese characters are shown in; none where the system's own choice is the right one."""
    if system.language() in _OWN_SHAPES or system.territory() in _TRADITIONAL:
        return []
    return [family for family in _CHINESE if QFontInfo(QFont(family)).family() == family][:1]


def _first_installed(families: tuple[str, ...], fallback: QFontDatabase.SystemFont) -> str:
    """Without asking for every family of the system, which takes long."""
    for family in families:
        if QFontInfo(QFont(family)).family().casefold() == family.casefold():
            return family
    return QFontDatabase.systemFont(fallback).family()


def _palette(colors: Colors) -> QPalette:
    palette = QPalette()
    role = QPalette.ColorRole
    for kinds, color in (
        ((role.Window, role.Base), colors.window),
        ((role.AlternateBase, role.Button), colors.surface),
        ((role.WindowText, role.Text, role.ButtonText, role.ToolTipText, role.BrightText), colors.text),
        ((role.PlaceholderText,), colors.muted),
        ((role.Highlight,), colors.selection),
        ((role.HighlightedText,), colors.text),
        ((role.Link, role.LinkVisited), colors.link),
        ((role.ToolTipBase,), colors.raised),
        ((role.Accent,), colors.accent),
        ((role.Light, role.Midlight), colors.hover),
        ((role.Mid, role.Dark, role.Shadow), colors.border),
    ):
        for kind in kinds:
            palette.setColor(kind, QColor(color))
    for kind in (role.WindowText, role.Text, role.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, kind, QColor(colors.strong_border))
    return palette
