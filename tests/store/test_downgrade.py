"""What a migration backwards makes of what the version before does not know."""

from __future__ import annotations

from uuid import uuid4

import psycopg
from alembic import command

from jobsapp.store.statements import statement
from tests.conftest import Servers
from tests.store.test_migrations import REVISIONS, database, fill_first, migrating


def test_what_the_version_before_does_not_know_is_given_to_it_in_its_way(servers: Servers) -> None:
    batch_id, told = uuid4(), "kind, organization_id, job_id, type, status"
    with (
        database(servers.database_url) as url,
        migrating(url) as (_, config),
        psycopg.connect(url, autocommit=True) as raw,
    ):
        command.upgrade(config, REVISIONS[0])
        fill_first(raw)
        command.upgrade(config, "head")
        raw.execute("DELETE FROM job_outbox")
        raw.execute("UPDATE jobs SET worker = 'workflows', attempts = 1 WHERE status = 'active'")
        begin = f"INSERT INTO job_outbox ({told}) SELECT 'begin', organization_id, id, type, status FROM jobs"
        raw.execute(f"{begin} WHERE status = 'active'")  # type: ignore[arg-type]
        counted = f"INSERT INTO job_outbox ({told}, batch_id, jobs, weight, not_before)"
        counted += " SELECT 'counted', organization_id, id, type, status, %s, 3, 6, 'infinity' FROM jobs"
        raw.execute(f"{counted} WHERE status = 'completed'", [batch_id])  # type: ignore[arg-type]
        command.downgrade(config, "0024")
        query = "SELECT kind, batch_id, weight, not_before <= now() FROM job_outbox"
        assert raw.execute(query).fetchall() == [("ended", batch_id, 2.0, True)] * 3
        lost = statement("lost_jobs")
        found = raw.execute(lost, {"worker": None, "limit": 10}).fetchall()  # type: ignore[arg-type]
        assert [row[4] for row in found] == ["workflows not begun"]
        command.upgrade(config, "head")
