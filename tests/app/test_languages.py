from __future__ import annotations

import pytest

from app.languages import resolve


@pytest.mark.parametrize(
    ("choice", "system", "locale"),
    [
        ("zh_CN", ["en-US"], "zh_CN"),
        ("en", ["zh-Hans-CN"], "en"),
        ("system", ["zh-Hans-CN", "en"], "zh_CN"),
        ("system", ["zh_CN"], "zh_CN"),
        ("system", ["de-DE", "zh-CN"], "zh_CN"),
        ("system", ["zh-Hant-TW"], "en"),
        ("system", ["zh-TW", "en-GB"], "en"),
        ("system", ["de-DE"], "en"),
        ("system", ["C"], "en"),
        ("system", []  , "en"),
        ("klingon", ["zh-CN"], "zh_CN"),
    ],
)  # fmt: skip
def test_which_language_is_meant(choice: str, system: list[str], locale: str) -> None:
    assert resolve(choice, system) == locale
