"""Rows of a table that match a filter: changed, deleted, downloaded, and no others."""

from __future__ import annotations

import csv
import json

import pytest
from pydantic import ValidationError

from jobsapp.processors.bulk_operation import BulkOperation
from jobsapp.processors.sdk import Permanent
from jobsapp.processors.testing import FakeContext
from tests.processors.bulk_operation.conftest import failures

PAIRS = """CREATE TABLE shop.pairs (a int, b text, n int CHECK (n <> 1313), PRIMARY KEY (a, b));
INSERT INTO shop.pairs SELECT 7 * (i % 10), 'k''' || i, i FROM generate_series(1, 1000) i"""


@pytest.fixture
def pairs(shop, monkeypatch):
    monkeypatch.setenv("JOBSAPP_BULK_TABLES", "shop.pairs,shop.makers,shop.products,shop.loose")
    monkeypatch.setattr("jobsapp.processors.bulk_operation.engine.BATCH", 100)
    shop.connection.execute("DROP TABLE IF EXISTS shop.pairs")
    shop.connection.execute(PAIRS)
    return shop


def by(operation, table="shop.pairs", **data):
    return {"operation": operation, "table": table, **data}


FILTERS = [
    ([{"column": "n", "test": "<=", "value": 250}], "n <= 250"),
    ([{"column": "n", "test": ">", "value": "990"}, {"column": "a", "value": 21}], "n > 990 AND a = 21"),
    ([{"column": "a", "test": "in", "value": [7, "14"]}], "a IN (7, 14)"),
    ([{"column": "a", "test": "not in", "value": [0]}, {"column": "n", "test": "!=", "value": 5}], "a <> 0 AND n <> 5"),
    ([{"column": "b", "test": "like", "value": "k'9%"}], "b LIKE 'k''9%'"),
    ([{"column": "n", "test": "is empty"}], "n IS NULL"),
    ([{"column": "n", "test": "is not empty"}, {"column": "b", "value": "' OR true --"}], "false"),
]


@pytest.mark.parametrize(("given", "where"), FILTERS)
def test_what_matches_goes_and_nothing_else(pairs, work, given, where):
    match, others = pairs.all(
        f"SELECT count(*) FILTER (WHERE {where}), count(*) FILTER (WHERE NOT ({where})) FROM shop.pairs"
    )[0]
    tried = work(None, **by("delete", filter=given, dryRun=True))
    assert (tried.result["outcome"], tried.result["rows"], tried.result.get("deleted", 0)) == ("tried", match, match)
    assert len(tried.result["sample"]) == min(5, match)
    assert pairs.all("SELECT count(*) FROM shop.pairs") == [(1000,)]
    run = work(None, **by("delete", filter=given))
    assert (run.result["outcome"], run.result.get("deleted", 0), run.result["failed"]) == ("done", match, 0)
    assert pairs.all(f"SELECT count(*) FILTER (WHERE {where}), count(*) FROM shop.pairs") == [(0, others)]


def test_an_update_names_each_row_that_a_rule_forbids(pairs, work):
    run = work(None, **by("update", filter=[{"column": "a", "value": 28}], changes={"n": "5"}))
    assert run.result["updated"] == 100
    assert pairs.all("SELECT count(*) FROM shop.pairs WHERE n = 5 AND a = 28") == [(100,)]
    run = work(None, **by("update", filter=[{"column": "a", "value": 28}], changes={"n": "1313"}, stopAfter=3))
    assert (run.result["outcome"], run.result["failed"]) == ("stopped", 3)
    assert failures(run)[0]["code"] == "23514"
    assert failures(run)[0]["row"].keys() == {"a", "b"}


def test_a_row_that_others_need_stays_and_is_named(shop, work):
    shop.connection.execute("INSERT INTO shop.products (sku, name, maker) VALUES ('a', 'A', 2)")
    data = by("delete", "shop.makers", filter=[{"column": "id", "test": ">", "value": 0}])
    run = work(None, **data, atomic=True)
    assert (run.result["outcome"], run.result["takenBack"]) == ("rolled back", 2)
    assert "Key (id)=(2) is still referenced" in run.result["reason"]
    assert shop.all("SELECT count(*) FROM shop.makers") == [(2,)]
    run = work(None, **data)
    assert (run.result["deleted"], run.result["failed"]) == (1, 1)
    assert (failures(run)[0]["row"], failures(run)[0]["code"]) == ({"id": "2"}, "23503")


def test_more_rows_than_expected_are_left_alone(pairs, work):
    with pytest.raises(Permanent, match="1,000 rows match, but at most 999"):
        work(None, **by("delete", filter=[{"column": "n", "test": ">", "value": 0}], expectedMax=999))
    assert pairs.all("SELECT count(*) FROM shop.pairs") == [(1000,)]


class Crash(BaseException):
    """The end of a process."""


@pytest.mark.parametrize("change", [{"operation": "delete"}, {"operation": "update", "changes": {"n": "7"}}])
def test_it_goes_on_after_a_crash(pairs, work, tmp_path, change):
    context = FakeContext(tmp_path)

    def progress(current, *given, **named):
        if current >= 300:
            raise Crash

    context.progress = progress
    data = by(**change, filter=[{"column": "n", "test": ">", "value": 0}])
    with pytest.raises(Crash):
        work(None, **data, context=context)
    after = context.next_attempt()
    after.job_id = context.job_id
    run = work(None, **data, context=after)
    assert ("info", "Resumed at row 300 of 1,000.") in run.log
    assert (run.result["rows"], run.result.get("deleted", 0) + run.result.get("updated", 0)) == (1000, 1000)


def test_an_export_is_what_the_table_holds(shop, work):
    shop.connection.execute(
        """INSERT INTO shop.products (sku, name, price, facts)
        SELECT 'p' || i, E'a "b", \\n\\t\\\\.', i, '{"x": [1.50]}'
        FROM generate_series(10000, 30000) i"""
    )
    run = work(None, **by("export", "shop.products", filter=[{"column": "price", "test": "<", "value": 29000}]))
    with run.artifacts["shop.products.csv"].open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert (len(rows), run.result["rows"]) == (19_000, 19_000)
    assert (rows[0]["sku"], rows[0]["name"], rows[0]["total"]) == ("p10000", 'a "b", \n\t\\.', "70000.00")
    assert run.progress[-1].percentage == 100
    run = work(None, **by("export", "shop.products", exportFormat="jsonl"))
    lines = run.artifacts["shop.products.jsonl"].read_text().splitlines()
    assert len(lines) == 20_001
    assert json.loads(lines[0])["facts"] == {"x": [1.5]}
    assert json.loads(lines[0])["name"] == 'a "b", \n\t\\.'


def test_json_with_line_breaks_stays_on_one_line(shop, work, monkeypatch):
    monkeypatch.setenv("JOBSAPP_BULK_TABLES", "shop.notes")
    shop.connection.execute("CREATE TABLE shop.notes (note json)")
    shop.connection.execute("INSERT INTO shop.notes VALUES (E'{\\n \"a\": 1}'), (NULL)")
    run = work(None, **by("export", "shop.notes", exportFormat="jsonl"))
    lines = run.artifacts["shop.notes.jsonl"].read_text().splitlines()
    assert [json.loads(line) for line in lines] == [{"note": {"a": 1}}, {"note": None}]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (by("delete", filter=[{"column": "n", "value": "x"}]), "filter: invalid input syntax"),
        (by("delete", filter=[{"column": "m", "value": 1}]), "no column 'm'"),
        (by("delete", "shop.loose", filter=[{"column": "a", "value": 1}]), "no primary key"),
        (by("update", filter=[{"column": "n", "value": 1}], changes={"b": "x"}), "part of the primary key"),
        (by("export", "public.secrets"), "not opened"),
    ],
)
def test_what_does_not_fit_is_one_sentence(pairs, work, data, said):
    with pytest.raises(Permanent, match=said):
        work(None, **data)


@pytest.mark.parametrize(
    ("data", "field"),
    [
        (by("delete"), "filter:"),
        (by("update", filter=[{"column": "n", "value": 1}]), "changes:"),
        (by("delete", "", filter=[{"column": "n", "value": 1}]), "table:"),
        (by("delete", filter=[{"column": "n", "test": "in", "value": 1}]), "list of values"),
        (by("delete", filter=[{"column": "n", "test": "=="}]), "test"),
        (by("import"), "source:"),
    ],
)
def test_faults_of_the_form_are_named(data, field):
    with pytest.raises(ValidationError, match=field):
        BulkOperation.Input.model_validate(data)
