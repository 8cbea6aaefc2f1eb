"""Parquet in and out. pyarrow writes and reads the files, so that DuckDB does not check itself."""

from __future__ import annotations

import datetime as dt
import decimal
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jobsapp.processors.sdk import Permanent


@pytest.fixture
def parquet(tmp_path):
    def write(**columns):
        path = tmp_path / "t.parquet"
        pq.write_table(pa.table(columns), path)
        return path

    return write


def read(converted):
    return pq.read_table(converted.path)


def test_text_columns_keep_every_value(convert):
    table = read(convert('a,b\n007,""\n1.50,\n"x\ny",é\n', "parquet"))
    assert table.to_pydict() == {"a": ["007", "1.50", "x\ny"], "b": ["", None, "é"]}


def test_exact_types(convert):
    text = (
        "i,d,f,big,b,day,at,lead\n1,1.50,0.1,1267650600228229401496703205376,true,2024-02-29,2024-02-29 10:11:12,01\n"
        "-2,2.25,1e+100,2,false,1999-12-31,1999-12-31 00:00:00,2\n"
    )
    done = convert(text, "parquet", types="exact")
    assert [c["type"] for c in done.result["columns"]] == [
        *("integer", "decimal", "number", "decimal", "boolean", "date", "timestamp", "text")
    ]
    row = read(done).to_pylist()[0]
    assert row == {
        "i": 1,
        "d": decimal.Decimal("1.50"),
        "f": 0.1,
        "big": decimal.Decimal(2**100),
        "b": True,
        "day": dt.date(2024, 2, 29),
        "at": dt.datetime(2024, 2, 29, 10, 11, 12),  # noqa: DTZ001
        "lead": "01",
    }
    assert convert(done.path, "csv").text == text


@pytest.mark.parametrize(
    "values", [["9223372036854775808", "1.5"], ["1.5", "1.50"], ["0.1234567890123456789", "1"], ["-0"], ["1e5"]]
)
def test_numbers_of_no_common_exact_type_stay_text(convert, values):
    done = convert("a\n" + "\n".join(values) + "\n", "parquet", types="exact")
    assert read(done).to_pydict() == {"a": values}


def test_scalars_to_json_and_csv(convert, parquet):
    path = parquet(
        i=pa.array([2**53 + 1, None]),
        u=pa.array([2**64 - 1, 0], pa.uint64()),
        d=pa.array([decimal.Decimal("2208.40"), None], pa.decimal128(38, 2)),
        f=pa.array([0.1, 1e300]),
        s=pa.array(["", None]),
        b=pa.array([True, False]),
        day=pa.array([dt.date(2024, 2, 29), None]),
        at=pa.array([dt.datetime(2024, 2, 29, 1, 2, 3, 4), None]),  # noqa: DTZ001
    )
    assert convert(path, "jsonl").text == (
        '{"i":9007199254740993,"u":18446744073709551615,"d":2208.40,"f":0.1,"s":"","b":true,"day":"2024-02-29",'
        '"at":"2024-02-29 01:02:03.000004"}\n'
        '{"i":null,"u":0,"d":null,"f":1e+300,"s":null,"b":false,"day":null,"at":null}\n'
    )
    assert convert(path, "csv").text == (
        "i,u,d,f,s,b,day,at\n"
        '9007199254740993,18446744073709551615,2208.40,0.1,"",true,2024-02-29,2024-02-29 01:02:03.000004\n'
        ",0,,1e+300,,false,,\n"
    )


def test_nested(convert, parquet):
    path = parquet(n=pa.array([{"x": [1, None], "y": "é"}, None]))
    assert [json.loads(line) for line in convert(path, "jsonl").text.splitlines()] == [
        {"n": {"x": [1, None], "y": "é"}},
        {"n": None},
    ]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_numbers_that_json_has_no_word_for(convert, parquet, value):
    with pytest.raises(Permanent, match=r"Row 3, column 'f'.*NaN or infinite"):
        convert(parquet(f=pa.array([1.0, None, value])), "jsonl")
    with pytest.raises(Permanent, match=r"Row 2, column 'f'"):
        convert(parquet(f=pa.array([[1.0], [value]])), "json")


def test_nan_in_csv_is_text(convert, parquet):
    assert convert(parquet(f=pa.array([1.0, float("nan")])), "csv").text == "f\n1.0\nnan\n"


def test_binary(convert, parquet):
    path = parquet(b=pa.array([b"\x00\xff", None]))
    for target in ("csv", "jsonl"):
        with pytest.raises(Permanent, match="Column 'b' holds bytes"):
            convert(path, target)
    assert convert(path, "jsonl", binary="base64").text == '{"b":"AP8="}\n{"b":null}\n'
    assert convert(path, "csv", binary="hex").text == "b\n00ff\n\n"
    assert read(convert(path, "parquet")).to_pydict() == {"b": [b"\x00\xff", None]}


def test_decimals_inside_structs_have_no_exact_json(convert, parquet):
    path = parquet(n=pa.array([{"x": decimal.Decimal("1.50")}]))
    with pytest.raises(Permanent, match=r"Column 'n'.*DECIMAL inside"):
        convert(path, "jsonl")


def test_time_zone_is_kept(convert, parquet):
    path = parquet(at=pa.array([dt.datetime(2024, 2, 29, 1, 2, 3, tzinfo=dt.UTC)]))
    assert json.loads(convert(path, "jsonl").text) == {"at": "2024-02-29T01:02:03Z"}


def test_parquet_to_parquet_keeps_types(convert, parquet):
    path = parquet(i=pa.array([1, 2], pa.int16()), n=pa.array([{"x": 1}, None]), b=pa.array([b"\xff", None]))
    done = convert(path, "parquet", columns=["b", "i", "n"], rename={"b": "B"})
    assert read(done).to_pydict() == {"B": [b"\xff", None], "i": [1, 2], "n": [{"x": 1}, None]}
    assert read(done).schema.field("i").type == pa.int16()


def test_damaged(convert):
    with pytest.raises(Permanent, match="cannot be read as Parquet"):
        convert(b"PAR1 this is not it", "csv", name="t.parquet")


def test_no_rows(convert, parquet):
    assert convert(parquet(a=pa.array([], pa.int32())), "csv").text == "a\n"
    assert convert(parquet(a=pa.array([], pa.int32())), "jsonl").text == ""
