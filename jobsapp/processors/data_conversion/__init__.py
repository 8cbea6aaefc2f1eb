"""Tables from one format to another: CSV, TSV, JSON, JSON Lines and Parquet, any pair, value for value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jobsapp.config import load_settings
from jobsapp.language import LanguageError, check_name, parse_servers
from jobsapp.processors.sdk import JSON, Context, Processor

from .model import ConversionInput

__all__ = ["DataConversion"]

NAMES = {"csv": "CSV", "tsv": "TSV", "json": "JSON", "jsonl": "JSON Lines", "parquet": "Parquet"}


class DataConversion(Processor):
    """Converts a table between CSV, TSV, JSON, JSON Lines and Parquet without changing a value."""

    type = "data-conversion"
    title = "Convert data"
    description = "Turn a CSV, TSV, JSON, JSON Lines or Parquet file into another of these, value for value."
    icon = "table"
    unit = "bytes"
    requires = ("duckdb", "numpy")
    extra = "data"

    Input = ConversionInput

    def run(self, data: Any, context: Context) -> JSON:
        # DuckDB and what surrounds it is for the work-horse only; the web process needs the model alone.
        from .convert import convert

        return convert(data, context)

    @classmethod
    def check(cls, data: Any) -> None:
        if data.options.mode == "smart":
            try:
                check_name(parse_servers(load_settings().language_models), data.options.model)
            except LanguageError as error:
                raise ValueError(f"options.model: {error}") from None

    @classmethod
    def default_name(cls, data: Any, files: Sequence[str]) -> str:
        return f"{files[0]} to {NAMES[data.target_format]}"
