"""A tiny byte-level model's vocabulary, of a size that is no multiple of 32."""

from __future__ import annotations

import pytest
import tokenizers
from tokenizers import AddedToken, decoders, models, pre_tokenizers, trainers

from core.grammar.compiler import Compiler
from core.text.special import SpecialTokens
from core.text.tokenizer import Tokenizer

CORPUS = [
    '{"name": "Ada", "age": 36, "tags": ["a", "b"], "ok": true, "none": null, "x": -1.5e3}',
    "héllo wörld 你好",
] * 4


def byte_level() -> tokenizers.Tokenizer:
    raw = tokenizers.Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    raw.train_from_iterator(CORPUS, trainers.BpeTrainer(vocab_size=300, initial_alphabet=alphabet, show_progress=False))
    raw.add_special_tokens(["<s>", "</s>", "<|im_start|>", "<|im_end|>"])
    raw.add_tokens([AddedToken("<think>", special=False)])
    return raw


@pytest.fixture(scope="session")
def tokenizer() -> Tokenizer:
    raw = byte_level()
    ends = (raw.token_to_id("</s>"), raw.token_to_id("<|im_end|>"))
    return Tokenizer(raw, SpecialTokens({}, raw.token_to_id("<s>"), ends), "a test model")


@pytest.fixture(scope="session")
def compiler(tokenizer: Tokenizer) -> Compiler:
    """For logits a little wider than the tokenizer, as padded checkpoints have them."""
    return Compiler(tokenizer, tokenizer.vocab_size + 6, tokenizer.eos_ids)
