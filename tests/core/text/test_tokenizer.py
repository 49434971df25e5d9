"""Loading: every kind of folder, nothing written into it, one sentence for each that cannot be used."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import sentencepiece
import tokenizers
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InvalidRequest, ModelUnusable
from core.text.special import SpecialTokens
from core.text.tokenizer import Tokenizer

CORPUS = [
    "The quick brown fox jumps over the lazy dog.",
    "Hello, hello world!",
    "un œuf, deux œufs",
    "今日は良い天気です",
] * 20


@pytest.fixture
def folder(tmp_path: Path, byte_level_tokenizer: Tokenizer) -> Path:
    """A checkpoint folder, tokenizer part, with a name that is not ASCII."""
    folder = tmp_path / "modèle 今日"
    folder.mkdir()
    (folder / "tokenizer.json").write_text(byte_level_tokenizer.raw.to_str(), encoding="utf-8")
    return folder


def write(folder: Path, name: str, content: Any) -> None:
    (folder / name).write_text(json.dumps(content), encoding="utf-8")


@pytest.fixture(scope="module")
def sentencepiece_model(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("spm")
    (folder / "corpus.txt").write_text("\n".join(CORPUS), encoding="utf-8")
    sentencepiece.SentencePieceTrainer.train(
        input=str(folder / "corpus.txt"),
        model_prefix=str(folder / "m"),
        model_type="bpe",
        vocab_size=340,
        byte_fallback=True,
        normalization_rule_name="identity",  # as Llama 2 and Mistral have it
        remove_extra_whitespaces=False,
        minloglevel=2,
    )
    return (folder / "m.model").read_bytes()


@pytest.fixture
def sentencepiece_folder(tmp_path: Path, sentencepiece_model: bytes) -> Path:
    folder = tmp_path / "spm"
    folder.mkdir()
    (folder / "tokenizer.model").write_bytes(sentencepiece_model)
    tokens = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    write(folder, "tokenizer_config.json", {"tokenizer_class": "LlamaTokenizer", "add_bos_token": True, **tokens})
    write(folder, "config.json", {"model_type": "llama", "bos_token_id": 1, "eos_token_id": 2})
    return folder


def test_a_tokenizer_json_needs_no_transformers(folder: Path) -> None:
    code = (
        "import sys; from core.text.prompt import PromptBuilder; b = PromptBuilder.from_folder(sys.argv[1]);"
        "assert b.tokenizer.decode(b.tokenizer.encode('Hello')) == 'Hello';"
        "print(sorted({m.split('.')[0] for m in sys.modules}"
        " & {'transformers', 'torch', 'huggingface_hub', 'numpy', 'sentencepiece'}))"
    )
    result = subprocess.run([sys.executable, "-c", code, str(folder)], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
    assert result.stderr == ""


@given(st.text(max_size=40))
def test_byte_level_text_comes_back(tokenizers_by_kind: dict[str, Tokenizer], text: str) -> None:
    tokenizer = tokenizers_by_kind["byte-level"]
    ids = tokenizer.encode(text)
    assert tokenizer.decode(ids, skip_special=False) == text
    assert b"".join(map(tokenizer.token_bytes, ids)) == text.encode()
    assert all(0 <= i < tokenizer.vocab_size for i in ids)


def test_special_ids_from_every_file(folder: Path) -> None:
    tokenizer = Tokenizer.from_folder(folder)
    assert (tokenizer.bos_id, tokenizer.eos_ids) == (None, ())
    end, turn = tokenizer.token_id("</s>"), tokenizer.token_id("<|im_end|>")
    write(folder, "special_tokens_map.json", {"bos_token": {"content": "<s>"}, "eos_token": "<|im_start|>"})
    write(folder, "tokenizer_config.json", {"eos_token": {"content": "</s>", "lstrip": False}, "pad_token": None})
    write(folder, "generation_config.json", {"eos_token_id": [turn, end], "bos_token_id": 5})
    write(folder, "config.json", {"eos_token_id": turn})
    tokenizer = Tokenizer.from_folder(folder)
    assert tokenizer.bos_id == tokenizer.token_id("<s>")
    assert tokenizer.eos_ids == (turn, end)
    assert tokenizer.special.named == {"bos_token": "<s>", "eos_token": "</s>"}


def test_tokens_declared_special_beside_the_tokenizer_are_skipped(folder: Path) -> None:
    think = Tokenizer.from_folder(folder).token_id("<think>")
    new = Tokenizer.from_folder(folder).vocab_size
    assert Tokenizer.from_folder(folder).decode([think or 0]) == "<think>"
    declared = {str(think): {"content": "<think>", "special": True}, str(new): {"content": "<new>", "special": False}}
    declared[str(new + 7)] = {"content": "<elsewhere>", "special": True}  # no such id: never moved to another
    write(folder, "tokenizer_config.json", {"added_tokens_decoder": declared})
    tokenizer = Tokenizer.from_folder(folder)
    assert tokenizer.decode([think or 0]) == ""
    assert tokenizer.encode("<new>") == [new]
    assert tokenizer.token_id("<elsewhere>") is None


@pytest.mark.parametrize(
    ("bos", "eos", "expected"),
    [(None, None, "<s> hello"), (True, None, "<s> hello"), (False, None, "hello"), (True, True, "<s> hello</s>")],
)
def test_who_adds_bos_and_eos(fallback_tokenizer: Tokenizer, bos: bool | None, eos: bool | None, expected: str) -> None:
    special = SpecialTokens({"bos_token": "<s>", "eos_token": "</s>"}, 1, (2,), bos, eos)
    tokenizer = Tokenizer(tokenizers.Tokenizer.from_str(fallback_tokenizer.raw.to_str()), special)
    assert tokenizer.decode(tokenizer.encode("hello", add_special_tokens=True), skip_special=False) == expected
    assert tokenizer.decode(tokenizer.encode("hello"), skip_special=False) == "hello"


def test_truncation_and_padding_of_the_file_are_off(folder: Path) -> None:
    raw = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    raw.enable_truncation(3)
    raw.enable_padding(length=10)
    raw.save(str(folder / "tokenizer.json"))
    tokenizer = Tokenizer.from_folder(folder)
    assert tokenizer.decode(tokenizer.encode("one two three four five")) == "one two three four five"
    assert len(tokenizer.encode("x")) == 1


@pytest.mark.parametrize("text", ["\ud800", "a\udfffb"])
def test_text_that_is_not_unicode_is_refused(byte_level_tokenizer: Tokenizer, text: str) -> None:
    with pytest.raises(InvalidRequest, match="not valid Unicode"):
        byte_level_tokenizer.encode(text)


def test_a_sentencepiece_model_is_converted(sentencepiece_folder: Path, sentencepiece_model: bytes) -> None:
    before = sorted(sentencepiece_folder.iterdir())
    tokenizer = Tokenizer.from_folder(sentencepiece_folder)
    assert sorted(sentencepiece_folder.iterdir()) == before  # nothing written
    assert (tokenizer.bos_id, tokenizer.eos_ids) == (1, (2,))
    oracle = sentencepiece.SentencePieceProcessor(model_proto=sentencepiece_model)
    for text in ("Hello, hello world!", "un œuf 今日 👋🏽 q", "two  spaces\n"):
        ids = tokenizer.encode(text)
        assert ids == oracle.encode(text, add_bos=False)
        assert tokenizer.decode(ids) == text
        assert tokenizer.encode(text, add_special_tokens=True) == [1, *ids]


def test_an_installation_without_the_converter_says_so(
    sentencepiece_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.text.convert.find_spec", lambda name: None)
    with pytest.raises(ModelUnusable, match=r"only as tokenizer\.model, .*no transformers\); use a copy"):
        Tokenizer.from_folder(sentencepiece_folder)


def test_the_conversion_is_silent_and_leaves_the_environment_and_the_hub(sentencepiece_folder: Path) -> None:
    code = (
        "import os, socket, sys; before = dict(os.environ); from core.text.tokenizer import Tokenizer;"
        "asked = []; socket.getaddrinfo = lambda *host, **rest: asked.append(host) or sys.exit(1);"
        "Tokenizer.from_folder(sys.argv[1]); assert dict(os.environ) == before;"
        "from huggingface_hub import constants; assert not constants.HF_HUB_OFFLINE and not asked"
    )
    environ = {name: value for name, value in os.environ.items() if name != "HF_HUB_OFFLINE"}
    result = subprocess.run(
        [sys.executable, "-c", code, str(sentencepiece_folder)],
        env=environ,
        capture_output=True,
        text=True,
        check=True,
    )
    assert (result.stdout, result.stderr) == ("", "")


def test_a_conversion_is_kept_in_the_cache_folder(
    sentencepiece_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "cache" / "tokenizers"
    ids = Tokenizer.from_folder(sentencepiece_folder, cache).encode("Hello, hello world!")
    [entry] = cache.iterdir()

    def fail(*_: object) -> None:
        raise AssertionError("converted again")

    monkeypatch.setattr("core.text.convert._through_transformers", fail)
    assert Tokenizer.from_folder(sentencepiece_folder, cache).encode("Hello, hello world!") == ids
    with pytest.raises(AssertionError, match="converted again"):
        Tokenizer.from_folder(sentencepiece_folder)
    entry.write_text("{")  # a damaged entry is converted again
    with pytest.raises(AssertionError, match="converted again"):
        Tokenizer.from_folder(sentencepiece_folder, cache)


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "{}", '{"model": {"type": "Nothing"}}', "\x00\xff", '{"version":"1.0","model":{"type":"BPE"}}'],
)
def test_a_corrupt_tokenizer_json_names_the_file(folder: Path, content: str) -> None:
    (folder / "tokenizer.json").write_text(content, encoding="latin-1")
    with pytest.raises(ModelUnusable, match="is not a usable tokenizer") as caught:
        Tokenizer.from_folder(folder)
    assert str(folder / "tokenizer.json") in caught.value.message
    assert "\n" not in caught.value.message


def test_a_truncated_tokenizer_json(folder: Path) -> None:
    whole = (folder / "tokenizer.json").read_bytes()
    (folder / "tokenizer.json").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ModelUnusable, match=r"tokenizer\.json is not a usable tokenizer .*download the model again"):
        Tokenizer.from_folder(folder)


def test_a_missing_tokenizer(tmp_path: Path) -> None:
    with pytest.raises(ModelUnusable, match=r"has no tokenizer: there is neither tokenizer\.json nor tokenizer\.model"):
        Tokenizer.from_folder(tmp_path)


@pytest.mark.parametrize("content", ["{", "[1]", "\ufffe", "[" * 100_000])
@pytest.mark.parametrize("name", ["tokenizer_config.json", "config.json"])
def test_corrupt_settings_name_the_file(folder: Path, name: str, content: str) -> None:
    (folder / name).write_text(content, encoding="utf-8")
    with pytest.raises(ModelUnusable, match=name):
        Tokenizer.from_folder(folder)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="needs a user whom permissions bind")
def test_a_folder_without_permission(folder: Path) -> None:
    (folder / "tokenizer.json").chmod(0)
    with pytest.raises(ModelUnusable, match="cannot be read: Permission denied"):
        Tokenizer.from_folder(folder)


def test_a_tokenizer_json_that_cannot_be_read(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()
    (folder / "tokenizer.json").mkdir()
    with pytest.raises(ModelUnusable, match=r"tokenizer\.json cannot be read: "):
        Tokenizer.from_folder(folder)


def test_a_tokenizer_with_code_of_its_own_is_refused_by_name(sentencepiece_folder: Path) -> None:
    code = {"AutoTokenizer": ["tokenization_evil.EvilTokenizer", None]}
    write(sentencepiece_folder, "tokenizer_config.json", {"auto_map": code})
    (sentencepiece_folder / "tokenization_evil.py").write_text("raise SystemExit('ran')")
    with pytest.raises(ModelUnusable, match=r"needs code of its own .*tokenization_evil\.EvilTokenizer.* never run"):
        Tokenizer.from_folder(sentencepiece_folder)


def test_a_corrupt_sentencepiece_model(sentencepiece_folder: Path) -> None:
    (sentencepiece_folder / "tokenizer.model").write_bytes(b"\x00\x01 not a model")
    with pytest.raises(ModelUnusable, match=r"tokenizer\.model cannot be converted"):
        Tokenizer.from_folder(sentencepiece_folder)
