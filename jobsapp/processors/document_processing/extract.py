"""One document after the other: its Markdown, its chunks, and what is to be said of it."""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import TextIO

from .blocks import Facts, Piece, Unreadable, Wanted, one_line
from .chunks import Chunk, Chunker
from .from_docx import read_docx
from .from_email import read_email
from .from_html import read_html
from .from_pdf import read_pdf
from .from_pptx import read_pptx
from .from_text import read_markdown, read_text
from .from_xlsx import read_xlsx
from .kept import Record
from .kinds import Kind
from .markdown import MarkdownFile
from .ocr import INSTALL, Ocr, available
from .sources import Source, sources
from .work import Work

Reader = Callable[[Path, Wanted, Facts], Iterator[Piece]]
READERS: dict[Kind, Reader] = {
    "pdf": read_pdf,
    "docx": read_docx,
    "pptx": read_pptx,
    "xlsx": read_xlsx,
    "html": read_html,
    "markdown": read_markdown,
    "email": read_email,
    "text": read_text,
}
NEEDS_OCR = "Reading them needs OCR (text recognition), "


def extract_all(work: Work) -> None:
    """Read every document that `work.kept` has no record of yet. What is wrong with one stops no other."""
    done = len(work.kept.records)
    row = sum(record.chunks for record in work.kept.records)
    ocr = Ocr(work.context.threads) if work.data.ocr == "auto" and available() else None
    for number, source in enumerate(sources(work.context, work.files)):
        if number < done:
            continue
        work.context.check_cancelled()
        record = _read(work, source, row, ocr)
        row += record.chunks
        work.kept.add(record)
        _tell(work, record)
        work.read(source.end, f"{source.name}: {record.status}")
        if work.kept.is_due:
            work.kept.save()


def _read(work: Work, source: Source, row: int, ocr: Ocr | None) -> Record:
    """The record of one document, failed or not."""
    failed = Record(source.name, "failed", source.kind or "")
    try:
        if source.error is not None:
            raise source.error
        return _Extraction(work, source, row, ocr).run()
    except Unreadable as error:
        return replace(failed, kind=error.kind, message=str(error))
    except (OSError, MemoryError):
        # The disk's and the machine's faults are not the document's.
        raise
    except (zipfile.BadZipFile, zlib.error) as error:
        return replace(failed, kind="broken", message=f"A part of it is damaged and does not unpack ({error}).")
    except Exception as error:
        # A library stumbled over what is in the file, in a way that nobody has seen yet.
        reason = one_line(f"{type(error).__name__}: {error}")[:300]
        return replace(failed, kind="broken", message=f"Its content could not be understood ({reason}).")


def _tell(work: Work, record: Record) -> None:
    if record.message:
        level = "error" if record.status == "failed" else "warning"
        work.context.log(f"{record.document}: {record.message}", level)


@dataclass
class _Counts:
    characters: int = 0
    headings: int = 0
    tables: int = 0
    chunks: int = 0
    tokens: int = 0


class _Extraction:
    """Of one document. `row`: the number of its first chunk among those of the whole run, from 0."""

    def __init__(self, work: Work, source: Source, row: int, ocr: Ocr | None) -> None:
        self._work, self._source, self._row, self._ocr = work, source, row, ocr
        self._counts, self._facts = _Counts(), Facts()
        self._chunker = Chunker(work.tokens.count, work.data.chunk_tokens, work.data.overlap_tokens)

    def run(self) -> Record:
        """Read it. Raises `Unreadable`."""
        kept = self._work.kept
        text, lines = kept.path("md"), kept.path("chunks.jsonl")
        with MarkdownFile(text) as markdown, lines.open("w", encoding="utf-8") as out:
            for piece in self._pieces():
                self._take(piece, markdown, out)
            self._write(self._chunker.end(), out)
        self._counts.characters = markdown.characters
        if not self._counts.characters and not self._facts.scanned:
            raise Unreadable("empty", " ".join(["It holds no text.", *self._facts.notes]))
        return self._record(text, lines)

    def _pieces(self) -> Iterator[Piece]:
        source, work = self._source, self._work
        if source.path is None or source.kind is None:
            raise ValueError("A source without an error has a file.")
        wanted = Wanted(work.data.encoding, work.data.max_pages, self._ocr)
        for piece in READERS[source.kind](source.path, wanted, self._facts):
            work.context.check_cancelled()
            work.read(source.start + piece.done * (source.end - source.start), f"{source.name}: {piece.place}")
            yield piece

    def _take(self, piece: Piece, markdown: MarkdownFile, out: TextIO) -> None:
        for block in piece.blocks:
            self._counts.headings += block.kind == "heading"
            self._counts.tables += block.kind == "table" and not block.continues
            self._write(self._chunker.add(markdown.add(block)), out)

    def _write(self, chunks: Iterator[Chunk], out: TextIO) -> None:
        for chunk in chunks:
            line = {
                "row": self._row + self._counts.chunks,
                "document": self._source.name,
                "fileId": self._source.file_id,
                "chunk": self._counts.chunks + 1,
                "pageFrom": chunk.page_from,
                "pageTo": chunk.page_to,
                "start": chunk.start,
                "end": chunk.end,
                "headings": chunk.headings,
                "tableHeader": chunk.table_header,
                "tokens": chunk.tokens,
                "text": chunk.text,
            }
            out.write(json.dumps(line, ensure_ascii=False) + "\n")
            self._counts.chunks += 1
            self._counts.tokens += chunk.tokens

    def _record(self, text: Path, lines: Path) -> Record:
        facts, counts = self._facts, self._counts
        notes = [*self._scans(), *facts.notes]
        return Record(
            document=self._source.name,
            status="processed" if counts.characters else "scanned",
            format=self._source.kind or "",
            message=" ".join(notes[:20]),
            pages=facts.pages,
            scanned_pages=len(facts.scanned),
            characters=counts.characters,
            headings=counts.headings,
            tables=counts.tables,
            chunks=counts.chunks,
            tokens=counts.tokens,
            text=text.name,
            text_bytes=text.stat().st_size,
            chunk_lines=lines.name,
            chunk_bytes=lines.stat().st_size,
        )

    def _scans(self) -> Iterator[str]:
        recognised = self._facts.recognised
        if recognised:
            yield f"{_pages(recognised)} scanned: the text was recognised (OCR) and may have errors."
        if unread := [page for page in self._facts.scanned if page not in recognised]:
            if self._ocr:
                why = "OCR found no text."
            else:
                why = NEEDS_OCR + ("which is switched off." if self._work.data.ocr == "off" else f"an extra: {INSTALL}")
            yield f"{_pages(unread)} scanned: a picture without text. {why}"


def _pages(numbers: list[int]) -> str:
    """`Page 3 is`, `Pages 1 to 4, 7 are`."""
    runs = [[n for _, n in group] for _, group in groupby(enumerate(numbers), lambda pair: pair[1] - pair[0])]
    named = [f"{run[0]:,}" if len(run) == 1 else f"{run[0]:,} to {run[-1]:,}" for run in runs]
    more = f" and {len(named) - 10:,} more ranges" if len(named) > 10 else ""
    return f"Page{'s' if len(numbers) > 1 else ''} {', '.join(named[:10])}{more} {'are' if len(numbers) > 1 else 'is'}"
