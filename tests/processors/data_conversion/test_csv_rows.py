"""Rows of a CSV file: what is broken is told or left out, and nothing is changed in silence."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from jobsapp.processors.data_conversion.csv_grid import Marks, grid
from jobsapp.processors.data_conversion.csv_in import Dialect
from jobsapp.processors.data_conversion.csv_suspects import Suspects
from jobsapp.processors.sdk import Permanent
from tests.examples import examples

quick = settings(max_examples=examples(300), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
# Each starts a conversion.
slow = settings(quick, max_examples=examples(300, share=6))
pieces = st.lists(st.sampled_from(["a", ",", '"', " ", "\n", "é", '""', ',"', '",', '",\n"', "\n1,2\n"]), max_size=14)
texts = pieces.map("".join)


def read_strictly(text: str, columns: int) -> list[list[str | None]] | None:
    """A second reader of the grammar, one character after the other. None: something is broken, or would be lost."""
    rows, row, at, size = [], [], 0, len(text)
    while at < size:
        if text[at] == "\n" and not row and columns > 1:
            at += 1
            continue
        if text[at] == '"':
            value, at = "", at + 1
            while True:
                end = text.find('"', at)
                if end < 0:
                    return None
                value, at = value + text[at:end], end + 1
                if text[at : at + 1] != '"':
                    break
                value, at = value + '"', at + 1
            if at < size and text[at] not in ",\n":
                return None
        else:
            end = min((found for mark in ",\n" if (found := text.find(mark, at)) >= 0), default=size)
            value, at = text[at:end] or None, end
            if value is not None and value.startswith(' "'):
                return None
        row.append(value)
        if at >= size or text[at] == "\n":
            if len(row) != columns:
                return None
            rows.append(row)
            row = []
        elif at == size - 1:
            return None if len(row) + 1 != columns else [*rows, [*row, None]]
        at += 1
    return rows


def outcome(convert, text: str, columns: int) -> list[list[str | None]] | None:
    header = ",".join(f"c{n}" for n in range(columns))
    try:
        done = convert(f"{header}\n{text}", "jsonl", delimiter=",")
    except Permanent:
        return None
    return [list(json.loads(line).values()) for line in done.text.splitlines()]


@slow
@given(text=texts, columns=st.integers(1, 3))
@example(text="1,2,\n", columns=2)
@example(text='1, "a"\n', columns=2)
@example(text='1,"a" \n', columns=2)
@example(text='1,"a" "b"\n', columns=2)
@example(text='1,a "b"\n', columns=2)
@example(text='1,  "b"\n', columns=2)
@example(text='"a" ', columns=1)
def test_every_value_or_an_error(convert, text, columns):
    assert outcome(convert, text, columns) == read_strictly(text, columns)


@slow
@given(text=texts, columns=st.integers(1, 3))
def test_what_is_left_after_skipping_can_be_read(convert, text, columns):
    header = ",".join(f"c{n}" for n in range(columns)) + "\n"
    try:
        done = convert(header + text, "jsonl", delimiter=",", onBadRow="skip")
    except Permanent as error:
        if "has a quote that is not closed" in str(error):
            return
        raise
    rows = [list(json.loads(line).values()) for line in done.text.splitlines()]
    assert done.result["rows"] == len(rows)
    whole = read_strictly(text, columns)
    if whole is not None:
        assert (rows, done.result["rowsRejected"]) == (whole, 0)
        return
    bad = [json.loads(line) for line in done.run.artifacts["rejected.jsonl"].read_text().splitlines()]
    assert len(bad) == done.result["rowsRejected"] > 0
    data = (header + text).encode()
    for row in bad:
        assert data[row["byte"] :].startswith(row["text"].encode())
        assert data[: row["byte"]].count(b"\n") + 1 == row["line"]


@quick
@given(text=texts)
def test_quotes_are_paired_as_one_by_one(text):
    marks = Marks(Dialect(Path(), ",", '"', header=True, null_text=""))
    data = text.encode()
    quick_spans, spans = marks.by_parity(np.frombuffer(data, np.uint8)), marks.by_pattern(data)
    assume(quick_spans is not None)
    inside = [
        {n for a, b in zip(s.starts, s.stops, strict=True) for n in range(a, b + 1)} for s in (quick_spans, spans)
    ]
    if spans.open < 0:
        assert quick_spans.open < 0
        assert inside[0] == inside[1]
    else:
        # A doubled quote may be a value's end for the one, and its inside for the other, where the end is not seen.
        assert {n for n in inside[0] if n < spans.open} == inside[1]


@quick
@given(text=texts, size=st.integers(1, 12))
def test_in_pieces_as_at_once(text, size):
    dialect = Dialect(Path(), ",", '"', header=False, null_text="")
    data = text.replace("é", "\r").encode()
    whole = grid(data, dialect, 2, last=True)
    rest, start, stops, faults = b"", 0, [], []
    for at in range(0, len(data) + size, size):
        rest += data[at : at + size]
        cut = grid(rest, dialect, 2, last=at >= len(data))
        stops += (cut.stops + start).tolist()
        faults += cut.faults.tolist()
        rest, start = rest[cut.size :], start + cut.size
    assert (stops, faults) == (whole.stops.tolist(), whole.faults.tolist())


@pytest.mark.parametrize("chunk", [8, 9, 1 << 20])
@pytest.mark.parametrize("text", ["1,2,\n", "1,2,", '1, "a"\n', '1,"a" \n', '1,"a" ,', ' "a"\n', '"a" ', '1,"a" "b"\n'])
def test_suspects_are_seen_wherever_they_stand(tmp_path, monkeypatch, text, chunk):
    monkeypatch.setattr("jobsapp.processors.data_conversion.csv_suspects.CHUNK", chunk)
    path = tmp_path / "t.csv"
    for before in range(40):
        for after in ("", "1,2\n" * 5):
            path.write_text("x" * before + ("\n" if before else "") + text + (after if text.endswith("\n") else ""))
            with Suspects(Dialect(path, ",", '"', header=True, null_text="")) as suspects:
                suspects.join()
            assert suspects._found, (before, after)


@pytest.mark.parametrize("text", ['1,2\n3,"a, b"\n', '"{""a"": [""b"", ""c d""]}",2\n', '1, a\n"b",c \n'])
def test_ordinary_files_raise_no_suspicion(tmp_path, text):
    path = tmp_path / "t.csv"
    path.write_text(text)
    with Suspects(Dialect(path, ",", '"', header=True, null_text="")) as suspects:
        suspects.join()
    assert not suspects._found


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_one_empty_value_too_many(convert, end):
    for text in ("a,b\n1,2\n1,2,\n3,4\n", "a,b\n1,2\n1,2,"):
        with pytest.raises(Permanent, match="Line 3 has 3 values where 2 are expected"):
            convert(text.replace("\n", end), "jsonl")
    assert convert("a,b\n1,\n,\n".replace("\n", end), "jsonl").result["rows"] == 2


def test_one_empty_value_too_many_can_be_skipped(convert):
    done = convert('a,b\n1,2\n1,2,\n"x\ny","",\n3,\n', "jsonl", onBadRow="skip")
    assert [json.loads(line) for line in done.text.splitlines()] == [{"a": "1", "b": "2"}, {"a": "3", "b": None}]
    bad = [json.loads(line) for line in done.run.artifacts["rejected.jsonl"].read_text().splitlines()]
    assert [(row["line"], row["text"]) for row in bad] == [(3, "1,2,"), (4, '"x\ny","",')]


@pytest.mark.parametrize(
    ("text", "line"),
    [('a,b\n1, "x"\n', 2), ('a,b\n1,2\n"x" ,2\n', 3), ('a, "b"\n1,2\n', 1), ('a,b\n1,"x" "y"\n', 2)],
)
def test_space_beside_a_quoted_value(convert, text, line):
    with pytest.raises(Permanent, match=f"Line {line} has a space beside a quoted value"):
        convert(text, "jsonl")
    if line > 1:
        done = convert(text, "jsonl", onBadRow="skip")
        assert done.result["rowsRejected"] == 1


def test_spaces_elsewhere_are_kept(convert):
    text = 'a,b\n 1, x \n" ""y"" , ""z"" ","a, ""b"" ,"\n'
    assert [list(json.loads(line).values()) for line in convert(text, "jsonl").text.splitlines()] == [
        [" 1", " x "],
        [' "y" , "z" ', 'a, "b" ,'],
    ]


@pytest.mark.parametrize("delimiter", ["|", " ", "§"])
def test_other_delimiters(convert, delimiter):
    text = 'a,b\n1,"x"\n"q,""r""",\n'.replace(",", delimiter)
    for policy in ("fail", "skip"):
        done = convert(text, "jsonl", delimiter=delimiter, onBadRow=policy)
        assert [list(json.loads(line).values()) for line in done.text.splitlines()] == [
            ["1", "x"],
            [f'q{delimiter}"r"', None],
        ]
    with pytest.raises(Permanent, match="Line 3 has 3 values where 2 are expected"):
        convert("a,b\n1,2\n1,2,\n".replace(",", delimiter), "jsonl", delimiter=delimiter)


def test_a_file_without_a_line_break(convert, monkeypatch):
    monkeypatch.setattr("jobsapp.processors.data_conversion.csv_in.HEADER_LIMIT", 1 << 20)
    with pytest.raises(Permanent, match="The header is longer than 1 MB"):
        convert("a,b," * 300_000, "jsonl")
    monkeypatch.setattr("jobsapp.processors.data_conversion.csv_sieve.LONG_LINES", 1 << 20)
    for policy in ("fail", "skip"):
        with pytest.raises(Permanent, match=r"Line 3 (has|is longer than 1 MB)"):
            convert("a,b\n1,2\n" + "x," * 5_000_000, "jsonl", onBadRow=policy)


@pytest.mark.parametrize("policy", ["fail", "skip"])
@pytest.mark.parametrize("end", ["", "\n", "\n5,6\n"])
def test_a_line_longer_than_the_buffers_of_duckdb(convert, policy, end):
    done = convert(f"a,b\n1,2\n3,{'x' * 34_000_000}{end}", "csv", onBadRow=policy)
    assert done.result["rows"] == 2 + ("5" in end)
    assert len(done.data) == len("a,b\n1,2\n3,\n") + 34_000_000 + (4 if "5" in end else 0)


@pytest.mark.parametrize("target", ["jsonl", "parquet", "csv"])
def test_long_rows_in_little_memory(convert, tmp_path, target):
    source = tmp_path / "texts.csv"
    words = [f"word{n * 7919 % 100_003}" for n in range(20_000)]
    with source.open("w") as file:
        file.write("id,text\n")
        for n in range(2_000):
            file.write(f'{n},"{" ".join(words[n : n + 5_000])}\n""{n}"""\n')
    done = convert(source, target)
    assert done.result["rows"] == 2_000
    if target == "csv":
        assert done.data == source.read_bytes()
