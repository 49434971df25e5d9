"""Prompts: BOS once, no EOS, nothing empty, and what to do without a chat template."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import tokenizers

from core.errors import InvalidRequest
from core.text.chat_template import ChatTemplate
from core.text.prompt import PromptBuilder
from core.text.special import SpecialTokens
from core.text.stop import StopStrings
from core.text.tokenizer import Tokenizer

CHAT = [{"role": "user", "content": "hello"}]


@pytest.fixture
def builder(fallback_tokenizer: Tokenizer) -> PromptBuilder:
    return PromptBuilder(fallback_tokenizer)


def test_bos_once(builder: PromptBuilder) -> None:
    plain = builder.tokenizer.encode("hello")
    assert builder.text("hello").ids == [1, *plain]
    assert builder.text("<s>hello").ids == [1, *plain]
    assert builder.text("hello", add_special_tokens=False).ids == plain


def test_a_template_that_writes_bos_gets_no_second(fallback_tokenizer: Tokenizer) -> None:
    template = ChatTemplate("{{ bos_token }}{{ messages[0].content }}", fallback_tokenizer.special.named)
    builder = PromptBuilder(fallback_tokenizer, template)
    assert builder.chat(CHAT).ids == [1, *fallback_tokenizer.encode("hello")]


def test_a_prompt_stays_open(fallback_tokenizer: Tokenizer) -> None:
    raw = tokenizers.Tokenizer.from_str(fallback_tokenizer.raw.to_str())
    special = SpecialTokens({"bos_token": "<s>", "eos_token": "</s>"}, 1, (2,), True, True)
    builder = PromptBuilder(Tokenizer(raw, special))
    plain = builder.tokenizer.encode("hello")
    assert builder.text("hello").ids == [1, *plain]
    assert builder.text("hello", add_special_tokens=False).ids == plain
    assert builder.text("hello</s>", add_special_tokens=False).ids == [*plain, 2]  # asked for, so kept


def test_empty_prompts_are_refused(builder: PromptBuilder) -> None:
    for make in (lambda: builder.text(""), lambda: builder.ids([])):
        with pytest.raises(InvalidRequest, match="The prompt is empty") as caught:
            make()
        assert caught.value.param == "prompt"
    with pytest.raises(InvalidRequest, match="empty prompt"):
        PromptBuilder(builder.tokenizer, ChatTemplate("{% if false %}x{% endif %}")).chat(CHAT)


@pytest.mark.parametrize("bad", [-1, 2**31, True, "a", 1.5, None])
def test_ids_that_are_none(builder: PromptBuilder, bad: Any) -> None:
    with pytest.raises(InvalidRequest, match="is not a token id"):
        builder.ids([1, bad])


def test_a_base_model_says_what_to_do(builder: PromptBuilder) -> None:
    with pytest.raises(InvalidRequest, match="base model without a chat template; use generate"):
        builder.chat(CHAT)


def test_stop_ids_know_the_turn_end_of_the_template(byte_level_tokenizer: Tokenizer) -> None:
    turn = byte_level_tokenizer.token_id("<|im_end|>")
    assert PromptBuilder(byte_level_tokenizer).stop_ids == byte_level_tokenizer.eos_ids
    template = ChatTemplate("{{ messages[0].content }}<|im_end|>")
    assert PromptBuilder(byte_level_tokenizer, template).stop_ids == (*byte_level_tokenizer.eos_ids, turn)


def test_text_goes_on_from_a_prompt_and_answers_a_chat(fallback_tokenizer: Tokenizer) -> None:
    builder = PromptBuilder(fallback_tokenizer, ChatTemplate("{{ messages[0].content }}"))
    answer = fallback_tokenizer.encode("hello")
    assert builder.stream(builder.text("hello")).push(answer).text == " hello"
    assert builder.stream(builder.chat(CHAT)).push(answer).text == "hello"
    stops = StopStrings(["ll"])
    assert builder.stream(builder.chat(CHAT), stops, include_stop=True).push(answer).text == "hell"


def test_a_folder_makes_a_builder(tmp_path: Path, byte_level_tokenizer: Tokenizer) -> None:
    (tmp_path / "tokenizer.json").write_text(byte_level_tokenizer.raw.to_str(), encoding="utf-8")
    config = {
        "bos_token": "<s>",
        "eos_token": "</s>",
        "chat_template": "{{ bos_token }}{{ messages[0].content }}{{ eos_token }}",
    }
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
    builder = PromptBuilder.from_folder(tmp_path)
    prompt = builder.chat(CHAT)
    assert prompt.text == "<s>hello</s>"
    assert prompt.ids == builder.tokenizer.encode("<s>hello</s>")
    assert builder.stop_ids == builder.tokenizer.eos_ids == (builder.tokenizer.token_id("</s>"),)
