"""OCR: the text of scanned pages, in their order, whichever way they lie; and what is said where it is missing."""

from __future__ import annotations

from difflib import SequenceMatcher
from pathlib import Path

import numpy as np
import pypdfium2
import pytest

from jobsapp.processors.document_processing import extract, ocr
from tests.processors.document_processing import pdfs

needs_ocr = pytest.mark.skipif(not ocr.available(), reason="the extra ocr is not installed")
SMALL = (5.8, 8.3)
LINES = [
    "The harbour of Varna in the year 1887",
    "Between May and August 412 ships unloaded coal,",
    "salt and timber from the north. The customs office",
    "counted 18,340 barrels of oil, at 7.25 each.",
]


def scan(path: Path, *turns: int) -> Path:
    """A page with a picture of the lines for each, turned to the left so many times."""
    from matplotlib.backends.backend_pdf import PdfPages
    from matplotlib.figure import Figure

    source = pypdfium2.PdfDocument(pdfs.draw(path.with_name("text.pdf"), [[(line, 14) for line in LINES]]))
    picture = source[0].render(scale=2).to_numpy()[:700]
    noise = np.random.default_rng(1).integers(0, 40, picture.shape, dtype=np.uint8)
    source.close()
    with PdfPages(path) as pdf:
        for turn in turns:
            turned = np.rot90(np.minimum(picture, 255 - noise), turn)
            figure = Figure(figsize=SMALL if turn % 2 else SMALL[::-1])
            figure.add_axes((0, 0, 1, 1)).imshow(turned)
            figure.axes[0].axis("off")
            pdf.savefig(figure, dpi=200)
    return path


def likeness(text: str) -> float:
    """0 to 1, white space aside."""
    return SequenceMatcher(None, "".join("".join(LINES).split()), "".join(text.split()), autojunk=False).ratio()


@needs_ocr
def test_a_scanned_page_is_read(process, tmp_path):
    done = process(scan(tmp_path / "a.pdf", 0))
    assert likeness(done.text()) > 0.97
    assert "18,340 barrels" in done.text()
    assert "unloaded coal, salt and timber" in done.text(), "lines of a paragraph are one text"
    assert (done.row["status"], done.row["scannedPages"], done.row["chunks"]) == ("processed", 1, 1)
    assert done.row["message"] == "Page 1 is scanned: the text was recognised (OCR) and may have errors."
    assert done.chunks[0]["pageFrom"] == 1


@needs_ocr
@pytest.mark.parametrize("turn", [1, 2, 3])
def test_a_page_may_lie_on_a_side_or_on_its_head(process, tmp_path, turn):
    assert likeness(process(scan(tmp_path / "a.pdf", turn), embed="none").text()) > 0.95


@needs_ocr
def test_a_scan_without_text_is_still_said_to_be_one(process, tmp_path):
    done = process(pdfs.draw_scan(tmp_path / "a.pdf", [True]))
    assert done.row["message"] == "Page 1 is scanned: a picture without text. OCR found no text."
    assert done.row["status"] == "scanned"


@needs_ocr
def test_a_page_on_which_ocr_fails_stops_no_other(process, tmp_path, monkeypatch):
    def fail(self, page):
        raise RuntimeError("no such operator")

    monkeypatch.setattr(ocr.Ocr, "read", fail)
    done = process(pdfs.draw_scan(tmp_path / "a.pdf", [True, False]))
    assert "OCR failed on page 1: no such operator." in done.row["message"]
    assert done.text() == "Page 2 has a text that anybody can read.\n"


def test_where_it_is_not_installed_the_command_is_told(process, tmp_path, monkeypatch):
    monkeypatch.setattr(extract, "available", lambda: False)
    done = process(pdfs.draw_scan(tmp_path / "a.pdf", [True, False]))
    assert done.row["message"] == (
        "Page 1 is scanned: a picture without text. Reading them needs OCR (text recognition), "
        "an extra: pip install 'jobsapp[ocr]'"
    )


def test_switched_off_it_reads_no_scan(process, tmp_path, monkeypatch):
    monkeypatch.setattr(ocr.Ocr, "read", lambda *_: 1 / 0)
    done = process(pdfs.draw_scan(tmp_path / "a.pdf", [True, False]), ocr="off")
    assert done.row["message"].endswith("Reading them needs OCR (text recognition), which is switched off.")
