"""Tables from one format to another: CSV, TSV, JSON, JSON Lines and Parquet, any pair, value for value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jobsapp.config import load_settings
from jobsapp.language import LanguageError, check_usable, parse_servers
from jobsapp.processors.sdk import JSON, Context, FollowUp, Preset, Processor

from .model import ConversionInput

__all__ = ["DataConversion"]

NAMES = {"csv": "CSV", "tsv": "TSV", "json": "JSON", "jsonl": "JSON Lines", "parquet": "Parquet"}


class DataConversion(Processor):
    """Converts a table between CSV, TSV, JSON, JSON Lines and Parquet without changing a value; or makes examples of
    its rows, by a template or a language model."""

    type = "data-conversion"
    title = "Convert data"
    description = (
        "Turn a CSV, TSV, JSON, JSON Lines or Parquet file into another of these, value for value, or its rows into "
        "examples for a language model."
    )
    icon = "table"
    unit = "bytes"
    requires = ("duckdb", "numpy")
    extra = "data"
    follow_ups = (FollowUp("train.jsonl", "dataset", "Fine-tune a model with these…", type="fine-tuning"),)

    presets = (
        Preset(
            "To Parquet with exact types",
            "Numbers, dates and true/false become columns of their kind, for analysis.",
            {"targetFormat": "parquet", "types": "exact"},
        ),
        Preset(
            "To JSON Lines, broken rows aside",
            "Goes through to the end; what cannot be read is listed in `rejected.jsonl`.",
            {"targetFormat": "jsonl", "onBadRow": "skip"},
        ),
        Preset(
            "From Excel's CSV with semicolons",
            "A table in windows-1252 with semicolons, as Excel saves it in much of Europe, to plain UTF-8 CSV.",
            {"targetFormat": "csv", "sourceFormat": "csv", "delimiter": ";", "encoding": "windows-1252"},
        ),
        Preset(
            "Examples for a language model",
            "Question and answer from each row, as lines that fine-tuning reads. Change the columns' names.",
            {
                "targetFormat": "jsonl",
                "options": {
                    "mode": "template",
                    "user": "What does {{name}} cost?",
                    "assistant": "{{name}} costs {{price}}.",
                },
            },
        ),
    )
    Input = ConversionInput

    def run(self, data: Any, context: Context) -> JSON:
        # DuckDB and what surrounds it is for the work-horse only; the web process needs the model alone.
        from .convert import convert

        return convert(data, context)

    @classmethod
    def check(cls, data: Any) -> None:
        if data.options.mode == "smart":
            settings = load_settings()
            try:
                servers = parse_servers(settings.language_models)
                check_usable(servers, data.options.model, embedded_path=settings.embedded_model)
            except LanguageError as error:
                raise ValueError(f"options.model: {error}") from None

    @classmethod
    def default_name(cls, data: Any, files: Sequence[str]) -> str:
        if data.options.mode != "plain":
            return f"Examples of {files[0]}"
        return f"{files[0]} to {NAMES[data.target_format]}"
