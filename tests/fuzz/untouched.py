"""Whether anything of an organisation has changed: a checksum of its rows in each table that there is."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.sql import SQL, Composable, Identifier

COLUMNS = """SELECT t.table_name, coalesce(array_agg(c.column_name::text), '{}')
FROM information_schema.tables t JOIN information_schema.columns c USING (table_schema, table_name)
WHERE t.table_schema = 'public' AND t.table_type = 'BASE TABLE' GROUP BY t.table_name ORDER BY t.table_name"""
# By the first of these columns that a table has. One with none belongs to the whole installation.
OF = {
    "organization_id": SQL("organization_id = %(id)s"),
    "home_id": SQL("home_id = %(id)s"),
    "job_id": SQL("job_id IN (SELECT id FROM jobs WHERE organization_id = %(id)s)"),
    "user_id": SQL("user_id IN (SELECT id FROM users WHERE home_id = %(id)s)"),
}
COMMON = {"alembic_version", "limits", "limit_starts", "queues", "type_durations", "worker_leases"}

Sums = dict[str, tuple[int, str]]
"""Number of rows and checksum, by table."""


def checksums(connection: Connection[Any], organization_id: UUID) -> Sums:
    """Fails for a table of which nobody said to whom its rows belong.

    Who fails to sign in is noted by the organisation that runs the installation, so that is no harm done to it.
    """
    sums: Sums = {}
    for table, columns in connection.execute(COLUMNS).fetchall():
        of = SQL("id = %(id)s") if table == "organizations" else _of(columns)
        if of is None:
            assert table in COMMON, f"whose are the rows of {table}? See tests/fuzz/untouched.py"
            continue
        if table == "audit_events":
            of += SQL(" AND action <> 'sign-in-failed'")
        query = SQL("SELECT count(*), coalesce(md5(string_agg(t::text, '|' ORDER BY t::text)), '') FROM {} t WHERE {}")
        found = connection.execute(query.format(Identifier(table), of), {"id": organization_id}).fetchone()
        assert found is not None
        sums[table] = found
    return sums


def _of(columns: list[str]) -> Composable | None:
    return next((of for column, of in OF.items() if column in columns), None)
