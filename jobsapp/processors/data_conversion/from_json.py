"""JSON and JSON Lines to anything: raw tokens all the way, through a CSV file where DuckDB has to write."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from .csv_copy import copy_csv
from .csv_in import CsvFile, Dialect
from .encoding import detect, is_utf8, to_utf8
from .infer import infer
from .json_csv import Form, Written, write_csv
from .json_json import write_json
from .table import Column, Table
from .work import Outcome, Work

DIGITS = frozenset(b"-0123456789")


def from_json(work: Work) -> Outcome:
    """Raises `Permanent` for what cannot be read or has no place in the target."""
    encoding = detect(work.source.path, work.data.encoding)
    source = work.source.path
    if not is_utf8(encoding):
        first, second = work.stage.split(1, 2)
        source, work = work.scratch("utf-8.json"), work.within(second)
        to_utf8(work.source.path, source, encoding, first)
    return replace(_convert(work, source), encoding=encoding)


def _convert(work: Work, source: Path) -> Outcome:
    data = work.data
    if data.target_format in ("json", "jsonl"):
        return write_json(work, source)
    if data.target_format != "parquet" and data.compression == "none":
        delimiter = "\t" if data.target_format == "tsv" else ","
        written = write_csv(work, source, Form(delimiter, data.null_text, data.header))
        written.path.replace(work.target)
        return Outcome(written.rows, [Column(name, "") for name in written.names], written.rejected)
    return _through_csv(work, source)


def _through_csv(work: Work, source: Path) -> Outcome:
    parquet, exact = work.data.target_format == "parquet", work.data.types == "exact"
    first, second = work.stage.split(3, 2)
    form = Form(ignore_case=parquet, tokens=parquet and exact, follows=True)
    written = write_csv(work.within(first), source, form)
    file = CsvFile(Dialect(written.path, ",", '"', header=True, null_text=""), tuple(written.names))

    def typed(work: Work, table: Table) -> tuple[Table, Work]:
        if not (parquet and exact):
            return table, work
        looking, writing = work.stage.split(1, 1)
        return _typed(work.within(looking), table, written), work.within(writing)

    outcome = copy_csv(work.within(second), file, typed, "Writing…", written.rows)
    return replace(outcome, rejected=written.rejected)


def _typed(work: Work, table: Table, written: Written) -> Table:
    """JSON says itself what a string is; only the numbers' own type is to be found."""
    columns = [_by_tokens(c, seen - {b"n"}) for c, seen in zip(table.columns, written.tokens, strict=True)]
    numbers = [n for n, column in enumerate(columns) if column.label == "number"]
    if numbers:
        found = infer(work, Table(table.sql, tuple(table.columns[n] for n in numbers))).columns
        for n, column in zip(numbers, found, strict=True):
            columns[n] = column
    return Table(table.sql, tuple(columns))


def _by_tokens(column: Column, first: Sequence[bytes] | set[bytes]) -> Column:
    kinds = set(b"".join(first))
    if not kinds:
        return column
    if kinds <= DIGITS:
        return replace(column, label="number")
    if kinds <= set(b"tf"):
        return replace(column, kind="token", type="BOOLEAN", label="boolean")
    if kinds <= set(b"{["):
        return replace(column, kind="token", type="JSON", label="json")
    return column
