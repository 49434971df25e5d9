"""The demo model's tokenizer: a byte-level BPE trained on generated text, digits always alone, and its chat template.

Run ``python -m tools.demo_model.tokenizer OUT_DIR`` to train it (about a minute on one core, deterministic).
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Iterator
from pathlib import Path

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors, trainers

from tools.demo_model import chats

VOCABULARY = 4096
SPECIAL = ("<|pad|>", "<|begin|>", "<|system|>", "<|user|>", "<|assistant|>", "<|end|>")
PAD, BEGIN, SYSTEM, USER, ASSISTANT, END = range(6)
ROLES = {"system": SYSTEM, "user": USER, "assistant": ASSISTANT}
CONTEXT = 4096

# Message text is inserted as it is, never trimmed: an earlier answer then has the same tokens as when it was generated.
CHAT_TEMPLATE = (
    "<|begin|>{% for message in messages %}"
    "{% if message['role'] == 'system' %}<|system|>"
    "{% elif message['role'] == 'user' %}<|user|>"
    "{% elif message['role'] == 'assistant' %}<|assistant|>"
    "{% else %}{{ raise_exception('The demo model knows the roles system, user and assistant, not '"
    " + message['role'] + '.') }}{% endif %}"
    "{{ message['content'] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


def _texts(count: int, seed: int) -> Iterator[str]:
    rng = random.Random(seed)
    for _ in range(count):
        for message in chats.chat(rng):
            yield message["content"]


def train(count: int = 40_000, seed: int = 20261121) -> Tokenizer:
    """A tokenizer trained on ``count`` generated chats."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[AddedToken(t, special=True, normalized=False) for t in SPECIAL],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_texts(count, seed), trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<|begin|> $A", pair="<|begin|> $A $B", special_tokens=[("<|begin|>", BEGIN)]
    )
    return tokenizer


def encode_chat(tokenizer: Tokenizer, messages: list[chats.Message]) -> tuple[list[int], list[int]]:
    """Token ids of a chat as the template renders it, and a mask that is 1 on what the assistant wrote, its end token included."""
    ids, mask = [BEGIN], [0]
    for message in messages:
        content = tokenizer.encode(message["content"], add_special_tokens=False).ids
        spoken = int(message["role"] == "assistant")
        ids += [ROLES[message["role"]], *content, END]
        mask += [0, *([spoken] * (len(content) + 1))]
    return ids, mask


def write(folder: Path, tokenizer: Tokenizer) -> None:
    """Write tokenizer.json and tokenizer_config.json."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    config = {
        "add_bos_token": True,
        "add_eos_token": False,
        "added_tokens_decoder": {
            str(i): {
                "content": t,
                "lstrip": False,
                "normalized": False,
                "rstrip": False,
                "single_word": False,
                "special": True,
            }
            for i, t in enumerate(SPECIAL)
        },
        "bos_token": "<|begin|>",
        "chat_template": CHAT_TEMPLATE,
        "clean_up_tokenization_spaces": False,
        "eos_token": "<|end|>",
        "extra_special_tokens": {},
        "model_max_length": CONTEXT,
        "pad_token": "<|pad|>",
        "tokenizer_class": "PreTrainedTokenizerFast",
    }
    (folder / "tokenizer_config.json").write_text(
        json.dumps(config, indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
    )


if __name__ == "__main__":
    write(Path(sys.argv[1]), train())
