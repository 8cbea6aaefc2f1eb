"""What a person chooses for a run over documents: the model behind the form, the API and the command line."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, field_validator, model_validator
from pydantic.config import JsonDict

from jobsapp.core.texts import known_encoding_or_auto
from jobsapp.processors.sdk import FileId, Input

from .embedders import Choice

ADVANCED: JsonDict = {"advanced": True}
LABELS: JsonDict = {
    "auto": "Make vectors (this installation's model)",
    "minilm": "Make vectors (MiniLM, runs here)",
    "none": "Text and chunks only",
}
ACCEPT = ".pdf,.docx,.pptx,.xlsx,.html,.htm,.md,.markdown,.eml,.txt,.zip"


class DocumentsInput(Input):
    documents: list[FileId] = Field(
        min_length=1, max_length=1000, title="Documents", json_schema_extra={"accept": ACCEPT}
    )
    """PDF, DOCX, PPTX, XLSX, HTML, Markdown, e-mail (.eml) or plain text, one or several, or a ZIP of them."""

    embed: Choice = Field(default="auto", title="Vectors", json_schema_extra={"labels": LABELS})
    """A vector says what a chunk is about, so that the search finds it by meaning. It takes most of the time. Unless
    the administrator has set another model it is MiniLM, made for English, and nothing leaves this machine."""

    store: bool = Field(default=True, title="Searchable")
    """Let the search find these documents, for everybody in your organisation, as long as this job is kept."""

    ocr: Literal["auto", "off"] = Field(
        default="auto",
        title="Scanned pages",
        json_schema_extra={"labels": {"auto": "Read them, if OCR is installed", "off": "Only say which they are"}},
    )
    """OCR takes about six seconds for a page; its text may have errors, and no headings."""

    chunk_tokens: int = Field(default=200, ge=32, le=2000, title="Size of a chunk", examples=[200])
    """The most tokens of a chunk; a token is a short word or a piece of a longer one. Up to 250 the model sees a
    chunk as a whole; the vector of a longer one is the mean of its parts."""

    overlap_tokens: int = Field(default=30, ge=0, le=500, title="Overlap", examples=[30], json_schema_extra=ADVANCED)
    """About so many tokens at the end of a chunk are repeated at the beginning of the next, where a section is cut."""

    max_pages: int | None = Field(
        default=None, ge=1, title="Most pages", examples=[100], json_schema_extra=ADVANCED | {"empty": "All"}
    )
    """Read only so many first pages, slides or sheets of each document. Empty: all of them."""

    encoding: str = Field(
        default="auto", title="Encoding of text files", examples=["windows-1252"], json_schema_extra=ADVANCED
    )
    """How the characters of plain text, Markdown and HTML are stored. `auto` knows UTF-8, byte-order marks and what
    an HTML page says of itself."""

    @field_validator("documents", mode="before")
    @classmethod
    def _one_or_several(cls, value: object) -> object:
        # `flask jobs create --file documents=a.pdf` gives the id of one file.
        return [value] if isinstance(value, str) else value

    _known_encoding = field_validator("encoding")(known_encoding_or_auto)

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.overlap_tokens * 2 > self.chunk_tokens:
            raise ValueError("overlapTokens: must be at most half of chunkTokens")
        if len(set(self.documents)) < len(self.documents):
            raise ValueError("documents: one of them is named twice")
        return self
