"""CSV and TSV to anything."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from .csv_copy import copy_csv
from .csv_in import open_csv
from .encoding import detect, is_utf8, to_utf8
from .infer import infer
from .table import Table, choose, clean_names
from .work import Outcome, Work


def from_csv(work: Work) -> Outcome:
    """Raises `Permanent` for what cannot be read, with its line."""
    encoding = detect(work.source.path, work.data.encoding)
    path, work = _as_utf8(work, encoding)
    file = open_csv(path, work.data, tabs=work.format == "tsv")
    if work.data.target_format == "parquet":
        names = clean_names(file.names, work.data.on_bad_header, ignore_case=True)
        file = replace(file, names=tuple(names))
    return replace(copy_csv(work, file, _typed, "Converting…"), encoding=encoding)


def _as_utf8(work: Work, encoding: str) -> tuple[Path, Work]:
    if is_utf8(encoding):
        return work.source.path, work
    first, second = work.stage.split(1, 2)
    path = work.scratch("utf-8.csv")
    to_utf8(work.source.path, path, encoding, first)
    return path, work.within(second)


def _typed(work: Work, table: Table) -> tuple[Table, Work]:
    table = replace(table, columns=choose(table.columns, work.data))
    if work.data.types == "text" or work.data.target_format in ("csv", "tsv"):
        return table, work
    first, second = work.stage.split(1, 1)
    return infer(work.within(first), table), work.within(second)
