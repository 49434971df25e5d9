"""Files of every kind, read in the reader's process: text, pages, order, and what is said of those that cannot be read."""

import pytest

from core.documents.document import BlockKind, Unread
from core.documents.limits import ReadLimits
from core.documents.read import find_files, read
from core.documents.trouble import DocumentUnusable
from core.errors import InvalidRequest, NotFound


def test_three_hundred_pages_each_with_its_fact(files):
    document = read(files / "facts.pdf")
    assert (len(document.pages), document.title, document.unit) == (300, "Three hundred facts", "page")
    assert document.unread == ()
    for page in document.pages:
        assert f"Fact {page.number}: " in page.text
        assert "The Book of Facts" not in page.text  # the running head
        assert not page.text.endswith(f"\n\n{page.number}")
    headings = [block.text for page in document.pages for block in page.blocks if block.kind is BlockKind.HEADING]
    assert headings == [f"Chapter {i}" for i in range(1, 7)]
    assert document.notes == ("Running heads and page numbers of 300 pages are left out.",)


def test_two_columns_are_read_one_after_the_other(files):
    for page in read(files / "columns.pdf").pages:
        text = page.text
        assert text.startswith(f"A study of columns, part {page.number}, across the whole page")
        places = [text.index(f"The {side} column of page {page.number} says line number {i},")
                  for side in ("left", "right") for i in range(1, 21)]  # fmt: skip
        assert places == sorted(places)
        assert "an observation that a line break" in text
        assert "A well-known habit, and a well-known one." in text
        table = next(block for block in page.blocks if block.kind is BlockKind.TABLE)
        assert table.text == "City | Mills | Year\nOslo | 12 | 1901\nTurin | 7 | 1876\nPorto | 31 | 1844"


def test_chinese_japanese_and_korean_lines_are_joined_without_spaces(files):
    chinese, japanese, korean = (page.text for page in read(files / "cjk.pdf").pages)
    assert chinese == "長江是亞洲第一長河，全長約六千三百公里。黃河是中國第二長河。"
    assert japanese == "富士山は日本で一番高い山です。高さは三千七百七十六メートルです。"
    assert korean.startswith("한강은 서울을 지나 황해로 흐른다.")


def test_scanned_pages_are_reported_by_number(files):
    document = read(files / "scanned.pdf")
    assert document.unread == (Unread(2, "scanned"), Unread(4, "empty"))
    assert "seven ships left Bergen" in document.pages[2].text


def test_docx_has_headings_lists_tables_and_pages(files):
    document = read(files / "report.docx")
    assert (document.title, document.unit, len(document.pages)) == ("Yearly report", "page", 2)
    first, second = document.pages
    assert [block.level for block in first.blocks if block.kind is BlockKind.HEADING] == [1, 1]
    assert "- Nineteen people worked there." in first.text
    assert "Quarter | Wheat | Rye\nfirst | 900 | 120" in first.text
    assert second.blocks[0].text == "Outlook"
    assert "310000 euros" in second.text


def test_pptx_has_slides_with_titles_tables_and_notes(files):
    document = read(files / "slides.pptx")
    assert (document.unit, document.title, len(document.pages)) == ("slide", "Harbour plans", 3)
    assert "Three new cranes arrive in May\nEach lifts 40 tonnes" in document.pages[1].text
    assert "Notes: Mention that the old crane is from 1968." in document.pages[1].text
    assert "Cranes | 910000" in document.pages[2].text


def test_epub_is_read_in_the_order_of_its_spine(files):
    document = read(files / "book.epub")
    assert (document.unit, document.title) == ("chapter", "The Lamp")
    assert document.pages[0].text == "The first chapter\n\nShe bought a lamp in Lyon for 12 francs."
    assert document.pages[1].text == "The second chapter\n\nHe lit the lamp & read until four."
    assert document.unread == (Unread(3, "unreadable"),)  # the package names a file that is not there


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("empty.pdf", b"", "'empty.pdf' cannot be used: it is empty."),
        ("blank.txt", b" \n\t\n", "'blank.txt' cannot be used: it is empty."),
        ("no.pdf", b"this is no PDF", "'no.pdf' is damaged or no PDF"),
        ("cut.docx", b"PK\x03\x04 and then nothing", "'cut.docx' is damaged or no Word document"),
        ("old.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "'old.doc' is of a kind that is not read"),
        ("new.docx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "'new.docx' is protected by a password, or"),
        ("image.png", b"\x89PNG\r\n", "'image.png' is of a kind that is not read; save it as one of CSV, DOCX"),
        ("data.txt", bytes(range(256)) * 20, "'data.txt' is not a text file"),
    ],
)
def test_what_cannot_be_read_is_named(write, name, content, sentence):
    with pytest.raises(DocumentUnusable) as caught:
        read(write(name, content))
    assert caught.value.message.startswith(sentence)


def test_protected_and_scanned_files_are_named(files, tmp_path):
    with pytest.raises(DocumentUnusable, match=r"'protected.pdf' is protected by a password"):
        read(files / "protected.pdf")
    with pytest.raises(DocumentUnusable, match=r"its 2 pages are pictures without text \(a scan\)"):
        read(files / "only_scans.pdf")
    with pytest.raises(NotFound, match="no file"):
        read(tmp_path / "none.pdf")
    with pytest.raises(NotFound, match="no file"):
        read(tmp_path)
    with pytest.raises(DocumentUnusable, match="has 300 pages, and at most 10 are read"):
        read(files / "facts.pdf", ReadLimits(pages=10))
    with pytest.raises(DocumentUnusable, match="more than 500 characters"):
        read(files / "facts.pdf", ReadLimits(chars=500))


def test_what_a_check_raises_ends_the_reading(files):
    def stop():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        read(files / "facts.pdf", check=stop)


def test_a_folder_is_its_readable_files(tmp_path):
    for name in ("b.md", "a.txt", ".hidden.txt", "~$lock.docx", "image.png", "sub/c.csv"):
        path = tmp_path / "papers" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    found, notes = find_files([tmp_path / "papers", tmp_path / "papers" / "a.txt"])
    assert [path.name for path in found] == ["a.txt", "b.md", "c.csv"]
    assert notes == ["1 file in 'papers' is of kinds that are not read, and left out."]
    with pytest.raises(NotFound, match="no file or folder"):
        find_files([tmp_path / "nothing"])
    (tmp_path / "void").mkdir()
    with pytest.raises(InvalidRequest, match="'void' holds no file that can be read"):
        find_files([tmp_path / "void"])
