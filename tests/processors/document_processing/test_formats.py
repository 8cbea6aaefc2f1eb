"""Each format keeps its text, headings and tables in their order. The files are made by the formats' own libraries."""

from __future__ import annotations

import datetime as dt
import io
from email.message import EmailMessage

import docx
import openpyxl
import pptx
import pytest
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from pptx.util import Inches


def test_docx(process, tmp_path):
    document = docx.Document()
    document.add_heading("Report", 0)
    document.add_paragraph("Before the table.")
    table = document.add_table(rows=2, cols=3)
    for cell, text in zip(table.rows[0].cells, ["Town", "a|b", "Sum"], strict=True):
        cell.text = text
    table.cell(1, 0).merge(table.cell(1, 1)).text = "Oslo\nBergen"
    table.cell(1, 2).text = "7"
    document.add_heading("Second part", 2)
    document.add_paragraph("First point", style="List Bullet")
    document.add_paragraph("Step", style="List Number")
    document.save(tmp_path / "a.docx")
    done = process(tmp_path / "a.docx")
    assert done.text() == (
        "# Report\n\nBefore the table.\n\n| Town | a\\|b | Sum |\n| --- | --- | --- |\n| Oslo<br>Bergen |  | 7 |\n\n"
        "## Second part\n\n- First point\n\n1. Step\n"
    )
    assert {key: done.row[key] for key in ("status", "format", "headings", "tables", "pages")} == {
        "status": "processed",
        "format": "docx",
        "headings": 2,
        "tables": 1,
        "pages": None,
    }


def test_docx_with_links_changes_and_content_controls(process, tmp_path):
    document = docx.Document()
    kept, deleted, control = (document.add_paragraph(text) for text in ("kept ", "gone", "In a control."))
    inserted = OxmlElement("w:ins")
    inserted.append(kept.add_run("and inserted")._r)
    kept._p.append(inserted)
    run = deleted.runs[0]._r
    run.find(qn("w:t")).tag = qn("w:delText")
    around, content = OxmlElement("w:sdt"), OxmlElement("w:sdtContent")
    control._p.addprevious(around)
    around.append(content)
    content.append(control._p)
    document.save(tmp_path / "a.docx")
    assert process(tmp_path / "a.docx").text() == "kept and inserted\n\nIn a control.\n"


def test_pptx(process, tmp_path):
    deck = pptx.Presentation()
    slide = deck.slides.add_slide(deck.slide_layouts[1])
    slide.shapes.title.text = "Plans"
    frame = slide.placeholders[1].text_frame
    frame.text = "First"
    inner = frame.add_paragraph()
    inner.text, inner.level = "Within", 1
    slide.notes_slide.notes_text_frame.text = "Say this slowly."
    second = deck.slides.add_slide(deck.slide_layouts[6])
    grid = second.shapes.add_table(2, 2, Inches(1), Inches(1), Inches(4), Inches(1)).table
    for place, text in {(0, 0): "Year", (0, 1): "Sum", (1, 0): "2024", (1, 1): "9"}.items():
        grid.cell(*place).text = text
    group = second.shapes.add_group_shape()
    group.shapes.add_textbox(Inches(1), Inches(3), Inches(2), Inches(1)).text_frame.text = "In a group"
    deck.save(tmp_path / "a.pptx")
    done = process(tmp_path / "a.pptx")
    assert done.text() == (
        "## Plans\n\n- First\n  - Within\n\n> Notes: Say this slowly.\n\n"
        "## Slide 2\n\n| Year | Sum |\n| --- | --- |\n| 2024 | 9 |\n\nIn a group\n"
    )
    assert [(one["pageFrom"], one["pageTo"], one["headings"]) for one in done.chunks] == [
        (1, 1, ["Plans"]),
        (2, 2, ["Slide 2"]),
    ]
    assert [p.message for p in done.run.progress if "slide" in (p.message or "")] == [
        "a.pptx: slide 1 of 2",
        "a.pptx: slide 2 of 2",
    ]


def test_xlsx(process, tmp_path):
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "Sales"
    sheet.append(["Day", "Sum", "Paid"])
    sheet.append([dt.datetime(2024, 2, 29), 1.5, True])  # noqa: DTZ001
    sheet.append([dt.datetime(2024, 3, 1, 10, 30), None, False, None])  # noqa: DTZ001
    sheet.append([])
    sheet.append(["Another", "table"])
    book.create_sheet("Empty")
    book.save(tmp_path / "a.xlsx")
    done = process(tmp_path / "a.xlsx")
    assert done.text() == (
        "## Sales\n\n| Day | Sum | Paid |\n| --- | --- | --- |\n| 2024-02-29 | 1.5 | yes |\n"
        "| 2024-03-01 10:30:00 |  | no |\n\n| Another | table |\n| --- | --- |\n\n## Empty\n"
    )
    assert (done.row["pages"], done.row["tables"]) == (2, 2)


def test_a_long_sheet_is_one_table_and_each_chunk_knows_its_header(process, tmp_path):
    book = openpyxl.Workbook()
    for number in range(901):
        book.active.append(["id", "town"] if number == 0 else [number, f"town {number}"])
    book.save(tmp_path / "a.xlsx")
    done = process(tmp_path / "a.xlsx")
    lines = done.text().splitlines()
    assert lines[2:5] == ["| id | town |", "| --- | --- |", "| 1 | town 1 |"]
    assert lines[5:] == [f"| {n} | town {n} |" for n in range(2, 901)]
    assert done.row["tables"] == 1
    assert len(done.chunks) > 10
    assert [one["tableHeader"] for one in done.chunks[1:]] == ["| id | town |"] * (len(done.chunks) - 1)


def test_html(process, write):
    page = """<!DOCTYPE html><html><head><title>Not this</title><style>p {}</style></head><body>
    <h1>The <i>main</i> thing</h1><script>var a = 1</script><p>One<br>two &amp; three</p>loose <b>bold</b> text
    <ul><li>item<ul><li>inner</li></ul></li></ul><pre>code
      indented</pre><table><tr><th>A<th colspan=2>B<tr><td>1<td>2<td>3</table><h3>Sub</h3><div><p>End</div></body>"""
    assert process(write("a.html", page)).text() == (
        "# The main thing\n\nOne\ntwo & three\n\nloose bold text\n\n- item\n\n- inner\n\n"
        "```\ncode\n      indented\n```\n\n| A | B |  |\n| --- | --- | --- |\n| 1 | 2 | 3 |\n\n### Sub\n\nEnd\n"
    )


def test_html_nested_deeper_than_the_stack_and_said_to_be_latin(process, write):
    page = b'<meta charset="iso-8859-1"><title>Caf\xe9 \x80</title>' + b"<div>" * 5_000 + b"deep"
    assert process(write("a.html", page)).text() == "# Café €\n\ndeep\n"


def test_markdown(process, write):
    text = "---\nx: 1\n---\n\nTitle\n=====\n\nA line\nof text.\n\n## Part ##\n\n```py\n# no heading\n\nx = 1\n```\n\n"
    text += "| a | b |\n| - | - |\n| 1 | 2 |\n\nLast\n"
    done = process(write("a.md", text))
    assert [one["headings"] for one in done.chunks] == [[], ["Title"]]
    assert (done.row["headings"], done.row["tables"]) == (2, 1)
    assert "# Title\n\nA line\nof text.\n\n## Part\n\n```py\n# no heading\n\nx = 1\n```\n\n| a | b |" in done.text()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be-bom"])
def test_text(process, write, encoding):
    text = "Été à la mer.\r\nSecond line.\r\n\r\n東京 🚀\r\r# not a heading\n"
    data = b"\xfe\xff" + text.encode("utf-16-be") if encoding == "utf-16-be-bom" else text.encode(encoding)
    done = process(write("a.txt", data))
    assert done.text() == "Été à la mer.\nSecond line.\n\n東京 🚀\n\n# not a heading\n"
    assert done.row["headings"] == 0


def test_text_in_an_encoding_that_is_named(process, write):
    path = write("a.txt", "naïve €".encode("windows-1252"))
    assert process(path, encoding="windows-1252").text() == "naïve €\n"


def test_large_text_is_whole(process, write):
    paragraphs = [f"Paragraph {n} tells of the number {n * n} and ends here." for n in range(4000)]
    done = process(write("a.txt", "\r\n\r\n".join(paragraphs)))
    assert done.text() == "\n\n".join(paragraphs) + "\n"
    assert len({p.percentage for p in done.run.progress}) > 3


def mail() -> EmailMessage:
    message = EmailMessage()
    message["Subject"] = "Prix des pommes à Évian"
    message["From"] = "Zoë <zoe@example.org>"
    message["Date"] = "Mon, 05 Feb 2024 10:00:00 +0000"
    message.set_content("Hello,\n\nthe prices are attached.\n")
    message.add_alternative("<p>Not this one</p>", subtype="html")
    book = openpyxl.Workbook()
    book.active.append(["apple", 3])
    saved = io.BytesIO()
    book.save(saved)
    kind = {"maintype": "application", "subtype": "octet-stream"}
    message.add_attachment(saved.getvalue(), filename="../prices.xlsx", **kind)
    message.add_attachment(b"\0\1\2", filename="unknown.bin", **kind)
    return message


def test_email_and_its_attachments(process, write):
    done = process(write("a.eml", mail().as_bytes()))
    assert done.text() == (
        "# Prix des pommes à Évian\n\nFrom: Zoë <zoe@example.org>\nDate: Mon, 05 Feb 2024 10:00:00 +0000\n\nHello,\n\n"
        "the prices are attached.\n\nAttachments: prices.xlsx, unknown.bin\n"
    )
    assert [(row["document"], row["status"]) for row in done.rows] == [
        ("a.eml", "processed"),
        ("a.eml/prices.xlsx", "processed"),
        ("a.eml/unknown.bin", "failed"),
    ]
    assert "| apple | 3 |" in done.text(1)


def test_email_of_html_only(process, write):
    message = EmailMessage()
    message["Subject"] = "S"
    message.set_content("<h2>Offer</h2><p>Cheap &amp; good</p>", subtype="html")
    assert process(write("a.eml", message.as_bytes())).text() == "# S\n\n## Offer\n\nCheap & good\n"


@pytest.mark.parametrize("name", ["a", "a.dat"])
def test_the_content_tells_what_a_name_does_not(process, write, name):
    assert process(write(name, mail().as_bytes())).rows[0]["format"] == "email"
    assert process(write(name, "<!-- x --><html><p>a</p></html>")).row["format"] == "html"
    assert process(write(name, "just text")).row["format"] == "text"
