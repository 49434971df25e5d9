"""Our icons: SVG outlines of 24 x 24 in assets/icons, drawn in `currentColor`, tinted as the theme asks."""

from __future__ import annotations

from functools import cache

from PySide6.QtCore import QByteArray, QEvent, QObject, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QAbstractButton, QToolButton, QWidget

from app.theme import MIN_TARGET, Theme
from core.paths import bundled_asset

SIZE = 20


@cache
def _source(name: str) -> str:
    return (bundled_asset("icons") / f"{name}.svg").read_text(encoding="utf-8")


@cache
def _icon(name: str, color: str, faint: str) -> QIcon:
    icon = QIcon()
    for mode, shade in ((QIcon.Mode.Normal, color), (QIcon.Mode.Disabled, faint)):
        renderer = QSvgRenderer(QByteArray(_source(name).replace("currentColor", shade).encode()))
        for scale in (1, 2, 3):
            pixmap = QPixmap(QSize(SIZE, SIZE) * scale)
            pixmap.fill(Qt.GlobalColor.transparent)
            painter = QPainter(pixmap)
            renderer.render(painter, QRectF(0, 0, SIZE * scale, SIZE * scale))
            painter.end()
            pixmap.setDevicePixelRatio(scale)
            icon.addPixmap(pixmap, mode)
    return icon


def icon(name: str, color: str | None = None) -> QIcon:
    """The icon in `color`, by default the theme's text colour. Take it anew when the theme changes."""
    colors = Theme.current().colors
    return _icon(name, QColor(color or colors.text).name(), QColor(colors.strong_border).name())


class _Tint(QObject):
    """Keeps one button's icon in the theme's colour; a child of its button."""

    def __init__(self, button: QAbstractButton) -> None:
        super().__init__(button)
        self.name, self.role = "", ""
        button.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.PaletteChange:
            self.apply()
        return False

    def apply(self) -> None:
        button = self.parent()
        assert isinstance(button, QAbstractButton)
        theme = Theme.current()
        size = round(SIZE * max(1.0, min(1.5, theme.font_size / 11)))  # larger with a larger font
        button.setIconSize(QSize(size, size))
        button.setIcon(icon(self.name, getattr(theme.colors, self.role)))


def set_icon(button: QAbstractButton, name: str, role: str = "text") -> None:
    """Give `button` the icon and keep it in the colour `role` of the theme, whatever theme comes."""
    tint = button.findChild(_Tint) or _Tint(button)
    tint.name, tint.role = name, role
    tint.apply()


def icon_button(name: str, text: str, parent: QWidget | None = None, role: str = "text") -> QToolButton:
    """A button that shows only an icon; `text` is its accessible name and tool tip."""
    button = QToolButton(parent)
    button.setAccessibleName(text)
    button.setToolTip(text)
    button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    button.setMinimumSize(MIN_TARGET, MIN_TARGET)
    set_icon(button, name, role)
    return button
