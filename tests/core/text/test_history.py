"""The second turn of a chat has the ids of the first: those the model chose, not those the tokenizer would."""

from __future__ import annotations

import pytest

from core.text.chat_template import ChatTemplate
from core.text.history import History
from core.text.prompt import PromptBuilder
from core.text.tokenizer import Tokenizer

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
ASK = {"role": "user", "content": "Hello dog"}
MORE = {"role": "user", "content": "and the fox?"}


def spelled(tokenizer: Tokenizer, text: str) -> list[int]:
    """`text` in one-character tokens: right, but never what the tokenizer gives."""
    ids = [token_id for char in text for token_id in tokenizer.encode(char)]
    assert ids != tokenizer.encode(text)
    return ids


@pytest.fixture
def builder(byte_level_tokenizer: Tokenizer) -> PromptBuilder:
    return PromptBuilder(byte_level_tokenizer, ChatTemplate(CHATML))


@pytest.mark.parametrize("ends_with_turn_end", [True, False])
def test_the_second_turn_begins_with_the_ids_of_the_first(builder: PromptBuilder, ends_with_turn_end: bool) -> None:
    tokenizer = builder.tokenizer
    first = builder.chat([ASK])
    answer = "The quick brown fox, 今日は."
    generated = spelled(tokenizer, answer)
    if ends_with_turn_end:
        generated.append(tokenizer.encode("<|im_end|>")[0])
    builder.remember(first, generated)
    turns = [ASK, {"role": "assistant", "content": answer}, MORE]
    second = builder.chat(turns)
    assert second.ids[: len(first.ids) + len(generated)] == first.ids + generated
    plain = tokenizer.encode(second.text)
    assert second.ids != plain
    assert tokenizer.to_bytes(second.ids) == tokenizer.to_bytes(plain) == second.text.encode()
    # A third turn reuses both answers.
    more = spelled(tokenizer, "lazy dog")
    builder.remember(second, more)
    third = builder.chat([*turns, {"role": "assistant", "content": "lazy dog"}, ASK])
    assert third.ids[: len(second.ids) + len(more)] == second.ids + more


def test_an_answer_cut_short_goes_on_with_its_own_ids(builder: PromptBuilder) -> None:
    first = builder.chat([ASK])
    generated = spelled(builder.tokenizer, "The quick bro")
    builder.remember(first, generated)
    chat = [ASK, {"role": "assistant", "content": "The quick bro"}]
    rest = builder.chat(chat, continue_final_message=True)
    assert rest.ids == first.ids + generated
    assert rest.continues


def test_an_edited_answer_keeps_what_is_the_same(builder: PromptBuilder) -> None:
    tokenizer = builder.tokenizer
    first = builder.chat([ASK])
    builder.remember(first, spelled(tokenizer, "The quick brown fox"))
    second = builder.chat([ASK, {"role": "assistant", "content": "The lazy dog"}, MORE])
    assert second.ids[: len(first.ids)] == first.ids
    assert tokenizer.to_bytes(second.ids) == second.text.encode()


def test_a_template_that_changes_the_answer_gets_the_plain_encoding(byte_level_tokenizer: Tokenizer) -> None:
    shouting = ChatTemplate(CHATML.replace("m.content", "m.content|upper"))
    builder = PromptBuilder(byte_level_tokenizer, shouting)
    first = builder.chat([ASK])
    builder.remember(first, spelled(byte_level_tokenizer, "quick"))
    second = builder.chat([ASK, {"role": "assistant", "content": "quick"}, MORE])
    assert second.ids == byte_level_tokenizer.encode(second.text)


def test_of_several_samples_the_chosen_one_is_found(builder: PromptBuilder) -> None:
    tokenizer = builder.tokenizer
    first = builder.chat([ASK])
    samples = ["brown fox", "brown dog", "brown"]
    for sample in samples:
        builder.remember(first, spelled(tokenizer, sample))
    for sample in samples:
        second = builder.chat([ASK, {"role": "assistant", "content": sample}, MORE])
        expected = first.ids + spelled(tokenizer, sample)
        assert second.ids[: len(expected)] == expected


def test_sentencepiece_answers_with_their_leading_space(fallback_tokenizer: Tokenizer) -> None:
    template = (
        "{% for m in messages %}{% if m.role == 'user' %}<s>{{ m.content }}\n"
        "{% else %} {{ m.content }}</s>{% endif %}{% endfor %}"
    )
    builder = PromptBuilder(fallback_tokenizer, ChatTemplate(template))
    first = builder.chat([{"role": "user", "content": "the world"}])
    generated = [fallback_tokenizer.raw.token_to_id(token) for token in ("▁", "he", "ll", "o")]
    assert fallback_tokenizer.decode(generated) == "hello"
    assert generated != fallback_tokenizer.encode("hello")
    builder.remember(first, generated)
    second = builder.chat(
        [
            {"role": "user", "content": "the world"},
            {"role": "assistant", "content": "hello"},
            {"role": "user", "content": "the"},
        ]
    )
    assert second.ids[: len(first.ids) + 4] == first.ids + generated
    plain = fallback_tokenizer.encode(second.text)
    assert second.ids != plain
    assert fallback_tokenizer.to_bytes(second.ids) == fallback_tokenizer.to_bytes(plain)


def test_the_least_recently_used_turn_goes_first(byte_level_tokenizer: Tokenizer) -> None:
    history = History(byte_level_tokenizer, max_turns=2)
    plain = {text: byte_level_tokenizer.encode(text + "dog.") for text in ("one ", "two ", "three ")}
    chosen = spelled(byte_level_tokenizer, "dog")

    def known(text: str) -> bool:
        return history.splice(text + "dog.", plain[text]) != plain[text]

    for text in ("one ", "two "):
        history.remember(text, byte_level_tokenizer.encode(text), chosen)
    assert known("one ")  # now "two " is the oldest
    history.remember("three ", byte_level_tokenizer.encode("three "), chosen)
    assert [known(text) for text in plain] == [True, False, True]
    assert len(history) == 2


def test_ids_that_do_not_stand_for_their_text_are_never_used(byte_level_tokenizer: Tokenizer) -> None:
    history = History(byte_level_tokenizer)
    history.remember("one ", byte_level_tokenizer.encode("two "), spelled(byte_level_tokenizer, "dog"))
    plain = byte_level_tokenizer.encode("one dog.")
    assert history.splice("one dog.", plain) == plain


def test_memory_is_bounded(byte_level_tokenizer: Tokenizer) -> None:
    history = History(byte_level_tokenizer, max_bytes=4000)
    for number in range(50):
        history.remember(f"{number} " + "x" * 200, list(range(100)), [1, 2, 3])
    assert 0 < len(history) <= 5
    history.remember("y" * 5000, [1], [2])  # alone too large: not kept, and nothing makes way for it
    assert len(history) > 0
    assert history.splice("y" * 5000 + "z", [7]) == [7]


def test_nothing_is_kept_of_prompts_without_text(builder: PromptBuilder) -> None:
    builder.remember(builder.text("Hello"), [1, 2])
    builder.remember(builder.chat([ASK]), [])
    assert len(builder.history) == 0
