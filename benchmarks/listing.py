"""What pages of the job list cost where little matches: `python -m benchmarks.listing [ROWS]`.

Half of the jobs are an organisation's own and old, the newer half belongs to another: whatever the planner thinks of
how often something matches, a page must not read its way through the others. Prints, for each filter, 8 kB pages of
PostgreSQL that were touched, and milliseconds: of a session that nobody bounded, and of one bounded as a request's is
(`services/bounds.py`), which must read no page more. Before that, what such a bound costs a statement.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import psycopg
from flask_openapi3 import OpenAPI
from sqlalchemy import Select, event, select, text

from jobsapp import create_app
from jobsapp.config import Settings
from jobsapp.core.actors import Actor
from jobsapp.core.filters import JobFilter
from jobsapp.core.ids import new_id
from jobsapp.embedded.postgres import EmbeddedPostgres
from jobsapp.extensions import db
from jobsapp.models import Job
from jobsapp.services.bounds import Bounds
from jobsapp.services.listing import WINDOW, Listing
from jobsapp.services.sessions import DbSession
from jobsapp.services.walks import Walk, in_order
from jobsapp.store import schema

PAGE = 51
STATEMENTS = 1000
FILL = """
INSERT INTO jobs (id, organization_id, user_id, type, queue, name, description, status, data, max_attempts, allowance,
  worker, attempts, completed_at, failed_at, created_at)
SELECT (lpad(to_hex(1700000000000 + n), 12, '0') || '70008' || substr(md5(n::text), 1, 15))::uuid,
  CASE WHEN n <= %(rows)s / 2 THEN %(ours)s::uuid ELSE %(theirs)s END,
  CASE WHEN n <= 20 THEN %(rare)s::uuid WHEN n <= %(rows)s / 2 THEN %(often)s ELSE %(other)s END,
  CASE WHEN n <= 20 THEN 'rare' ELSE 'common' END, CASE WHEN n <= 20 THEN 'rare' ELSE 'common' END,
  CASE WHEN n <= 20 THEN 'Needle ' ELSE 'Nightly import of table ' END || n, 'All of it, with every column',
  CASE WHEN n <= 20 THEN 'failed' ELSE 'completed' END,
  json_build_object('source', gen_random_uuid(), 'targetFormat', 'jsonl', 'options', repeat('x', 300)), 3, 3, 'w', 1,
  CASE WHEN n > 20 THEN now() END, CASE WHEN n <= 20 THEN now() END, to_timestamp(1700000000 + n / 1000.0)
FROM generate_series(1, %(rows)s) AS n
"""
QUEUE = """
WITH waiting AS (
  UPDATE jobs SET status = 'pending', completed_at = NULL, failed_at = NULL WHERE organization_id = %(theirs)s
    AND id > (SELECT id FROM jobs ORDER BY id DESC OFFSET %(waiting)s LIMIT 1) RETURNING *
)
INSERT INTO job_queue (job_id, queue, urgency, organization_id, type, run_at, due)
SELECT id, queue, 0, organization_id, type, run_at, true FROM waiting
"""


@contextmanager
def application() -> Iterator[OpenAPI]:
    with tempfile.TemporaryDirectory() as name, EmbeddedPostgres(Path(name) / "pg", durable=False) as postgres:
        settings = Settings(data_dir=Path(name) / "var", database_url=postgres.url, redis_url="redis://127.0.0.1:1/0")
        schema.upgrade(settings.sqlalchemy_url)
        app = create_app(settings)
        with app.app_context():
            yield app
            db.session.remove()
            db.engine.dispose()


def fill(rows: int) -> dict[str, UUID]:
    """Jobs of two organisations; returns the ids of both and of three users."""
    names = {name: new_id() for name in ("ours", "theirs", "rare", "often", "other")}
    connection = db.engine.raw_connection()
    driver: psycopg.Connection = connection.driver_connection  # type: ignore[assignment]
    for name in ("ours", "theirs"):
        driver.execute("INSERT INTO organizations (id, name) VALUES (%s, %s)", [names[name], name])
    for name, organization in (("rare", "ours"), ("often", "ours"), ("other", "theirs")):
        row = [names[name], names[organization], name]
        driver.execute("INSERT INTO users (id, home_id, email) VALUES (%s, %s, %s)", row)
    driver.execute(FILL, {**names, "rows": rows})
    driver.execute(QUEUE, {**names, "waiting": min(50_000, rows // 4)})
    driver.commit()
    driver.autocommit = True
    driver.execute("VACUUM ANALYZE")
    driver.autocommit = False
    connection.close()
    return names


def cases(names: dict[str, UUID]) -> dict[str, JobFilter]:
    long_ago = datetime.fromtimestamp(1_700_000_000, UTC)
    return {
        "all": JobFilter(),
        "status failed": JobFilter(status="failed"),
        "status pending": JobFilter(status="pending"),
        "status active": JobFilter(status="active"),
        "type": JobFilter(type="rare"),
        "frequent type": JobFilter(type="common"),
        "unknown type": JobFilter(type="unknown"),
        "queue": JobFilter(queue="rare"),
        "user": JobFilter(user_id=names["rare"]),
        "user and type": JobFilter(user_id=names["often"], type="rare"),
        "text": JobFilter(text="needle"),
        "time": JobFilter(created_before=long_ago + timedelta(milliseconds=10)),
        "text and status": JobFilter(text="needle", status="completed"),
    }


def touched(plan: dict[str, int]) -> int:
    return plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]


def cost(organization_id: UUID, wanted: JobFilter, before: UUID | None = None) -> tuple[int, float, int]:
    """Pages touched, milliseconds, and how many jobs came of it: of the list and of where it ends."""
    walk = Walk(organization_id, wanted, before=before, window=WINDOW)
    begin = time.perf_counter()
    found, _ = Listing(db.session).page(organization_id, wanted, before=before, limit=PAGE - 1)
    spent = (time.perf_counter() - begin) * 1000
    with in_order(db.session) if wanted != JobFilter() else nullcontext():
        pages = explained(walk.jobs(PAGE))
        if walk.narrows and len(found) < PAGE - 1:
            pages += explained(walk.end())
    db.session.rollback()
    return pages, spent, len(found)


def explained(statement: Select[Any]) -> int:
    """Pages of the database that the statement touches, as the session sends it."""
    sent: list[tuple[str, Any]] = []

    def keep(_connection: object, _cursor: object, sql: str, values: Any, *_: object) -> None:
        sent.append((sql, values))

    event.listen(db.engine, "before_cursor_execute", keep)
    db.session.execute(statement)
    event.remove(db.engine, "before_cursor_execute", keep)
    connection: Any = db.session.connection().connection.driver_connection
    (sql, values) = sent[0]
    rows = connection.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {sql}", values).fetchone()
    return touched(rows[0][0]["Plan"])


def price(bounds: Bounds, reader: Actor) -> dict[str, int]:
    """Microseconds of this process' processor for a small statement, of a session that is not bound and of one that is:
    the median of those taken in turn."""
    spent: dict[str, list[float]] = {"not bound": [], "bound": []}
    for _ in range(STATEMENTS):
        for name, times in spent.items():
            bounds.clear()
            if name == "bound":
                bounds.bind(reader)
            begin = time.process_time()
            db.session.scalars(select(Job).where(Job.id == reader.user_id)).all()
            times.append(time.process_time() - begin)
    return {f"microseconds a statement, {name}": round(statistics.median(times) * 1e6) for name, times in spent.items()}


def main(rows: int) -> None:
    with application():
        names = fill(rows)
        heap = db.session.scalar(text("SELECT pg_relation_size('jobs') / 8192"))
        print(json.dumps({"rows": rows, "pages of the table": heap, "window": WINDOW}))
        bounds = Bounds(cast(DbSession, db.session))
        reader = Actor(names["often"], names["ours"], "", "member")
        print(json.dumps(price(bounds, reader)))
        for name, wanted in cases(names).items():
            bounds.clear()
            free, unbounded, _ = cost(names["ours"], wanted)
            bounds.bind(reader)
            pages, spent, found = cost(names["ours"], wanted)
            print(f"{name:20} {free:8,} pages {unbounded:8.1f} ms {pages:8,} pages {spent:8.1f} ms {found:4} jobs")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200_000)
