"""Nobody counts jobs: whoever changes one keeps the numbers, and what is counted all the same has a bound."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.processes import ROOT

CODE = ROOT / "jobsapp"
BOUNDED = {
    "lost_jobs.sql": "the jobs that a lease names",
    "worker_jobs.sql": "the jobs that leases name",
    "overdue_jobs.sql": "the jobs that leases name",
    "count_finished.sql": "what a cleanup by hand would delete: no page asks, `flask cleanup --dry-run` does",
    "batch_states.sql": "of the jobs that workers have now, those of some batches",
}
"""Statements that count rows of `jobs`, and which."""
COUNT = re.compile(r"\bcount\s*\(", re.IGNORECASE)
# What is counted comes after the word: the next FROM of the same brackets names it.
COUNTED = re.compile(r"\bcount\s*\([^()]*\)(?P<rest>.*)", re.IGNORECASE | re.DOTALL)
TABLE = re.compile(r"\b(?:FROM|JOIN)\s+(?:ONLY\s+)?(?P<table>\w+)", re.IGNORECASE)


def counts_jobs(statement: str) -> bool:
    """Whether some `count(…)` of the statement is one of rows of `jobs` that no LIMIT inside bounds."""
    for found in COUNT.finditer(statement):
        counted = COUNTED.match(statement, found.start())
        level, words = 0, []
        for character in counted["rest"] if counted else "":
            level += {"(": 1, ")": -1}.get(character, 0)
            if level < 0:
                break
            if level == 0:
                words.append(character)
        if "jobs" in {one["table"].lower() for one in TABLE.finditer("".join(words))}:
            return True
    return False


@pytest.mark.parametrize(
    ("statement", "counts"),
    [
        ("SELECT count(*) FROM jobs WHERE status = 'failed'", True),
        ("SELECT type, COUNT(id) FILTER (WHERE x) FROM job_queue JOIN jobs USING (id) GROUP BY 1", True),
        ("SELECT (SELECT count(*) FROM jobs) AS n, x FROM files", True),
        ("SELECT count(*) FROM (SELECT FROM jobs WHERE type = 'a' LIMIT 10) AS some", False),
        ("SELECT count(*) FROM job_tallies", False),
    ],
)
def test_a_count_of_jobs_is_noticed(statement: str, counts: bool) -> None:
    assert counts_jobs(statement) == counts


def test_no_statement_counts_jobs_without_a_bound() -> None:
    statements = {path.name: path.read_text() for path in (CODE / "store").glob("*.sql")}
    assert len(statements) > 30
    assert {name for name, text in statements.items() if counts_jobs(text)} <= BOUNDED.keys()


def sources() -> list[Path]:
    folders = ("api", "auth", "cli", "live", "pages", "runtime", "services", "store")
    return [path for folder in folders for path in (CODE / folder).rglob("*.py")]


def test_no_use_case_and_no_page_counts_rows() -> None:
    """What is counted in Python's SQL is a subquery with a limit, the presets of a person; or it is few, and no job."""
    found = {}
    for path in sources():
        lines = [line for line in path.read_text().splitlines() if re.search(r"func\.count\(|\bcount\(\*\)", line)]
        if lines:
            found[path.relative_to(CODE).as_posix()] = lines
    few = {
        "services/organizations.py": "Membership.organization_id ==",
        "services/job_reads.py": "StoredFile.job_id ==",
        # As many as a change of many jobs takes in one go, and one more.
        "services/walks.py": "select_from(bounded)",
    }
    for module, what in few.items():
        lines = found.pop(module, [])
        assert all(what in line for line in lines), lines
    assert all(".limit(" in line for lines in found.values() for line in lines), found
    assert found.keys() <= {"services/presets.py"}
