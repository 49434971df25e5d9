"""Questions: all of the text or the passages that matter, an answer with its pages, or none."""

import pytest

from core.documents.api import ask
from core.documents.chunk import chunk
from core.documents.document import Block, Document, Page
from core.documents.search import rank
from core.errors import InvalidRequest

TEXTS = (
    "The mill of Graz ground 4100 tonnes of wheat in 2021.",
    "Nineteen people worked at the mill.",
    "富士山は日本で一番高い山です。高さは三千七百七十六メートルです。",
)
DOCUMENT = Document(
    path="/d", name="d", format="txt", pages=tuple(Page(i, (Block(text),)) for i, text in enumerate(TEXTS, 1))
)


def test_a_short_document_is_read_as_a_whole(make_model):
    model = make_model(lambda prompt: "It ground 4100 tonnes of wheat. [p. 7]")
    report = ask(model, DOCUMENT, "How much wheat did the mill grind?")
    assert all(text in model.asked[0] for text in TEXTS)
    assert model.asked[0].index(TEXTS[2]) < model.asked[0].index(
        "How much wheat"
    )  # the next question finds the text computed
    assert (report.answer, report.found, report.whole) == ("It ground 4100 tonnes of wheat. [p. 1]", True, True)
    assert [(item.page, item.quote) for item in report.citations] == [(1, TEXTS[0])]


def test_of_a_long_document_the_right_passages_are_read(facts, make_model):
    model = make_model(lambda prompt: next((line for line in prompt.split("\n") if "Fact 217:" in line), "?"))
    report = ask(model, facts, "When were things counted according to fact 217?")
    assert (report.found, report.whole) == (True, False)
    assert report.chunks_read < report.chunks
    assert [item.page for item in report.citations] == [217]
    assert report.answer.endswith("[p. 217]")


@pytest.mark.parametrize(
    ("question", "answer", "asked"),
    [
        ("How many people worked there?", "The document does not say.", 1),
        ("How many people worked there?", "the document does not say", 1),
        ("How many people worked there?", "Penguins dance on purple volcanoes.", 1),
        ("How many people worked there?", "", 1),
        ("How many people worked there?", "I", 1),
        ("How many people worked there?", "It is.", 1),
        ("How many people worked there?", "2021.", 1),
        ("How many people worked there?", "Graz", 1),
        ("How many people worked there?", "11802.", 1),
        ("How many people worked there?", "The document doesn't mention how many people worked there.", 1),
        ("How many people worked there?", "That is not stated in the text. The mill of Graz ground wheat.", 1),
        ("How many people worked there?", "Das Dokument sagt nicht, wie viele es waren.", 1),
        ("How many people worked there?", "文档中没有提到。", 1),
        ("Did people paint the roof?", "Yes.", 1),
        ("Who is the president of the moon?", "The mill ground 4100 tonnes of wheat in 2021.", 0),
    ],
)
def test_it_says_when_the_document_does_not_hold_the_answer(make_model, question, answer, asked):
    model = make_model(lambda prompt: answer)
    report = ask(model, DOCUMENT, question)
    assert not report.found
    assert report.answer.startswith("The document does not say.")
    assert report.citations == []
    assert len(model.asked) == asked
    assert asked or "'president' or 'moon'" in report.answer


@pytest.mark.parametrize(
    ("question", "answer", "page"),
    [
        ("How many tonnes of wheat were ground in Graz?", "4100", 1),
        ("How many people worked at the mill?", "Nineteen.", 2),
        ("Which town ground wheat?", "Graz", 1),
        ("Did nineteen people work at the mill?", "Yes.", 2),
        ("Did nineteen people work at the mill?", "No, they worked at the mill.", 2),
        ("富士山の高さは何メートルですか", "三千七百七十六メートル", 3),
        ("Was the cause stated?", "The report does not state the cause.", 4),
        ("In which year was wheat ground?", "2021", 1),
    ],
)
def test_a_short_answer_stands_on_the_passage_that_speaks_of_the_question(make_model, question, answer, page):
    texts = (*TEXTS, "The report does not state the cause. In 2021 a lamp fell.")
    pages = tuple(Page(i, (Block(text),)) for i, text in enumerate(texts, 1))
    document = Document(path="/d", name="d", format="txt", pages=pages)
    report = ask(make_model(lambda prompt: answer), document, question)
    assert report.found
    assert [item.page for item in report.citations] == [page]
    assert report.answer == f"{answer} [p. {page}]"


def test_of_many_pages_with_the_number_the_one_asked_about_is_cited(facts, make_model):
    report = ask(make_model(lambda prompt: "Seven"), facts, "How many wells are there?")
    assert not report.found
    wanted = facts.pages[216].text.split(" counted in ")[1].split(" ")[0]
    report = ask(make_model(lambda prompt: f"In {wanted}."), facts, "In which year was what fact 217 is about counted?")
    assert [item.page for item in report.citations] == [217]


def test_where_a_model_finds_nothing_the_nearest_passage_is_told(make_model):
    model = make_model(lambda prompt: "The document does not say.")
    report = ask(model, DOCUMENT, "How many tonnes of wheat did Graz grind?")
    assert not report.found
    assert report.notes == [f"The passage nearest to the question, on page 1, is: \u201c{TEXTS[0]}\u201d"]
    assert ask(model, DOCUMENT, "Who was the mayor of Graz?").notes == []


def test_what_an_answer_does_not_take_from_the_document_is_told(make_model):
    answer = "The mill of Graz ground 4100 tonnes of wheat. Penguins dance on purple volcanoes."
    report = ask(
        make_model(lambda prompt: answer), DOCUMENT, "How much wheat did the mill of Graz grind for the queen?"
    )
    assert report.found
    assert report.notes == [
        "Check 1 sentence of this answer, whose words are not in the source.",
        "The document does not mention 'grind' or 'queen', which the question speaks of.",
    ]


def test_numbers_that_are_nowhere_are_told_with_the_answer(make_model):
    report = ask(
        make_model(lambda prompt: "The mill of Graz ground 4700 tonnes of wheat."), DOCUMENT, "How much wheat?"
    )
    assert report.found
    assert report.notes == ["Check these numbers, which are not in the source as they are written here: 4700."]
    assert ask(make_model(lambda prompt: "4700 penguins."), DOCUMENT, "How much wheat?").notes == []


def test_a_question_in_another_language_is_left_to_the_model(make_model):
    model = make_model(lambda prompt: "4100 tonnes of wheat.")
    assert ask(model, DOCUMENT, "Wie viel Getreide wurde gemahlen?").found


def test_japanese_is_found_by_pairs_of_characters():
    chunks = chunk([DOCUMENT], 100, len)
    assert chunks[rank(chunks, "富士山の高さ")[0]].first_page == 3
    assert chunks[rank(chunks, 'Nineteen "people" OR NOT (wheat*')[0]].first_page in (1, 2)
    assert rank(chunks, "???") == []
    assert rank(chunks, "nothing of the kind") == []


def test_rare_words_count_for_more(facts):
    chunks = chunk([facts], 600, len)
    for number in (9, 77, 240):
        best = chunks[rank(chunks, f"What about fact {number}?")[0]]
        assert f"Fact {number}: " in best.text


def test_questions_that_cannot_be_asked(make_model):
    with pytest.raises(InvalidRequest, match="The question is empty"):
        ask(make_model(), DOCUMENT, "  ")
    with pytest.raises(InvalidRequest, match="leaves 0 of the 600 tokens"):
        ask(make_model(context=600), DOCUMENT, "why " * 200)
