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


def found(page: str) -> list[str]:
    return re.findall(r"<span>(line \d+|it &lt;broke&gt;\nhere)</span>", page)


def test_a_search_goes_through_the_whole_log(web: FlaskClient, logged: UUID) -> None:
    page = web.get(f"/jobs/{logged}?q=LINE+7").text
    assert found(page) == [f"line {n}" for n in (7, *range(70, 80), *range(700, 800))]
    assert "111 lines found. " in page
    assert 'value="LINE 7"' in page, "the address carries it"
    assert found(web.get(f"/jobs/{logged}?level=warning").text) == ["it &lt;broke&gt;\nhere"]
    assert found(web.get(f"/jobs/{logged}?level=error&q=line").text) == []
    assert "No line found. " in web.get(f"/jobs/{logged}?q=%25").text, "a sign of the database's is a sign like others"
    assert "No line found" in web.get(f"/jobs/{logged}?q=a%00b").text
    section = web.get(f"/jobs/{logged}/log?q=line+7", headers={"HX-Request": "true"})
    assert section.headers["HX-Replace-Url"] == f"/jobs/{logged}?q=line+7"
    assert section.text.lstrip().startswith("<section")


def test_older_lines_are_a_link_away(web: FlaskClient, logged: UUID) -> None:
    address = f"/jobs/{logged}"
    seen: list[str] = []
    while address:
        page = web.get(address).text
        seen = found(page) + seen
        older = re.search(r'href="([^"]+)#log">Older lines', page)
        address = older[1].replace("&amp;", "&") if older else ""
    assert seen == [*(f"line {n}" for n in range(1, LINES)), "it &lt;broke&gt;\nhere"]


def test_a_search_has_a_bound_and_says_so(web: FlaskClient, logged: UUID, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobsapp.services.logs.SEARCHED_AT_ONCE", 1_000)
    page = web.get(f"/jobs/{logged}?q=line+7").text
    assert found(page) == []
    assert "No line found in " in page
    further = re.search(r'href="([^"]+)#log">Look further back', page)
    assert further is not None
    page = web.get(further[1].replace("&amp;", "&")).text
    assert found(page) == [f"line {n}" for n in range(700, 800)]
    assert "100 or more lines found in " in page


def test_only_what_is_new_is_sent(
    web: FlaskClient, services: Services, admin: Actor, connection: psycopg.Connection[Any], logged: UUID
) -> None:
    last = int(re.search(r'data-last="(\d+)"', web.get(f"/jobs/{logged}").text)[1])  # type: ignore[index]
    assert web.get(f"/jobs/{logged}/log/new?after={last}").status_code == 204
    add = "INSERT INTO job_logs (job_id, attempt, level, message) VALUES (%s, 2, %s, %s)"
    for level, message in (("info", "line 9001"), ("debug", "x")):
        connection.execute(add, [logged, level, message])
    new = web.get(f"/jobs/{logged}/log/new?after={last}")
    assert found(new.text) == ["line 9001"]
    assert len(new.text) < 1000
    assert int(new.headers["Log-Last"]) == last + 2
    none = web.get(f"/jobs/{logged}/log/new?after={last}&level=error")
    assert (none.text.strip(), int(none.headers["Log-Last"])) == ("", last + 2)
    hit = web.get(f"/jobs/{logged}/log/new?after={last}&q=9001")
    assert hit.headers["Log-Whole"] == "1"
    assert "1 line found." in hit.text, "the number is right, too"
    assert web.get(f"/jobs/{logged}/log/new?after=1").headers["Log-Whole"] == "1", "too many: the end is shown instead"


def test_the_rest_of_the_page_comes_without_the_log(web: FlaskClient, logged: UUID) -> None:
    page = web.get(f"/jobs/{logged}/details").text
    assert 'id="job-details"' in page
    assert "line 2202" not in page
