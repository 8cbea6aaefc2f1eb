"""What a person chooses for a conversion: the model behind the form, the API and the command line."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator
from pydantic.config import JsonDict

from jobsapp.core.texts import known_encoding_or_auto, one_delimiter
from jobsapp.processors.sdk import FileId, Input

from .examples.options import ExampleOptions

Format = Literal["csv", "tsv", "json", "jsonl", "parquet"]
Compression = Literal["none", "gzip", "zstd"]

ADVANCED: JsonDict = {"advanced": True}
FORMATS: JsonDict = {"csv": "CSV", "tsv": "TSV", "json": "JSON", "jsonl": "JSON Lines", "parquet": "Parquet"}


def labelled(**labels: str) -> JsonDict:
    """Words for the choices of a field in the form."""
    return {"labels": dict(labels)}


class ConversionInput(Input):
    source: FileId = Field(title="File", json_schema_extra={"accept": ".csv,.tsv,.json,.jsonl,.ndjson,.parquet"})
    """The table to convert."""

    target_format: Format = Field(title="Convert to", examples=["jsonl"], json_schema_extra={"labels": FORMATS})
    """The format you want to download."""

    types: Literal["text", "exact"] = Field(
        default="text", title="Types", json_schema_extra=labelled(text="Keep as text", exact="Find exact types")
    )
    """Text keeps every value as it stands. Exact types read the whole file first and make a column numbers,
    true/false, dates or JSON where each of its values can be written that way without any change."""

    on_bad_row: Literal["fail", "skip"] = Field(
        default="fail",
        title="When a row is broken",
        json_schema_extra=labelled(fail="Stop and name the line", skip="Leave it out"),
    )
    """Rows left out are listed in `rejected.jsonl`."""

    source_format: Format | None = Field(
        default=None,
        title="Format of the file",
        examples=["csv"],
        json_schema_extra=ADVANCED | {"labels": FORMATS, "empty": "Told from the name and the content"},
    )
    """What the file is, if its name and content do not say."""

    max_bad_rows: int | None = Field(
        default=None, ge=1, title="Most broken rows to skip", examples=[100], json_schema_extra=ADVANCED
    )
    """Fail after all when more rows than this are broken. Empty: no limit."""

    columns: list[str] | None = Field(
        default=None, title="Columns", examples=[["id", "name"]], json_schema_extra=ADVANCED
    )
    """The columns to keep, in this order, by their names in the file. Empty: all of them."""

    rename: dict[str, str] = Field(
        default_factory=dict, title="New names", examples=[{"id": "orderId"}], json_schema_extra=ADVANCED
    )
    """New column names, by the name in the file."""

    delimiter: str | None = Field(
        default=None, max_length=3, title="Delimiter", examples=[";"], json_schema_extra=ADVANCED
    )
    """What stands between two values of a CSV or TSV file: one character, or `tab`. Empty: told from the first line."""

    header: bool = Field(default=True, title="First row holds the names", json_schema_extra=ADVANCED)
    """Without it the columns are called `column_1`, `column_2` and so on. For CSV and TSV, both ways."""

    encoding: str = Field(
        default="auto",
        title="Encoding",
        examples=["utf-8", "utf-16", "latin-1", "windows-1252"],
        json_schema_extra=ADVANCED,
    )
    """How the characters of a text file are stored. `auto` knows UTF-8 and byte-order marks; it never guesses at
    an older code page but says which ones fit."""

    on_bad_header: Literal["fail", "rename"] = Field(
        default="fail",
        title="When names are missing or repeated",
        json_schema_extra=ADVANCED | labelled(fail="Stop", rename="Make them up"),
    )
    """Made-up names are `column_3` (missing) or `price_2` (repeated)."""

    quote: str = Field(default='"', min_length=1, max_length=1, title="Quote", json_schema_extra=ADVANCED)
    """The character around values that hold delimiters or line breaks, in the file that is read."""

    null_text: str = Field(
        default="", max_length=100, title="Text for no value", examples=["NA"], json_schema_extra=ADVANCED
    )
    """What stands, without quotes, for no value in CSV and TSV, read and written. A quoted `""` is always the
    empty text."""

    binary: Literal["fail", "base64", "hex"] = Field(
        default="fail", title="Binary columns of Parquet", json_schema_extra=ADVANCED | labelled(fail="Stop")
    )
    """Text formats cannot hold bytes: stop, or write them as base64 or hexadecimal text."""

    compression: Compression = Field(
        default="none", title="Compress the result", json_schema_extra=ADVANCED | labelled(none="No")
    )
    """For text formats the file gets `.gz` or `.zst` added to its name; a Parquet file is compressed within, with
    zstd unless `gzip` is chosen."""

    options: ExampleOptions = Field(default_factory=ExampleOptions, title="Examples for a language model")
    """Instead of converting the rows as they are."""

    _one_character = field_validator("delimiter")(one_delimiter)

    _known_encoding = field_validator("encoding")(known_encoding_or_auto)

    @field_validator("columns")
    @classmethod
    def _columns_once(cls, value: list[str] | None) -> list[str] | None:
        if not value:
            return None
        twice = {name for name in value if value.count(name) > 1}
        if twice:
            raise ValueError(f"{', '.join(sorted(twice))}: named more than once")
        return value

    @field_validator("quote", "null_text")
    @classmethod
    def _no_line_breaks(cls, value: str, info: ValidationInfo) -> str:
        if any(c in value for c in "\r\n") or (info.field_name == "null_text" and '"' in value):
            raise ValueError("must not contain line breaks or quotes")
        if info.field_name == "quote" and (not value.isascii() or value.isspace()):
            raise ValueError("give one character of ASCII, such as \" or '")
        return value

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.max_bad_rows is not None and self.on_bad_row == "fail":
            raise ValueError("maxBadRows: only of use with onBadRow skip; set that or leave maxBadRows empty")
        if self.delimiter == self.quote:
            raise ValueError("quote: must differ from the delimiter")
        if self.columns and (unknown := self.rename.keys() - set(self.columns)):
            raise ValueError(f"rename: {', '.join(sorted(unknown))} is not among the chosen columns")
        if self.options.mode != "plain" and (self.target_format != "jsonl" or self.compression != "none"):
            field = "targetFormat" if self.target_format != "jsonl" else "compression"
            raise ValueError(f"{field}: examples are JSON Lines and are not compressed")
        return self
