"""Rows of a file into a table: every row has an outcome, and nothing else is touched."""

from __future__ import annotations

import json
from decimal import Decimal

import psycopg
import pytest

from jobsapp.processors.bulk_operation.loading import Straight
from jobsapp.processors.sdk import Permanent
from tests.processors.bulk_operation.conftest import failures

HEAD = ["sku", "name", "price", "stock", "maker"]


def good(number: int) -> list[str]:
    return [f"P{number:05}", f"Lamp, no. {number}\nwith a line break", f"{number}.50", "3", "1"]


def test_a_csv_file_is_loaded_as_it_is(shop, work):
    run = work([HEAD, *map(good, range(12_000))])
    assert run.result["outcome"] == "done"
    assert {key: run.result[key] for key in ("rows", "inserted", "failed")} == {
        "rows": 12_000, "inserted": 12_000, "failed": 0,
    }  # fmt: skip
    assert shop.count() == 12_000
    assert shop.all("SELECT * FROM shop.products WHERE sku = 'P11999'") == [
        (
            "P11999",
            "Lamp, no. 11999\nwith a line break",
            Decimal("11999.50"),
            3,
            1,
            None,
            None,
            None,
            Decimal("35998.50"),
        )
    ]
    assert run.artifacts == {}
    assert run.progress[-1].percentage == 100
    assert len({report.current for report in run.progress}) >= 3


def test_json_lines_keep_numbers_null_and_nested_values(shop, work, tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text(
        '{"sku": "a", "name": "", "price": 0.10, "stock": null, "facts": {"n": 12345678901234567890.50}, "extra": 1}\n'
        '\n{"name": "caf\\u00e9 \\\\N \\t", "sku": "\\\\N"}\n'
    )
    run = work(path)
    assert run.result["inserted"] == 2
    rows = shop.all("SELECT sku, name, price, stock, facts::text FROM shop.products ORDER BY sku DESC")
    assert rows == [
        ("a", "", Decimal("0.10"), None, '{"n": 12345678901234567890.50}'),
        ("\\N", "café \\N \t", None, None, None),
    ]


def test_each_kind_of_fault_is_told_with_line_column_and_reason(shop, work):
    rows = [HEAD, *map(good, range(6_000))]
    rows[11] = ["P10", "x", "ten", "3", "1"]
    rows[12] = ["P11", "", "1", "3", "1"]
    rows[13] = ["P12", "x", "-1", "3", "1"]
    rows[14] = ["P00000", "x", "1", "3", "1"]
    rows[15] = ["P14", "x", "1", "3", "9"]
    rows[16] = ["P15", "x", "1", "3"]
    rows[17] = ["P16", "x", "1", "99999999999", "1"]
    rows[18] = ["P17", "nul \0", "1", "3", "1"]
    run = work(rows)
    found = [(line["item"], line["code"], line.get("column")) for line in failures(run)]
    assert found == [
        (11, "22P02", "price"),
        (12, "23502", "name"),
        (13, "23514", None),
        (14, "23505", None),
        (15, "23503", None),
        (16, "bad_row", None),
        (17, "22003", "stock"),
        (18, "bad_text", None),
    ]
    # A row takes two lines up to there: the line is where it begins.
    assert [line["line"] for line in failures(run)] == [22, 23, 24, 25, 26, 27, 28, 29]
    assert failures(run)[0]["row"] == dict(zip(HEAD, rows[11], strict=True))
    assert "Key (maker)=(9) is not present" in failures(run)[4]["message"]
    assert (run.result["inserted"], run.result["failed"], shop.count()) == (5_992, 8, 5_992)
    assert run.result["firstFailures"][0]["line"] == 22
    assert sum(one["items"] for one in run.result["failures"]) == 8


def test_a_file_full_of_faults_sends_no_row_many_times(shop, work, monkeypatch):
    sent, send = [], Straight.send
    monkeypatch.setattr(Straight, "send", lambda self, rows: (sent.append(len(rows)), send(self, rows))[1])
    rows = [HEAD, *map(good, range(3_000))]
    for number in range(1, 3_001, 3):
        rows[number][2] = "x"
    run = work(rows, stopAfter=None)
    assert (run.result["inserted"], run.result["failed"]) == (2_000, 1_000)
    assert [line["item"] for line in failures(run)] == list(range(1, 3_001, 3))
    assert sum(sent) < 30 * 3_000


def test_only_what_failed_is_done_again(shop, work, tmp_path):
    rows = [HEAD, *map(good, range(50)), ["Q1", " x ", "1", "", "9"], ["Q2", "y", "dear", "1", "1"]]
    first = work(rows)
    report = first.artifacts["failed.jsonl"].rename(tmp_path / "failed.jsonl")
    shop.connection.execute("INSERT INTO shop.makers VALUES (9, 'Nine')")
    second = work(report)
    assert (second.result["rows"], second.result["inserted"], second.result["failed"]) == (2, 1, 1)
    (left,) = failures(second)
    # The line is that of the first file.
    assert (left["item"], left["line"], left["column"]) == (52, 103, "price")
    assert shop.count() == 51
    assert shop.all("SELECT name, stock FROM shop.products WHERE sku = 'Q1'") == [("x", None)]


def test_upsert_add_update_and_delete_count_each_row(shop, work):
    work([["sku", "name", "price"], ["a", "A", "1"], ["b", "B", "2"]])
    run = work([["sku", "name"], ["a", "A2"], ["c", "C"], ["c", "C2"], ["d", None]], mode="upsert")
    counts = {key: run.result.get(key) for key in ("inserted", "updated", "failed")}
    assert counts == {"inserted": 1, "updated": 2, "failed": 1}
    assert shop.all("SELECT sku, name, price, stock FROM shop.products ORDER BY 1") == [
        ("a", "A2", Decimal(1), 7), ("b", "B", Decimal(2), 7), ("c", "C2", None, 7),
    ]  # fmt: skip
    run = work([["sku", "name"], ["b", "B3"], ["e", "E"]], mode="add")
    assert (run.result["inserted"], run.result["alreadyThere"]) == (1, 1)
    run = work([["sku", "stock"], ["b", "5"], ["z", "6"], ["", "7"]], mode="update")
    assert run.result["updated"] == 1
    assert [(line["item"], line["code"]) for line in failures(run)] == [(2, "not_found"), (3, "empty")]
    run = work([["sku"], ["a"], ["z"], ["b"], ["a"]], mode="delete")
    assert run.result["deleted"] == 2
    assert [line["row"]["sku"] for line in failures(run)] == ["z", "a"]
    assert shop.all("SELECT sku, name FROM shop.products ORDER BY 1") == [("c", "C2"), ("e", "E")]


def test_mapping_constants_and_required(shop, work):
    rows = [["No", "Title", "Note"], ["1", " one ", "n"], ["2", "two", " "]]
    data = {"mapping": {"sku": "No", "name": "Title", 'odd "name': "Note"}, "constants": {"stock": "4"}}
    run = work(rows, **data, required=['odd "name'])
    assert shop.all('SELECT sku, name, stock, "odd ""name" FROM shop.products') == [("1", "one", 4, "n")]
    assert [line["message"] for line in failures(run)] == ['odd "name is empty.']


def test_a_row_of_json_neither_loses_nor_wipes_a_value_in_silence(shop, work, monkeypatch):
    monkeypatch.setattr("jobsapp.processors.bulk_operation.loading.FIRST", 2)
    rows = [{"sku": "a", "name": "A"}, {"sku": "b", "name": "B", "stock": 1}, {"sku": "c", "name": "C", "price": 2}]
    run = work(rows)
    assert [(line["item"], line["code"], line["column"]) for line in failures(run)] == [(3, "new_column", "price")]
    assert shop.all("SELECT sku, stock FROM shop.products ORDER BY 1") == [("a", None), ("b", 1)]
    run = work([{"sku": "b", "name": "B2"}, {"sku": "a", "name": "A2", "stock": None}], mode="upsert")
    assert [(line["item"], line["code"], line["column"]) for line in failures(run)] == [(1, "missing", "stock")]
    assert shop.all("SELECT sku, name, stock FROM shop.products ORDER BY 1") == [("a", "A2", None), ("b", "B", 1)]


def test_quotes_within_values_do_not_spoil_the_count(shop, work, tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text('sku,name\na,5" pipe\nb,"two\nlines"\nc,x\n\nd,y\n')
    run = work(path)
    assert (run.result["rows"], run.result["inserted"]) == (4, 4)
    assert run.progress[-1].percentage == 100


def test_a_dry_run_tells_all_and_changes_nothing(shop, work):
    rows = [HEAD, *map(good, range(20)), ["Q1", "x", "1", "1", "9"], good(3)]
    run = work(rows, dryRun=True)
    assert (run.result["outcome"], run.result["inserted"], run.result["failed"]) == ("tried", 20, 2)
    assert [line["code"] for line in failures(run)] == ["23503", "23505"]
    values = ["P00000", "Lamp, no. 0\nwith a line break", "0.50", "3", "1"]
    assert run.result["sample"][0] == {"line": 2, **dict(zip(HEAD, values, strict=True))}
    assert shop.count() == 0
    assert shop.all("SELECT to_regclass('jobsapp_bulk_jobs')") == [(None,)]


def test_all_or_nothing(shop, work):
    rows = [HEAD, *map(good, range(6_000)), ["Q1", "x", "one", "1", "1"], ["Q2", "x", "two", "1", "1"]]
    run = work(rows, atomic=True)
    assert (run.result["outcome"], run.result["takenBack"], run.result["failed"]) == ("rolled back", 6_000, 2)
    assert shop.count() == 0
    assert work(rows[:-2], atomic=True).result["outcome"] == "done"
    assert shop.count() == 6_000


def test_rules_that_are_checked_at_the_end_may_be_broken_in_between(shop, work):
    shop.connection.execute(
        """DROP TABLE shop.loose; CREATE TABLE shop.loose (a int PRIMARY KEY,
        b int REFERENCES shop.loose DEFERRABLE INITIALLY DEFERRED)"""
    )
    first, second = [["a", "b"], ["1", "2"], ["2", "1"]], [["a", "b"], ["3", "4"], ["4", "9"]]
    assert work(first, table="shop.loose", atomic=True, dryRun=True).result["reason"] == "Nothing was changed."
    assert work(first, table="shop.loose", atomic=True).result["outcome"] == "done"
    run = work(second, table="shop.loose", atomic=True)
    assert run.result["outcome"] == "rolled back"
    assert "Key (b)=(9) is not present" in run.result["reason"]
    assert shop.all("SELECT count(*) FROM shop.loose") == [(2,)]


@pytest.mark.parametrize(("rule", "done"), [({"stopAfter": 3}, 202), ({"stopAfter": None, "stopShare": 0.1}, 222)])
def test_the_stop_rule_leaves_what_follows_untouched(shop, work, rule, done):
    rows = [HEAD, *map(good, range(400))]
    for number in range(201, 401, 1 if "stopShare" in rule else 2):
        rows[number][2] = "x"
    run = work(rows, **rule)
    assert run.result["outcome"] == "stopped"
    last = failures(run)[-1]["item"]
    assert (shop.count(), run.result["failed"]) == (done - (0 if done == 202 else 22), len(failures(run)))
    assert last == (205 if done == 202 else 223)
    assert shop.all("SELECT max(sku) FROM shop.products") == [("P00203",) if done == 202 else ("P00199",)]


@pytest.mark.parametrize(
    ("rows", "data", "said"),
    [
        ([["id"], ["1"]], {"table": "public.secrets"}, "not opened for bulk operations"),
        ([["id"], ["1"]], {"table": 'shop.products"; DROP TABLE shop.makers; --'}, "not opened"),
        ([["id"], ["1"]], {"table": "shop.gone"}, "no such table"),
        ([["id"], ["1"]], {}, "No column of the file"),
        ([["sku", "name"], ["1", "1"]], {"mapping": {"sku": "No"}}, "the file has no column 'No'"),
        ([["sku", "name"], ["1", "1"]], {"mapping": {"skv": "sku"}}, "has no column 'skv'"),
        ([["sku", "name"], ["1", "1"]], {"mapping": {"total": "name"}}, "computed by the database"),
        ([["sku", "name"], ["1", "1"]], {"mode": "upsert", "key": ["name"]}, "no unique index"),
        ([["a"], ["1"]], {"mode": "upsert", "table": "shop.loose"}, "no primary key"),
        ([["name"], ["1"]], {"mode": "upsert"}, "'sku' is needed"),
        ([["sku"], ["1"]], {"mode": "update"}, "nothing to change"),
        ([["sku", "sku"], ["1", "1"]], {}, "'sku' twice"),
    ],
)
def test_what_does_not_fit_is_one_sentence(shop, work, rows, data, said):
    with pytest.raises(Permanent, match=said):
        work(rows, **data)
    assert shop.all("SELECT count(*) FROM shop.makers") == [(2,)]


def test_nothing_is_opened_by_itself(work, monkeypatch):
    monkeypatch.delenv("JOBSAPP_BULK_DATABASE_URL", raising=False)
    with pytest.raises(Permanent, match="JOBSAPP_BULK_DATABASE_URL"):
        work([["sku"], ["1"]])


def test_a_missing_right_is_one_sentence(shop, work, monkeypatch):
    shop.connection.execute("DROP ROLE IF EXISTS reader")
    shop.connection.execute("CREATE ROLE reader LOGIN PASSWORD 'r'; GRANT USAGE ON SCHEMA shop TO reader")
    shop.connection.execute("GRANT SELECT ON shop.products TO reader")
    url = psycopg.conninfo.make_conninfo(shop.url, user="reader", password="r")
    info = psycopg.conninfo.conninfo_to_dict(url)
    monkeypatch.setenv("JOBSAPP_BULK_DATABASE_URL", f"postgresql://reader:r@/{info['dbname']}?host={info.get('host')}")
    with pytest.raises(Permanent, match="permission denied"):
        work([["sku", "name"], ["1", "1"]], dryRun=True)
    with pytest.raises(Permanent, match="CREATE TABLE IF NOT EXISTS jobsapp_bulk_jobs"):
        work([["sku", "name"], ["1", "1"]])
    shop.connection.execute("DROP OWNED BY reader; DROP ROLE reader")


def test_broken_lines_of_json_are_items_too(shop, work, tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"sku": "a", "name": "A"}\n{"sku": \n[1]\n{"sku": "\xff"}\n{"sku": "b", "name": "B"}\n')
    run = work(path)
    assert [(one["line"], one["code"], one["row"]) for one in failures(run)] == [
        (2, "bad_json", '{"sku":'),
        (3, "bad_json", "[1]"),
        (4, "bad_text", None),
    ]
    again = work(run.artifacts["failed.jsonl"].rename(tmp_path / "again.jsonl"), mapping={"sku": "sku", "name": "name"})
    assert [(one["line"], one["row"]) for one in failures(again)] == [(2, '{"sku":'), (3, "[1]"), (4, None)]
    assert json.loads(json.dumps(again.result))["failed"] == 3
