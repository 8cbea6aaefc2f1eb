"""Each document that cannot be read gets an error of its own, and the rest goes on."""

from __future__ import annotations

import io
import random
import struct
import zipfile
from pathlib import Path

import docx
import openpyxl
import pptx
import pytest
from pydantic import ValidationError

from jobsapp.processors.document_processing.model import DocumentsInput
from jobsapp.processors.sdk import Permanent

from . import pdfs

OLE2 = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600


def saved(document) -> bytes:
    buffer = io.BytesIO()
    document.save(buffer)
    return buffer.getvalue()


def workbook() -> bytes:
    book = openpyxl.Workbook()
    book.active.append(["a", 1])
    return saved(book)


BAD = [
    ("empty.pdf", b"", "empty", "The file is empty."),
    ("blank.txt", b" \n\t\n", "empty", "It holds no text."),
    ("cut.docx", saved(docx.Document())[:2000], "broken", "cut off or damaged"),
    ("cut.xlsx", workbook()[:-100], "broken", "cut off or damaged"),
    ("named.pdf", b"hello", "broken", "The name says PDF, but the content is something else."),
    ("old.doc", OLE2, "unsupported", "the format of Office 97 to 2003; save it as DOCX."),
    ("locked.docx", OLE2 + "EncryptedPackage".encode("utf-16-le"), "encrypted", "protected by a password"),
    ("scan.tiff", b"II*\0\x08\0\0\0", "unsupported", "a picture (TIFF); reading text in pictures needs OCR."),
    ("a.rtf", b"{\\rtf1 x}", "unsupported", "save it as DOCX or PDF"),
    ("program", b"\x7fELF\0\0\0", "unsupported", "neither text nor a format that is known here"),
    ("latin.txt", b"abc d\xe9f", "encoding", "The text is not UTF-8 at byte 5; set the encoding"),
    ("later.txt", b"x" * 65_535 + b"\xc3" + b"x", "encoding", "not UTF-8 at byte 65,535"),
    ("latin.html", b"<p>d\xe9f", "encoding", "The text is not UTF-8 at byte 4"),
]


def test_every_kind_of_fault_beside_documents_that_are_fine(process, write, tmp_path):
    first = write("first.txt", "The first is fine.")
    bad = [write(name, data) for name, data, _, _ in BAD]
    bad.append(pdfs.write(tmp_path / "secret.pdf", ["x"], password="x"))
    last = write("last.md", "# The last\n\nis fine, too.")
    done = process(first, *bad, last)
    assert (done.result["documents"], done.result["failed"], done.result["chunks"]) == (len(bad) + 2, len(bad), 2)
    assert [one["document"] for one in done.chunks] == ["first.txt", "last.md"]
    for row, (name, _, kind, message) in zip(done.rows[1:], BAD, strict=False):
        assert (row["document"], row["status"], row["error"]) == (name, "failed", kind)
        assert message in row["message"]
        assert f"{name}: {row['message']}" in done.log
    assert (done.rows[-2]["error"], done.rows[0]["status"], done.rows[-1]["status"]) == (
        "encrypted",
        "processed",
        "processed",
    )


def test_damage_inside_of_an_office_file(process, write, tmp_path):
    def with_part(data: bytes, part: str, content: bytes) -> bytes:
        out = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w") as new:
            for info in old.infolist():
                new.writestr(info, content if info.filename == part else old.read(info))
        return out.getvalue()

    bad = [
        write("a.docx", with_part(saved(docx.Document()), "word/document.xml", b"<w:document><broken")),
        write("a.xlsx", with_part(workbook(), "xl/worksheets/sheet1.xml", b"<worksheet><broken")),
        write("b.xlsx", with_part(workbook(), "xl/workbook.xml", b"")),
    ]
    done = process(*bad, write("fine.txt", "Fine."))
    assert [row["error"] for row in done.rows] == ["broken"] * 3 + [None]
    assert all("damaged" in row["message"] for row in done.rows[:3])


def sample(kind: str, folder: Path) -> bytes:
    if kind == "pdf":
        return pdfs.draw(folder / "whole.pdf", [[("Title", 20), ("Some text", 11)]] * 2).read_bytes()
    if kind == "xlsx":
        return workbook()
    if kind == "pptx":
        deck = pptx.Presentation()
        deck.slides.add_slide(deck.slide_layouts[0]).shapes.title.text = "Title"
        return saved(deck)
    document = docx.Document()
    document.add_heading("Title")
    document.add_table(2, 2).cell(0, 0).text = "Cell"
    return saved(document)


@pytest.mark.parametrize("kind", ["pdf", "docx", "pptx", "xlsx"])
def test_whatever_is_damaged_in_a_file_the_others_are_read(process, write, tmp_path, kind):
    draw = random.Random(kind)
    data = sample(kind, tmp_path)
    bad = []
    for number in range(12):
        changed = bytearray(data)
        for _ in range(draw.randint(1, 30)):
            changed[draw.randrange(len(changed))] = draw.randrange(256)
        bad.append(write(f"{number}.{kind}", bytes(changed)))
    done = process(*bad, write("fine.txt", "Fine."))
    assert done.rows[-1]["status"] == "processed"
    assert {"failed"} <= {row["status"] for row in done.rows[:-1]} <= {"failed", "processed"}
    assert all(row["message"] for row in done.rows if row["status"] == "failed")


def test_one_bad_document_alone_fails_the_job_with_its_sentence(process, write):
    with pytest.raises(Permanent, match=r"^a\.txt: The file is empty\.$"):
        process(write("a.txt", ""))


def test_all_bad_documents_fail_the_job_and_are_named(process, write):
    with pytest.raises(Permanent, match=r"None of the 2 documents could be read\. a\.txt: .* b\.pdf: "):
        process(write("a.txt", ""), write("b.pdf", "x"))


def archive(**files: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, data in files.items():
            packed.writestr(name, data)
    return out.getvalue()


def test_a_zip_of_documents(process, write):
    files = {"a/one.txt": b"One.", "../../two.md": b"# Two", "__MACOSX/x": b"x", "b/one.txt": b"Other.", "c.bin": b"\0"}
    files |= {"inner.zip": archive(**{"x.txt": b"x"}), "mail.eml": b"From: a@b.c\nSubject: Hi\n\nText.\n"}
    done = process(write("all.zip", archive(**files)))
    assert [(row["document"], row["status"], row["text"]) for row in done.rows] == [
        ("all.zip/a/one.txt", "processed", "one.md"),
        ("all.zip/two.md", "processed", "two.md"),
        ("all.zip/b/one.txt", "processed", "one-2.md"),
        ("all.zip/c.bin", "failed", None),
        ("all.zip/inner.zip", "failed", None),
        ("all.zip/mail.eml", "processed", "mail.md"),
    ]
    assert "archive within an archive" in done.rows[4]["message"]
    assert done.text(2) == "Other.\n"
    shares = [p.percentage for p in done.run.progress if p.percentage is not None]
    assert shares == sorted(shares)


def test_more_than_twenty_texts_come_in_one_archive(process, write):
    done = process(write("all.zip", archive(**{f"{n}.txt": f"Number {n}.".encode() for n in range(30)})))
    assert sorted(done.run.artifacts) == ["chunks.jsonl", "texts.zip"]
    with zipfile.ZipFile(done.run.artifacts["texts.zip"]) as texts:
        assert {name: texts.read(name) for name in texts.namelist()} == {
            f"{n}.md": f"Number {n}.\n".encode() for n in range(30)
        }


def test_bombs_are_refused_before_anything_is_unpacked(process, write):
    bomb = write("bomb.zip", archive(**{"zeros.txt": b"0" * (40 << 20)}))
    many = write("many.zip", archive(**{f"{n}": b"x" for n in range(1001)}))
    done = process(bomb, many, write("fine.txt", "Fine."))
    assert [row["error"] for row in done.rows] == ["too-large", "too-large", None]
    assert "unpacks from 40," in done.rows[0]["message"]
    assert "to 40 MiB, which is refused as a decompression bomb" in done.rows[0]["message"]
    assert "holds 1,001 files; at most 1,000 are read" in done.rows[1]["message"]


def test_a_bomb_that_lies_about_its_size_unpacks_to_no_more_than_it_says(process, write):
    data = bytearray(archive(**{"zeros.txt": b"0" * (40 << 20)}))
    size = struct.pack("<I", 40 << 20)
    assert data.count(size) == 2, "in the file's own header and in the table of contents"
    done = process(write("bomb.zip", bytes(data.replace(size, struct.pack("<I", 9)))), write("fine.txt", "Fine."))
    assert (done.rows[0]["document"], done.rows[0]["error"]) == ("bomb.zip/zeros.txt", "broken")


def test_a_docx_that_is_a_bomb(process, write):
    xml = b"<w:document>" + b"<w:p/>" * (12 << 20)
    bomb = write("bomb.docx", archive(**{"word/document.xml": xml}))
    done = process(bomb, write("fine.txt", "Fine."))
    assert done.rows[0]["error"] == "too-large"
    assert "decompression bomb" in done.rows[0]["message"]


def test_an_encrypted_file_in_a_zip(process, write):
    data = bytearray(archive(**{"a.txt": b"Text", "b.txt": b"Other"}))
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(mark) + offset] |= 1
    done = process(write("a.zip", bytes(data)))
    assert [row["error"] for row in done.rows] == ["encrypted", None]


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"documents": []}, "documents"),
        ({"chunkTokens": 20}, "chunkTokens"),
        ({"chunkTokens": 50, "overlapTokens": 30}, "overlapTokens"),
        ({"encoding": "klingon"}, "encoding"),
        ({"encoding": "base64"}, "encoding"),
        ({"documents": ["00000000-0000-0000-0000-000000000001"] * 2}, "documents"),
        ({"embed": "bert"}, "embed"),
        ({"nope": 1}, "nope"),
    ],
)
def test_input_names_the_field_at_fault(options, field):
    with pytest.raises(ValidationError) as error:
        DocumentsInput.model_validate({"documents": ["00000000-0000-0000-0000-000000000000"], **options})
    assert field in str(error.value)


def test_every_field_has_a_title_and_help():
    for name, schema in DocumentsInput.model_json_schema()["properties"].items():
        assert schema.get("title"), name
        assert schema.get("description"), name


def test_an_xlsx_that_is_a_bomb(process, write):
    strings = b"<sst>" + b"<si/>" * (14 << 20)
    bomb = write("bomb.xlsx", archive(**{"xl/workbook.xml": b"<workbook/>", "xl/sharedStrings.xml": strings}))
    done = process(bomb, write("fine.txt", "Fine."))
    assert done.rows[0]["error"] == "too-large"
    assert "decompression bomb" in done.rows[0]["message"]
