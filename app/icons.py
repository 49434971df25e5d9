"""Our icons: SVG outlines of 24 x 24 in assets/icons, drawn in `currentColor`, tinted as the theme asks."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from PySide6.QtCore import QByteArray, QObject, QRectF, QSize, Qt, Slot
from PySide6.QtGui import QColor, QGuiApplication, QIcon, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QAbstractButton, QToolButton, QWidget

from app.theme import MIN_TARGET, Theme
from core.paths import bundled_asset

SIZE = 20  # pixels at the ordinary font size
SMALL = 18  # of the many below messages
MOST = 1.7  # times larger, however large the font
ORDINARY = 10  # points


@cache
def _source(name: str) -> str:
    return (_folder() / f"{name}.svg").read_text(encoding="utf-8")


@cache
def _folder() -> Path:
    return bundled_asset("icons")


@cache
def _icon(name: str, color: str, faint: str, size: int, scales: tuple[int, ...]) -> QIcon:
    icon = QIcon()
    for mode, shade in ((QIcon.Mode.Normal, color), (QIcon.Mode.Disabled, faint)):
        renderer = QSvgRenderer(QByteArray(_source(name).replace("currentColor", shade).encode()))
        for scale in scales:
            pixmap = QPixmap(QSize(size, size) * scale)
            pixmap.fill(Qt.GlobalColor.transparent)
            painter = QPainter(pixmap)
            renderer.render(painter, QRectF(0, 0, size * scale, size * scale))
            painter.end()
            pixmap.setDevicePixelRatio(scale)
            icon.addPixmap(pixmap, mode)
    return icon


def window_icon() -> QIcon:
    """Of the application, in the sizes that title bars and task bars ask for."""
    renderer = QSvgRenderer(str(bundled_asset("deskside.svg")))
    icon = QIcon()
    for size in (16, 24, 32, 48, 128):
        pixmap = QPixmap(size, size)
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        renderer.render(painter, QRectF(0, 0, size, size))
        painter.end()
        icon.addPixmap(pixmap)
    return icon


def scaled(size: int) -> int:
    """`size` pixels at the ordinary font, more with a larger one; no less with a smaller, so that it can be hit."""
    return round(size * max(1.0, min(MOST, Theme.current().font_size / ORDINARY)))


def icon(name: str, color: str | None = None, size: int = SIZE) -> QIcon:
    """The icon in `color`, by default the theme's text colour, drawn for `size` pixels. Take it anew when the theme changes."""
    colors = Theme.current().colors
    # A screen with finer pixels may be plugged in later; those beyond twice as fine are rare.
    scales = (1, 2) if QGuiApplication.instance().devicePixelRatio() <= 2 else (1, 2, 3, 4)  # type: ignore[union-attr]
    return _icon(name, QColor(color or colors.text).name(), QColor(colors.strong_border).name(), size, scales)


class _Tint(QObject):
    """Keeps one button's icon in the theme's colour; a child of its button."""

    def __init__(self, button: QAbstractButton) -> None:
        super().__init__(button)
        self.name, self.role, self.size = "", "", SIZE
        Theme.current().changed.connect(self.apply)

    @Slot()
    def apply(self) -> None:
        button = self.parent()
        assert isinstance(button, QAbstractButton)
        theme = Theme.current()
        size = scaled(self.size)
        button.setIconSize(QSize(size, size))
        button.setIcon(icon(self.name, getattr(theme.colors, self.role), size))


def set_icon(button: QAbstractButton, name: str, role: str = "text", size: int | None = None) -> None:
    """Give `button` the icon and keep it in the colour `role` of the theme and as large as the font asks, whatever theme
    comes. `size`: pixels at the ordinary font; None: as before."""
    tint = button.findChild(_Tint) or _Tint(button)
    tint.name, tint.role, tint.size = name, role, size or tint.size
    tint.apply()


class _IconButton(QToolButton):
    """Never smaller than its icon, which grows with the font, nor than one hits with ease."""

    def sizeHint(self) -> QSize:
        return super().sizeHint().expandedTo(QSize(MIN_TARGET, MIN_TARGET))

    minimumSizeHint = sizeHint


def icon_button(
    name: str, text: str, parent: QWidget | None = None, role: str = "text", size: int = SIZE
) -> QToolButton:
    """A button that shows only an icon; `text` is its accessible name and tool tip."""
    button = _IconButton(parent)
    button.setAccessibleName(text)
    button.setToolTip(text)
    button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    set_icon(button, name, role, size)
    return button
