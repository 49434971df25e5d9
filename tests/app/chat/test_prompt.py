"""What is sent to the service, and how long it is about."""

from __future__ import annotations

import pytest

from app.chat.prompt import about_tokens


@pytest.mark.parametrize(
    ("text", "tokens"),
    [("", 0), ("eight ch", 2), ("größer, ", 2), ("量化模型", 4), ("量化 in C", 2 + 5 / 4), ("\ud800 alone", 1 + 6 / 4)],
)
def test_some_four_characters_a_token_and_one_of_chinese(text: str, tokens: float) -> None:
    assert about_tokens(text) == tokens
