"""The log on the job's page, and as a file."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

import psycopg
import pytest
from flask.testing import FlaskClient

from jobsapp.core.actors import Actor
from jobsapp.services import Services
from jobsapp.services.jobs import NewJob
from tests.pages.conftest import SignIn

LINES = 2_203


@pytest.fixture
def logged(services: Services, admin: Actor, connection: psycopg.Connection[Any]) -> UUID:
    job, _ = services.jobs.create(admin, NewJob("echo", {}))
    connection.execute(
        "INSERT INTO job_logs (job_id, attempt, level, message) "
        "SELECT %s, 1, 'info', 'line ' || n FROM generate_series(1, %s) n ORDER BY n",
        [job.id, LINES - 1],
    )
    last = "INSERT INTO job_logs (job_id, attempt, level, message) VALUES (%s, 2, 'error', %s)"
    connection.execute(last, [job.id, "it <broke>\nhere"])
    return job.id


def test_the_page_shows_its_end(web: FlaskClient, logged: UUID) -> None:
    page = web.get(f"/jobs/{logged}").text
    shown = re.findall(r"<span>(line \d+|it &lt;broke&gt;\nhere)</span>", page)
    assert shown == [*(f"line {n}" for n in range(LINES - 499, LINES)), "it &lt;broke&gt;\nhere"]
    assert "The last 500 lines; all of them are in the download." in page


def test_the_file_has_all_of_it(web: FlaskClient, logged: UUID) -> None:
    answer = web.get(f"/jobs/{logged}/log.txt")
    assert answer.headers["Content-Disposition"] == f"attachment; filename=log-{logged}.txt"
    assert answer.mimetype == "text/plain"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    lines = answer.text.splitlines()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z attempt 1 info: line 1", lines[0])
    assert [line.rpartition(": ")[2] for line in lines] == [
        *(f"line {n}" for n in range(1, LINES)),
        "it <broke>",
        "    here",
    ]


def test_a_short_log_says_nothing_of_more(web: FlaskClient, services: Services, admin: Actor, drain: Any) -> None:
    job, _ = services.jobs.create(admin, NewJob("echo", {}))
    assert web.get(f"/jobs/{job.id}/log.txt").text == ""
    assert "log.txt" not in web.get(f"/jobs/{job.id}").text


def test_it_is_of_the_organisation(sign_in: SignIn, stranger: Actor, client: FlaskClient, logged: UUID) -> None:
    assert sign_in(stranger).get(f"/jobs/{logged}/log.txt").status_code == 404
    assert client.get(f"/jobs/{logged}/log.txt").status_code == 303
