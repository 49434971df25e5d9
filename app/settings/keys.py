"""Rebinding shortcuts: which keys every action has, and which two would share some. No Qt: keys are portable text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

FIXED = {"Return": "send", "Shift+Return": "newline"}  # of the composer, not of the window
# What every field and text does with keys comes before the window's shortcuts, which would work only sometimes.
_EDITING = {
    "Ctrl+A", "Ctrl+C", "Ctrl+V", "Ctrl+X", "Ctrl+Y", "Ctrl+Z", "Ctrl+Shift+Z", "Ctrl+Return", "Ctrl+Enter",
    "Ctrl+Tab", "Ctrl+Shift+Tab", "Ctrl+Ins", "Shift+Ins", "Shift+Del",
}  # fmt: skip
_MOVING = {"Left", "Right", "Up", "Down", "Home", "End", "PgUp", "PgDown", "Backspace", "Del"}
_ALONE = re.compile(
    r"F\d+|Esc|Help|Pause|Print|ScrollLock|Menu|Media.*|Launch.*|Volume.*|Back|Forward|Refresh|Search|Favorites"
)


def bindings(defaults: Iterable[tuple[str, str]], own: Mapping[str, str]) -> dict[str, str]:
    """Action id -> keys ("" none). `defaults`: (id, keys) of every action; ids that no action has any more are ignored."""
    return {name: own.get(name, keys) for name, keys in defaults}


def clashes(keys: Mapping[str, str]) -> dict[str, str]:
    """Action id -> another action with the same keys."""
    holders: dict[str, str] = {}
    found: dict[str, str] = {}
    for name, text in keys.items():
        if not text:
            continue
        other = holders.setdefault(text.casefold(), name)
        if other != name:
            found[name] = other
            found.setdefault(other, name)
    return found


def rebound(own: Mapping[str, str], defaults: Mapping[str, str], name: str, keys: str) -> dict[str, str]:
    """The user's own keys after giving `keys` to an action; what equals the default is not kept."""
    changed = {action: text for action, text in own.items() if action != name}
    if keys != defaults[name]:
        changed[name] = keys
    return changed


def usable(keys: str) -> bool:
    """Whether keys can be a shortcut of the window: not one that types a character or edits a text, and not the composer's."""
    if not keys:
        return True
    if keys in FIXED or keys in _EDITING:
        return False
    *modifiers, key = keys.rsplit("+", 1) if not keys.endswith("+") else (keys[:-2], "+")
    held = set("+".join(modifiers).split("+")) - {"", "Shift"}
    if not held:
        return _ALONE.fullmatch(key) is not None
    return not (held == {"Ctrl"} and key in _MOVING)
