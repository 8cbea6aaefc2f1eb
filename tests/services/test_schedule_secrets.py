"""Secrets in the data of schedules: sealed, given to their jobs, and kept by whoever gave them alone."""

from __future__ import annotations

import psycopg
import pytest

from jobsapp.config import Settings
from jobsapp.core.actors import Actor
from jobsapp.core.masks import MASK
from jobsapp.errors import InvalidInput
from jobsapp.services import Services
from tests.services.schedules import NOON, Connection, due_from, jobs_of, make, tick

TOKEN = "top-secret-1"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"processors": "tests.sample_processors,tests.secret_processors"})


def test_they_are_sealed_and_given_to_the_jobs(services: Services, member: Actor, connection: Connection) -> None:
    made = make(services, member, type="gossip", data={"token": TOKEN})
    assert made.data["token"] == MASK
    assert "$sealed" not in made.data
    row = connection.execute("SELECT data::text FROM schedules").fetchone()
    assert row is not None
    assert TOKEN not in row[0]
    due_from(connection, made.id, NOON)
    tick(services, NOON)
    job = services.jobs.get(member, jobs_of(connection, made.id)[0])
    assert services.secrets._sealer().open(job.id, job.data) == {"/token": TOKEN}


def test_left_as_they_were_they_stay(services: Services, member: Actor, connection: Connection) -> None:
    made = make(services, member, type="gossip", data={"token": TOKEN})
    for data in ({**made.data}, {**made.data, "fail": True}, {"fail": False}):
        services.schedules.edit(member, made.id, {"data": data, "name": "again"})
        row = services.schedules.row(member, made.id)
        assert services.secrets.opened(row)["token"] == TOKEN
        assert row.data["fail"] == data["fail"]
    services.schedules.edit(member, made.id, {"data": {"token": "another-secret"}})
    assert services.secrets.opened(services.schedules.row(member, made.id))["token"] == "another-secret"


def test_nobody_else_sends_them_elsewhere(services: Services, member: Actor, operator: Actor) -> None:
    made = make(services, member, type="gossip", data={"token": TOKEN})
    same = services.schedules.edit(operator, made.id, {"data": made.data, "cron": "@daily"})
    assert (same.owner, same.cron) == ("member@localhost", "@daily"), "nothing of the data has changed"
    for data in ({**made.data, "fail": True}, {"fail": True}):
        with pytest.raises(InvalidInput) as refused:
            services.schedules.edit(operator, made.id, {"data": data})
        assert [one.field for one in refused.value.errors] == ["data.token"]
    assert services.secrets.opened(services.schedules.row(member, made.id)) == {
        **made.data,
        "token": TOKEN,
    }


def test_another_key_pauses_it(services: Services, member: Actor, connection: psycopg.Connection[tuple[str]]) -> None:
    made, other = (make(services, member, type="gossip", data={"token": TOKEN}) for _ in "ab")
    connection.execute("UPDATE schedules SET data = (SELECT data FROM schedules WHERE id = %s)", [other.id])
    due_from(connection, made.id, NOON)
    tick(services, NOON)
    paused = services.schedules.get(member, made.id)
    assert (paused.status, paused.pause_reason) == (
        "paused",
        "Its secrets were sealed with another secret key: give them again.",
    )
