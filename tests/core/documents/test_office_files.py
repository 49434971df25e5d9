"""Files as LibreOffice writes them (make_office_files.py), and as Word does: notes, boxes, lists, tables in tables, columns, CJK,
fonts without letters, pages on their side."""

import re
import zipfile

import pytest

from core.documents.document import BlockKind, Unread
from core.documents.limits import DEFAULT
from core.documents.reader import read_here
from core.documents.trouble import DocumentUnusable
from core.documents.words import terms

CJK = [
    "渡し船は一九五四年に八万人を運んだ。船長はイングリッド・ルンドで、乗組員は十七人だった。料金は三クローナで、子供は無料だった。",
    "渡船在一九五四年運送了八萬名乘客。船長是英格麗·倫德，船員共有十七人，票價為三克朗，兒童免費。",
    "연락선은 팔만 명을 실어 날랐다. 선장은 잉그리드 룬드였다.",
]
COLUMNS = [
    f"Paragraph {i} of the columns tells that boat number {i} left the quay with {13 * i} barrels of herring and came back "
    f"after {i + 2} days without loss."
    for i in range(1, 13)
]
AFTER = "After the columns the text runs across the whole page again, as it did before them."


@pytest.fixture
def shown(files):
    """The blocks of each page of a file, tables and headings marked."""

    def shown(name):
        marks = {BlockKind.HEADING: "# ", BlockKind.TABLE: "| "}
        document = read_here(files / name, DEFAULT)
        return document, [[marks.get(block.kind, "") + block.text for block in page.blocks] for page in document.pages]

    return shown


def test_docx_of_libreoffice(shown):
    document, pages = shown("ferry.docx")
    assert (document.unit, document.title) == ("page", "The ferry of Malmo")
    assert pages[0] == [
        "# The ferry of Malmo",
        "# Passengers",
        "More than 10⁶ people took the ferry until 1954¹, more than the bridge of Cork. The office filled five offices with files.",
        "Footnote 1: Counted at the gate by two clerks.",
        "- Adults paid 3 kronor.",
        "- Soldiers paid half.",
        "- Children went free.",
        "- Buy a ticket.",
        "- Board the ferry.",
        "| Year | Trips | Crew\n1954 | 2190 | deck 11, engine 6\n1955 | laid up for repairs",
        "The captain in this box was Ingrid Lund.\nBelow is a box.",
    ]
    assert pages[1:] == [
        ["# Two columns", *COLUMNS, AFTER],
        ["# 渡し船", *CJK],
        ["# Closing", "# The last trip", "The last trip was on 3 May 1961¹. See the archive.",
         "Endnote 1: According to the log book."],
    ]  # fmt: skip
    assert document.notes == ("Headers and footers are left out.",)  # and no pictures: a box of text is none


def test_pdf_of_libreoffice(shown):
    """Embedded fonts by glyph ids; two columns below a heading and above a wide paragraph; raised letters; lists."""
    document, pages = shown("ferry.pdf")
    assert pages[0] == [
        "# The ferry of Malmo",
        "# Passengers",
        "More than 10⁶ people took the ferry until 1954¹, more than the bridge of Cork. This sentence was deleted. The office "
        "filled five offices with files.",  # struck through, but there
        "• Adults paid 3 kronor.",
        "◦ Soldiers paid half.",
        "• Children went free.",
        "1. Buy a ticket.",
        "2. Board the ferry.",
        "| Year | Trips | Crew\n1954 | 2190 | deck 11 | engine 6\n1955 | laid up for repairs",
        "Below is a box.",
        "The captain in this box was Ingrid Lund.",
        "1 Counted at the gate by two clerks.",
    ]
    assert pages[1:] == [
        ["# Two columns", *COLUMNS, AFTER],
        ["# 渡し船", *CJK],
        ["# Closing", "# The last trip", "The last trip was on 3 May 1961i. See the archive."],
        ["i According to the log book."],
    ]
    assert document.notes == ("Running heads and page numbers of 4 pages are left out.",)


def test_epub_of_libreoffice(shown):
    """It marks no headings; a table in a table takes no cell away from the outer one."""
    _, pages = shown("ferry.epub")
    assert pages[1][7] == "| Year | Trips | Crew\n1954 | 2190 | deck 11, engine 6\n1955 | laid up for repairs"
    assert "took the ferry until 1954⁰, more than" in pages[1][1]
    assert pages[2] == ["Two columns", *COLUMNS, AFTER]
    assert pages[3] == ["渡し船", *CJK]


def test_pptx_of_libreoffice(shown):
    document, pages = shown("ferry.pptx")
    assert document.title == "Ferry plans for 1962"
    assert pages == [
        ["# Ferry plans for 1962", "A new hull from Gdansk\nIt costs 2 million kronor\nTwo more clerks",
         "Notes: Say that the old hull is from 1931."],
        ["# Quays", "Quay one", "Quay two is closed", "| Quay | Depth\none | 7 m"],
    ]  # fmt: skip


def test_pptx_tells_of_pictures_and_reads_the_words_of_smart_art(files, tmp_path):
    path = tmp_path / "art.pptx"
    art = "<p:graphicFrame><a:graphicData><d:relIds xmlns:d='d' xmlns:r='r' r:dm='rId9'/></a:graphicData></p:graphicFrame>"
    data = "<d:m xmlns:d='d' xmlns:a='a'><d:pt><d:t><a:p><a:r><a:t>{}</a:t></a:r></a:p></d:t></d:pt></d:m>"
    with zipfile.ZipFile(files / "ferry.pptx") as source, zipfile.ZipFile(path, "w") as archive:
        for name in source.namelist():
            content = source.read(name).decode()
            if name == "ppt/slides/slide2.xml":
                content = content.replace("</p:spTree>", f"{art}<p:pic/><p:pic/></p:spTree>")
            if name == "ppt/slides/_rels/slide2.xml.rels":
                relation = '<Relationship Id="rId9" Type="t" Target="../diagrams/data1.xml"/>'
                content = content.replace("</Relationships>", f"{relation}</Relationships>")
            archive.writestr(name, content)
        archive.writestr("ppt/diagrams/data1.xml", data.format("Plan, build, sail"))
    document = read_here(path, DEFAULT)
    assert document.pages[1].blocks[-1].text == "Plan, build, sail"
    assert document.notes == ("2 pictures or charts are not read; only text is.",)


def test_fonts_that_do_not_say_their_letters_are_not_read_as_others(files):
    with pytest.raises(DocumentUnusable, match=r"'no_letters\.pdf' cannot be used: its fonts do not say which letters"):
        read_here(files / "no_letters.pdf", DEFAULT)


def test_where_one_font_of_two_does_not_its_pages_are_named(files, write):
    data = (files / "ferry.pdf").read_bytes()
    serif, japanese = re.finditer(rb"/ToUnicode \d+ 0 R", data)

    def without(font):
        return read_here(write("part.pdf", data[: font.start()] + b" " * len(font[0]) + data[font.end() :]), DEFAULT)

    document = without(japanese)
    assert document.unread == (Unread(3, "unreadable"),)
    assert "渡" not in "".join(page.text for page in document.pages)
    document = without(serif)
    assert [item.page for item in document.unread] == [1, 2, 4, 5]
    assert document.notes == (
        "On page 3 some letters are not read: their fonts do not say which they are.",
    )  # its heads
    assert CJK[0] in document.pages[2].text


def test_pages_on_their_side_and_stamps(shown):
    _, pages = shown("turned.pdf")
    left = (
        "A page that lies on its side has a left column with these lines, which end here, after the fourth line of it."
    )
    right = (
        "The column at its right begins with another sentence of its own, and it also has the four lines of a column."
    )
    for page in pages[:3]:
        assert page == [left, left, right, right]
    lines = [f"Line {i} of a page that has a stamp across it." for i in range(6)]
    assert pages[3] == [" ".join(lines), "Printed on 1 January 2026", "# DRAFT COPY"]


WORD = "<w:document xmlns:w='w' xmlns:a='a'><w:body>{}</w:body></w:document>"
SHOWN, HARD = "<w:lastRenderedPageBreak/>", "<w:br w:type='page'/>"


def paragraph(text, before="", properties=""):
    return f"<w:p><w:pPr>{properties}</w:pPr><w:r>{before}<w:t>{text}</w:t></w:r></w:p>"


@pytest.fixture
def word_pages(tmp_path):
    def word_pages(*parts):
        path = tmp_path / "word.docx"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("word/document.xml", WORD.format("".join(parts)))
        return [page.text for page in read_here(path, DEFAULT).pages]

    return word_pages


def test_pages_that_word_noted_are_not_counted_twice(word_pages):
    """Word notes where it began a page after the author's own breaks, too."""
    own = "<w:pageBreakBefore/>"
    picture = "<w:p><w:r><w:drawing><a:blip/></w:drawing></w:r></w:p>"
    assert word_pages(
        paragraph("one"), paragraph("", HARD), paragraph("two", SHOWN), paragraph("three", SHOWN),
        paragraph("four", SHOWN, own), paragraph("", HARD), picture, paragraph("six", SHOWN),
    ) == ["one", "two", "three", "four", "", "six"]  # fmt: skip
    assert word_pages(paragraph("one", "", own), paragraph("one"), paragraph("", HARD), paragraph("three", HARD)) == [
        "one\n\none", "", "three",
    ]  # fmt: skip


def test_pages_of_pictures_in_a_docx_are_scans(tmp_path, word_pages):
    picture = "<w:p><w:r><w:drawing><a:blip/></w:drawing></w:r></w:p>"
    word_pages(paragraph("one"), paragraph("", HARD), picture, paragraph("three", HARD))
    document = read_here(tmp_path / "word.docx", DEFAULT)
    assert document.unread == (Unread(2, "scanned"),)
    assert document.notes == ("1 picture is not read; only text is.",)
    with pytest.raises(
        DocumentUnusable, match=r"'word\.docx' cannot be used: its page has pictures without text \(a scan\)"
    ):
        word_pages(picture)


def test_rows_of_a_table_are_on_their_pages(word_pages):
    rows = "".join(
        f"<w:tr><w:tc>{paragraph(f'row {i}', SHOWN if i == 3 else '')}</w:tc><w:tc>{paragraph('x')}</w:tc></w:tr>"
        for i in range(1, 5)
    )
    assert word_pages(paragraph("before"), f"<w:tbl>{rows}</w:tbl>", paragraph("after")) == [
        "before\n\nrow 1 | x\nrow 2 | x", "row 3 | x\nrow 4 | x\n\nafter",
    ]  # fmt: skip


def test_raised_digits_are_no_part_of_the_number_before():
    assert terms("In 1954¹ there were 10⁶ m²") == ["1954", "10"]
