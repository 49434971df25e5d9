"""Makes the files ferry.* in files/ with LibreOffice, from the two texts below. They are committed; to make them anew (7.4, with
the fonts DejaVu and Noto CJK):

python tests/core/documents/make_office_files.py [soffice]
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

FOLDER = Path(__file__).parent / "files"
NAMESPACES = "".join(
    f' xmlns:{prefix}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
    for prefix, name in {
        "office": "office", "style": "style", "text": "text", "table": "table", "draw": "drawing",
        "fo": "xsl-fo-compatible", "svg": "svg-compatible", "presentation": "presentation",
    }.items()
) + ' xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xlink="http://www.w3.org/1999/xlink" office:version="1.3"'  # fmt: skip

TEXT = """<?xml version="1.0" encoding="UTF-8"?>
<office:document{namespaces} office:mimetype="application/vnd.oasis.opendocument.text">
<office:meta><dc:title>The ferry of Malmo</dc:title></office:meta>
<office:font-face-decls><style:font-face style:name="S" svg:font-family="'DejaVu Serif'"/>
<style:font-face style:name="C" svg:font-family="'Noto Serif CJK JP'"/></office:font-face-decls>
<office:styles>
<style:default-style style:family="paragraph"><style:text-properties style:font-name="S" fo:font-size="10pt" fo:language="en"
 fo:country="GB" style:font-name-asian="C" style:font-size-asian="10pt" style:language-asian="ja" style:country-asian="JP"/>
</style:default-style>
<style:style style:name="Standard" style:family="paragraph" style:class="text">
<style:paragraph-properties fo:margin-bottom="0.2cm"/></style:style>
<style:style style:name="Heading_20_1" style:display-name="Heading 1" style:family="paragraph"
 style:parent-style-name="Standard" style:default-outline-level="1" style:class="text">
<style:text-properties fo:font-size="18pt" style:font-size-asian="18pt"/></style:style>
<style:style style:name="Heading_20_2" style:display-name="Heading 2" style:family="paragraph"
 style:parent-style-name="Standard" style:default-outline-level="2" style:class="text">
<style:text-properties fo:font-size="14pt"/></style:style>
<style:style style:name="Title" style:family="paragraph" style:parent-style-name="Standard" style:class="chapter">
<style:text-properties fo:font-size="24pt"/></style:style>
<text:notes-configuration text:note-class="footnote" style:num-format="1"/>
</office:styles>
<office:automatic-styles>
<style:style style:name="Break" style:family="paragraph" style:parent-style-name="Heading_20_1">
<style:paragraph-properties fo:break-before="page"/></style:style>
<style:style style:name="Raised" style:family="text"><style:text-properties style:text-position="super 58%"/></style:style>
<style:style style:name="Two" style:family="section"><style:section-properties><style:columns fo:column-count="2"
 fo:column-gap="1cm"><style:column style:rel-width="50*"/><style:column style:rel-width="50*"/></style:columns>
</style:section-properties></style:style>
<style:style style:name="Box" style:family="graphic"><style:graphic-properties style:wrap="none"
 fo:border="0.5pt solid #000000" fo:padding="0.2cm" style:vertical-pos="from-top" style:vertical-rel="paragraph"
 style:horizontal-pos="center" style:horizontal-rel="paragraph"/></style:style>
<text:list-style style:name="L"><text:list-level-style-bullet text:level="1" text:bullet-char="&#8226;">
<style:list-level-properties text:space-before="0.5cm" text:min-label-width="0.5cm"/></text:list-level-style-bullet>
<text:list-level-style-bullet text:level="2" text:bullet-char="&#9702;">
<style:list-level-properties text:space-before="1cm" text:min-label-width="0.5cm"/></text:list-level-style-bullet>
</text:list-style>
<text:list-style style:name="N"><text:list-level-style-number text:level="1" style:num-format="1" style:num-suffix=".">
<style:list-level-properties text:space-before="0.5cm" text:min-label-width="0.5cm"/></text:list-level-style-number>
</text:list-style>
<style:page-layout style:name="P"><style:page-layout-properties fo:page-width="14.8cm" fo:page-height="21cm"
 fo:margin="1.5cm"/><style:header-style><style:header-footer-properties fo:min-height="0.5cm" fo:margin-bottom="0.4cm"/>
</style:header-style><style:footer-style><style:header-footer-properties fo:min-height="0.5cm" fo:margin-top="0.4cm"/>
</style:footer-style></style:page-layout>
</office:automatic-styles>
<office:master-styles><style:master-page style:name="Standard" style:page-layout-name="P">
<style:header><text:p>Harbour Office, internal</text:p></style:header>
<style:footer><text:p>Page <text:page-number text:select-page="current">1</text:page-number> of
 <text:page-count>5</text:page-count></text:p></style:footer></style:master-page></office:master-styles>
<office:body><office:text>
<text:tracked-changes><text:changed-region xml:id="c1" text:id="c1"><text:deletion><office:change-info>
<dc:creator>A</dc:creator><dc:date>2026-01-01T00:00:00</dc:date></office:change-info>
<text:p>This sentence was deleted. </text:p></text:deletion></text:changed-region></text:tracked-changes>
<text:p text:style-name="Title">The ferry of Malmo</text:p>
<text:h text:style-name="Heading_20_1" text:outline-level="1">Passengers</text:h>
<text:p>More than 10<text:span text:style-name="Raised">6</text:span> people took the ferry until 1954{footnote}, more than the
 bridge of Cork. <text:change text:change-id="c1"/>The office<office:annotation><dc:creator>A</dc:creator>
<dc:date>2026-01-01T00:00:00</dc:date><text:p>Is this a comment?</text:p></office:annotation> filled five offices with
 files.</text:p>
<text:list text:style-name="L"><text:list-item><text:p>Adults paid 3 kronor.</text:p><text:list><text:list-item>
<text:p>Soldiers paid half.</text:p></text:list-item></text:list></text:list-item><text:list-item>
<text:p>Children went free.</text:p></text:list-item></text:list>
<text:list text:style-name="N"><text:list-item><text:p>Buy a ticket.</text:p></text:list-item><text:list-item>
<text:p>Board the ferry.</text:p></text:list-item></text:list>
<table:table table:name="T"><table:table-column table:number-columns-repeated="3"/>
<table:table-row>{cell}Year{end}{cell}Trips{end}{cell}Crew{end}</table:table-row>
<table:table-row>{cell}1954{end}{cell}2190{end}<table:table-cell><table:table table:name="T2">
<table:table-column table:number-columns-repeated="2"/><table:table-row>{cell}deck 11{end}{cell}engine 6{end}
</table:table-row></table:table><text:p/></table:table-cell></table:table-row>
<table:table-row>{cell}1955{end}<table:table-cell table:number-columns-spanned="2"><text:p>laid up for repairs</text:p>
</table:table-cell><table:covered-table-cell/></table:table-row></table:table>
<text:p>Below is a box.<draw:frame draw:style-name="Box" draw:name="B" text:anchor-type="paragraph" svg:width="7cm"
 svg:height="1.4cm" svg:y="0.6cm"><draw:text-box><text:p>The captain in this box was Ingrid Lund.</text:p></draw:text-box>
</draw:frame></text:p>
<text:h text:style-name="Break" text:outline-level="1">Two columns</text:h>
<text:section text:style-name="Two" text:name="S">{columns}</text:section>
<text:p>After the columns the text runs across the whole page again, as it did before them.</text:p>
<text:h text:style-name="Break" text:outline-level="1">渡し船</text:h>
<text:p>{japanese}</text:p><text:p>{chinese}</text:p><text:p>{korean}</text:p>
<text:h text:style-name="Break" text:outline-level="1">Closing</text:h>
<text:h text:style-name="Heading_20_2" text:outline-level="2">The last trip</text:h>
<text:p>The last trip was on 3 May 1961{endnote}. See <text:a xlink:type="simple" xlink:href="https://example.org/ferry">the
 archive</text:a>.</text:p>
</office:text></office:body></office:document>
"""
NOTE = """<text:note text:id="{kind}" text:note-class="{kind}"><text:note-citation>1</text:note-citation><text:note-body>
<text:p>{text}</text:p></text:note-body></text:note>"""
COLUMN = """<text:p>Paragraph {0} of the columns tells that boat number {0} left the quay with {1} barrels of herring and came
 back after {2} days without loss.</text:p>"""
JAPANESE = (
    "渡し船は一九五四年に八万人を運んだ。船長はイングリッド・ルンドで、乗組員は十七人だった。"
    "料金は三クローナで、子供は無料だった。"
)
CHINESE = "渡船在一九五四年運送了八萬名乘客。船長是英格麗·倫德，船員共有十七人，票價為三克朗，兒童免費。"
KOREAN = "연락선은 팔만 명을 실어 날랐다. 선장은 잉그리드 룬드였다."

SHOW = """<?xml version="1.0" encoding="UTF-8"?>
<office:document{namespaces} office:mimetype="application/vnd.oasis.opendocument.presentation">
<office:styles><style:style style:name="M-title" style:family="presentation"/>
<style:style style:name="M-outline1" style:family="presentation"/>
<style:style style:name="M-notes" style:family="presentation"/></office:styles>
<office:automatic-styles><style:style style:name="pr1" style:family="presentation" style:parent-style-name="M-title"/>
<style:style style:name="pr2" style:family="presentation" style:parent-style-name="M-outline1"/>
<style:style style:name="pr3" style:family="presentation" style:parent-style-name="M-notes"/>
<style:page-layout style:name="P"><style:page-layout-properties fo:page-width="28cm" fo:page-height="15.75cm"/>
</style:page-layout></office:automatic-styles>
<office:master-styles><style:master-page style:name="M" style:page-layout-name="P"/></office:master-styles>
<office:body><office:presentation>
<draw:page draw:name="a" draw:master-page-name="M">
<draw:frame presentation:style-name="pr1" presentation:class="title" {place}><draw:text-box><text:p>Ferry plans for 1962</text:p>
</draw:text-box></draw:frame>
<draw:frame presentation:style-name="pr2" presentation:class="outline" {place}><draw:text-box><text:list><text:list-item>
<text:p>A new hull from Gdansk</text:p><text:list><text:list-item><text:p>It costs 2 million kronor</text:p></text:list-item>
</text:list></text:list-item><text:list-item><text:p>Two more clerks</text:p></text:list-item></text:list></draw:text-box>
</draw:frame>
<presentation:notes><draw:frame presentation:style-name="pr3" presentation:class="notes" {place}><draw:text-box>
<text:p>Say that the old hull is from 1931.</text:p></draw:text-box></draw:frame></presentation:notes></draw:page>
<draw:page draw:name="b" draw:master-page-name="M">
<draw:frame presentation:style-name="pr1" presentation:class="title" {place}><draw:text-box><text:p>Quays</text:p></draw:text-box>
</draw:frame>
<draw:g><draw:custom-shape {place}><text:p>Quay one</text:p><draw:enhanced-geometry draw:type="rectangle"
 draw:enhanced-path="M 0 0 L 9 0 9 9 0 9 0 0 Z N" svg:viewBox="0 0 9 9"/></draw:custom-shape><draw:custom-shape {place}>
<text:p>Quay two is closed</text:p><draw:enhanced-geometry draw:type="rectangle" svg:viewBox="0 0 9 9"
 draw:enhanced-path="M 0 0 L 9 0 9 9 0 9 0 0 Z N"/></draw:custom-shape></draw:g>
<draw:frame {place}><table:table><table:table-column/><table:table-column/><table:table-row>{cell}Quay{end}{cell}Depth{end}
</table:table-row><table:table-row>{cell}one{end}{cell}7 m{end}</table:table-row></table:table></draw:frame></draw:page>
</office:presentation></office:body></office:document>
"""
SHARED = {"namespaces": NAMESPACES, "cell": "<table:table-cell><text:p>", "end": "</text:p></table:table-cell>"}


def text() -> str:
    return TEXT.format(
        **SHARED,
        footnote=NOTE.format(kind="footnote", text="Counted at the gate by two clerks."),
        endnote=NOTE.format(kind="endnote", text="According to the log book."),
        columns="".join(COLUMN.format(i, 13 * i, i + 2) for i in range(1, 13)),
        japanese=JAPANESE,
        chinese=CHINESE,
        korean=KOREAN,
    )


def show() -> str:
    return SHOW.format(**SHARED, place='svg:x="2cm" svg:y="4cm" svg:width="20cm" svg:height="3cm"')


def convert(soffice: str, source: Path, ending: str, work: Path) -> bytes:
    profile = f"-env:UserInstallation={(work / 'profile').as_uri()}"
    command = [soffice, profile, "--headless", "--convert-to", ending, "--outdir", str(work), str(source)]
    subprocess.run(command, check=True, timeout=300)
    return source.with_suffix(f".{ending}").read_bytes()


def without_letters(pdf: bytes) -> bytes:
    """A PDF whose fonts do not say which letters they show, as some printer drivers make them."""
    return re.sub(rb"/ToUnicode \d+ 0 R", lambda match: b" " * len(match[0]), pdf)


def main(soffice: str) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        (work / "ferry.fodt").write_text(text(), encoding="utf-8")
        (work / "plans.fodp").write_text(show(), encoding="utf-8")
        for ending in ("docx", "pdf", "epub"):
            (FOLDER / f"ferry.{ending}").write_bytes(convert(soffice, work / "ferry.fodt", ending, work))
        (FOLDER / "ferry.pptx").write_bytes(convert(soffice, work / "plans.fodp", "pptx", work))
        (FOLDER / "no_letters.pdf").write_bytes(without_letters((FOLDER / "ferry.pdf").read_bytes()))


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else shutil.which("soffice") or "soffice")
