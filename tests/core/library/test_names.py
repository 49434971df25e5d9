from __future__ import annotations

import pytest

from core.errors import InvalidRequest, ModelUnusable
from core.library.names import check_file, check_name, key_of, parse_repo


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Qwen/Qwen3-8B", ("Qwen/Qwen3-8B", None)),
        ("gpt2@v1.0", ("gpt2", "v1.0")),
        ("a/b@refs/pr/1", ("a/b", "refs/pr/1")),
        ("https://huggingface.co/meta-llama/Llama-3.1-8B/", ("meta-llama/Llama-3.1-8B", None)),
    ],
)
def test_repo(text, expected):
    assert parse_repo(text) == expected


@pytest.mark.parametrize(
    "text", ["", "/", "/a", "a//b", "a/b/c", "..", "a/.b", "-a/b", "x" * 97, "a/b@x\ny", "aux", "é/x"]
)
def test_no_repo(text):
    with pytest.raises(InvalidRequest):
        parse_repo(text)


@pytest.mark.parametrize("path", ["config.json", "a/b.jinja", "模型.safetensors", "with space.txt"])
def test_file(path):
    assert check_file(path, "a/b") == path


@pytest.mark.parametrize(
    "path", ["..", "../x", "/x", "a/../x", "a/./x", "x/", "C:x", "a\\x", "CON.json", "x.", "a\x00", "a" * 201]
)
def test_no_file(path):
    with pytest.raises(ModelUnusable, match="do not use this model"):
        check_file(path, "a/b")


def test_keys_differ_and_are_one_component():
    names = ["a/b", "a--b", "ab", "a%2Fb", "../x"]
    keys = [key_of(name) for name in names]
    assert len(set(keys)) == len(names)
    assert not any("/" in key for key in keys)
    assert check_name("a/b") == "a/b"
