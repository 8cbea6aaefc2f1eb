"""`flask queues` and `flask limits`."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from click.testing import Result
from flask import Flask

from jobsapp.core.actors import Actor
from jobsapp.services import Services
from jobsapp.services.jobs import NewJob

Run = Callable[..., Result]


@pytest.fixture
def flask(app: Flask, services: Services) -> Run:
    return lambda *arguments: app.test_cli_runner().invoke(args=arguments)


def test_queues(flask: Run, services: Services, admin: Actor) -> None:
    services.jobs.create(admin, NewJob("echo", {}))
    assert flask("queues", "pause", "echo", "--reason", "why not").output.endswith(" by admin@localhost: why not\n")
    lines = [line.split() for line in flask("queues", "list").output.splitlines()]
    assert lines[0] == ["QUEUE", "DUE", "WORKERS", "STATE"]
    assert next(line for line in lines if line[0] == "echo")[1:4] == ["1", "0", "paused"]
    assert '"depth":1' in flask("queues", "list", "--json").output
    assert flask("queues", "resume", "echo").output == "open\n"
    refused = flask("queues", "pause", "nowhere")
    assert (refused.exit_code, len(refused.output.splitlines())) == (1, 1)
    assert "There is no queue nowhere" in refused.output


def test_limits(flask: Run) -> None:
    set_ = flask("limits", "set", "type", "echo", "--max-active", "2", "--max-starts", "5", "--period", "60")
    assert set_.output == "now:  0 of 2  0 of 5 in 60 s\n"
    assert flask("limits", "set", "organization", "*", "--max-active", "9").exit_code == 0
    lines = [line.split() for line in flask("limits", "list").output.splitlines()]
    assert [" ".join(line) for line in lines[1:]] == ["organization * - of 9", "type echo 0 of 2 0 of 5 in 60 s"]
    assert flask("limits", "remove", "type", "echo").output == "Removed.\n"
    refused = flask("limits", "remove", "type", "echo")
    assert (refused.exit_code, "There is no limit of the type echo" in refused.output) == (1, True)
    assert "periodSeconds: " in flask("limits", "set", "type", "echo", "--max-starts", "5").output
