"""How long jobs took: bounded, shared by few rows, the newest kept."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from jobsapp.store.durations import KEPT, READ, SLOTS, add_durations, forget_durations, read_durations

Connection = psycopg.Connection[Any]


def test_the_newest_of_a_worker_are_kept(connection: Connection) -> None:
    add_durations(connection, "w", {"echo": [float(n) for n in range(100)], "steps": [7.0]})
    add_durations(connection, "w", {"echo": [float(n) for n in range(100, 150)]})
    past = read_durations(connection, {"echo", "steps", "unheard-of"})
    assert past.durations == {
        "echo": [float(n) for n in range(150 - KEPT, 150)],
        "steps": [7.0],
        "unheard-of": [],
    }
    assert abs(past.now - datetime.now(UTC)) < timedelta(seconds=30)
    many = [float(n) for n in range(1000)]
    add_durations(connection, "w", {"echo": many, "fail": many})
    past = read_durations(connection, ["echo", "fail"])
    assert past.durations == {"echo": many[-KEPT:], "fail": many[-KEPT:]}


def test_however_many_workers_there_are_the_rows_are_few_and_the_newest_are_read(connection: Connection) -> None:
    for number in range(100):
        add_durations(connection, f"worker-{number}", {"echo": [float(number)] * KEPT})
    rows = connection.execute("SELECT cardinality(seconds) FROM type_durations").fetchall()
    assert rows == [(KEPT,)] * SLOTS
    read = read_durations(connection, ["echo"]).durations["echo"]
    assert len(read) == READ
    assert read == [98.0] * KEPT + [99.0] * KEPT, "workers 98 and 99 have slots of their own"


def test_a_worker_changes_its_row_in_place(connection: Connection) -> None:
    """The page has room for the new version, and no index knows what changed."""
    connection.execute("SELECT pg_stat_reset_single_table_counters('type_durations'::regclass)")
    for number in range(20):
        add_durations(connection, "w", {"echo": [float(number)] * KEPT})
    connection.execute("SELECT pg_stat_force_next_flush()")
    updated, hot = connection.execute(
        "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = 'type_durations'"
    ).fetchone() or (0, 0)
    assert updated == 19
    assert hot >= 15


@pytest.mark.parametrize(("days", "left"), [(29, [1.0]), (31, [])])
def test_what_is_old_is_forgotten(connection: Connection, days: int, left: list[float]) -> None:
    add_durations(connection, "w", {"echo": [1.0]})
    connection.execute("UPDATE type_durations SET updated_at = updated_at - make_interval(days => %s)", [days])
    forget_durations(connection)
    assert read_durations(connection, ["echo"]).durations["echo"] == left
