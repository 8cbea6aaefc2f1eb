"""JSON and JSON Lines in."""

from __future__ import annotations

import json

import pytest

from jobsapp.processors.sdk import Permanent

HARD = (
    '{"a":1.50,"b":"007","c":{"x":[1.10, 2e5],"y":"é"},"d":null,"e":""}\n'
    '{"a":1267650600228229401496703205376,"b":"x, \\"y\\"\\n","c":[],"d":-0,"e":"null"}\n'
)


def test_tokens_reach_csv_unchanged(convert):
    assert convert(HARD, "csv", name="t.jsonl").text == (
        'a,b,c,d,e\n1.50,007,"{""x"":[1.10, 2e5],""y"":""é""}",,""\n'
        '1267650600228229401496703205376,"x, ""y""\n","[]",-0,null\n'
    )


def test_array_and_lines_keep_the_bytes_of_each_row(convert):
    array = convert(HARD, "json", name="t.jsonl")
    assert array.text == "[\n" + HARD.strip().replace("}\n{", "},\n{") + "\n]\n"
    assert convert(array.path, "jsonl").text == HARD


def test_pretty_printed_array(convert):
    rows = [{"a": 1, "b": {"c": [1, 2, {"d": "},{"}]}}, {"a": 2, "b": "},\n{"}]
    done = convert(json.dumps(rows, indent=3), "jsonl", name="t.json")
    assert [json.loads(line) for line in done.text.splitlines()] == rows


def test_arrays_of_anything_become_lines(convert):
    assert (
        convert('[1, "a, b", [2,\n3], null, {"a": 1.0}]', "jsonl", name="t.json").text
        == '1\n"a, b"\n[2,3]\nnull\n{"a": 1.0}\n'
    )
    assert convert(" [ ] ", "jsonl", name="t.json").text == ""
    assert convert("[]", "json", name="t.json").text == "[]\n"


@pytest.mark.parametrize("text", [" [   ]", "  [    1 ]", "[ \n\n  {} ]"])
def test_space_over_the_end_of_a_read(convert, monkeypatch, text):
    monkeypatch.setattr("jobsapp.processors.data_conversion.json_array.BATCH", 1)
    done = convert(text, "json", name="t.json", sourceFormat="json")
    assert json.loads(done.text) == json.loads(text)


def test_small_reads(convert, monkeypatch):
    monkeypatch.setattr("jobsapp.processors.data_conversion.json_array.BATCH", 3)
    rows = [{"a": n, "b": {"c": [n, {"d": "},{"}]}} for n in range(30)]
    assert convert(json.dumps(rows), "csv", name="t.json").result["rows"] == 30
    assert convert("\n".join(map(json.dumps, rows)), "csv", name="t.jsonl").result["rows"] == 30


def test_keys_are_united_in_order_of_first_appearance(convert):
    done = convert('{"b":1}\n{"a":2,"b":3}\n\n{"c":null}\n', "csv", name="t.jsonl")
    assert done.text == "b,a,c\n1,,\n3,2,\n,,\n"


def test_keys_that_come_late_need_a_second_pass(convert, monkeypatch):
    monkeypatch.setattr("jobsapp.processors.data_conversion.json_array.BATCH", 20)
    text = '{"a":1}\n' * 40 + '{"b":"x"}\n'
    done = convert(text, "csv", name="t.jsonl")
    assert done.text == "a,b\n" + "1,\n" * 40 + ",x\n"
    shares = [p.percentage for p in done.run.progress]
    assert shares == sorted(shares)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a":1}\n{"a":}\n', "Line 2 is not valid JSON"),
        ('{"a":1}\n\n{"a":NaN}\n', "Line 3 is not valid JSON"),
        ('{"a":1}\n{"a":[1,]}\n', "Line 2 is not valid JSON: trailing comma"),
        ('{"a":1}\n[1]\n', "Line 2 is not an object"),
        ('{"a":1}\n{"a":1,"a":2}\n', "Line 2 has the key 'a' more than once"),
        ('{"a":1,"a":1}\n{"b":2}\n', "Line 1 has the key 'a' more than once"),
        ('{"a":1}\n{"a":"\\ud800"}\n', "Line 2 .*surrogate"),
        ('{"a":1}\n{"a":1} {"a":2}\n', "Line 2 is not valid JSON"),
        ('{"a":1}\n{"a":\n2}\n', "Line 2 is"),
        (b'{"a":1}\n{"a":"\xff"}\n', "Line 2 is not UTF-8"),
    ],
)
def test_broken_lines_are_named_or_skipped(convert, text, message):
    with pytest.raises(Permanent, match=message):
        convert(text, "csv", name="t.jsonl")
    done = convert(text, "csv", name="t.jsonl", onBadRow="skip")
    assert done.result["rowsRejected"] >= 1
    assert "rejected.jsonl" in done.run.artifacts


@pytest.mark.parametrize("target", ["jsonl", "json"])
def test_json_to_json_is_checked_too(convert, target):
    for text in ('{"a":1}\n{"a":NaN}\n', b'{"a":1}\n{"a":"\xff"}\n', '{"a":1}\n{"a":"\\udc00"}\n'):
        with pytest.raises(Permanent, match="Line 2 "):
            convert(text, target, name="t.jsonl")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": [1]}', "not an array"),
        ("7", "not an array"),
        ('[{"a":1}, {"a":}]', "Item 2 .*is not valid JSON"),
        ('[{"a":1} {"a":2}]', "Item 1"),
        ('[{"a":1}, {"a":2}', "Item 2"),
        ('[{"a":1}, ', "Item 2"),
        ('[{"a":1}] x', "more text after the end"),
        (b'[{"a":1},{"a":"\xff"}]', "Item 2 is not UTF-8"),
        ('[{"a":1},{"a":"\\ud800"}]', "Item 2 .*surrogate"),
    ],
)
def test_broken_arrays(convert, text, message):
    with pytest.raises(Permanent, match=message):
        convert(text, "jsonl", name="t.json", sourceFormat="json")


def test_no_rows_no_columns(convert):
    with pytest.raises(Permanent, match="no columns"):
        convert("[]", "csv", name="t.json")
    with pytest.raises(Permanent, match="empty"):
        convert("\n\n", "csv", name="t.jsonl")


def test_lines_in_a_file_called_json(convert):
    assert convert('{"a":1}\n{"a":2}\n', "csv", name="t.json").text == "a\n1\n2\n"


def test_mixed_types_in_a_column(convert):
    text = '{"a":1}\n{"a":"x"}\n{"a":true}\n{"a":null}\n{"a":{"b":1}}\n{"a":""}\n'
    assert convert(text, "csv", name="t.jsonl").text == 'a\n1\nx\ntrue\n\n"{""b"":1}"\n""\n'


def test_empty_key_and_odd_keys(convert):
    with pytest.raises(Permanent, match="Column 1 has no name"):
        convert('{"":1}\n', "csv", name="t.jsonl")
    assert convert('{"":1}\n', "csv", name="t.jsonl", onBadHeader="rename").text == "column_1\n1\n"
    assert convert('{"a\\"b":1,"c\\n":2}\n', "csv", name="t.jsonl").text == '"a""b","c\n"\n1,2\n'


def test_chosen_columns(convert):
    text = '{"a":1.0,"b":2}\n{"b":3,"c":[4]}\n'
    assert convert(text, "csv", name="t.jsonl", columns=["c", "a"], rename={"a": "A"}).text == 'c,A\n,1.0\n"[4]",\n'
    assert convert(text, "jsonl", name="t.jsonl", columns=["b", "a"]).text == '{"b":2,"a":1.0}\n{"b":3}\n'
    with pytest.raises(Permanent, match="no column 'x'"):
        convert(text, "csv", name="t.jsonl", columns=["x"])


def test_null_text_and_header_of_the_csv(convert):
    text = '{"a":"NA","b":null}\n{"a":"","b":5}\n'
    done = convert(text, "csv", name="t.jsonl", nullText="NA")
    assert done.text == '"a","b"\n"NA",NA\n"","5"\n'
    assert convert(done.path, "jsonl", nullText="NA").text == '{"a":"NA","b":null}\n{"a":"","b":"5"}\n'
    assert convert(text, "csv", name="t.jsonl", header=False).text == 'NA,\n"",5\n'


def test_exact_parquet_follows_the_tokens(convert):
    text = (
        '{"i":1,"d":1.50,"s":"7","b":true,"n":{"x":1.50},"m":1}\n{"i":-3,"d":2.25,"s":"8","b":null,"n":[1],"m":"1"}\n'
    )
    done = convert(text, "parquet", name="t.jsonl", types="exact")
    assert [c["type"] for c in done.result["columns"]] == ["integer", "decimal", "text", "boolean", "json", "text"]
    assert convert(done.path, "jsonl").text == text.replace('"m":1}', '"m":"1"}')


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
@pytest.mark.parametrize("name", ["t.jsonl", "t.json"])
def test_encodings(convert, encoding, name):
    text = '{"a":"é"}\n' if name == "t.jsonl" else '[{"a":"é"}]'
    assert convert(text.encode(encoding), "csv", name=name).text == "a\né\n"


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
@pytest.mark.parametrize("target", ["jsonl", "json", "csv"])
def test_compressed(convert, target, compression):
    done = convert(HARD, target, name="t.jsonl", compression=compression)
    assert done.data[:2] == {"gzip": b"\x1f\x8b", "zstd": b"\x28\xb5"}[compression]


def test_large_values(convert):
    big = "x" * 9_000_000
    text = f'{{"a":1,"b":"{big}"}}\n{{"a":2,"b":null}}\n'
    assert convert(convert(text, "parquet", name="t.jsonl").path, "csv").text == f"a,b\n1,{big}\n2,\n"
    assert convert(convert(text, "json", name="t.jsonl").path, "csv").text == f"a,b\n1,{big}\n2,\n"
    assert convert(text, "jsonl", name="t.jsonl", compression="gzip").result["rows"] == 2


def test_gzip_holds_the_same_lines(convert):
    import gzip

    for target in ("jsonl", "json"):
        plain = convert(HARD, target, name="t.jsonl").data
        assert gzip.decompress(convert(HARD, target, name="t.jsonl", compression="gzip").data) == plain


def test_a_line_over_the_limit_is_refused_before_it_is_read(convert, monkeypatch):
    monkeypatch.setattr("jobsapp.processors.data_conversion.json_array.LARGEST", 3_000_000)
    text = '{"a":1}\n' * 10 + '{"a":"' + "x" * 5_000_000 + '"}\n'
    with pytest.raises(Permanent, match="Line 11 is longer than"):
        convert(text, "csv", name="t.jsonl")


def warned(done):
    return [line for level, line in done.run.log if level == "warning"]


NUMBERS = 'Column "a" holds numbers (first in line {}) and text that looks like a number (first in line {}): '
CSV = "CSV cannot tell them apart."


@pytest.mark.parametrize(
    ("values", "places"),
    [
        (["1", '"1"'], (1, 2)),
        (['"x"', '"007"', '"-1.50e3"', '"2"', "null", "0"], (6, 3)),
        (["1", '"1\\u0030"'], (1, 2)),
        (["1", '"\\u0031"'], (1, 2)),
        (["1", '"abc"'], None),
        (["1", '"007"', '"1."', '" 1"', '"2024-01-01"', '"+1"', '"1\\n"', '"\u0661"', '""', '"null"', '"true"'], None),
        (['"1"', "null", "true", "[1]"], None),
        (["true", "1", '"{}"', '"a"'], None),
    ],
)
@pytest.mark.parametrize("batch", [1, 20, 1 << 20])
def test_numbers_beside_texts_that_look_so_are_said(convert, monkeypatch, values, places, batch):
    monkeypatch.setattr("jobsapp.processors.data_conversion.json_array.BATCH", batch)
    text = "".join(f'{{"a":{value},"b":"1"}}\n' for value in values)
    for options in ({}, {"nullText": "NA"}):
        said = [NUMBERS.format(*places) + CSV] if places else []
        assert warned(convert(text, "csv", name="t.jsonl", **options)) == said


@pytest.mark.parametrize("batch", [1, 1 << 20])
def test_booleans_and_containers_beside_texts_that_look_so(convert, monkeypatch, batch):
    monkeypatch.setattr("jobsapp.processors.data_conversion.json_array.BATCH", batch)
    rows = [
        {"flag": True, "box": {"x": "1"}, "clear": [1], "deep": []},
        {"flag": None, "box": "[1,", "clear": "{", "deep": "[" * 5000},
        {"flag": "false", "box": '["x"]', "clear": "1", "deep": ""},
        {"flag": 1, "box": 2, "clear": "true", "deep": ""},
        {"flag": "1", "box": "x", "clear": "[1", "deep": ""},
    ]
    assert warned(convert(json.dumps(rows, indent=1), "tsv", name="t.json")) == [
        'Column "flag" holds numbers (first in item 4) and text that looks like a number (first in item 5), '
        "and true or false (first in item 1) and text that looks like true or false (first in item 3): "
        "TSV cannot tell them apart.",
        'Column "box" holds objects or arrays (first in item 1) and text that looks like an object or array '
        "(first in item 3): TSV cannot tell them apart.",
    ]


def test_the_two_may_be_far_apart(convert, monkeypatch):
    monkeypatch.setattr("jobsapp.processors.data_conversion.json_array.BATCH", 40)
    for first, last in (('"5"', "5"), ("5", '"5"')):
        text = f'{{"a":"-"}}\n\n{{"a":{first}}}\n{{"a":\n' + f'{{"a":{first}}}\n' * 50 + f'{{"a":{last}}}\n'
        text = text if last == "5" else text.replace('"-"', "null")
        places = (55, 3) if last == "5" else (3, 55)
        done = convert(text, "csv", name="t.jsonl", onBadRow="skip")
        assert warned(done)[0] == NUMBERS.format(*places) + CSV
        assert done.result["rowsRejected"] == 1
        assert len(done.run.artifacts["rejected.jsonl"].read_bytes().splitlines()) == 1


@pytest.mark.parametrize("options", [{}, {"types": "exact"}])
def test_text_columns_of_parquet_are_said_too(convert, options):
    text = '{"a":1,"b":1}\n{"a":"1","b":2}\n'
    done = convert(text, "parquet", name="t.jsonl", **options)
    assert warned(done) == [NUMBERS.format(1, 2) + "A text column of Parquet cannot tell them apart."]
    assert not warned(convert(text, "json", name="t.jsonl"))


def test_only_columns_that_are_written_and_not_too_many_of_them(convert):
    keys = [f"k{n}" for n in range(23)]
    text = "".join(json.dumps(dict.fromkeys(keys, value)) + "\n" for value in (1, "1"))
    lines = warned(convert(text, "csv", name="t.jsonl"))
    assert len(lines) == 21
    assert lines[-1] == "So it is in 3 more columns."
    (line,) = warned(convert(text, "csv", name="t.jsonl", columns=["k7"], rename={"k7": "new"}, compression="gzip"))
    assert line.startswith('Column "k7" holds numbers')
