from __future__ import annotations

import pytest

from app.library.rows import meant, rows_of
from core.schemas import HubModel, InstalledStatus, ModelsReply, SearchReply


def here(*names: str, repo: str = "") -> ModelsReply:
    return ModelsReply(
        installed=[InstalledStatus(name=name, architecture="Llama", repo=repo) for name in names], loaded=[]
    )


def found(*names: str) -> SearchReply:
    return SearchReply(query="q", models=[HubModel(repo=name, downloads=1, likes=1, gated=False) for name in names])


def test_installed_ones_come_first_and_are_not_listed_twice() -> None:
    rows = rows_of(here("demo", "org/a"), found("org/a", "org/b"))
    assert [(row.key, row.header) for row in rows] == [
        ("header:here", True), ("here:demo", False), ("here:org/a", False), ("header:hub", True), ("hub:org/b", False),
    ]  # fmt: skip


def test_a_model_installed_under_another_name_is_here_too() -> None:
    assert [row.key for row in rows_of(here("mine", repo="org/a"), found("org/a"))] == ["header:here", "here:mine"]


def test_nothing_known_yet() -> None:
    assert rows_of(None, None) == []
    assert rows_of(here(), found()) == []


@pytest.mark.parametrize(
    ("text", "what", "value"),
    [
        ("  ", "nothing", ""),
        ("llama 3", "words", "llama 3"),
        ("qwen", "words", "qwen"),
        ("Qwen/Qwen3-8B", "repo", "Qwen/Qwen3-8B"),
        ("https://huggingface.co/Qwen/Qwen3-8B/tree/main?x=1", "repo", "Qwen/Qwen3-8B"),
        ("hf.co/Qwen/Qwen3-8B", "repo", "Qwen/Qwen3-8B"),
        ("https://huggingface.co/Qwen", "words", "Qwen"),
        ("/data/models/x", "folder", "/data/models/x"),
        ('"/data/with space"', "folder", "/data/with space"),
        ("C:\\models\\x", "folder", "C:\\models\\x"),
        ("a/b/c", "words", "a/b/c"),
        ("what / ever", "words", "what / ever"),
    ],
)
def test_what_somebody_means(text: str, what: str, value: str) -> None:
    assert meant(text) == (what, value)
