"""The text generator of the demo model: deterministic, well formed, honest about what is held out."""

from __future__ import annotations

import random

import pytest

from tools.demo_model import chats, numbers, phrasing, reports, unknown


def test_the_same_seed_gives_the_same_chats() -> None:
    def made(seed: int) -> list[list[chats.Message]]:
        rng = random.Random(seed)
        return [chats.chat(rng) for _ in range(60)]

    assert made(5) == made(5)
    assert made(5) != made(6)


def test_chats_alternate_and_end_with_the_assistant() -> None:
    rng = random.Random(1)
    for _ in range(300):
        roles = [m["role"] for m in chats.chat(rng)]
        if roles[0] == "system":
            roles = roles[1:]
        assert roles == ["user", "assistant"] * (len(roles) // 2)


def test_held_questions_are_not_generated_as_such() -> None:
    rng = random.Random(2)
    for topic in chats.TOPICS:
        assert not set(topic.held) & set(topic.questions)
        assert topic.accepts(topic.answer(rng))
    held = {question.lower().strip("?. ") for question in unknown.HELD}
    assert not held & {unknown.unknown(rng)[0].lower().strip("?. ") for _ in range(3000)}


def test_sums_are_right_and_held_pairs_stay_out() -> None:
    rng = random.Random(3)
    for held in (False, True):
        for _ in range(300):
            a, op, b = numbers.draw_pair(rng, want_held=held)
            assert numbers.held_out(a, op, b) == held
            assert numbers.compute(a, op, b) == eval(f"{a}{op.replace('/', '//')}{b}")


def test_every_language_counts_to_twenty() -> None:
    for name, words in numbers.LANGUAGES.items():
        assert len(words) == 21 == len(set(words)), name
    expected = "In French, from one to nine: un, deux, trois, quatre, cinq, six, sept, huit, neuf."
    assert numbers.count_answer("French", 1, 9) == expected
    assert numbers.count_answer("German", 3, 1) == "In German, counting down from three to one: drei, zwei, eins."


@pytest.mark.parametrize("size", ["short", "medium", "long"])
def test_summaries_hold_nothing_that_the_report_does_not_say(size: str) -> None:
    rng = random.Random(4)
    for _ in range(80):
        report = reports.make(rng, size) if rng.random() < 0.5 else reports.extract(rng, size)
        assert all(part in report.text for part in report.summary)
        assert all(fact in chats.two_sentences(report) for fact in report.key)


def test_phrases_expand_to_what_they_say() -> None:
    rng = random.Random(5)
    assert {phrasing.expand("a[b|c[d|]]{x}", rng, {"x": 1}) for _ in range(80)} == {"ab1", "acd1", "ac1"}
    assert list(phrasing.every("[a|b]c[d|]")) == ["acd", "ac", "bcd", "bc"]
    assert phrasing.expand(r"\[k\]", rng) == "[k]"
    with pytest.raises(ValueError, match="unclosed"):
        phrasing.parse("a[b")
    with pytest.raises(KeyError):
        phrasing.expand("{missing}", rng)
    with pytest.raises(ValueError, match="slots"):
        list(phrasing.every("{x}"))
