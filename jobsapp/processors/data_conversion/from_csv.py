"""CSV and TSV to anything: one strict, all-text COPY; mended and tried again where DuckDB gives up."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from jobsapp.processors.sdk import Permanent

from . import csv_rows
from .csv_in import CsvFile, misread, open_csv, too_long
from .csv_ragged import EndsScan, refuse_ragged
from .csv_repair import one_line_end
from .encoding import detect, is_utf8, to_utf8
from .infer import infer
from .table import choose, clean_names
from .targets import copy
from .work import Outcome, Work


def from_csv(work: Work) -> Outcome:
    """Raises `Permanent` for what cannot be read, with its line."""
    encoding = detect(work.source.path, work.data.encoding)
    path, work = _as_utf8(work, encoding)
    file = open_csv(path, work.data, tabs=work.format == "tsv")
    if work.data.target_format == "parquet":
        names = clean_names(file.names, work.data.on_bad_header, ignore_case=True)
        file = replace(file, names=tuple(names))
    return replace(_until_read(work, file), encoding=encoding)


def _as_utf8(work: Work, encoding: str) -> tuple[Path, Work]:
    if is_utf8(encoding):
        return work.source.path, work
    first, second = work.stage.split(1, 2)
    path = work.scratch("utf-8.csv")
    to_utf8(work.source.path, path, encoding, first)
    return path, work.within(second)


def _until_read(work: Work, file: CsvFile) -> Outcome:
    """Convert; where DuckDB stops without naming a row, take away the reason and begin again."""
    mended: set[str] = set()
    while True:
        try:
            return _convert(work, file, mended)
        except (work.duck.error, _Again) as error:
            if str(error).startswith("IO Error"):
                raise  # The disk, not the file: another attempt may do.
            file = _mend(work, file, str(error), mended)
        work = work.within(work.stage.rest())


class _Again(Exception):
    """Rows were rejected, perhaps for a reason that can be mended. The message is DuckDB's, or like it."""


def _convert(work: Work, file: CsvFile, mended: set[str]) -> Outcome:
    skip = work.data.on_bad_row == "skip"
    table = file.table(rejects=skip)
    table = replace(table, columns=choose(table.columns, work.data))
    if work.data.types == "exact" and work.data.target_format not in ("csv", "tsv"):
        first, second = work.stage.split(1, 1)
        table, work = infer(work.within(first), table), work.within(second)
    if skip:
        csv_rows.forget_rejects(work)
    with EndsScan(file.dialect) as scan:
        rows = work.duck.run(copy(table, work.target, work.data), work.stage, "Converting…")[0][0]
        if not file.dialect.is_parallel(rejects=skip):
            csv_rows.refuse_open_quote(work.within(work.stage.rest()), file)
        refuse_ragged(work.within(work.stage.rest()), file, scan)
    if not skip:
        return Outcome(rows, table.columns)
    if "length" not in mended and csv_rows.any_too_long(work):
        raise _Again("Maximum line size")
    if "ends" not in mended and csv_rows.count_rejects(work):
        mended.add("order")
        raise _Again("CSV Error on Line")
    return Outcome(rows, table.columns, csv_rows.keep_rejects(work, file))


def _mend(work: Work, file: CsvFile, error: str, mended: set[str]) -> CsvFile:
    """The file in a form that DuckDB reads. Raises `Permanent` if there is nothing to mend but the file."""
    if too_long(error) and "length" not in mended:
        mended.add("length")
        return file.with_long_lines()
    broken = misread(error)
    if broken and "order" not in mended:
        mended.add("order")
        return file.in_sequence()
    if broken and "ends" not in mended:
        mended.add("ends")
        return _one_line_end(work, file)
    if broken and (bad := csv_rows.find_reject(work, file)):
        raise csv_rows.refuse(work, file, bad)
    if "Out of Memory" in error and "memory" not in mended:
        mended.add("memory")
        return file.with_small_buffers()
    if "Out of Memory" in error:
        raise Permanent("The rows are too large to convert in the memory that a job may use.")
    raise Permanent(f"The file cannot be read: {error.splitlines()[0]}")


def _one_line_end(work: Work, file: CsvFile) -> CsvFile:
    """Files that mix line ends make DuckDB stumble in many ways, so that is looked at before any row is blamed."""
    path = work.scratch("line-ends.csv")
    if one_line_end(file.dialect, path, work.stage.rest().split(1, 2)[0]):
        work.context.log("The file mixes kinds of line ends; they were made one, outside of quotes.", "warning")
        return file.at(path)
    path.unlink()
    return file
