"""What the user prefers about the window: one small JSON file, `window.json` beside config.toml. Settings of the runtime are
core.config's. Unknown fields of a newer version are kept; a value of the wrong type is taken as not given."""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, QStandardPaths, Signal


@dataclass(slots=True)
class Values:
    """The fields and their defaults. Sizes in points (font) or logical pixels (widths); `shortcuts`: action id -> keys."""

    theme: str = "system"  # system, light, dark
    font_size: int = 10
    language: str = "system"  # system, or a locale name: en, zh_CN
    shortcuts: dict[str, str] = field(default_factory=dict)
    sidebar_open: bool = True
    panel_open: bool = False
    window_geometry: str = ""  # QWidget.saveGeometry, base64
    last_chat: str = ""
    model: str = ""
    files_folder: str = ""  # of the file that was exported, imported or attached last
    onboarded: bool = False
    presets: list[dict[str, Any]] = field(default_factory=list)  # see app.chat.presets
    check_updates: bool = False


class Preferences(QObject):
    """Read once; `set` writes at once and tells everybody."""

    changed = Signal(str)  # the name of a field

    def __init__(self, path: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._path = path
        self.values = Values()
        self._unknown: dict[str, Any] = {}
        self._read()

    def get(self, name: str) -> Any:
        return getattr(self.values, name)

    def set(self, name: str, value: Any) -> None:
        if getattr(self.values, name) == value:
            return
        setattr(self.values, name, value)
        self._write()
        self.changed.emit(name)

    def _read(self) -> None:
        try:
            data = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return
        if not isinstance(data, dict):
            return
        known = {item.name for item in fields(Values)}
        for name, value in data.items():
            if name not in known:
                self._unknown[name] = value
            elif type(value) is type(getattr(self.values, name)):
                setattr(self.values, name, value)

    def _write(self) -> None:
        """A full disk or a read-only folder costs the preference at the next start, nothing else."""
        text = json.dumps(self._unknown | asdict(self.values), indent=1, ensure_ascii=False)
        part = self._path.with_suffix(".part")
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            part.write_text(text, encoding="utf-8")
            os.replace(part, self._path)


def folder_of(preferences: Preferences) -> str:
    """Where a dialog for files opens: where the user was last, at first their documents."""
    last = str(preferences.get("files_folder"))
    if last and Path(last).is_dir():
        return last
    return QStandardPaths.writableLocation(QStandardPaths.StandardLocation.DocumentsLocation)


def keep_folder(preferences: Preferences, file: Path) -> None:
    """The user chose this file: the next dialog opens where it lies."""
    preferences.set("files_folder", str(file.parent))
