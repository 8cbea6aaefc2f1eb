"""The page of the workers."""

from __future__ import annotations

import re
from typing import Any

import psycopg
import pytest
import redis
from flask.testing import FlaskClient

from jobsapp.bus import connection as redis_connection
from jobsapp.bus.condition import Observer
from jobsapp.bus.guard import Guard
from jobsapp.bus.roster import SEEN, Report, Roster
from jobsapp.config import Settings
from jobsapp.core.actors import Actor
from jobsapp.services import Services
from jobsapp.services.jobs import NewJob
from jobsapp.store import jobs as store
from jobsapp.store.turns import claim_jobs
from tests.pages.conftest import SignIn, token_in

Connection = psycopg.Connection[Any]


@pytest.fixture
def roster(settings: Settings) -> Roster:
    return Roster(redis_connection.hints(settings.redis_url))


def report(name: str = "w", **said: Any) -> Report:
    plain: dict[str, Any] = {"host": "h", "pid": 1234, "queues": ["echo"], "age_seconds": 3600.0}
    return Report(name=name, **(plain | said))


def words(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html)).replace(" ,", ",")


def row(page: str, name: str) -> str:
    found = re.search(rf'<tr role="row" class="worker-row" id="worker-{name}".*?</tr>', page, re.DOTALL)
    assert found is not None
    return words(found[0])


def check(page: str, name: str) -> str:
    found = re.search(rf'<li class="card check" id="check-{name}".*?</li>', page, re.DOTALL)
    assert found is not None
    return words(found[0])


def claim(services: Services, actor: Actor, connection: Connection, name: str) -> store.ClaimedJob:
    services.jobs.create(actor, NewJob("echo", {}, name=name))
    (job,) = claim_jobs(connection, "echo", worker="w", lease_seconds=60)
    return job


def test_what_each_does(
    web: FlaskClient, services: Services, admin: Actor, connection: Connection, roster: Roster
) -> None:
    roster.report(
        [
            report(memory_bytes=80_000_000, horse_bytes=1_500_000_000, jobs_done=1204, jobs_failed=3),
            report("idle-one", queues=["echo", "steps", "fail"]),
            report("place", pid=0),
        ]
    )
    job = claim(services, admin, connection, "A <b>name</b>")
    pulse = store.Pulse(1, 4, "Reading", changed=True)
    store.pulse_job(connection, job.id, job.attempt, pulse, lease_seconds=60)
    page = web.get("/workers").text
    assert "3 workers: 1 busy, 1 idle, 1 stopped" in page
    busy = row(page, "w")
    assert "w h process 1234 queue echo" in busy
    assert "Busy A &lt;b&gt;name&lt;/b&gt; Echo, 25 %: Reading" in busy
    assert "1.5 GB worker 80.0 MB" in busy
    assert "1 h ago 1,204 done, 3 failed" in busy
    assert f'hx-get="/jobs/{job.id}/modal"' in page
    assert "3 queues echo, steps, fail" in row(page, "idle-one")
    assert "Waits for work" in row(page, "idle-one")
    assert "Somebody stopped it, and no other takes its place." in row(page, "place")


def test_none_runs(web: FlaskClient) -> None:
    page = words(web.get("/workers").text)
    assert "No worker runs" in page
    assert "Start one: flask worker " in page


def test_another_organisation_learns_only_that_a_worker_works(
    sign_in: SignIn, services: Services, admin: Actor, stranger: Actor, connection: Connection, roster: Roster
) -> None:
    roster.report([report()])
    job = claim(services, admin, connection, "Merger plans")
    page = sign_in(stranger).get("/workers").text
    assert row(page, "worker-1").split() == ["worker-1", "Busy", "Works", "–", "–"]
    assert "Merger plans" not in page
    assert "1234" not in page
    for path in ("/dashboard", "/dashboard/system"):
        assert "1 worker: 1 busy" in sign_in(stranger).get(path).text
    assert str(job.id) not in page


def test_stop_is_asked_for_first_and_start_is_offered_then(
    web: FlaskClient, services: Services, admin: Actor, connection: Connection, roster: Roster, settings: Settings
) -> None:
    roster.report([report()])
    assert "It does nothing now, so it ends at once." in web.get("/workers/w/stop").text
    claim(services, admin, connection, "x")
    asked = web.get("/workers/w/stop").text
    assert "It may finish its job within 20 s" in asked
    sent = {"csrf_token": token_in(asked)}
    refused = web.post("/workers/w/stop", data=sent)
    assert refused.status_code == 409
    assert "does not listen" in refused.text
    with redis.Redis.from_url(settings.redis_url).pubsub() as worker:
        worker.subscribe("rq:pubsub:w")
        assert worker.get_message(timeout=5)
        assert web.post("/workers/w/stop", data=sent).headers["Location"] == "/workers"
    page = web.get("/workers").text
    assert "Stopping" in row(page, "w")
    assert "Finishes it, or hands it back." in row(page, "w")
    assert "/workers/w/stop" not in page
    roster.report([report(pid=0)])
    assert 'action="/workers/w/start"' in web.get("/workers").text
    assert web.post("/workers/w/start", data=sent).status_code == 303
    assert "Another takes its place within seconds." in row(web.get("/workers").text, "w")
    assert web.get("/workers/nobody/stop").status_code == 404


def test_members_look_on(sign_in: SignIn, member: Actor, client: FlaskClient, roster: Roster) -> None:
    roster.report([report()])
    browser = sign_in(member)
    page = browser.get("/workers").text
    assert "Waits for work" in row(page, "w")
    assert "/workers/w/stop" not in page
    assert "No keeper leads" in check(page, "keeper")
    assert "flask keeper" not in check(page, "keeper")
    assert "Details" not in page
    sent = {"csrf_token": token_in(page)}
    assert browser.post("/workers/w/stop", data=sent).status_code == 403
    assert browser.post("/workers/w/start", data=sent).status_code == 403
    assert client.get("/workers").status_code == 303


def test_health_in_words(web: FlaskClient) -> None:
    page = web.get("/workers").text
    assert "Good PostgreSQL answers." in check(page, "database")
    assert re.search(r"Answer [\d.,]+ ms Connections \d+ Most connections \d+ Size [\d.]+ MB", check(page, "database"))
    assert "Not well No keeper leads: retries and rescues wait. Start one: flask keeper" in check(page, "keeper")
    assert re.search(r"Good Valkey [\d.]+ answers\.", check(page, "redis"))
    assert re.search(r"[\d.,]+ [GT]B of [\d.,]+ [GT]B", check(page, "disk"))


def test_who_leads(web: FlaskClient, connection: Connection) -> None:
    name = "jobsapp keeper example:99 since 1790000000"
    connection.execute("SELECT set_config('application_name', %s, false), pg_advisory_lock(8314628)", [name])
    found = check(web.get("/workers").text, "keeper")
    assert "Good A keeper leads, none stands by." in found
    assert "Host example Process 99 Leads since" in found


def test_a_silent_worker_stands_out(web: FlaskClient, roster: Roster, settings: Settings) -> None:
    roster.report([report()])
    redis.Redis.from_url(settings.redis_url).zincrby(SEEN, -60, "w")
    found = row(web.get("/workers").text, "w")
    assert "Silent Last sign 1 min ago" in found
    assert "If its host is gone, others take over what it had." in found


def test_without_redis(web: FlaskClient, services: Services, admin: Actor, connection: Connection) -> None:
    looks, guard = redis_connection.looks("redis://127.0.0.1:1"), Guard()
    services.workers._roster, services.system._observer = Roster(looks, guard), Observer(looks, guard)
    page = web.get("/workers").text
    assert "Redis does not answer: only workers that have jobs are shown" in page
    assert "No worker runs" not in page, "that is not known"
    assert "Redis does not answer: what runs goes on" in check(page, "redis")
    claim(services, admin, connection, "Letters")
    assert "Known by its jobs alone" in row(web.get("/workers").text, "w")
    assert "/workers/w/stop" not in web.get("/workers").text
