from __future__ import annotations

import pytest

from app.settings.keys import bindings, clashes, rebound, usable

DEFAULTS = {"new": "Ctrl+N", "model": "Ctrl+L", "stop": "Esc"}


def test_own_keys_go_before_the_defaults_and_unknown_actions_are_ignored() -> None:
    assert bindings(DEFAULTS.items(), {"new": "Ctrl+T", "gone": "Ctrl+G", "stop": ""}) == {
        "new": "Ctrl+T",
        "model": "Ctrl+L",
        "stop": "",
    }


def test_clashes_name_each_other_and_actions_without_keys_never_clash() -> None:
    assert clashes({"a": "Ctrl+N", "b": "ctrl+n", "c": "", "d": ""}) == {"a": "b", "b": "a"}
    assert clashes(DEFAULTS) == {}


def test_only_what_differs_from_the_default_is_kept() -> None:
    own = rebound({}, DEFAULTS, "new", "Ctrl+T")
    assert own == {"new": "Ctrl+T"}
    assert rebound(own, DEFAULTS, "new", "Ctrl+N") == {}
    assert rebound(own, DEFAULTS, "stop", "") == {"new": "Ctrl+T", "stop": ""}


@pytest.mark.parametrize(
    ("keys", "good"),
    [
        ("Ctrl+N", True), ("Esc", True), ("F5", True), ("", True), ("Ctrl++", True), ("Alt+Shift+X", True),
        ("A", False), ("Shift+A", False), ("+", False), ("Return", False), ("Shift+Return", False), ("/", False),
        ("Space", False), ("Tab", False), ("Enter", False), ("Backspace", False), ("Del", False), ("Up", False),
        ("Shift+Left", False), ("Ctrl+C", False), ("Ctrl+V", False), ("Ctrl+Z", False), ("Ctrl+Left", False),
        ("Ctrl+Return", False), ("Alt+Left", True), ("Ctrl+Shift+C", True), ("F12", True), ("Ctrl+Alt+Up", True),
    ],
)  # fmt: skip
def test_keys_that_type_text_are_no_shortcut(keys: str, good: bool) -> None:
    assert usable(keys) is good
