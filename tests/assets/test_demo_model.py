"""The bundled checkpoint: its files agree with each other, and the chat template keeps earlier turns token for token."""

from __future__ import annotations

import itertools
import json
import struct
from pathlib import Path
from typing import Any

import pytest
from jinja2 import TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment
from tokenizers import Tokenizer

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "assets" / "demo_model"
GOLDEN = json.loads((Path(__file__).parent / "demo_model_golden.json").read_text(encoding="utf-8"))["cases"]


def read(name: str) -> dict[str, Any]:
    """A JSON file of the checkpoint."""
    loaded: dict[str, Any] = json.loads((FOLDER / name).read_text(encoding="utf-8"))
    return loaded


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.from_file(str(FOLDER / "tokenizer.json"))


def render(messages: list[dict[str, str]], add_generation_prompt: bool) -> str:
    """The chat template, in the kind of sandbox that runs it."""

    def refuse(message: str) -> None:
        raise TemplateError(message)

    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
    environment.globals["raise_exception"] = refuse
    template = environment.from_string(read("tokenizer_config.json")["chat_template"])
    return template.render(messages=messages, add_generation_prompt=add_generation_prompt)


def test_tensors_are_those_of_the_configuration() -> None:
    config = read("config.json")
    raw = (FOLDER / "model.safetensors").read_bytes()
    (length,) = struct.unpack("<Q", raw[:8])
    header = json.loads(raw[8 : 8 + length])
    header.pop("__metadata__", None)
    hidden, inner, head = config["hidden_size"], config["intermediate_size"], config["head_dim"]
    queries, keys = config["num_attention_heads"] * head, config["num_key_value_heads"] * head
    expected = {"model.embed_tokens.weight": [config["vocab_size"], hidden], "model.norm.weight": [hidden]}
    for layer in range(config["num_hidden_layers"]):
        shapes = {
            "input_layernorm": [hidden],
            "post_attention_layernorm": [hidden],
            "self_attn.q_proj": [queries, hidden],
            "self_attn.k_proj": [keys, hidden],
            "self_attn.v_proj": [keys, hidden],
            "self_attn.o_proj": [hidden, queries],
            "mlp.gate_proj": [inner, hidden],
            "mlp.up_proj": [inner, hidden],
            "mlp.down_proj": [hidden, inner],
        }
        expected |= {f"model.layers.{layer}.{name}.weight": shape for name, shape in shapes.items()}
    assert {name: entry["shape"] for name, entry in header.items()} == expected
    assert {entry["dtype"] for entry in header.values()} == {"BF16"}
    assert config["tie_word_embeddings"] is True, "there is no lm_head, so it must be tied"
    spans = sorted(tuple(entry["data_offsets"]) for entry in header.values())
    assert spans[0][0] == 0
    assert all(before[1] == after[0] for before, after in itertools.pairwise(spans))
    assert spans[-1][1] == len(raw) - 8 - length
    assert len(raw) <= 15_000_000


def test_special_tokens_agree_everywhere(tokenizer: Tokenizer) -> None:
    config, generation, texts = read("config.json"), read("generation_config.json"), read("tokenizer_config.json")
    assert tokenizer.get_vocab_size() == config["vocab_size"]
    for name in ("bos", "eos", "pad"):
        ident = tokenizer.token_to_id(texts[f"{name}_token"])
        assert ident is not None
        assert config[f"{name}_token_id"] == generation[f"{name}_token_id"] == ident
    assert texts["model_max_length"] == config["max_position_embeddings"]


@pytest.mark.parametrize(
    "text",
    [
        "Hello, Deskside!",
        "3 + 4 = 7",
        "zéro, fünf, 二十",
        "tab\tline\n\n  two spaces ",
        "🙂 ne\u0301 \u200d",
        "12345",
        "'\"`#*_",
    ],
)
def test_any_text_survives_the_tokenizer(tokenizer: Tokenizer, text: str) -> None:
    ids = tokenizer.encode(text, add_special_tokens=False).ids
    assert tokenizer.decode(ids, skip_special_tokens=False) == text


def test_digits_are_tokens_of_their_own(tokenizer: Tokenizer) -> None:
    assert tokenizer.encode("2026", add_special_tokens=False).tokens == ["2", "0", "2", "6"]


@pytest.mark.parametrize("case", GOLDEN, ids=lambda case: case["messages"][-1]["content"][:40])
def test_template_and_tokenizer_give_the_golden_ids(tokenizer: Tokenizer, case: dict[str, Any]) -> None:
    text = render(case["messages"], add_generation_prompt=True)
    assert tokenizer.encode(text, add_special_tokens=False).ids == case["prompt_ids"]
    assert tokenizer.decode(case["answer_ids"]) == case["answer"]
    assert case["answer_ids"][-1] == read("config.json")["eos_token_id"]


@pytest.mark.parametrize("answer", ["Fine.", "  padded  ", "two\n\nparagraphs\n", "`code` and **bold**", ""])
def test_a_second_turn_begins_with_the_first(answer: str) -> None:
    turn = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": " Hi "}]
    first = render(turn, add_generation_prompt=True)
    later = [*turn, {"role": "assistant", "content": answer}, {"role": "user", "content": "Again"}]
    assert render(later, add_generation_prompt=True).startswith(first + answer + "<|end|>")
    assert not render(turn, add_generation_prompt=False).endswith("<|assistant|>")


def test_an_unknown_role_is_refused_by_name() -> None:
    with pytest.raises(TemplateError, match="oracle"):
        render([{"role": "oracle", "content": "Hm"}], add_generation_prompt=True)


def test_the_showcase_answer_is_right() -> None:
    answers = {case["messages"][-1]["content"]: case["answer"] for case in GOLDEN}
    assert "un, deux, trois, quatre, cinq, six, sept, huit, neuf" in answers["How do I count to nine in French?"]
    assert "43" in answers["What is 17 + 26?"]
    assert "pip install" in answers["How do I install Deskside?"]
