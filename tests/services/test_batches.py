"""Batches: what is counted, what may be added, listed and collected, and when they go."""

from __future__ import annotations

import hashlib
import json
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from jobsapp.core.actors import Actor
from jobsapp.errors import Conflict, InvalidInput, NotFound
from jobsapp.extensions import db
from jobsapp.runtime.advancer import Advancer
from jobsapp.runtime.house import House
from jobsapp.services import Services
from jobsapp.services.batch_views import BatchShares
from jobsapp.services.batches import NewBatch
from jobsapp.services.jobs import JobFilter, NewJob
from jobsapp.services.listing import WIDE_WINDOW
from jobsapp.services.walks import Walk, in_order
from tests.services.batches import ALL, Drain, counts, drain_all, jobs, made, seen
from tests.services.lists import FILL, touched


def test_counts_are_exact_before_and_after_the_advancer(
    services: Services, admin: Actor, advancer: Advancer, drain: Drain
) -> None:
    created = services.batches.create(admin, NewBatch("Letters"), [*jobs(3), *jobs(2, "fail", max_attempts=1)])
    view = seen(services, admin, created.id)
    assert (view.name, view.status, view.total_jobs, view.percentage) == ("Letters", "running", 5, 0.0)
    assert counts(view) == (5, 0, 0, 0, 0)
    assert drain_all(drain, "echo") == 3
    drain_all(drain, "fail")
    view = seen(services, admin, created.id)
    assert counts(view) == (0, 0, 3, 2, 0)
    assert (view.status, view.ended_at, view.percentage) == ("failed", None, 100.0)
    before = view.shares
    assert (before.completed, before.failed, before.cancelled, before.active) == (60.0, 40.0, 0.0, 0.0)
    # A row of the outbox for what completed in each statement, one for each that failed.
    assert 0 < advancer.advance() <= 5
    view = seen(services, admin, created.id)
    assert view.shares == before
    assert counts(view) == (0, 0, 3, 2, 0)
    assert view.ended_at is not None


def test_progress_is_weighed_by_expected_cost(services: Services, admin: Actor, house: House, drain: Drain) -> None:
    weighed = [NewJob("echo", {}, weight=1.0), NewJob("measure", {}, weight=3.0)]
    created = services.batches.create(admin, NewBatch(), weighed)
    assert drain("echo") == 1
    assert seen(services, admin, created.id).percentage == 25.0


def test_what_runs_counts_by_its_own_progress(
    services: Services, admin: Actor, connection: psycopg.Connection[Any]
) -> None:
    created = services.batches.create(
        admin, NewBatch(), [NewJob("echo", {}, weight=3.0), NewJob("echo", {}, weight=1.0)]
    )
    connection.execute(
        "WITH gone AS (DELETE FROM job_queue WHERE job_id = %(job)s) UPDATE jobs SET status = 'active', worker = 'w', "
        "attempts = 1, progress_current = 1, progress_total = 2 WHERE id = %(job)s",
        {"job": created.job_ids[0]},
    )
    assert counts(seen(services, admin, created.id)) == (2, 0, 0, 0, 0), "no worker says that it has it"
    connection.execute(
        "INSERT INTO worker_leases (worker, lease_until, job_ids) VALUES ('w', now(), %s)",
        [[created.job_ids[0], created.job_ids[0]]],
    )
    view = seen(services, admin, created.id)
    assert (counts(view), view.percentage) == ((1, 1, 0, 0, 0), 37.5)
    assert view.shares == BatchShares(completed=0, failed=0, cancelled=0, active=37.5)


def test_a_job_weighs_what_its_type_took_lately_unless_it_says_otherwise(
    services: Services, admin: Actor, connection: psycopg.Connection[Any]
) -> None:
    connection.execute("INSERT INTO type_durations VALUES ('echo', 0, '{2, 4, 90}', now())")
    created = services.batches.create(admin, NewBatch(), [*jobs(1), *jobs(1, "measure"), *jobs(1, weight=0.5)])
    assert [services.jobs.get(admin, one).weight for one in created.job_ids] == [4.0, 1.0, 0.5]
    assert seen(services, admin, created.id).total_weight == 5.5
    for wrong in (0.0, -1.0, 1e10, float("nan")):
        with pytest.raises(InvalidInput, match=r"jobs\[0\]\.weight: must be more than 0"):
            services.batches.create(admin, NewBatch(), jobs(1, weight=wrong))


def test_jobs_are_added_until_it_is_closed(
    services: Services, admin: Actor, advancer: Advancer, drain: Drain, connection: psycopg.Connection[Any]
) -> None:
    created = services.batches.create(admin, NewBatch(closed=False, callbacks=ALL), jobs(1))
    drain("echo")
    advancer.advance()
    assert seen(services, admin, created.id).status == "running", "more may come"
    assert len(services.batches.add(admin, created.id, jobs(2)).ids) == 2
    drain_all(drain, "echo")
    advancer.advance()
    assert made(services, admin) == []
    services.batches.close(admin, created.id)
    services.batches.close(admin, created.id)
    view = seen(services, admin, created.id)
    assert (view.status, view.total_jobs) == ("completed", 3)
    assert made(services, admin) == ["complete", "success"], "with the closing itself"
    with pytest.raises(Conflict, match="is closed"):
        services.batches.add(admin, created.id, jobs(1))
    assert len(services.jobs.page(admin, JobFilter(batch_id=created.id))[0]) == 3
    connection.execute("UPDATE batches SET closed_at = NULL, total_jobs = 99999")
    with pytest.raises(Conflict, match="may have 100,000 jobs"):
        services.batches.add(admin, created.id, jobs(2))


def test_an_empty_batch_ends_at_once(services: Services, admin: Actor) -> None:
    created = services.batches.create(admin, NewBatch(closed=True, callbacks=ALL))
    view = seen(services, admin, created.id)
    assert (view.status, view.percentage, view.ended_at is not None) == ("completed", 100.0, True)
    assert made(services, admin) == ["complete", "success"]


def test_a_repeat_with_the_same_key_makes_no_second_batch(services: Services, admin: Actor) -> None:
    first = services.batches.create(admin, NewBatch("x", callbacks=ALL), jobs(2), idempotency_key="k")
    again = services.batches.create(admin, NewBatch("x", callbacks=ALL), jobs(2), idempotency_key="k")
    assert (again.id, again.job_ids, again.created) == (first.id, first.job_ids, False)
    for other in (NewBatch("y", callbacks=ALL), NewBatch("x")):
        with pytest.raises(Conflict, match="another request"):
            services.batches.create(admin, other, jobs(2), idempotency_key="k")
    opened = services.batches.create(admin, NewBatch(closed=False))
    ids = services.batches.add(admin, opened.id, jobs(2), idempotency_key="more").ids
    assert services.batches.add(admin, opened.id, jobs(2), idempotency_key="more").ids == ids
    assert seen(services, admin, opened.id).total_jobs == 2


def test_results_are_one_line_for_each_job_in_order(
    services: Services, admin: Actor, advancer: Advancer, drain: Drain
) -> None:
    created = services.batches.create(admin, NewBatch("Ümlaut/1"), [*jobs(2), NewJob("fail", {}, max_attempts=1)])
    drain_all(drain, "echo")
    early, _ = services.batch_results.collect(admin, created.id)
    drain_all(drain, "fail")
    advancer.advance()
    file, new = services.batch_results.collect(admin, created.id)
    assert new
    assert file.id != early.id
    content = services.files.path(file).read_bytes()
    assert (file.size, file.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert file.media_type == "application/x-ndjson"
    lines = [json.loads(line) for line in content.splitlines()]
    assert [line["id"] for line in lines] == [str(one) for one in created.job_ids]
    assert [line["status"] for line in lines] == ["completed", "completed", "failed"]
    assert lines[0]["result"] == {"text": "hello"}
    assert lines[2]["error"].keys() == {"type", "message"}
    assert services.batch_results.collect(admin, created.id)[1] is False, "nothing has changed since"
    view = seen(services, admin, created.id)
    assert view.results is not None
    assert view.results.sha256 == file.sha256
    assert services.uploads.page(admin, before=None, limit=10)[0] == [], "nobody uploaded it"


def test_failures_are_grouped_by_what_went_wrong(
    services: Services, admin: Actor, connection: psycopg.Connection[Any], drain: Drain
) -> None:
    created = services.batches.create(admin, NewBatch(), jobs(4, "fail", max_attempts=1))
    drain_all(drain, "fail")
    for job_id, words in zip(created.job_ids, ("line 12", "line 7", "line 1", "no space"), strict=True):
        connection.execute(
            "UPDATE jobs SET error = json_build_object('type', 'BadRow', 'message', %s::text) WHERE id = %s",
            [words, job_id],
        )
    groups = services.batch_views.failures(admin, created.id)
    assert [(one.jobs, one.message, one.job_id) for one in groups] == [
        (3, "line 1", created.job_ids[2]),
        (1, "no space", created.job_ids[3]),
    ]


def test_a_list_of_its_jobs_by_state(services: Services, admin: Actor, drain: Drain) -> None:
    created = services.batches.create(admin, NewBatch(), [*jobs(2), *jobs(2, "measure")])
    services.jobs.create(admin, NewJob("measure", {}))
    drain_all(drain, "echo")
    wanted = JobFilter(batch_id=created.id)
    assert [job.id for job in services.jobs.page(admin, wanted)[0]] == created.job_ids[::-1]
    for status, expected in (("pending", created.job_ids[:1:-1]), ("completed", created.job_ids[1::-1])):
        first, more = services.jobs.page(admin, wanted.narrowed(status=status), limit=1)
        second, end = services.jobs.page(admin, wanted.narrowed(status=status), limit=1, before=more)
        assert [job.id for job in [*first, *second]] == expected
        assert end is None
    assert services.jobs.page(admin, JobFilter(batch_id=uuid4()))[0] == []


def test_a_batch_goes_when_its_jobs_are_gone(
    services: Services, admin: Actor, advancer: Advancer, drain: Drain, connection: psycopg.Connection[Any]
) -> None:
    created = services.batches.create(admin, NewBatch(), jobs(2))
    drain_all(drain, "echo")
    advancer.advance()
    file, _ = services.batch_results.collect(admin, created.id)
    services.cleanup.chosen(admin, created.job_ids[:1])
    connection.execute("UPDATE batches SET look_at = now()")
    advancer.tick()
    assert counts(seen(services, admin, created.id)) == (0, 0, 2, 0, 0), "what it was stays, while one is there"
    services.cleanup.chosen(admin, created.job_ids)
    advancer.tick()
    seen(services, admin, created.id)
    connection.execute("UPDATE batches SET look_at = now()")
    advancer.tick()
    with pytest.raises(NotFound):
        seen(services, admin, created.id)
    assert not services.files.path(file).exists()


def test_a_page_of_its_jobs_reads_no_more_than_it_shows(
    services: Services, admin: Actor, stranger: Actor, connection: psycopg.Connection[Any]
) -> None:
    created = services.batches.create(admin, NewBatch(closed=False))
    given = {"ours": admin.organization_id, "theirs": stranger.organization_id, "user": admin.user_id}
    connection.execute(FILL, given)
    connection.execute("UPDATE jobs SET batch_id = %s WHERE organization_id = %s", [created.id, admin.organization_id])
    wanted = JobFilter(batch_id=created.id)
    with in_order(db.session):
        assert touched(Walk(admin.organization_id, wanted, window=WIDE_WINDOW).jobs(26)) < 60
    assert len(services.jobs.page(admin, wanted.narrowed(status="completed"), limit=25)[0]) == 25
    assert services.jobs.page(admin, wanted.narrowed(status="failed")) == ([], None)
