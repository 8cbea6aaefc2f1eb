"""Deletes what the rules of retention give up: one small batch of one rule at a time, in the order of creation.

A walk looks at everything once when it has come of age, and again once a day at what is still there: jobs that ended
long after they were created, or that something held up.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.errors import DeadlockDetected, LockNotAvailable, QueryCanceled

from jobsapp.bus.hints import Hints
from jobsapp.core.events import Event, JobChanged
from jobsapp.core.retention import JOBS, Rule, reach, with_default
from jobsapp.runtime.house import House
from jobsapp.store import cleanup, retention
from jobsapp.store.archives import archive_jobs
from jobsapp.store.retention import Walk

log = logging.getLogger(__name__)

BATCH = 500
LIMITS = {False: BATCH, True: BATCH}
# Rules count in days: nobody waits for the minute, and archives of an hour are fewer than those of a minute.
REST_SECONDS = 3600.0
ROUND = timedelta(days=1)
# After something that was in the way: a lock of somebody else, a full disk.
POSTPONED_SECONDS = 300.0
LOCK_SECONDS = 1.0
STATEMENT_SECONDS = 20.0
IN_THE_WAY = (LockNotAvailable, DeadlockDetected, QueryCanceled, cleanup.BegunToRead, OSError)


@dataclass(frozen=True)
class Pruned:
    """What came of a part of a walk. `late`: something was in the way, and nothing was deleted."""

    organization_id: UUID
    key: tuple[str, str, str]
    deleted: int
    archived: bool = False
    late: bool = False


def plan(connection: Connection[Any], house: House, *, at_once: bool = False) -> None:
    """Let there be a walk for each rule as it is now. `at_once`: those that rest go on."""
    with connection.transaction():
        retention.limit_waiting(connection, lock_seconds=STATEMENT_SECONDS, seconds=STATEMENT_SECONDS)
        retention.plan_walks(connection, default_days=house.settings.retention_days)
        if at_once:
            retention.hasten_walks(connection)


def tick(
    connection: Connection[Any], house: House, hints: Hints, *, limits: Mapping[bool, int] = LIMITS
) -> Pruned | None:
    """Go on with the walk that has waited longest. None: none is due.

    `limits`: how many jobs or uploads at most, by whether they are archived.
    """
    walk: Walk | None = None
    archived = False
    try:
        with connection.transaction():
            retention.limit_waiting(connection, lock_seconds=LOCK_SECONDS, seconds=STATEMENT_SECONDS)
            walk = retention.take_walk(connection)
            if walk is None:
                return None
            rules, rule = _rules(connection, house, walk)
            archived = bool(rule and rule.archive)
            deleted = _go_on(connection, house, walk, rule, rules, limits[archived])
    except IN_THE_WAY as error:
        if walk is None:
            raise
        log.warning("nothing was deleted of the organisation %s for now: %r", walk.organization_id, error)
        retention.save_walk(connection, walk, pause_seconds=POSTPONED_SECONDS)
        return Pruned(walk.organization_id, walk.key, 0, archived, late=True)
    _tell(house, hints, deleted)
    return Pruned(walk.organization_id, walk.key, deleted.deleted, archived)


def _rules(connection: Connection[Any], house: House, walk: Walk) -> tuple[list[Rule], Rule | None]:
    """The rules of the organisation, and the one of the walk: None if it is gone, or has changed.

    Read while the walk is ours: whoever changes a rule ends its walk, and waits for us.
    """
    rules = with_default(retention.rules_of(connection, walk.organization_id), house.settings.retention_days)
    return rules, next((one for one in rules if one.key == walk.key and one.days == walk.days), None)


def _go_on(
    connection: Connection[Any], house: House, walk: Walk, rule: Rule | None, rules: Sequence[Rule], limit: int
) -> cleanup.Deleted:
    if rule is None:
        retention.forget_walk(connection, walk)
        return cleanup.Deleted(0, [])
    if walk.at - walk.round_at > ROUND:
        walk = replace(walk, position=None, round_at=walk.at)
    part = retention.next_part(connection, walk, rules, limit=limit)
    deleted = _delete(connection, house, walk, rule, rules, part.due)
    gone_on, at_end = retention.step(walk, part, limit=limit)
    retention.save_walk(connection, gone_on, pause_seconds=REST_SECONDS if at_end else 0)
    if deleted.deleted:
        retention.add_run(connection, walk, deleted=deleted.deleted, archives=1 if rule.archive else 0)
    return deleted


def _delete(
    connection: Connection[Any], house: House, walk: Walk, rule: Rule, rules: Sequence[Rule], due: Sequence[UUID]
) -> cleanup.Deleted:
    if not due:
        return cleanup.Deleted(0, [])
    if walk.scope != JOBS:
        file_ids = cleanup.delete_uploads(connection, due, organization_id=walk.organization_id)
        return cleanup.Deleted(len(file_ids), file_ids)
    archive = partial(archive_jobs, connection, house.archives, organization_id=walk.organization_id, kind=rule.archive)
    return cleanup.delete_due(
        connection,
        due,
        organization_id=walk.organization_id,
        statuses=reach(rule, rules).statuses,
        days=walk.days,
        before=archive if rule.archive else None,
    )


def _tell(house: House, hints: Hints, deleted: cleanup.Deleted) -> None:
    """After the COMMIT, as `services/cleanup.py` does it."""
    pairs = zip(deleted.job_ids, deleted.organization_ids, strict=True)
    if gone := [JobChanged(job_id, owner, Event.DELETED, 0) for job_id, owner in pairs]:
        hints.publish(gone)
    for file_id in deleted.file_ids:
        house.storage.delete(file_id)
