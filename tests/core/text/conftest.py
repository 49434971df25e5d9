"""Tiny tokenizers of the kinds that language models use, built here so that no file is needed."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import tokenizers
from tokenizers import AddedToken, decoders, models, normalizers, pre_tokenizers, processors, trainers

from core.text.special import SpecialTokens
from core.text.tokenizer import Tokenizer

CORPUS = [
    "The quick brown fox jumps over the lazy dog. Hello, hello world!",
    "Voilà: un œuf, deux œufs; ça coûte 12 €. Ünïcödé é",
    "今日は良い天気です。你好，世界。안녕하세요",
    "family: 👨‍👩‍👧‍👦 flag: 🇩🇪 wave: 👋🏽",
    "def f(x):\n    return x  # spaces   and\ttabs\n",
] * 3


def byte_level() -> tokenizers.Tokenizer:
    """GPT-2's kind, with few merges, so that most characters beyond ASCII are several tokens."""
    raw = tokenizers.Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    raw.post_processor = processors.ByteLevel(trim_offsets=True)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    raw.train_from_iterator(CORPUS, trainers.BpeTrainer(vocab_size=340, initial_alphabet=alphabet, show_progress=False))
    raw.add_special_tokens(["<s>", "</s>", "<|im_start|>", "<|im_end|>"])
    raw.add_tokens([AddedToken("<think>", special=False), AddedToken("two words é", special=False)])
    return raw


def byte_fallback(strip: bool = True) -> tokenizers.Tokenizer:
    """Llama 2's kind (`strip`) or Gemma's: sentencepiece BPE, unknown characters spelled in bytes."""
    alphabet = sorted(set("▁abcdefghijklmnopqrstuvwxyzTHVU.,:;!#()\n"))
    words = [
        "he",
        "ll",
        "hell",
        "hello",
        "▁hello",
        "▁w",
        "or",
        "wor",
        "ld",
        "▁world",
        "▁world",
        "th",
        "▁th",
        "▁the",
        "▁▁",
        "▁▁▁",
    ]
    merges = [("h", "e"), ("l", "l"), ("he", "ll"), ("hell", "o"), ("▁", "hello"), ("▁", "w"), ("o", "r"), ("l", "d")]
    merges += [("t", "h"), ("▁", "th"), ("▁th", "e"), ("▁", "▁"), ("▁▁", "▁")]
    vocab: dict[str, int] = {}
    for token in ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), *words, *alphabet]:
        vocab.setdefault(token, len(vocab))
    raw = tokenizers.Tokenizer(models.BPE(vocab, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    steps = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    if strip:
        raw.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
        steps.append(decoders.Strip(" ", 1, 0))
    else:
        raw.normalizer = normalizers.Replace(" ", "▁")
    raw.decoder = decoders.Sequence(steps)
    raw.add_special_tokens(["<unk>", "<s>", "</s>"])
    raw.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    return raw


def unigram() -> tokenizers.Tokenizer:
    """T5's kind: Metaspace, whose first token loses its space."""
    raw = tokenizers.Tokenizer(models.Unigram())
    raw.pre_tokenizer = pre_tokenizers.Metaspace()
    raw.decoder = decoders.Metaspace()
    special = ["<unk>", "<s>", "</s>"]
    trainer = trainers.UnigramTrainer(vocab_size=200, unk_token="<unk>", special_tokens=special, show_progress=False)
    raw.train_from_iterator(CORPUS, trainer)
    return raw


def words() -> tokenizers.Tokenizer:
    """No decoder at all: tokens are joined by spaces."""
    vocab = {token: i for i, token in enumerate(["<unk>", "<s>", "</s>", "one", "two", "three", "", "é"])}
    raw = tokenizers.Tokenizer(models.WordLevel(vocab, unk_token="<unk>"))
    raw.pre_tokenizer = pre_tokenizers.Whitespace()
    raw.add_special_tokens(["<unk>", "<s>", "</s>"])
    return raw


KINDS: dict[str, Callable[[], tokenizers.Tokenizer]] = {
    "byte-level": byte_level,
    "byte-fallback": byte_fallback,
    "byte-fallback, kept space": lambda: byte_fallback(strip=False),
    "metaspace": unigram,
    "words": words,
}


@pytest.fixture(scope="session")
def tokenizers_by_kind() -> dict[str, Tokenizer]:
    return {kind: make(KINDS[kind]()) for kind in KINDS}


def make(raw: tokenizers.Tokenizer) -> Tokenizer:
    bos, eos = raw.token_to_id("<s>"), raw.token_to_id("</s>")
    return Tokenizer(raw, SpecialTokens({"bos_token": "<s>", "eos_token": "</s>"}, bos, (eos,)), "a test model")


@pytest.fixture(scope="session", params=list(KINDS))
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="session")
def tokenizer(kind: str, tokenizers_by_kind: dict[str, Tokenizer]) -> Tokenizer:
    return tokenizers_by_kind[kind]


@pytest.fixture(scope="session")
def byte_level_tokenizer(tokenizers_by_kind: dict[str, Tokenizer]) -> Tokenizer:
    return tokenizers_by_kind["byte-level"]


@pytest.fixture(scope="session")
def fallback_tokenizer(tokenizers_by_kind: dict[str, Tokenizer]) -> Tokenizer:
    return tokenizers_by_kind["byte-fallback"]
