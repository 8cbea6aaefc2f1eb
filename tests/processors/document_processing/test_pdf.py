"""PDF: lines become paragraphs, sizes and outlines headings; scans, passwords and damage are told."""

from __future__ import annotations

import pytest

from jobsapp.processors.sdk import Permanent

from . import pdfs

TEXT = "the harbour lay still while the boats came in one after the other from the open sea"
WORDS = TEXT.split()


def paragraph(lines: int, words: int = 14) -> list[pdfs.Line]:
    return [(" ".join(WORDS[(n + i) % len(WORDS)] for i in range(words)), 11) for n in range(lines)]


def test_pages_paragraphs_and_headings(process, tmp_path):
    pages = [
        [("The sea", 22), *paragraph(5), ("", 11), ("", 11), ("Short end.", 11), ("A new line.", 11)],
        [("Harbours", 16), *paragraph(4)],
        [*paragraph(3)],
    ]
    done = process(pdfs.draw(tmp_path / "a.pdf", pages))
    blocks = done.text().strip().split("\n\n")
    assert (blocks[0], blocks[3]) == ("# The sea", "## Harbours")
    assert blocks[1].split() == [word for line, _ in paragraph(5) for word in line.split()]
    assert blocks[2] == "Short end.\nA new line."
    assert (done.row["pages"], done.row["headings"], done.row["scannedPages"]) == (3, 2, 0)
    assert [(one["pageFrom"], one["pageTo"]) for one in done.chunks] == [(1, 3)]


def test_page_by_page_progress(process, tmp_path):
    done = process(pdfs.write(tmp_path / "a.pdf", [f"This is page {n}." for n in range(1, 8)]))
    told = [p for p in done.run.progress if p.message and "page" in p.message]
    assert [p.message for p in told] == [f"a.pdf: page {n} of 7" for n in range(1, 8)]
    assert [round(p.percentage) for p in told] == [round(100 * n / 7) for n in range(1, 8)]


def test_headings_of_the_outline(process, tmp_path):
    path = pdfs.write(tmp_path / "a.pdf", ["1. Weather", "It rains.", "2. Boats"], [("Weather", 1), ("Boats", 3)])
    assert process(path).text() == "# 1. Weather\n\nIt rains.\n\n# 2. Boats\n"


def test_lines_of_a_table_of_contents_are_no_headings(process, tmp_path):
    path = pdfs.draw(tmp_path / "a.pdf", [[("Contents", 16), ("Weather . . . . . . . . 7", 16), *paragraph(8)]])
    assert process(path).text().startswith("## Contents\n\nWeather . .")


def test_scanned_pages_are_said_to_be_scanned(process, tmp_path):
    done = process(pdfs.draw_scan(tmp_path / "a.pdf", [True, False, True, True]), ocr="off")
    assert (done.row["status"], done.row["scannedPages"], done.result["scannedPages"]) == ("processed", 3, 3)
    assert done.row["message"].startswith("Pages 1, 3 to 4 are scanned: a picture without text. Reading them needs OCR")
    assert done.text() == "Page 2 has a text that anybody can read.\n"


def test_a_document_of_scans_only(process, tmp_path):
    done = process(pdfs.draw_scan(tmp_path / "a.pdf", [True]), ocr="off")
    assert (done.row["status"], done.row["chunks"], done.row["text"]) == ("scanned", 0, None)
    assert done.row["message"].startswith("Page 1 is scanned")
    assert dict(done.run.artifacts) == {}


def test_most_pages(process, tmp_path):
    done = process(pdfs.write(tmp_path / "a.pdf", ["One.", "Two.", "Three."]), maxPages=2)
    assert done.text() == "One.\n\nTwo.\n"
    assert done.row["message"] == "Pages 3 to 3 were left out."


def test_a_password_that_only_forbids_changes_is_no_obstacle(process, tmp_path):
    assert process(pdfs.write(tmp_path / "a.pdf", ["Readable."], password="")).text() == "Readable.\n"


def test_a_password_to_open_it(process, tmp_path):
    with pytest.raises(Permanent, match=r"a\.pdf: It is protected by a password"):
        process(pdfs.write(tmp_path / "a.pdf", ["Secret."], password="swordfish"))


def test_a_cut_off_pdf(process, tmp_path):
    path = pdfs.draw(tmp_path / "a.pdf", [paragraph(30)])
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(Permanent, match="damaged or cut off"):
        process(path)
