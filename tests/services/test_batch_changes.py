"""Changes of a whole batch: cancelling, retrying, and by whom."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from jobsapp.core.actors import Actor
from jobsapp.errors import Conflict, Forbidden, NotFound
from jobsapp.runtime.advancer import Advancer
from jobsapp.services import Services
from jobsapp.services.audit import AuditFilter
from jobsapp.services.batches import NewBatch
from jobsapp.services.jobs import JobFilter
from tests.services.batches import ALL, Drain, counts, jobs, made, seen


def test_cancelling_closes_it_and_goes_on_where_the_request_left_off(
    services: Services, admin: Actor, advancer: Advancer, drain: Drain
) -> None:
    created = services.batches.create(admin, NewBatch(closed=False, callbacks=ALL), jobs(5))
    services.batch_changes.cancel(admin, created.id, reason="wrong file", seconds=0)
    view = seen(services, admin, created.id)
    assert (view.changing, view.counts.cancelled, view.cancel_reason) == ("cancel", 0, "wrong file")
    with pytest.raises(Conflict, match="is being cancelled"):
        services.batch_changes.retry(admin, created.id, cancelled=True)
    advancer.tick()
    advancer.advance()
    view = seen(services, admin, created.id)
    assert (view.changing, view.status, counts(view)) == (None, "cancelled", (0, 0, 0, 0, 5))
    assert services.jobs.get(admin, created.job_ids[4]).cancel_reason == "wrong file"
    assert made(services, admin) == ["complete"]
    with pytest.raises(Conflict, match="has ended"):
        services.batch_changes.cancel(admin, created.id)
    with pytest.raises(Conflict, match="No job of the batch has failed"):
        services.batch_changes.retry(admin, created.id)
    services.batch_changes.retry(admin, created.id, cancelled=True)
    assert counts(seen(services, admin, created.id)) == (5, 0, 0, 0, 0)


def test_what_somebody_else_is_writing_is_come_back_to(
    services: Services, admin: Actor, advancer: Advancer, connection: psycopg.Connection[Any]
) -> None:
    created = services.batches.create(admin, NewBatch(), jobs(3))
    with connection.transaction():
        connection.execute("SELECT FROM jobs WHERE id = %s FOR UPDATE", [created.job_ids[1]])
        services.batch_changes.cancel(admin, created.id)
        view = seen(services, admin, created.id)
        assert (view.changing, view.counts.cancelled) == ("cancel", 2)
    advancer.tick()
    view = seen(services, admin, created.id)
    assert (view.changing, view.counts.cancelled) == (None, 3)


def test_members_change_their_own_and_operators_all(
    services: Services, admin: Actor, member: Actor, operator: Actor, viewer: Actor, stranger: Actor
) -> None:
    created = services.batches.create(admin, NewBatch(closed=False), jobs(1))
    with pytest.raises(Forbidden, match="create batches"):
        services.batches.create(viewer, NewBatch(), jobs(1))
    for deed in (services.batches.close, services.batch_changes.cancel, services.batch_changes.retry):
        with pytest.raises(Forbidden, match="role operator"):
            deed(member, created.id)
        with pytest.raises(NotFound):
            deed(stranger, created.id)
    with pytest.raises(NotFound):
        services.batch_results.collect(stranger, created.id)
    assert services.jobs.page(stranger, JobFilter(batch_id=created.id)) == ([], None)
    services.batch_changes.cancel(operator, created.id, reason="stop")
    entry = services.audit.page(admin, AuditFilter())[0][0]
    assert entry.text == "cancelled the batch Batch of 1 jobs of admin@localhost"
