"""The bookkeeping itself: it finds what is lost, run twice, unknown, and how long a job waited."""

from __future__ import annotations

from pathlib import Path

from tests.faults.books import END, START, Note, Row, note, read, reconcile, recovery

SENT = {"a": "completed"}


def run(key: str, attempt: int, start: float, end: float | None = None, pid: int = 1) -> list[Note]:
    """The notes of one attempt."""
    notes = [Note(START, key, attempt, pid, start)]
    return notes if end is None else [*notes, Note(END, key, attempt, pid, end)]


def test_a_note_is_read_as_it_was_written(tmp_path: Path) -> None:
    note(tmp_path / "book", START, "a", 3)
    (found,) = read(tmp_path / "book")
    assert (found.event, found.key, found.attempt) == (START, "a", 3)


def test_a_job_done_once_balances() -> None:
    balance = reconcile(SENT, [Row("a", "completed", 1, 1)], run("a", 1, 0, 1))
    assert balance.balanced
    assert (balance.completed, balance.failed, balance.doubled, balance.together) == (1, 0, [], [])


def test_what_is_lost() -> None:
    done = run("a", 1, 0, 1)
    assert reconcile(SENT, [], done).lost == ["a"], "no row"
    assert reconcile(SENT, [Row("a", "pending", 1, None)], done).lost == ["a"], "not finished"
    assert reconcile(SENT, [Row("a", "failed", 1, None)], done).lost == ["a"], "failed and should not have"
    assert reconcile(SENT, [Row("a", "completed", 1, 1)], []).lost == ["a"], "never ran"
    assert reconcile(SENT, [Row("a", "completed", 1, 1)], run("a", 1, 0)).lost == ["a"], "never came to its end"
    assert reconcile({"a": "failed"}, [Row("a", "completed", 1, 1)], done).lost == ["a"], "done and should not be"
    assert not reconcile({"a": "failed"}, [Row("a", "failed", 1, None)], run("a", 1, 0)).lost


def test_what_ran_twice_and_is_fenced() -> None:
    twice = run("a", 1, 0, 5) + run("a", 2, 6, 7, pid=2)
    balance = reconcile(SENT, [Row("a", "completed", 2, 2)], twice)
    assert (balance.doubled, balance.fenced, balance.together) == (["a"], ["a"], [])
    assert balance.balanced
    same = run("a", 1, 0, 5) + run("a", 1, 1, 6, pid=2)
    balance = reconcile(SENT, [Row("a", "completed", 1, 1)], same)
    assert (balance.doubled, balance.fenced, balance.together) == (["a"], [], ["a"]), "one attempt, given to two"
    assert not balance.balanced


def test_what_is_miscounted() -> None:
    balance = reconcile(SENT, [Row("a", "completed", 1, 1)], run("a", 1, 0, 1))
    balance.miscounted = ["completed: +1"]
    assert not balance.balanced


def test_what_runs_at_the_same_time() -> None:
    notes = run("a", 1, 0, 9) + run("a", 2, 6, 7, pid=2)
    assert reconcile(SENT, [Row("a", "completed", 2, 2)], notes).together == ["a"]


def test_what_nobody_sent() -> None:
    rows = [Row("a", "completed", 1, 1), Row("b", "completed", 1, 1)]
    assert reconcile(SENT, rows, run("a", 1, 0, 1)).unknown == ["b"]
    assert reconcile(SENT, rows[:1] * 2, run("a", 1, 0, 1)).unknown == ["a"], "one key, two jobs"


def test_recovery_counts_from_the_fault_to_the_next_start_of_what_it_cut_off() -> None:
    notes = run("a", 1, 0) + run("a", 2, 15, 16, pid=2) + run("b", 1, 11, 12, pid=2)
    found = recovery(notes, 10, victims=[1])
    assert (found.cut_off, found.again, found.next, found.longest) == (1, 5, 1, 5)


def test_recovery_of_what_cuts_off_nothing_counts_from_its_end() -> None:
    found = recovery(run("a", 1, 0, 12) + run("b", 1, 43, 44), 10, 40)
    assert (found.cut_off, found.again, found.next) == (0, None, 3)
