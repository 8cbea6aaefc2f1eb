"""Millions of jobs of 200 organisations, as a year of work would have left them.

Python writes the lines and PostgreSQL takes them by COPY into an emptied table, without triggers, without the indexes
that are no constraint, and frozen: so nothing of it is written twice. Indexes and counters are made afterwards.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import Any
from uuid import UUID

import psycopg

from jobsapp.extensions import db
from jobsapp.services import Services

ORGANIZATIONS = 200
# The largest has a fifth of all jobs, the last ones 1, 10 and 100 of them.
TAIL = (1, 10, 100)
EXPONENT = 1.1
PEOPLE = 12
TYPES = (
    "data-conversion", "document-processing", "model-training", "fine-tuning", "workflow-execution", "bulk-operation",
    "report", "invoice", "backup", "thumbnail", "video", "mailing", "crawl", "index", "sync", "audit", "export",
    "archive", "forecast", "score",
)  # fmt: skip
SELDOM = "seldom"
VERBS = ("Import", "Export", "Convert", "Check", "Summarise", "Train on", "Clean", "Send")
NOUNS = (
    "customers", "orders", "invoices", "tickets", "readings", "events", "clicks", "letters", "contracts", "pictures",
    "payments", "returns", "shipments", "visits", "calls", "surveys", "articles", "prices", "routes", "samples",
)  # fmt: skip
SENTENCES = ("", "", "", "All of it, with every column", "Asked for by the branch office", "Nightly, before the report")
FREQUENT, SOME, RARE, PAST, ABSENT = "import", "zebra", "needle", "legacy", "xylophone"
"""Texts: of an eighth of the jobs, of 1 in 1,000, of some hundred old ones, of a third of the older half, of none."""
DAYS = 365
PIECE = 5000
COLUMNS = (
    "id, organization_id, user_id, type, queue, name, description, status, data, result, error, attempts, "
    "max_attempts, allowance, worker, run_at, created_at, updated_at, started_at, completed_at, failed_at, cancelled_at"
)
INDEXES = """
SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index
WHERE indrelid = 'jobs'::regclass AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)
"""
AFTER = (
    """INSERT INTO job_queue (job_id, queue, urgency, organization_id, type, run_at, due)
    SELECT id, queue, 0, organization_id, type, run_at, true FROM jobs WHERE id >= %(late)s AND status = 'pending'""",
    """INSERT INTO worker_leases (worker, lease_until, job_ids)
    SELECT 'bench', now() + interval '10 years', coalesce(array_agg(id), '{}') FROM jobs
    WHERE id >= %(late)s AND status = 'active'""",
    """INSERT INTO job_logs (job_id, attempt, level, message)
    SELECT id, 1, 'info', 'Line ' || n FROM jobs, generate_series(1, 5) AS n WHERE id >= %(late)s""",
)
# What a recount of tests/store/recount.py gives, as rows of the counters.
COUNTERS = (
    """INSERT INTO job_counts (organization_id, user_id, type, status, duration, jobs)
    SELECT organization_id, owner, type, status, job_duration_place(status, started_at, completed_at), count(*)
    FROM jobs CROSS JOIN LATERAL (VALUES ('00000000-0000-0000-0000-000000000000'::uuid), (user_id)) AS owners (owner)
    GROUP BY 1, 2, 3, 4, 5""",
    """INSERT INTO job_history (organization_id, grain, at, type, status, duration, jobs)
    SELECT organization_id, grain, date_trunc(grain, ended_at, 'UTC'), type, status,
      job_duration_place(status, started_at, completed_at), count(*)
    FROM (SELECT *, coalesce(completed_at, failed_at, cancelled_at) AS ended_at FROM jobs) AS ended
    JOIN (VALUES ('minute', interval '6 hours'), ('hour', interval '90 days'), ('day', interval '400 days'))
      AS kept (grain, age) ON ended_at > now() - age
    GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY 3, 1""",
    """INSERT INTO job_failures (organization_id, hour, type, error_type, jobs, last_at, last_job_id)
    SELECT organization_id, date_trunc('hour', failed_at, 'UTC'), type, error ->> 'type', count(*), max(failed_at),
      (array_agg(id ORDER BY failed_at DESC))[1]
    FROM jobs WHERE failed_at > now() - interval '90 days' GROUP BY 1, 2, 3, 4""",
    """INSERT INTO unsuccessful_jobs (organization_id, status, job_id, type, queue, user_id)
    SELECT organization_id, status, id, type, queue, user_id FROM jobs WHERE status IN ('failed', 'cancelled')
    ORDER BY id""",
    """INSERT INTO job_attempts (job_id, number, worker, started_at, ended_at, outcome, error)
    SELECT id, 1, 'bench', started_at, failed_at, 'failed', error FROM jobs WHERE status = 'failed'""",
)


@dataclass(frozen=True)
class Crowd:
    """An organisation: its id, its people, and how many jobs it has."""

    id: UUID
    people: tuple[UUID, ...]
    emails: tuple[str, ...]
    jobs: int


def organizations(services: Services, rows: int) -> list[Crowd]:
    """Make them, the largest first."""
    shares = [(place + 1) ** -EXPONENT for place in range(ORGANIZATIONS - len(TAIL))]
    sizes = [round(rows * share / sum(shares)) for share in shares] + sorted(TAIL, reverse=True)
    found = []
    for place, size in enumerate(sizes):
        emails = tuple(f"p{number}@o{place}.example" for number in range(PEOPLE if size > 1000 else 2))
        users = [
            services.identity.create_user(one, role="member" if n else "admin", organization=f"o{place}")
            for n, one in enumerate(emails)
        ]
        found.append(Crowd(users[0].home_id, tuple(user.id for user in users), emails, size))
    return found


def lines(crowds: list[Crowd], rows: int, end: datetime) -> Iterator[str]:
    """The jobs as COPY takes them, the oldest first, some thousand lines at a time."""
    chance = random.Random(1)
    weights = list(accumulate(one.jobs for one in crowds))
    ids = [(str(one.id), [str(user) for user in one.people]) for one in crowds]
    types = TYPES, list(accumulate(1 / (place + 1) for place in range(len(TYPES))))
    begin, step = end.timestamp() - DAYS * 86400, DAYS * 86400 / rows
    pending, active = min(20_000, rows // 100), min(200, rows // 1000)
    for first in range(0, rows, PIECE):
        size = min(PIECE, rows - first)
        owners = chance.choices(ids, cum_weights=weights, k=size)
        kinds = chance.choices(types[0], cum_weights=types[1], k=size)
        bits = chance.randbytes(size * 32).hex()
        found = []
        for place, (organization, people), kind in zip(range(size), owners, kinds, strict=True):
            number = first + place
            left = rows - number
            state = "pending" if left <= pending else "active" if left <= pending + active else "completed"
            hexes = bits[place * 64 : place * 64 + 64]
            luck = int(hexes[:4], 16)
            if state == "completed" and luck < 3277 and number < rows * 0.9:
                # One in 20, and none of late: whoever looks for them along the newest jobs looks for long.
                state = "failed" if luck < 1966 else "cancelled"
            found.append(_line(number, rows, begin + number * step, organization, people, kind, state, hexes))
        yield "".join(found)


def _line(
    number: int, rows: int, at: float, organization: str, people: list[str], kind: str, state: str, hexes: str
) -> str:
    queue = kind
    if number < rows // 2 and number % (rows // 400) == 0:
        # Some hundred of all, in the older half.
        kind, queue, word = SELDOM, "express", RARE
    elif number < rows // 2 and int(hexes[4], 16) < 5:
        word = PAST
    else:
        word = SOME if number % 997 == 0 else NOUNS[int(hexes[5:7], 16) % len(NOUNS)]
    name = f"{VERBS[int(hexes[7], 16) % 8]} {word} {NOUNS[int(hexes[8:10], 16) % len(NOUNS)]} {hexes[10:14]}"
    created = datetime.fromtimestamp(at, UTC)
    # From milliseconds to minutes, by the type.
    took = 0.02 * 1.6 ** (len(kind) + int(hexes[14], 16) / 3)
    began, ended = created + timedelta(seconds=1), created + timedelta(seconds=1 + took)
    nothing = "\\N"
    data = f'{{"source": "{hexes[:32]}", "targetFormat": "jsonl", "options": {{"columns": "{hexes}{hexes}{hexes}"}}}}'
    error = '{"type": "BadRow", "message": "Row 7 has no price.", "traceback": null}' if state == "failed" else nothing
    milliseconds = int(at * 1000)
    fields = (
        f"{milliseconds:012x}7{hexes[16:19]}8{hexes[20:35]}",
        organization,
        people[int(hexes[15], 16) % len(people)],
        kind,
        queue,
        name,
        SENTENCES[int(hexes[36:38], 16) % len(SENTENCES)],
        state,
        data,
        '{"rows": 8371}' if state == "completed" else nothing,
        error,
        "0" if state == "pending" else "1",
        "3\t3",
        nothing if state == "pending" else "bench",
        f"{created}\t{created}\t{ended}",
        nothing if state == "pending" else str(began),
        str(ended) if state == "completed" else nothing,
        str(ended) if state == "failed" else nothing,
        str(ended) if state == "cancelled" else nothing,
    )
    return "\t".join(fields) + "\n"


def fill(services: Services, rows: int) -> list[Crowd]:
    """Put in so many jobs, with all that belongs to them. Returns the organisations, the largest first."""
    crowds = organizations(services, rows)
    db.session.remove()
    end = datetime.now(UTC)
    late = UUID(int=int((end.timestamp() - DAYS * 86400 * min(20_300, rows // 50) / rows) * 1000) << 80)
    with psycopg.connect(str(db.engine.url.render_as_string(False)).replace("+psycopg", "")) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("SET maintenance_work_mem = '1GB'; SET work_mem = '256MB'; SET statement_timeout = 0")
        indexes = connection.execute(INDEXES).fetchall()
        connection.execute("TRUNCATE jobs CASCADE")
        for name, _ in indexes:
            connection.execute(f"DROP INDEX {name}")  # type: ignore[arg-type]
        with connection.cursor().copy(f"COPY jobs ({COLUMNS}) FROM STDIN (FREEZE)") as copy:  # type: ignore[arg-type]
            for some in lines(crowds, rows, end):
                copy.write(some)
        connection.commit()
        for _, definition in indexes:
            connection.execute(definition)
            connection.commit()
        count(connection, late)
    return crowds


def count(connection: psycopg.Connection[Any], late: UUID) -> None:
    """Fill the tables beside the jobs from the jobs."""
    for statement in (*AFTER, *COUNTERS):
        connection.execute(statement, {"late": late})  # type: ignore[arg-type]
        connection.commit()
    connection.autocommit = True
    connection.execute("VACUUM ANALYZE")
