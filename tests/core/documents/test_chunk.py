"""Chunks: nothing lost, nothing twice, never too long, and every letter's page is known."""

import random

import pytest

from core.documents.chunk import chunk
from core.documents.document import SEPARATOR, Block, BlockKind, Document, Page


def words(text):
    """A token for each word, one for each blank line: joining costs something, as with real tokenizers."""
    return len(text.split()) + text.count(SEPARATOR)


def document(pages):
    return Document(path="/x", name="x", format="txt", pages=tuple(Page(i, tuple(p)) for i, p in enumerate(pages, 1)))


def check(documents, chunks, budget, count):
    """Each chunk is made of its spans, fits, and together the spans are all of the text but white space."""
    for number, item in enumerate(chunks):
        assert item.number == number
        pages = documents[item.document].pages
        assert item.text == SEPARATOR.join(pages[s.page - 1].text[s.start : s.end] for s in item.spans)
        assert item.tokens == count(item.text) <= budget
    for index, source in enumerate(documents):
        for page in source.pages:
            spans = [s for item in chunks if item.document == index for s in item.spans if s.page == page.number]
            assert spans == sorted(spans, key=lambda span: span.start)
            at = 0
            for span in spans:
                assert not page.text[at : span.start].strip()
                assert span.start >= at
                at = span.end
            assert not page.text[at:].strip()


@pytest.mark.parametrize("count", [words, len], ids=["words", "letters"])
@pytest.mark.parametrize("seed", range(15))
def test_every_letter_is_in_exactly_one_chunk(seed, count):
    rng = random.Random(seed)

    def block():
        length = rng.choice((1, 3, 30, 400))
        glue = rng.choice((" ", "\n", ". ", "。"))
        text = glue.join(rng.choice(("word", "longerword", "語句", "x" * rng.randint(1, 90))) for _ in range(length))
        kind = rng.choice((BlockKind.TEXT, BlockKind.HEADING))
        return Block(text, kind, rng.randint(1, 3) if kind is BlockKind.HEADING else 0)

    documents = [document([[block() for _ in range(rng.randint(0, 5))] for _ in range(8)]) for _ in range(3)]
    budget = rng.choice((20, 60, 300))
    check(documents, chunk(documents, budget, count), budget, count)


def test_the_three_hundred_facts(facts):
    chunks = chunk([facts], 1000, len)
    check([facts], chunks, 1000, len)
    for number in range(1, 301):
        holding = [item for item in chunks if f"Fact {number}: " in item.text]
        assert len(holding) == 1
        assert holding[0].first_page <= number <= holding[0].last_page


def test_chunks_begin_at_headings_and_know_their_section():
    text = "one two three four five six seven eight nine ten"
    pages = [
        [Block("Part A", BlockKind.HEADING, 1), Block(text)],
        [Block("Sub", BlockKind.HEADING, 2), Block(text), Block(text)],
        [Block("Part B", BlockKind.HEADING, 1), Block(text)],
    ]
    chunks = chunk([document(pages)], 18, words)
    assert [(item.text.split("\n")[0], item.section) for item in chunks] == [
        ("Part A", "Part A"), ("Sub", "Part A > Sub"), (text, "Part A > Sub"), ("Part B", "Part B"),
    ]  # fmt: skip
    assert [item.section for item in chunk([document([[Block(text)]])], 18, words)] == [""]
