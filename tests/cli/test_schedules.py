"""`flask schedules …`."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from click.testing import Result
from flask import Flask

from jobsapp.core.actors import Actor
from jobsapp.services import Services

Flask_ = Callable[..., Result]


@pytest.fixture
def flask(app: Flask, services: Services) -> Flask_:
    def run(*arguments: str) -> Result:
        return app.test_cli_runner().invoke(args=["schedules", *arguments])

    return run


def test_from_its_creation_to_its_end(flask: Flask_, services: Services, admin: Actor) -> None:
    created = flask("create", "echo", "--cron", "30 2 * * *", "--zone", "Europe/Berlin", "--data", '{"text": "hi"}',
                    "--name", "Nightly", "--missed", "all", "--missed-limit", "3")  # fmt: skip
    schedule_id = created.output.strip()
    shown = json.loads(flask("show", schedule_id).output)
    assert (shown["name"], shown["text"], shown["data"], shown["missedLimit"], shown["owner"]) == (
        "Nightly",
        "At 02:30 every day, Europe/Berlin time",
        {"text": "hi"},
        3,
        "admin@localhost",
    )
    assert "Every hour" in flask("edit", schedule_id, "--every", "3600", "--overlap", "queue").output
    assert flask("pause", schedule_id, "--reason", "holidays").output == "paused\n"
    header, line = flask("list", "--status", "paused").output.splitlines()
    assert header.split() == ["ID", "TYPE", "STATUS", "NEXT", "WHEN", "NAME"]
    assert line.split() == [schedule_id, "echo", "paused", "-", "Every", "hour", "Nightly"]
    assert flask("resume", schedule_id).output == "active\n"
    job_id = flask("run", schedule_id).output.strip()
    assert str(services.jobs.newest(admin.organization_id, 1)[0]) == job_id
    assert json.loads(flask("show", schedule_id, "--runs").output)["jobId"] == job_id
    assert json.loads(flask("list", "--json").output)["overlap"] == "queue"
    assert flask("delete", schedule_id).output == "Deleted.\n"
    assert "There is no schedule" in flask("show", schedule_id).output


def test_a_fault_is_a_sentence_that_names_the_field(flask: Flask_) -> None:
    wrong = flask("create", "echo", "--cron", "every night")
    assert (wrong.exit_code, "cron: write five fields" in wrong.output) == (1, True)
    both = flask("create", "echo", "--cron", "@daily", "--every", "5")
    assert "cron: give either" in both.output
