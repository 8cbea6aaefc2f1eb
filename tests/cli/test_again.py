"""`flask jobs create --copy-of`: the input of an earlier job, but for what is said, with its secrets."""

from __future__ import annotations

import json
from uuid import UUID

import pytest

from jobsapp.config import Settings
from jobsapp.core.actors import Actor
from jobsapp.core.masks import MASK
from jobsapp.services import Services
from tests.cli.test_commands import Flask_, flask

__all__ = ["flask"]

DATA = {"token": "top-secret-1", "tables": {"a": "line-secret-2"}}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"processors": "tests.sample_processors,tests.secret_processors"})


def test_all_else_is_as_that_job_has_it(flask: Flask_, services: Services, admin: Actor, member: Actor) -> None:
    first = flask("jobs", "create", "gossip", "--data", json.dumps(DATA)).output.strip()
    again = flask("jobs", "create", "gossip", "--copy-of", first, "--data", '{"fail": true}').output.strip()
    job = services.jobs.get(admin, UUID(again))
    assert (job.data["fail"], job.data["token"]) == (True, MASK)
    opened = services.secrets._sealer().open(job.id, job.data)
    assert opened == {"/token": "top-secret-1", "/tables/a": "line-secret-2"}
    refused = flask("jobs", "create", "gossip", "--copy-of", first, "--user", member.email)
    assert (refused.exit_code, "for who gave them alone" in refused.output) == (1, True)
