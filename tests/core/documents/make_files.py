"""Makes the files in files/, with the tools that people use. They are committed; to make them anew:

python -m venv v && v/bin/pip install reportlab python-docx python-pptx pillow && v/bin/python tests/core/documents/make_files.py
"""

from __future__ import annotations

import random
import zipfile
from pathlib import Path

FOLDER = Path(__file__).parent / "files"
CITIES_TEXT = """
    Oslo Turin Porto Ghent Lyon Bergen Riga Malmo Graz Basel Genoa Split Vilnius Cork Seville Krakow
"""
CITIES = CITIES_TEXT.split()
THINGS_TEXT = """
    bridges towers mills wells ovens looms clocks boats lamps presses kilns gates anvils bells
"""
THINGS = THINGS_TEXT.split()
WORDS_TEXT = """
    river stone garden winter market council letter harbour engine village supper candle orchard ribbon thunder meadow
    copper lantern window ladder blanket saddle feather basket
"""
WORDS = WORDS_TEXT.split()


def fact(number: int) -> str:
    """One sentence that stands on one page only."""
    rng = random.Random(number)
    return (
        f"Fact {number}: the {rng.choice(THINGS)} of {rng.choice(CITIES)} were counted in {1200 + number} and there were "
        f"{7 * number + 3} of them."
    )


def filler(rng: random.Random, sentences: int) -> str:
    made = []
    for _ in range(sentences):
        words = [rng.choice(WORDS) for _ in range(rng.randint(6, 12))]
        made.append(" ".join(words).capitalize() + ".")
    return " ".join(made)


def facts_pdf(pages: int) -> None:
    """A running head, a page number, a fact and some lines on each page."""
    from reportlab.lib.pagesizes import A5
    from reportlab.pdfgen import canvas

    pdf = canvas.Canvas(str(FOLDER / "facts.pdf"), pagesize=A5, pageCompression=1, invariant=1)
    pdf.setTitle("Three hundred facts")
    rng = random.Random(1)
    width, height = A5
    for page in range(1, pages + 1):
        pdf.setFont("Helvetica", 8)
        pdf.drawString(40, height - 25, "The Book of Facts")
        pdf.drawString(width / 2, 20, str(page))
        if page % 50 == 1:
            pdf.setFont("Helvetica-Bold", 16)
            pdf.drawString(40, height - 60, f"Chapter {page // 50 + 1}")
        pdf.setFont("Helvetica", 9)
        y = height - 90
        for line in [*wrapped(fact(page), 70), "", *wrapped(filler(rng, 3), 70)]:
            pdf.drawString(40, y, line)
            y -= 12
        pdf.showPage()
    pdf.save()


def wrapped(text: str, width: int) -> list[str]:
    import textwrap

    return textwrap.wrap(text, width)


TABLE = (("City", "Mills", "Year"), ("Oslo", "12", "1901"), ("Turin", "7", "1876"), ("Porto", "31", "1844"))


def columns_pdf() -> None:
    """A title over two columns with a hyphenated word, a table below them, and a second page that begins with a wide line."""
    from reportlab.lib.pagesizes import A4
    from reportlab.pdfgen import canvas

    pdf = canvas.Canvas(str(FOLDER / "columns.pdf"), pagesize=A4, invariant=1)
    for page in (1, 2):
        pdf.setFont("Helvetica-Bold", 18)
        pdf.drawString(60, 780, f"A study of columns, part {page}, across the whole page")
        pdf.setFont("Helvetica", 9)
        left = [
            *column("left", page),
            "At the end of this column stands an obser-",
            "vation that a line break has cut.",
        ]
        right = [*column("right", page), "A well-", "known habit, and a well-known one."]
        for row in range(max(len(left), len(right))):  # row by row, as some programs write columns
            if row < len(left):
                pdf.drawString(60, 730 - 12 * row, left[row])
            if row < len(right):
                pdf.drawString(310, 725 - 12 * row, right[row])
        for row, cells in enumerate(TABLE):
            for place, cell in enumerate(cells):
                pdf.drawString(60 + 120 * place, 200 - 14 * row, cell)
        pdf.showPage()
    pdf.save()


def column(side: str, page: int) -> list[str]:
    return [f"The {side} column of page {page} says line number {i}," for i in range(1, 21)]


CJK = {
    "zh": "長江是亞洲第一長河，全長約六千三百公里。黃河是中國第二長河。",
    "ja": "富士山は日本で一番高い山です。高さは三千七百七十六メートルです。",
    "ko": "한강은 서울을 지나 황해로 흐른다. 길이는 약 오백 킬로미터이다.",
}


def cjk_pdf() -> None:
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.cidfonts import UnicodeCIDFont
    from reportlab.pdfgen import canvas

    pdf = canvas.Canvas(str(FOLDER / "cjk.pdf"), invariant=1)
    for language, font in (("zh", "MSung-Light"), ("ja", "HeiseiMin-W3"), ("ko", "HYSMyeongJo-Medium")):
        pdfmetrics.registerFont(UnicodeCIDFont(font))
        pdf.setFont(font, 14)
        text = CJK[language]
        for row, start in enumerate(range(0, len(text), 16)):
            pdf.drawString(60, 700 - 22 * row, text[start : start + 16])
        pdf.showPage()
    pdf.save()


def scanned_pdf() -> None:
    """Page 1 text, page 2 a picture of text, page 3 text, page 4 nothing."""
    from PIL import Image, ImageDraw
    from reportlab.lib.utils import ImageReader
    from reportlab.pdfgen import canvas

    picture = Image.new("1", (400, 300), 1)
    ImageDraw.Draw(picture).text((40, 40), "These words are a picture.", fill=0)
    pdf = canvas.Canvas(str(FOLDER / "scanned.pdf"), invariant=1)
    pdf.drawString(60, 700, "The first page has text that can be read by a machine.")
    pdf.showPage()
    pdf.drawImage(ImageReader(picture), 60, 300, 400, 300)
    pdf.showPage()
    pdf.drawString(60, 700, "The third page says that seven ships left Bergen in 1911.")
    pdf.showPage()
    pdf.showPage()
    pdf.save()
    only = canvas.Canvas(str(FOLDER / "only_scans.pdf"), invariant=1)
    for _ in range(2):
        only.drawImage(ImageReader(picture), 60, 300, 400, 300)
        only.showPage()
    only.save()


TURNED_TEXT = """
    A page that lies on its side has/a left column with these lines,/which end here, after the fourth/line of it.
    The column at its right begins/with another sentence of its own,/and it also has the four lines/of a column.
"""
TURNED_LEFT, TURNED_RIGHT = (line.strip().split("/") for line in TURNED_TEXT.strip().split("\n"))


def turned_pdf() -> None:
    """Landscape pages on their side, told by /Rotate or not, one upside down, and one with a stamp and a sideways margin."""
    from reportlab.lib.pagesizes import A5
    from reportlab.pdfgen import canvas

    width, height = A5
    pdf = canvas.Canvas(str(FOLDER / "turned.pdf"), pagesize=A5, invariant=1)
    for rotate, origin, angle in ((90, (width, 0), 90), (0, (0, height), -90), (180, (width, height), 180)):
        pdf.setPageRotation(rotate)
        pdf.translate(*origin)
        pdf.rotate(angle)
        pdf.setFont("Helvetica", 10)
        for place, lines in ((40, TURNED_LEFT), (300 if angle != 180 else 220, TURNED_RIGHT)):
            for row in range(8):
                pdf.drawString(place, 200 - 13 * row, lines[row % 4])
        pdf.showPage()
    pdf.setPageRotation(0)
    pdf.setFont("Helvetica", 10)
    for row in range(6):
        pdf.drawString(40, 400 - 13 * row, f"Line {row} of a page that has a stamp across it.")
    for place, angle, size, text in (
        ((100, 300), 45, 40, "DRAFT COPY"),
        ((20, 100), 90, 10, "Printed on 1 January 2026"),
    ):
        pdf.saveState()
        pdf.translate(*place)
        pdf.rotate(angle)
        pdf.setFont("Helvetica", size)
        pdf.drawString(0, 0, text)
        pdf.restoreState()
    pdf.showPage()
    pdf.save()


def protected_pdf() -> None:
    from reportlab.lib.pdfencrypt import StandardEncryption
    from reportlab.pdfgen import canvas

    pdf = canvas.Canvas(str(FOLDER / "protected.pdf"), encrypt=StandardEncryption("secret", strength=128), invariant=1)
    pdf.drawString(60, 700, "Nobody reads this without the password.")
    pdf.showPage()
    pdf.save()


def report_docx() -> None:
    from docx import Document

    document = Document()
    document.core_properties.title = "Yearly report"
    document.add_heading("Yearly report of the mill", 0)
    document.add_paragraph("The mill of Graz ground 4100 tonnes of wheat in 2021.")
    document.add_heading("Staff", 1)
    document.add_paragraph("Nineteen people worked there.", style="List Bullet")
    document.add_paragraph("Four of them were apprentices.", style="List Bullet")
    table = document.add_table(rows=1, cols=3)
    for cell, text in zip(table.rows[0].cells, ("Quarter", "Wheat", "Rye"), strict=True):
        cell.text = text
    for values in (("first", "900", "120"), ("second", "1150", "95")):
        for cell, text in zip(table.add_row().cells, values, strict=True):
            cell.text = text
    document.add_page_break()
    document.add_heading("Outlook", 1)
    document.add_paragraph("A second turbine is planned for 2026, at a cost of 310000 euros.")
    document.save(str(FOLDER / "report.docx"))


def slides_pptx() -> None:
    from pptx import Presentation
    from pptx.util import Inches

    show = Presentation()
    first = show.slides.add_slide(show.slide_layouts[0])
    first.shapes.title.text = "Harbour plans"
    first.placeholders[1].text = "Board meeting in Cork"
    second = show.slides.add_slide(show.slide_layouts[1])
    second.shapes.title.text = "Cranes"
    second.placeholders[1].text_frame.text = "Three new cranes arrive in May"
    second.placeholders[1].text_frame.add_paragraph().text = "Each lifts 40 tonnes"
    second.notes_slide.notes_text_frame.text = "Mention that the old crane is from 1968."
    third = show.slides.add_slide(show.slide_layouts[5])
    third.shapes.title.text = "Costs"
    table = third.shapes.add_table(2, 2, Inches(1), Inches(2), Inches(4), Inches(1)).table
    for row, texts in enumerate((("Item", "Euros"), ("Cranes", "910000"))):
        for place, text in enumerate(texts):
            table.cell(row, place).text = text
    show.save(str(FOLDER / "slides.pptx"))


CONTAINER = """<?xml version="1.0"?><container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>
<rootfile full-path="OEBPS/content.opf" media-type="application/oebps-package+xml"/></rootfiles></container>"""
PACKAGE = """<?xml version="1.0"?><package xmlns="http://www.idpf.org/2007/opf" version="3.0" unique-identifier="id">
<metadata xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:identifier id="id">x</dc:identifier><dc:title>The Lamp</dc:title>
<dc:language>en</dc:language></metadata><manifest>
<item id="b" href="two.xhtml" media-type="application/xhtml+xml"/><item id="a" href="text/one%20chapter.xhtml"
media-type="application/xhtml+xml"/><item id="gone" href="gone.xhtml" media-type="application/xhtml+xml"/></manifest>
<spine><itemref idref="a"/><itemref idref="b"/><itemref idref="gone"/></spine></package>"""
CHAPTER = """<?xml version="1.0" encoding="utf-8"?><html xmlns="http://www.w3.org/1999/xhtml"><head><title>x</title>
<style>p {{ color: red }}</style></head><body><h1>{title}</h1><p>{text}</p><script>alert("no")</script></body></html>"""


FIRST = CHAPTER.format(title="The first chapter", text="She bought a lamp in Lyon for 12&nbsp;francs.")
SECOND = CHAPTER.format(title="The second chapter", text="He lit the lamp &amp; read until four.")


def book_epub() -> None:
    with zipfile.ZipFile(FOLDER / "book.epub", "w") as book:
        for name, text in (
            ("mimetype", "application/epub+zip"),
            ("META-INF/container.xml", CONTAINER),
            ("OEBPS/content.opf", PACKAGE),
            (
                "OEBPS/two.xhtml",
                SECOND,
            ),
            (
                "OEBPS/text/one chapter.xhtml",
                FIRST,
            ),
        ):
            book.writestr(zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), text)


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    facts_pdf(300)
    columns_pdf()
    cjk_pdf()
    scanned_pdf()
    turned_pdf()
    protected_pdf()
    report_docx()
    slides_pptx()
    book_epub()
    for path in sorted(FOLDER.iterdir()):
        print(path.name, path.stat().st_size)
