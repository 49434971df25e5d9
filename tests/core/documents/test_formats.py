"""HTML, Markdown, CSV and text in their odd forms."""

import pytest

from core.documents.document import BlockKind
from core.documents.limits import DEFAULT
from core.documents.reader import read_here
from core.documents.trouble import DocumentUnusable


@pytest.fixture
def blocks(write):
    """(kind, level, text) of all blocks of a file."""

    def blocks(name, content):
        document = read_here(write(name, content), DEFAULT)
        return [(block.kind.value, block.level, block.text) for page in document.pages for block in page.blocks]

    return blocks


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "cp1252"])
def test_encodings(blocks, encoding):
    text = "Die Mühle von Köln mahlte täglich fünf Säcke Weizen.\r\n\r\nDas Café schloss früh, größer wurde es später nie.\n"
    assert [item[2] for item in blocks("a.txt", text.encode(encoding))] == [
        "Die Mühle von Köln mahlte täglich fünf Säcke Weizen.",
        "Das Café schloss früh, größer wurde es später nie.",
    ]


def test_japanese_in_an_old_encoding(blocks):
    text = "富士山は日本で一番高い山です。高さは三千七百七十六メートルです。" * 5
    assert blocks("a.txt", text.encode("shift_jis"))[0][2] == text


def test_form_feeds_are_pages(write):
    document = read_here(write("a.txt", "one\fsecond\n\npage\f\fthe fourth\n"), DEFAULT)
    assert [(page.number, page.text) for page in document.pages] == [
        (1, "one"), (2, "second\n\npage"), (3, ""), (4, "the fourth"),
    ]  # fmt: skip
    assert [item.page for item in document.unread] == [3]


def test_long_texts_are_cut_into_parts_without_losing_a_word(write):
    text = " ".join(f"word{i}." if i % 9 == 0 else f"word{i}" for i in range(4000))
    document = read_here(write("a.txt", text), DEFAULT)
    assert document.unit == "part"
    assert len(document.pages) > 5
    assert " ".join(page.text.replace("\n\n", " ") for page in document.pages) == text


def test_markdown(blocks):
    made = blocks(
        "a.md",
        "---\ntitle: x\n---\n# One #\nText *with* marks\nin two lines\n\nTwo\n---\n- a\n- b\n\n"
        "```python\n# no heading\n\nx = 1\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n~~~\nopen to the end",
    )
    assert made == [
        ("heading", 1, "One"),
        ("text", 0, "Text *with* marks\nin two lines"),
        ("heading", 2, "Two"),
        ("text", 0, "- a\n- b"),
        ("code", 0, "# no heading\n\nx = 1"),
        ("table", 0, "| a | b |\n|---|---|\n| 1 | 2 |"),
        ("code", 0, "open to the end"),
    ]


def test_html(blocks):
    made = blocks(
        "a.html",
        "<!doctype html><html><head><title>T</title><style>p{}</style></head><body><h2>Head <b>line</b></h2>"
        "<script>var no = '<p>no</p>'</script>loose<p>One   <i>two</i><br>three<p>unclosed<ul><li>first<li>second</ul>"
        "<table><caption>Mills</caption><tr><th>City<th>Year<tr><td>Oslo<td>1901<p>or so</table><pre>a\n  b</pre>"
        "<p hidden>secret</p><img alt='A mill' src='file:///etc/passwd'>&copy; end",
    )
    assert made == [
        ("heading", 2, "Head line"),
        ("text", 0, "loose"),
        ("text", 0, "One two\nthree"),
        ("text", 0, "unclosed"),
        ("text", 0, "- first"),
        ("text", 0, "- second"),
        ("text", 0, "Mills"),
        ("table", 0, "City | Year\nOslo | 1901 or so"),
        ("code", 0, "a\n  b"),
        ("text", 0, "A mill © end"),
    ]


def test_html_tables_in_tables_and_tables_for_layout(blocks):
    made = blocks(
        "a.html",
        "<table><tr><td>a<td></td><td>c</tr><tr><td>1<td>in<table><tr><td>x<td>y<tr><td>z</table>out<td>3</table>"
        "<table role=presentation><tr><td><p>left<p>side<td>right</table>"
        "<table><tr><td><h1>Head</h1>text<table><tr><th>k<th>v<tr><td>1<td>2</table></td><td>2<sup>10</sup> bytes</table>",
    )
    assert made == [
        ("table", 0, "a | | c\n1 | in x, y; z out | 3"),
        ("text", 0, "left"),
        ("text", 0, "side"),
        ("text", 0, "right"),
        ("heading", 1, "Head"),
        ("text", 0, "text"),
        ("table", 0, "k | v\n1 | 2"),
        ("text", 0, "2¹⁰ bytes"),
    ]
    deep = "<table><tr><td>a" * 300 + "</table>" * 300 + "<p>end"
    assert [text.split() for _, _, text in blocks("deep.html", deep)] == [["a"] * 300, ["end"]]


def test_html_too_deep_for_its_parser_is_refused_and_not_cut(blocks):
    with pytest.raises(DocumentUnusable, match=r"'a\.html' is damaged .* nested more than 2,000 deep"):
        blocks("a.html", "<div>" * 3000 + "bottom")


def test_html_in_a_declared_encoding(blocks):
    page = "<meta charset=iso-8859-2><p>Łódź and Kraków</p>".encode("iso-8859-2")
    assert blocks("a.html", page) == [("text", 0, "Łódź and Kraków")]
    page = "<?xml version='1.0' encoding='utf-8'?><html><p>Łódź</p></html>".encode()
    assert blocks("a.xhtml", page) == [("text", 0, "Łódź")]


def test_every_csv_row_can_be_understood_alone(blocks):
    made = blocks("a.csv", 'Name;City;Year\nAnna;"Oslo; west";1901\n;;\nBert;;1876\n')
    assert made == [
        (
            BlockKind.TABLE.value,
            0,
            "Columns: Name; City; Year\nName: Anna; City: Oslo; west; Year: 1901\nName: Bert; Year: 1876",
        )
    ]
    assert blocks("b.tsv", "1\t2\n3\t4\n")[0][2] == "1; 2\n3; 4"
