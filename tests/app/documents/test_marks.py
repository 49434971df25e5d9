from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.documents.marks import Mark, linked, mark_of, marks, passages
from core.schemas import Citation


def test_marks_are_found_once_in_order() -> None:
    assert marks("A [p. 3]. B [p. 1] and [p. 3]; [2, p. 7].") == [Mark(0, 3), Mark(0, 1), Mark(1, 7)]


@pytest.mark.parametrize("text", ["p. 3", "[p.3]", "[page 3]", "[0, p. 3]", "[p. x]", "[p. 12345678]"])
def test_what_only_looks_like_a_mark(text: str) -> None:
    assert marks(text) == []
    assert "](cite:" not in linked(text)


def test_marks_become_links_and_come_back() -> None:
    assert linked("So it is [2, p. 5].") == "So it is [2, p. 5](cite:1-5)."
    assert mark_of("cite:1-5") == Mark(1, 5)


@pytest.mark.parametrize(
    "link", ["https://x", "file:///etc/passwd", "cite:1", "cite:1-2/../x", "javascript:alert(1)", ""]
)
def test_no_other_address_is_a_mark(link: str) -> None:
    assert mark_of(link) is None


@pytest.mark.parametrize(
    "text",
    [
        "[click](https://evil.example)", "![x](https://evil.example/a.png)", "[x](file:///etc/passwd)",
        "[ref]: https://evil.example", "<a href='https://evil.example'>x</a>", "<img src=x>",
        "[![x](https://evil.example/a.png)](https://evil.example)", "[[]()]()", "[a [b] c](https://evil.example)",
    ],
)  # fmt: skip
def test_nothing_that_a_model_writes_leads_anywhere(text: str) -> None:
    made = linked(text)
    assert "](" not in made
    assert "<" not in made
    assert not made.startswith("[ref]:")


@given(st.text(alphabet="[]()p. 123,cite:-!<a>\n", max_size=60))
def test_every_link_in_the_result_is_a_citation(text: str) -> None:
    import re

    for address in re.findall(r"\]\(([^)]*)\)", linked(text)):
        assert mark_of(address) is not None


def test_passages_of_a_page_in_the_order_of_the_document_each_once() -> None:
    citations = [
        Citation(page=3, chunk=4, quote="later"), Citation(page=3, chunk=1, quote="first"),
        Citation(page=3, chunk=4, quote="later"), Citation(page=4, chunk=5, quote="other page"),
        Citation(page=3, chunk=0, quote="other document", document=1),
    ]  # fmt: skip
    assert [item.quote for item in passages(citations, Mark(0, 3))] == ["first", "later"]
    assert passages(citations, Mark(5, 3)) == []
