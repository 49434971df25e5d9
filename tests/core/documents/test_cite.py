"""Marks stand where the source holds a sentence's words, whatever a model writes and however it is cut into pieces."""

import random

import pytest

from core.documents.chunk import chunk
from core.documents.cite import Citer, without_marks
from core.documents.document import Block, Document, Page
from core.documents.passages import PassageIndex
from core.documents.words import sentences, terms

PAGES = (
    "The mill of Graz ground 4100 tonnes of wheat in 2021. It was a dry year.",
    "Nineteen people worked at the mill. Dr. Huber led them from 1998 to 2020.",
    "A second turbine is planned for 2026, at a cost of 310000 euros.",
)


@pytest.fixture
def index():
    pages = tuple(Page(number, (Block(text),)) for number, text in enumerate(PAGES, 1))
    document = Document(path="/x", name="x", format="txt", pages=pages)
    return PassageIndex(chunk([document], 1000, len))


def cited(index, text, pieces=5, documents=1):
    citer = Citer(index, documents)
    shown = [citer.feed(text[i : i + pieces]) for i in range(0, len(text), pieces)]
    return "".join(shown) + citer.finish(), citer


def test_a_sentence_gets_the_page_that_holds_its_words(index):
    text = (
        "In 2021 the mill of Graz ground 4100 tonnes of wheat. Nineteen people worked there.\n\n"
        "- Turbine: 310000 euros, planned for 2026."
    )
    shown, citer = cited(index, text)
    assert shown == (
        "In 2021 the mill of Graz ground 4100 tonnes of wheat. [p. 1] Nineteen people worked there. [p. 2]\n\n"
        "- Turbine: 310000 euros, planned for 2026. [p. 3]"
    )
    assert [item.quote for item in citer.citations] == [
        "The mill of Graz ground 4100 tonnes of wheat in 2021.", "Nineteen people worked at the mill.", PAGES[2],
    ]  # fmt: skip
    assert (citer.sentences, citer.unsupported) == (3, 0)


def test_what_the_source_does_not_hold_gets_no_mark(index):
    shown, citer = cited(index, "Penguins dance on purple volcanoes every evening. The mill of Graz ground wheat.")
    assert shown == "Penguins dance on purple volcanoes every evening. The mill of Graz ground wheat. [p. 1]"
    assert (citer.sentences, citer.unsupported) == (2, 1)
    assert cited(index, "Penguins dance on purple volcanoes every evening.")[1].citations == []
    assert cited(index, "")[0] == ""


def test_marks_of_the_model_are_shown_only_where_they_are_true(index):
    text = (
        "The mill of Graz ground 4100 tonnes of wheat in 2021 [p. 12]. Nineteen people worked there. (pp. 2-3) "
        "Penguins dance on ice floes [p. 1]."
    )
    shown, citer = cited(index, text)
    assert shown == (
        "The mill of Graz ground 4100 tonnes of wheat in 2021. [p. 1] Nineteen people worked there. [p. 2] "
        "Penguins dance on ice floes."
    )
    assert {item.page for item in citer.citations} == {1, 2}
    assert (
        without_marks("One [p. 12], two (page 3-4) and three [2, p. 7]; see [1] and [x].")
        == "One, two and three; see [1] and [x]."
    )


def test_a_sentence_of_two_sources_has_two_marks(index):
    shown, _ = cited(
        index,
        "The mill ground 4100 tonnes of wheat in 2021, and a second turbine for 310000 euros is planned for 2026.",
    )
    assert shown.endswith("[p. 3] [p. 1]")
    assert cited(index, "The mill of Graz ground 4100 tonnes.", documents=2)[0].endswith("[1, p. 1]")


@pytest.mark.parametrize("seed", range(20))
def test_pieces_do_not_change_the_result(index, seed):
    rng = random.Random(seed)
    parts = [
        *PAGES,
        "Dr. Huber led nineteen people.",
        "Nothing. ",
        "e.g. wheat, in 2021.",
        "[p. 3]",
        "\n\n",
        "\n- ",
        "# Head\n",
        "!? ",
        "(p. 9)",
        "水车。",
    ]
    text = " ".join(rng.choice(parts) for _ in range(12))
    whole, one = cited(index, text, 10_000)
    pieces, many = cited(index, text, rng.randint(1, 9))
    assert pieces == whole
    assert many.citations == one.citations
    assert without_marks(whole).split() == without_marks(text).split()  # nothing but marks is added or taken away
    for citation in one.citations:
        assert citation.quote in PAGES[citation.page - 1]


def test_numbers_that_the_source_does_not_hold_are_told(index):
    text = "In 2021 it ground 4,100 tonnes, or 41 00. It cost 310.000 euros, not 310,001 or 13. [p. 77] See 2 and 1998: 2020."
    assert cited(index, text)[1].unknown_numbers == ["310,001", "13"]


def test_sentences_end_where_people_end_them():
    text = "Dr. Huber paid 3.5 million. He left in 1998. The U.S. firm, e.g. Acme, stayed!\n\nNew line\nwrapped. 「はい。」次です。"
    assert [text[a:b] for a, b in sentences(text)] == [
        "Dr. Huber paid 3.5 million.", "He left in 1998.", "The U.S. firm, e.g. Acme, stayed!", "New line\nwrapped.",
        "「はい。」", "次です。",
    ]  # fmt: skip


def test_terms_are_the_words_that_carry_meaning():
    assert terms("What is the Height of the Eiffel-Towers?") == ["height", "eiffel", "tower"]
    assert terms("Die Mühlen kosteten 1,250.50 €") == ["muhlen", "kostete", "1,250.50"]
    assert terms("cities counted, counting ships") == terms("city counts, count ship")
    assert terms("The bus of a king needs glass") == ["bus", "king", "need", "glass"]
    assert terms("富士山は") == ["富士", "士山", "山は"]
    assert terms("...") == []
