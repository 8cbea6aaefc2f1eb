"""Imports that meet others, crash, are overtaken or cancelled: each row is there once, and counted once."""

from __future__ import annotations

import threading

import psycopg
import pytest

from jobsapp.processors.sdk import Cancelled
from jobsapp.processors.testing import FakeContext
from tests.processes import wait_until
from tests.processors.bulk_operation.conftest import failures, write

WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name LIKE 'jobsapp %'"


def test_a_batch_that_met_a_deadlock_is_done_again_and_counted_once(shop, work):
    shop.connection.execute("INSERT INTO shop.products (sku, name) VALUES ('a', 'A'), ('b', 'B')")
    shop.connection.execute("ALTER DATABASE shop SET deadlock_timeout = '2s'")

    def cross() -> None:
        # Never the one that gives up.
        with psycopg.connect(shop.url) as other:
            other.execute("SET deadlock_timeout = '60s'")
            other.execute("UPDATE shop.products SET stock = 1 WHERE sku = 'b'")
            locked.set()
            wait_until(lambda: shop.all(WAITING) == [(1,)], "the import waits for b")
            other.execute("UPDATE shop.products SET stock = 1 WHERE sku = 'a'")

    locked = threading.Event()
    thread = threading.Thread(target=cross)
    thread.start()
    try:
        locked.wait(30)
        run = work([["sku", "name"], ["", "no key"], ["a", "A2"], ["b", "B2"]], mode="upsert")
    finally:
        thread.join()
        shop.connection.execute("ALTER DATABASE shop RESET deadlock_timeout")
    assert (run.result["updated"], run.result["failed"], len(failures(run))) == (2, 1, 1)
    assert shop.all("SELECT name, stock FROM shop.products ORDER BY sku") == [("A2", 1), ("B2", 1)]


class Crash(BaseException):
    """The end of a process."""


def test_after_a_crash_every_row_is_there_once(shop, work, tmp_path, monkeypatch):
    monkeypatch.setattr("jobsapp.processors.bulk_operation.engine.BATCH", 100)
    # Without any key, a row that is loaded twice would be there twice.
    rows = [["a", "b"], *([str(n), "x"] if n % 50 else ["no number", "x"] for n in range(1, 1_001))]
    path = write(tmp_path, rows)
    context = FakeContext(tmp_path, files=[path])
    for crash_after in (3, 2, None):
        if crash_after:
            seen = []

            def progress(*given, seen=seen, limit=crash_after, **named):
                seen.append(given)
                if len(seen) == limit:
                    raise Crash

            context.progress = progress
            with pytest.raises(Crash):
                work(path, table="shop.loose", context=context)
            job_id, context = context.job_id, context.next_attempt()
            context.job_id = job_id
        else:
            run = work(path, table="shop.loose", context=context)
    assert any(line.startswith("Resumed at row 500 of 1,000") for _, line in run.log)
    assert (run.result["inserted"], run.result["failed"]) == (980, 20)
    assert [line["item"] for line in failures(run)] == list(range(50, 1_001, 50))
    assert shop.all("SELECT count(*), count(DISTINCT a) FROM shop.loose") == [(980, 980)]


def test_an_attempt_that_was_overtaken_writes_nothing_more(shop, work, tmp_path, monkeypatch):
    monkeypatch.setattr("jobsapp.processors.bulk_operation.engine.BATCH", 100)
    context = FakeContext(tmp_path)

    def overtake(_):
        shop.connection.execute("UPDATE jobsapp_bulk_jobs SET attempt = 2")
        return False

    rows = [["a", "b"], *([str(n), "x"] for n in range(1_000))]
    context._cancel_when = lambda one: bool(one.history) and overtake(one)
    with pytest.raises(Exception, match="overtaken"):
        work(rows, table="shop.loose", context=context)
    assert shop.all("SELECT count(*) FROM shop.loose") == [(100,)]


def test_a_cancel_keeps_whole_batches_only(shop, work, tmp_path, monkeypatch):
    monkeypatch.setattr("jobsapp.processors.bulk_operation.engine.BATCH", 100)
    context = FakeContext(tmp_path, cancel_when=lambda one: len(one.history) >= 2)
    with pytest.raises(Cancelled):
        work([["a", "b"], *([str(n), "x"] for n in range(1_000))], table="shop.loose", context=context)
    assert shop.all("SELECT count(*) FROM shop.loose") == [(200,)]
