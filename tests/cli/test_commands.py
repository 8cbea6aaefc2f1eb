"""The commands: what they print, what they refuse, and with which exit status."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from click.testing import Result
from flask import Flask

from jobsapp.core.actors import Actor
from jobsapp.services import Services
from jobsapp.services.jobs import NewJob

Flask_ = Callable[..., Result]


@pytest.fixture
def flask(app: Flask, services: Services) -> Flask_:
    def run(*arguments: str) -> Result:
        return app.test_cli_runner().invoke(args=list(arguments))

    return run


def test_create_show_list(flask: Flask_, drain: Callable[[str], int]) -> None:
    created = flask("jobs", "create", "echo", "--data", '{"text": "hi"}', "--name", "Greeting", "--priority", "3")
    assert created.exit_code == 0
    job_id = created.output.strip().splitlines()[-1]
    assert UUID(job_id).version == 7
    drain("echo")
    shown = json.loads(flask("jobs", "show", job_id).output)
    assert (shown["status"], shown["result"], shown["name"], shown["priority"]) == (
        "completed",
        {"text": "hi"},
        "Greeting",
        3,
    )
    assert job_id in flask("jobs", "list", "--status", "completed", "--json").output
    assert flask("jobs", "list", "--status", "failed", "--json").output == ""


def test_create_with_a_file(flask: Flask_, drain: Callable[[str], int], tmp_path: Path) -> None:
    source = tmp_path / "in.txt"
    source.write_text("four")
    job_id = flask("jobs", "create", "make-file", "--file", f"source={source}").output.strip()
    drain("make-file")
    assert json.loads(flask("jobs", "show", job_id).output)["result"] == {"characters": 4}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("nonsense",), "there is no job type 'nonsense'"),
        (("not-installed",), "pip install 'jobsapp[nothing]'"),
        (("echo", "--data", "{"), "--data: is not JSON"),
        (("echo", "--data", "[]"), "must be a JSON object"),
        (("echo", "--data", '{"colour": 1}'), "data.colour: there is no such field"),
        (("echo", "--max-attempts", "0"), "maxAttempts: must be from 1 to 100"),
        (("make-file", "--file", "source=/nowhere"), "--file: cannot read /nowhere"),
        (("echo", "--user", "nobody@nowhere"), "There is no user nobody@nowhere"),
    ],
)
def test_create_refuses_in_one_sentence(flask: Flask_, arguments: tuple[str, ...], sentence: str) -> None:
    result = flask("jobs", "create", *arguments)
    assert result.exit_code == 1
    assert sentence in result.output
    assert "Traceback" not in result.output
    assert len(result.output.strip().splitlines()) == 1


def test_cancel_retry_watch(flask: Flask_, services: Services, admin: Actor, drain: Callable[[str], int]) -> None:
    job, _ = services.jobs.create(admin, NewJob("echo", {}))
    assert flask("jobs", "cancel", str(job.id), "--reason", "why not").output.strip() == "cancelled"
    assert "only a pending or active job can be cancelled" in flask("jobs", "cancel", str(job.id)).output
    assert flask("jobs", "watch", str(job.id)).exit_code == 2
    assert flask("jobs", "retry", str(job.id)).output.strip() == "pending"
    drain("echo")
    watched = flask("jobs", "watch", str(job.id))
    assert watched.exit_code == 0
    assert "completed" in watched.output
    assert flask("jobs", "show", str(UUID(int=0))).exit_code == 1


def test_tokens_and_users(flask: Flask_, services: Services) -> None:
    token = flask("tokens", "create", "--name", "ci").output.strip().splitlines()[-1]
    assert services.identity.actor_for_token(token).email == "admin@localhost"
    link = flask("users", "create", "ann@example.org", "--organization", "acme").output.strip()
    secret = link.rsplit("/", 1)[-1]
    assert services.identity.redeem_login_secret(secret).email == "ann@example.org"
    assert "ann@example.org\tmember\tacme" in flask("users", "list").output
    assert "there is a user" in flask("users", "create", "ann@example.org").output
    assert "is not an e-mail address" in flask("users", "create", "ann").output


def test_cleanup(
    flask: Flask_, services: Services, admin: Actor, drain: Callable[[str], int], connection: psycopg.Connection[Any]
) -> None:
    for _ in range(3):
        services.jobs.create(admin, NewJob("make-file", {}))
    drain("make-file")
    services.jobs.create(admin, NewJob("echo", {}))
    assert flask("cleanup", "--days", "1").output.strip() == "Deleted 0 jobs."
    connection.execute("UPDATE jobs SET completed_at = now() - interval '2 days' WHERE status = 'completed'")
    assert flask("cleanup", "--days", "1", "--dry-run").output.strip() == "Would delete 3 jobs."
    assert flask("cleanup", "--days", "1").output.strip() == "Deleted 3 jobs."
    assert not [path for path in services.settings.files_dir.rglob("*") if path.is_file()]
    assert len(services.jobs.page(admin, services_filter())[0]) == 1


def services_filter() -> Any:
    from jobsapp.services.jobs import JobFilter

    return JobFilter()
