"""Files that are made to harm, and files broken at random: the reader's process keeps to its limits, and a sentence comes out."""

import os
import random
import struct
import time
import zipfile
import zlib

import pytest

from core.documents.limits import MIB, ReadLimits
from core.documents.read import read
from core.documents.trouble import DocumentUnusable

ROUNDS = int(os.environ.get("SOAK_ROUNDS", "12"))
SMALL = ReadLimits(memory=512 * MIB, seconds=20)


def outcome(path):
    """None for a document with pages, else the sentence."""
    try:
        assert read(path, SMALL).pages
    except DocumentUnusable as error:
        return error.message
    return None


def packed(path, members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


@pytest.mark.parametrize(
    ("name", "member"),
    [("a.docx", "word/document.xml"), ("b.pptx", "ppt/presentation.xml"), ("c.epub", "META-INF/container.xml")],
)
def test_zip_bombs(tmp_path, name, member):
    bomb = packed(tmp_path / name, {member: bytes(100 * MIB)})
    assert bomb.stat().st_size < MIB
    with pytest.raises(DocumentUnusable, match="would unpack to far more than its size"):
        read(bomb, SMALL)


def test_a_zip_whose_directory_lies_about_its_sizes(tmp_path):
    path = packed(tmp_path / "a.docx", {"word/document.xml": bytes(100 * MIB)})
    data = bytearray(path.read_bytes())
    at = data.rfind(b"PK\x01\x02")
    packed_size = struct.unpack_from("<I", data, at + 20)[0]
    struct.pack_into("<I", data, at + 24, packed_size)  # the size unpacked, it says, is that packed
    path.write_bytes(data)
    with pytest.raises(DocumentUnusable, match=r"unpack to far more|is damaged"):
        read(path, SMALL)


def test_many_members_and_overlapping_ones(tmp_path):
    path = packed(tmp_path / "a.docx", {f"word/{i}.xml": b"x" for i in range(3000)})
    with pytest.raises(DocumentUnusable, match="holds 3000 files inside"):
        read(path, ReadLimits(zip_members=1000))


BODY = "<w:document xmlns:w='x'><w:body><w:p><w:r><w:t>{}</w:t></w:r></w:p></w:body></w:document>"


def test_entities_are_not_expanded_and_no_file_is_read(tmp_path):
    laughs = "".join(f'<!ENTITY {chr(98 + i)} "{f"&{chr(97 + i)};" * 10}">' for i in range(9))
    for entities, text in (
        (f'<!ENTITY a "lol">{laughs}', "&j;"),
        ("<!ENTITY e SYSTEM 'file:///etc/passwd'>", "&e;"),
    ):
        document = f"<?xml version='1.0'?><!DOCTYPE x [{entities}]>" + BODY.format(text)
        path = packed(tmp_path / "a.docx", {"word/document.xml": document})
        with pytest.raises(DocumentUnusable, match="is damaged or no Word document"):
            read(path, SMALL)


def test_text_of_two_gigabytes_is_refused_at_once(tmp_path):
    path = tmp_path / "huge.txt"
    with path.open("wb") as file:
        file.write(b"a line\n")
        file.truncate(2 << 30)  # sparse: it takes no space
    began = time.monotonic()
    with pytest.raises(DocumentUnusable, match=r"'huge.txt' is 2,147 MB, and at most 67 MB of text are read; split it"):
        read(path)
    with pytest.raises(DocumentUnusable, match=r"'huge.pdf' is 2,147 MB, and at most 1,074 MB are read; split it"):
        read(path.rename(tmp_path / "huge.pdf"))
    assert time.monotonic() - began < 60


@pytest.mark.skipif(
    os.name != "posix", reason="an allocation that Windows refuses ends in the same sentence, by its Job Object"
)
def test_memory_is_limited_whatever_the_file_claims(tmp_path):
    path = tmp_path / "big.txt"
    path.write_bytes(b"word " * (12 << 20))  # 60 MB, and several times that in the reader
    with pytest.raises(DocumentUnusable, match=r"'big.txt' takes more than 160 MiB of memory to read"):
        read(path, ReadLimits(memory=160 * MIB))


def test_time_is_limited(tmp_path):
    path = tmp_path / "slow.html"
    path.write_text("<div>" * 200 + "<p>x " * 200_000)
    with pytest.raises(DocumentUnusable, match=r"'slow.html' takes longer than 0.2 seconds to read"):
        read(path, ReadLimits(seconds=0.2))


def test_deep_nesting_is_read_or_refused_but_never_a_crash(tmp_path):
    path = tmp_path / "deep.html"
    path.write_text("<div>" * 50_000 + "bottom")
    assert outcome(path) is None or "deep.html" in outcome(path)
    inner = "<w:tbl><w:tr><w:tc>" * 1000 + "<w:p><w:r><w:t>deep</w:t></w:r></w:p>" + "</w:tc></w:tr></w:tbl>" * 1000
    document = f"<w:document xmlns:w='x'><w:body>{inner}</w:body></w:document>"
    path = packed(tmp_path / "deep.docx", {"word/document.xml": document})
    with pytest.raises(DocumentUnusable, match=r"deep\.docx"):
        read(path, SMALL)


def test_a_pdf_whose_stream_is_a_bomb(tmp_path):
    stream = zlib.compress(b"BT /F1 9 Tf 1 1 Td (x) Tj ET\n" * 4_000_000, 9)
    head = b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj 2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj "
    page = b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 99 99]/Contents 4 0 R/Resources<</Font<</F1<</Type/Font/Subtype/Type1"
    page += b"/BaseFont/Helvetica>>>>>>>>endobj 4 0 obj<</Filter/FlateDecode/Length %d>>stream\n" % len(stream)
    path = tmp_path / "bomb.pdf"
    path.write_bytes(head + page + stream + b"\nendstream endobj trailer<</Root 1 0 R>>")
    assert path.stat().st_size < MIB
    began = time.monotonic()
    with pytest.raises(DocumentUnusable, match=r"'bomb.pdf' "):
        read(path, ReadLimits(memory=512 * MIB, seconds=3))
    assert time.monotonic() - began < 60


def test_broken_files_end_in_a_document_or_in_a_sentence(files, tmp_path):
    """Bytes changed, cut, doubled at random; the seed is in the file's name."""
    names = ["columns.pdf", "ferry.pdf", "turned.pdf", "cjk.pdf", "scanned.pdf", "report.docx", "ferry.docx", "slides.pptx",
             "ferry.pptx", "book.epub", "ferry.epub"]  # fmt: skip
    for seed in range(ROUNDS):
        rng = random.Random(seed)
        source = files / names[seed % len(names)]
        data = bytearray(source.read_bytes())
        for _ in range(rng.choice((1, 5, 50))):
            at = rng.randrange(len(data))
            kind = rng.randrange(4)
            if kind == 0:
                data[at] = rng.randrange(256)
            elif kind == 1:
                del data[at : at + rng.randrange(200)]
            elif kind == 2:
                data[at:at] = data[at : at + rng.randrange(200)]
            else:
                data[at : at + 4] = rng.randbytes(4)
            data = data or bytearray(b"x")
        path = tmp_path / f"{seed}{source.suffix}"
        path.write_bytes(data)
        sentence = outcome(path)
        assert sentence is None or path.name in sentence
