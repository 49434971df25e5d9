"""The application's style sheet. Widgets choose a look by a dynamic property:

QPushButton      kind="primary" | "plain" (no frame until hovered) | "danger"; else an ordinary button
QLabel           kind="title" | "heading" | "muted" | "small" | "error" | "success" | "warning"
QFrame, QWidget  kind="card" | "sidebar" | "panel" | "banner"
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.paths import bundled_asset

if TYPE_CHECKING:
    from app.theme import Colors


def stylesheet(c: Colors, size: int) -> str:
    """`size`: the body font's points. A style sheet can neither draw a tick nor tint one: assets/controls holds them in the
    colours `muted` and `on_accent` of each theme (tests/app/test_theme.py)."""
    folder, theme = bundled_asset("controls").as_posix(), "dark" if c.dark else "light"
    check, dot, up, down = (f"{folder}/{name}-{theme}.svg" for name in ("check", "dot", "up", "down"))
    box, height = round(size * 1.4), round(size * 1.8)
    send, rail = max(32, round(size * 2.5)), max(36, round(size * 2.6))  # inside of their borders
    return f"""
* {{ outline: 0; }}
QDialogButtonBox {{ dialogbuttonbox-buttons-have-icons: 0; }}
QMainWindow, QDialog {{ background: {c.window}; }}
QToolTip {{ background: {c.raised}; color: {c.text}; border: 1px solid {c.border}; padding: 4px 6px; }}

QLabel {{ background: transparent; }}
QLabel[kind="title"] {{ font-size: {size * 1.7:.1f}pt; font-weight: 600; }}
QLabel[kind="heading"] {{ font-size: {size * 1.2:.1f}pt; font-weight: 600; }}
QLabel[kind="strong"] {{ font-weight: 600; }}
QLabel[kind="muted"] {{ color: {c.muted}; }}
QLabel[kind="small"] {{ color: {c.muted}; font-size: {size * 0.88:.1f}pt; }}
QLabel[kind="error"] {{ color: {c.danger}; }}
QLabel[kind="success"] {{ color: {c.success}; }}
QLabel[kind="warning"] {{ color: {c.warning}; }}

QFrame[kind="card"] {{ background: {c.surface}; border: 1px solid {c.border}; border-radius: 8px; }}
QWidget[kind="sidebar"], QWidget[kind="panel"] {{ background: {c.surface}; }}
QFrame[kind="banner"] {{ background: {c.raised}; border: 1px solid {c.border}; border-radius: 8px; }}
QFrame[kind="banner"][error="true"] {{ border: 1px solid {c.danger}; }}
QFrame[kind="composer"] {{ background: {c.window}; border: 1px solid {c.strong_border}; border-radius: 16px; }}
QFrame[kind="popup"] {{ background: {c.window}; border: 1px solid {c.border}; }}
QFrame[kind="line"] {{ background: {c.border}; border: 0; max-height: 1px; min-height: 1px; }}

QPushButton {{ background: {c.raised}; color: {c.text}; border: 1px solid {c.border}; border-radius: 7px;
    padding: 5px 12px; min-height: {height}px; }}
QPushButton:hover {{ background: {c.hover}; }}
QPushButton:pressed, QPushButton:checked {{ background: {c.pressed}; }}
QPushButton:focus {{ border: 2px solid {c.focus}; padding: 4px 11px; }}
QPushButton:disabled {{ color: {c.strong_border}; background: {c.surface}; }}
QPushButton[kind="primary"] {{ background: {c.accent}; color: {c.on_accent}; border: 1px solid {c.accent}; font-weight: 600; }}
QPushButton[kind="primary"]:hover {{ background: {c.accent_hover}; }}
QPushButton[kind="primary"]:focus {{ border: 2px solid {c.text}; }}
QPushButton[kind="primary"]:disabled {{ background: {c.raised}; color: {c.strong_border}; border-color: {c.border}; }}
QPushButton[kind="send"] {{ background: {c.accent}; color: {c.on_accent}; border: 2px solid {c.accent};
    border-radius: {send // 2 + 2}px;
    padding: 0; min-width: {send}px; max-width: {send}px; min-height: {send}px; max-height: {send}px; }}
QPushButton[kind="send"]:hover {{ background: {c.accent_hover}; }}
QPushButton[kind="send"]:focus {{ border: 2px solid {c.text}; padding: 0; }}
QPushButton[kind="send"]:disabled {{ background: {c.pressed}; border-color: {c.pressed}; }}
QPushButton[kind="danger"] {{ color: {c.danger}; }}
QPushButton[kind="plain"], QToolButton {{ background: transparent; border: 2px solid transparent; border-radius: 7px;
    padding: 3px 6px; color: {c.text}; }}
QToolButton {{ padding: 2px; }}
QToolButton[kind="attach"] {{ padding: 0; min-width: {send}px; max-width: {send}px; min-height: {send}px;
    max-height: {send}px; }}
QToolButton[kind="rail"] {{ padding: 0; min-width: {rail}px; max-width: {rail}px; min-height: {rail}px; max-height: {rail}px; }}
QPushButton[kind="plain"]:hover, QToolButton:hover {{ background: {c.hover}; }}
QPushButton[kind="plain"]:pressed, QToolButton:pressed, QToolButton:checked,
QPushButton[kind="plain"]:checked {{ background: {c.pressed}; }}
QPushButton[kind="plain"]:focus, QToolButton:focus {{ border: 2px solid {c.focus}; }}
QPushButton[kind="file"] {{ background: {c.window}; border: 1px solid {c.border}; padding: 3px 8px; }}
QPushButton[kind="file"]:hover {{ background: {c.hover}; }}
QPushButton[kind="file"]:focus {{ border: 2px solid {c.focus}; padding: 2px 7px; }}
QToolButton[kind="fold"] {{ color: {c.muted}; }}
QToolButton[kind="fold"]:checked {{ background: transparent; }}
QToolButton[kind="fold"]:hover {{ background: {c.hover}; color: {c.text}; }}
QToolButton[kind="floating"] {{ background: {c.window}; border: 1px solid {c.strong_border}; border-radius: 14px; }}
QToolButton::menu-indicator, QPushButton::menu-indicator {{ image: none; width: 0; }}

QLineEdit, QPlainTextEdit[kind="field"], QTextEdit[kind="field"], QSpinBox, QDoubleSpinBox, QComboBox {{
    background: {c.window}; color: {c.text}; border: 1px solid {c.strong_border}; border-radius: 7px; padding: 5px 8px;
    selection-background-color: {c.selection}; selection-color: {c.text}; placeholder-text-color: {c.muted};
    min-height: {height}px; }}
QLineEdit:focus, QPlainTextEdit[kind="field"]:focus, QTextEdit[kind="field"]:focus, QSpinBox:focus,
QDoubleSpinBox:focus, QComboBox:focus {{ border: 2px solid {c.focus}; padding: 4px 7px; }}
QLineEdit:disabled, QSpinBox:disabled, QDoubleSpinBox:disabled, QComboBox:disabled {{ color: {c.strong_border};
    background: {c.surface}; border-color: {c.border}; }}
QLineEdit[kind="search"] {{ background: {c.raised}; }}
QLineEdit[kind="search"]:focus {{ background: {c.window}; border: 2px solid {c.focus}; }}
QComboBox::drop-down {{ border: 0; width: {box + 10}px; }}
QComboBox::down-arrow {{ image: url({down}); width: {box}px; height: {box}px; }}
QSpinBox, QDoubleSpinBox {{ padding-right: {box + 12}px; }}
QSpinBox::up-button, QDoubleSpinBox::up-button, QSpinBox::down-button, QDoubleSpinBox::down-button {{ border: 0;
    width: {box + 8}px; background: transparent; }}
QSpinBox > QLineEdit, QDoubleSpinBox > QLineEdit {{ border: 0; background: transparent; padding: 0 0 0 6px; min-height: 0; }}
QSpinBox::up-button, QDoubleSpinBox::up-button {{ subcontrol-position: top right; }}
QSpinBox::down-button, QDoubleSpinBox::down-button {{ subcontrol-position: bottom right; }}
QSpinBox::up-button:hover, QDoubleSpinBox::up-button:hover, QSpinBox::down-button:hover,
QDoubleSpinBox::down-button:hover {{ background: {c.hover}; }}
QSpinBox::up-arrow, QDoubleSpinBox::up-arrow {{ image: url({up}); width: {box - 3}px; height: {box - 3}px; }}
QSpinBox::down-arrow, QDoubleSpinBox::down-arrow {{ image: url({down}); width: {box - 3}px; height: {box - 3}px; }}
QComboBox QAbstractItemView {{ background: {c.window}; border: 1px solid {c.border}; padding: 4px;
    selection-background-color: {c.hover}; selection-color: {c.text}; }}

QCheckBox, QRadioButton {{ spacing: 8px; background: transparent; padding: 2px; border: 2px solid transparent;
    border-radius: 5px; }}
QCheckBox::indicator, QRadioButton::indicator {{ width: {box}px; height: {box}px; background: {c.window};
    border: 1px solid {c.strong_border}; }}
QCheckBox::indicator {{ border-radius: 4px; }}
QRadioButton::indicator {{ border-radius: {box // 2 + 1}px; }}
QCheckBox::indicator:hover, QRadioButton::indicator:hover {{ background: {c.hover}; }}
QCheckBox::indicator:checked {{ background: {c.accent}; border-color: {c.accent}; image: url({check}); }}
QRadioButton::indicator:checked {{ background: {c.accent}; border-color: {c.accent}; image: url({dot}); }}
QCheckBox::indicator:disabled, QRadioButton::indicator:disabled {{ background: {c.surface}; border-color: {c.border}; }}
QCheckBox::indicator:checked:disabled, QRadioButton::indicator:checked:disabled {{ background: {c.strong_border}; }}
QCheckBox:disabled, QRadioButton:disabled {{ color: {c.strong_border}; }}
QCheckBox:focus, QRadioButton:focus {{ border: 2px solid {c.focus}; }}

QAbstractScrollArea {{ background: transparent; border: 0; }}
QTextBrowser[kind="muted"] {{ color: {c.muted}; }}
QListView, QTreeView {{ background: transparent; border: 0; outline: 0; }}
QListView::item, QTreeView::item {{ border-radius: 7px; padding: 4px; color: {c.text}; }}
QListView::item:hover, QTreeView::item:hover {{ background: {c.hover}; }}
QListView::item:selected, QTreeView::item:selected {{ background: {c.pressed}; color: {c.text}; }}

QScrollBar:vertical {{ background: transparent; width: 10px; margin: 2px; }}
QScrollBar:horizontal {{ background: transparent; height: 10px; margin: 2px; }}
QScrollBar::handle {{ background: {c.strong_border}; border-radius: 3px; min-height: 32px; min-width: 32px; }}
QScrollBar::handle:hover {{ background: {c.muted}; }}
QScrollBar::add-line, QScrollBar::sub-line, QScrollBar::add-page, QScrollBar::sub-page {{ background: transparent;
    border: 0; width: 0; height: 0; }}

QMenu {{ background: {c.window}; border: 1px solid {c.border}; border-radius: 8px; padding: 4px; }}
QMenu::item {{ padding: 6px 24px 6px 12px; border-radius: 5px; }}
QMenu::icon {{ padding-left: 10px; }}
QMenu::item:selected {{ background: {c.hover}; }}
QMenu::item:disabled {{ color: {c.strong_border}; }}
QMenu::separator {{ height: 1px; background: {c.border}; margin: 4px 8px; }}

QProgressBar {{ background: {c.raised}; border: 0; border-radius: 3px; height: 6px; max-height: 6px; text-align: center; }}
QProgressBar::chunk {{ background: {c.accent}; border-radius: 3px; }}

QSlider::groove:horizontal {{ background: {c.pressed}; height: 4px; border-radius: 2px; }}
QSlider::sub-page:horizontal {{ background: {c.accent}; border-radius: 2px; }}
QSlider::handle:horizontal {{ background: {c.accent}; width: 14px; height: 14px; margin: -5px 0; border-radius: 7px; }}
QSlider:focus {{ border: 2px solid {c.focus}; border-radius: 7px; }}

QTabBar::tab {{ background: transparent; padding: 6px 12px; color: {c.muted}; border-bottom: 2px solid transparent; }}
QTabBar::tab:selected {{ color: {c.text}; border-bottom: 2px solid {c.accent}; }}
QTabBar::tab:focus {{ color: {c.text}; border-bottom: 2px solid {c.focus}; }}
QTabWidget::pane {{ border: 0; }}
QSplitter::handle {{ background: {c.border}; }}
QSplitter::handle:horizontal {{ width: 1px; }}
QSplitter::handle:vertical {{ height: 1px; }}
QTableView {{ background: {c.window}; border: 1px solid {c.border}; border-radius: 8px; gridline-color: {c.border}; }}
QHeaderView::section {{ background: {c.surface}; color: {c.muted}; border: 0; padding: 6px 8px; }}
"""
