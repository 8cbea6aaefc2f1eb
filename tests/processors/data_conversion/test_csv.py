"""CSV and TSV in."""

from __future__ import annotations

import json

import pytest

from jobsapp.processors.sdk import Permanent


def rows(converted):
    return [json.loads(line) for line in converted.text.splitlines()]


HARD = 'id,n,t\n007,9007199254740993,1.50\n"",,"x ""y"", z"\n1,18446744073709552000000,"two\nlines"\nü,東京,🚀\n'


def test_every_value_stays_the_text_it_was(convert):
    assert rows(convert(HARD, "jsonl")) == [
        {"id": "007", "n": "9007199254740993", "t": "1.50"},
        {"id": "", "n": None, "t": 'x "y", z'},
        {"id": "1", "n": "18446744073709552000000", "t": "two\nlines"},
        {"id": "ü", "n": "東京", "t": "🚀"},
    ]


def test_result_describes_the_work(convert):
    done = convert(HARD, "jsonl", name="orders.csv")
    assert done.result["artifact"] == "orders.jsonl"
    assert {k: done.result[k] for k in ("rows", "rowsRejected", "sourceFormat", "targetFormat", "encoding")} == {
        "rows": 4,
        "rowsRejected": 0,
        "sourceFormat": "csv",
        "targetFormat": "jsonl",
        "encoding": "utf-8",
    }
    assert done.result["columns"] == [{"name": name, "type": "text"} for name in ("id", "n", "t")]
    assert done.result["bytesIn"] == len(HARD.encode())
    assert done.result["bytesOut"] == len(done.data)
    assert done.run.progress[-1].percentage == 100


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_line_ends(convert, ending):
    assert rows(convert(ending.join(["a,b", "1,2", "3,", ""]), "jsonl")) == [
        {"a": "1", "b": "2"},
        {"a": "3", "b": None},
    ]


def test_mixed_line_ends_are_mended_outside_of_quotes(convert):
    done = convert('a,b\r\n1,"x\r\ny"\n3,"q\nr"\r\n5,""\n', "jsonl")
    assert rows(done) == [{"a": "1", "b": "x\r\ny"}, {"a": "3", "b": "q\nr"}, {"a": "5", "b": ""}]
    assert any("line ends" in line for _, line in done.run.log)


def test_mixed_line_ends_over_many_chunks(convert, monkeypatch):
    monkeypatch.setattr("jobsapp.processors.data_conversion.csv_sieve.CHUNK", 7)
    lines = ["a,b\r\n", *(f'{n},"x""\r\n{n}"' + "\r\n" * (n % 2) + "\n" * (1 - n % 2) for n in range(50))]
    assert rows(convert("".join(lines), "jsonl")) == [{"a": f"{n}", "b": f'x"\r\n{n}'} for n in range(50)]


@pytest.mark.parametrize(
    ("encoding", "chosen"),
    [
        ("utf-8-sig", "auto"),
        ("utf-16", "auto"),
        ("utf-16-le", "auto"),
        ("utf-32", "auto"),
        ("latin-1", "latin-1"),
        ("utf-16", "utf-16"),
        ("cp1252", "windows-1252"),
    ],
)
def test_encodings(convert, encoding, chosen):
    text = "näme,b\n" + "é,ß\n" * 3
    done = convert(text.encode(encoding), "jsonl", encoding=chosen)
    assert rows(done) == [{"näme": "é", "b": "ß"}] * 3


def test_wrong_encoding_names_the_line_and_suggests_one(convert):
    text = "name\n" + "plain\n" * 5 + "Straße, Grüße und Käse für alle Männer\n".replace(",", "") * 20
    with pytest.raises(Permanent, match=r"Line 7 is not UTF-8\. It looks like \S+; choose"):
        convert(text.encode("latin-1"), "jsonl")


def test_text_that_is_not_the_chosen_encoding(convert):
    with pytest.raises(Permanent, match="Line 3 cannot be read as shift_jis"):
        convert("a\nb\né\n".encode("latin-1"), "jsonl", encoding="shift_jis")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n3\n", "Line 3 has 1 values where 2 are expected"),
        ("a,b\n1,2\n3,4,5\n", "Line 3 has 3 values where 2 are expected"),
        ('a,b\n"x\ny\nz",2\n3\n', "Line 5 has 1 values where 2 are expected"),
        ('a,b\r\n"x\r\ny",2\r\n3\r\n', "Line 4 has 1 values where 2 are expected"),
        ("\ufeffa,b\n1,2\n3\n", "Line 3 has 1 values"),
        ("\n\na,b\n1,2\n3\n", "Line 5 has 1 values"),
        ('a,b\n1,"2\n3,4\n', "Line 2 has a quote that is not closed"),
        ('a,b\n1,2\n3,"4"x\n', "Line 3 has a quote that is not closed, or text after"),
        ("a,b\r\n1,2\n3,4\r\n5\n", "Line 4 has 1 values"),
    ],
)
def test_broken_rows_are_named_by_physical_line(convert, text, message):
    with pytest.raises(Permanent, match=message):
        convert(text, "jsonl")


def test_broken_rows_can_be_skipped(convert):
    done = convert('a,b\n"x\ny",1\n2\n3,4\n5,6,7\n8,9\n', "jsonl", onBadRow="skip")
    assert rows(done) == [{"a": "x\ny", "b": "1"}, {"a": "3", "b": "4"}, {"a": "8", "b": "9"}]
    assert done.result["rowsRejected"] == 2
    rejected = [json.loads(x) for x in done.run.artifacts["rejected.jsonl"].read_text().splitlines()]
    assert [(bad["line"], bad["byte"], bad["kind"], bad["text"]) for bad in rejected] == [
        (4, 12, "too few values", "2"),
        (6, 18, "too many values", "5,6,7"),
    ]


def test_more_broken_rows_than_allowed(convert):
    with pytest.raises(Permanent, match=r"More than the 1 allowed rows are broken\. The first: Line 3"):
        convert("a,b\n1,2\n2\n3\n", "jsonl", onBadRow="skip", maxBadRows=1)


def test_types_of_what_is_left_after_skipping(convert):
    done = convert("a,b\n1,2\nx\n3,4\n", "jsonl", onBadRow="skip", types="exact")
    assert (done.text, done.result["rowsRejected"]) == ('{"a":1,"b":2}\n{"a":3,"b":4}\n', 1)


def test_mixed_line_ends_are_no_reason_to_skip(convert):
    done = convert('a,b\r\n1,"x"\n3,4\r\n5\r\n', "jsonl", onBadRow="skip")
    assert rows(done) == [{"a": "1", "b": "x"}, {"a": "3", "b": "4"}]
    assert done.result["rowsRejected"] == 1


def test_an_open_quote_is_never_skipped(convert):
    with pytest.raises(Permanent, match="Line 3"):
        convert('a,b\n1,2\n3,"4\n5,6\n7,8\n', "jsonl", onBadRow="skip")


@pytest.mark.parametrize("text", ["", "\n\n", "\ufeff", "\ufeff\n"])
def test_empty_file(convert, text):
    with pytest.raises(Permanent, match="empty"):
        convert(text, "jsonl")


def test_header_only(convert):
    assert convert("a,b\n", "jsonl").text == ""
    assert json.loads(convert("a,b", "json").text) == []
    assert convert("a,b\n", "tsv").text == "a\tb\n"
    back = convert(convert("a,b\n", "parquet").path, "csv")
    assert (back.text, back.result["rows"]) == ("a,b\n", 0)


def test_names_that_are_missing_or_repeated(convert):
    with pytest.raises(Permanent, match="Column 2 has no name"):
        convert("a,,c\n1,2,3\n", "jsonl")
    with pytest.raises(Permanent, match="'a' stands twice, in columns 1 and 3"):
        convert("a,b,a\n1,2,3\n", "jsonl")
    done = convert("a,,a,a_2\n1,2,3,4\n", "jsonl", onBadHeader="rename")
    assert rows(done) == [{"a": "1", "column_2": "2", "a_2": "3", "a_2_2": "4"}]


def test_names_that_differ_in_case_only(convert):
    text = "a,A\n1,2\n"
    assert convert(text, "jsonl").text == '{"a":"1","A":"2"}\n'
    assert convert(text, "tsv").text == "a\tA\n1\t2\n"
    with pytest.raises(Permanent, match="capital letters"):
        convert(text, "parquet")
    assert convert(convert(text, "parquet", onBadHeader="rename").path, "csv").text == "a,A_2\n1,2\n"


def test_no_header(convert):
    done = convert("1,2\n3,4\n", "jsonl", header=False)
    assert rows(done)[0] == {"column_1": "1", "column_2": "2"}
    assert convert("1,2\n", "tsv", header=False).text == "1\t2\n"


@pytest.mark.parametrize("delimiter", [";", "|", "\t", ","])
def test_delimiter_is_told_from_the_header(convert, delimiter):
    assert rows(convert(f'a{delimiter}"b, c"\n1{delimiter}2\n', "jsonl")) == [{"a": "1", "b, c": "2"}]


def test_quote_delimiter_and_null_text(convert):
    done = convert("a~b\n'x~y'~NA\n~'NA'\n", "jsonl", delimiter="~", quote="'", nullText="NA")
    assert rows(done) == [{"a": "x~y", "b": None}, {"a": "", "b": "NA"}]


def test_columns_are_chosen_ordered_and_renamed(convert):
    done = convert("a,b,c\n1,2,3\n", "jsonl", columns=["c", "a"], rename={"a": "first"})
    assert done.text == '{"c":"3","first":"1"}\n'
    with pytest.raises(Permanent, match=r"no column 'x'.*a, b, c"):
        convert("a,b,c\n1,2,3\n", "jsonl", columns=["x"])
    with pytest.raises(Permanent, match="Two columns would be called 'b'"):
        convert("a,b\n1,2\n", "jsonl", rename={"a": "b"})


@pytest.mark.parametrize("target", ["jsonl", "parquet"])
@pytest.mark.parametrize("size", [3_000_000, 9_000_000])
def test_fields_over_2_mb(convert, target, size):
    big = "x" * size
    done = convert(f"a,b\n1,{big}\n2,y\n", target)
    assert done.result["rows"] == 2
    assert convert(done.path, "csv").text == f"a,b\n1,{big}\n2,y\n"


def test_fields_over_2_mb_are_not_skipped(convert):
    assert convert(f"a,b\n1,{'x' * 3_000_000}\n2\n", "jsonl", onBadRow="skip").result["rows"] == 1


def test_exact_types_change_no_character(convert):
    text = (
        "i,big,dec,lead,mixed,flag,doc,nul\n"
        '1,1267650600228229401496703205376,1.50,007,1,true,"[1.50, {""a"": null}]",\n'
        "-2,5,10.25,1,x,false,{},\n"
    )
    done = convert(text, "jsonl", types="exact")
    assert done.text.splitlines() == [
        '{"i":1,"big":1267650600228229401496703205376,"dec":1.50,"lead":"007","mixed":"1","flag":true,'
        '"doc":[1.50, {"a": null}],"nul":null}',
        '{"i":-2,"big":5,"dec":10.25,"lead":"1","mixed":"x","flag":false,"doc":{},"nul":null}',
    ]
    labels = [column["type"] for column in done.result["columns"]]
    assert labels == ["number", "number", "number", "text", "text", "boolean", "json", "text"]


@pytest.mark.parametrize("value", ["NaN", "[1,]", '{""a"":NaN}', "+1", ".5", "1.", "0x1", "True", "01", "-"])
def test_exact_leaves_as_text_what_is_not_strictly_json(convert, value):
    assert json.loads(convert(f'a\n"{value}"\n', "jsonl", types="exact").text) == {"a": value.replace('""', '"')}


@pytest.mark.parametrize("target", ["jsonl", "json", "csv", "tsv"])
@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_compressed(convert, target, compression):
    done = convert(HARD, target, compression=compression)
    suffix = {"gzip": "gz", "zstd": "zst"}[compression]
    assert done.result["artifact"] == f"t.{target}.{suffix}"
    assert done.data[:2] == {"gzip": b"\x1f\x8b", "zstd": b"\x28\xb5"}[compression]


def test_tsv_quotes_like_csv(convert):
    done = convert('a,b\n"x\ty",""\n"q\nr",\n', "tsv")
    assert done.text == 'a\tb\n"x\ty"\t""\n"q\nr"\t\n'
    assert convert(done.path, "csv").text == 'a,b\nx\ty,""\n"q\nr",\n'


def test_skipping_keeps_every_good_row_of_a_file_over_many_buffers(convert, tmp_path):
    source = tmp_path / "big.csv"
    with source.open("w") as file:
        file.write("a,b\n")
        file.writelines(f"{n},x\n" if n % 3 else f"{n}\n" for n in range(300_000))
        file.writelines(f'{n},"{"y" * 90_000}"\n' if n % 3 else f"{n}\n" for n in range(300_000, 301_500))
    assert source.stat().st_size > 3 * 2**25 / 1.2
    done = convert(source, "csv", onBadRow="skip")
    assert (done.result["rows"], done.result["rowsRejected"]) == (201_000, 100_500)
    assert done.text.count("\n") == 201_001
    assert len(done.run.artifacts["rejected.jsonl"].read_text().splitlines()) == 100_500


@pytest.mark.parametrize("policy", ["fail", "skip"])
@pytest.mark.parametrize("cell", ["json", "rows", "breaks"])
def test_long_cells_with_line_breaks_over_many_buffers(convert, tmp_path, policy, cell):
    if cell == "json":
        text = json.dumps({f"key{n}": f"value, {n}" for n in range(150)}, indent=2).replace('"', '""')
    else:
        text = "1,2\n" * 3_000 if cell == "rows" else "\n" * 12_000
    source, count = tmp_path / "big.csv", 40_000_000 // len(text)
    with source.open("w") as file:
        file.write("a,b\n")
        file.writelines(f'{n},"{text}"\n' for n in range(count))
    done = convert(source, "jsonl", onBadRow=policy)
    assert (done.result["rows"], done.result["rowsRejected"]) == (count, 0)
    expected = text.replace('""', '"')
    with done.path.open() as lines:
        assert all(json.loads(line) == {"a": str(n), "b": expected} for n, line in enumerate(lines))


def test_an_open_quote_at_the_end_is_found_in_sequence_too(convert):
    long = "x" * 3_000_000
    for policy in ("fail", "skip"):
        with pytest.raises(Permanent, match="Line 3 has a quote that is not closed"):
            convert(f'a,b\n1,{long}\n5,"open\n6,7\n', "jsonl", onBadRow=policy)


def test_the_commonest_encoding_is_suggested_first(convert):
    with pytest.raises(Permanent, match="looks like windows-1252"):
        convert("a,b\n1,é\n".encode("latin-1"), "jsonl")
